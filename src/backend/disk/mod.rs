//! Models in compressed segments, which are only appended to.
//!
//! What is stored goes to a spool first, a file of checksummed records, and is acknowledged when it is there. At a number of
//! rows, after an interval, or when it is asked for, the spool is sealed: its rows are compressed into a segment, a JSON array in
//! a Brotli file whose name says of which times it has rows. Then the spool is removed. A crash leaves a spool, or a spool beside
//! its segment, which has its number.

mod merge;
mod open_table;
mod opening;
mod reading;
mod recovered;
mod row_span;
mod scan;
mod segment_file;
mod segment_name;
mod segment_work;
mod spool;
mod store;
mod table;
mod table_segments;
mod time_range;
mod url;

pub(crate) use self::{opening::open, segment_name::SegmentName, store::DiskStore};
