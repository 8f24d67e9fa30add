//! The steps of the ready-made stores. A step that has been released is never changed.

mod dialect;
mod m0001_raw_logs;
mod m0002_fibers;
mod m0003_commits;

pub use m0001_raw_logs::RAW_LOGS;
pub use m0002_fibers::FIBERS;
pub use m0003_commits::COMMITS;

use crate::step::Step;

/// Every step, in order.
pub const ALL: &[Step] = &[RAW_LOGS, FIBERS, COMMITS];
