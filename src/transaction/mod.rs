//! Transactions: what can be asked for, and the one place that says when they commit.
//!
//! [`Transaction`] is the state of one open transaction on any backend: nested levels, the first error of each, hooks, and what
//! to undo. A backend implements [`OpenTransaction`], the five statements behind it.

mod entry;
mod level;
mod monitor;
mod open;
mod options;
mod retry;
mod run;
mod stack;
mod step;
mod transactions;

pub use entry::{AcquireMode, Entry, Joined};
pub(crate) use level::Level;
pub(crate) use monitor::TransactionStats;
#[cfg(feature = "_sql")]
pub(crate) use open::unanswered;
pub use open::{OpenTransaction, StoreId};
pub use options::{AccessMode, Isolation, Locking, Propagation, TxOptions};
pub use retry::Retry;
pub use run::TransactionalExt;
pub(crate) use run::run_once;
pub use step::Step;
pub use transactions::{TransactionSource, Transactions};
