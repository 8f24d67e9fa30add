//! The contract: what every repository of every backend does, one trait for each kind of use.
//!
//! Each trait is usable alone and as a trait object, so that code which only reads can be given an
//! `Arc<dyn Reader<User, Uuid>>`. [`Storage`] is all of them together. What callers find convenient and nobody overrides is in
//! [`ReaderExt`] and [`TransactionalExt`](crate::TransactionalExt).

mod creator;
mod deleter;
mod ext;
mod of_each;
mod reader;
mod refused;
mod storage;
mod transactional;
mod typed;
mod updater;

pub use creator::Creator;
pub use deleter::Deleter;
pub use ext::{DeleterExt, ReaderExt};
pub use reader::Reader;
pub use storage::Storage;
pub use transactional::Transactional;
pub(crate) use typed::{EntityHook, EntityMapping, EntityModel, Mapping, ModelType, Repository, RowModel, models_of};
pub use updater::Updater;
