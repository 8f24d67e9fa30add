//! Segments: files that are only appended to, of checksummed records, and what can be read of them after a crash or when they are
//! damaged. What the records say is up to whoever writes them.
//!
//! - [`frame`] and [`Frames`]: a record in a file, and all records that a file has.
//! - [`SegmentWriter`]: appends to the last of several files.
//! - [`Syncer`]: forces files to the disk, once for all who wait for it.
//! - [`FolderLock`]: leaves a folder to one process at a time.
//! - [`files`]: names, modes and durability of files and folders.

pub(crate) mod files;
mod frame;
mod lock;
mod segment_writer;
mod syncer;

pub(crate) use self::{
    frame::{Frames, frame},
    lock::FolderLock,
    segment_writer::SegmentWriter,
    syncer::Syncer,
};
