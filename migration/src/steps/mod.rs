//! The steps of the ready-made stores. A step that has been released is never changed.

mod dialect;
mod m0001_raw_logs;
mod m0002_fibers;

pub use m0001_raw_logs::RAW_LOGS;
pub use m0002_fibers::FIBERS;

use crate::step::Step;

/// Every step, in order.
pub const ALL: &[Step] = &[RAW_LOGS, FIBERS];
