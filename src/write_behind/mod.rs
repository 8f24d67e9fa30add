//! Many small writes, few transactions: [`WriteBehind`], a queue in front of any [`Creator`](crate::Creator).

mod batch;
mod batch_writer;
mod builder;
mod feed;
mod handle;
mod journal;
mod options;
mod queue;
mod round;
mod stats;
mod store_status;
mod submit;
mod ticket;
mod worker;

pub use batch::FlushReason;
pub use builder::WriteBehindBuilder;
pub use feed::{Feed, FeedEvent};
pub use handle::WriteBehind;
pub use journal::{Journal, JournalRecovery, JournalSync};
pub use options::{WhenFull, WriteBehindOptions};
pub use stats::{Distribution, WriteBehindStats};
pub use ticket::Ticket;
