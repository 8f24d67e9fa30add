//! Disks that are full, or fail, and files that cannot be opened.

#[cfg(feature = "sqlite")]
mod ended;
mod files;
mod full;
#[cfg(feature = "sqlite")]
mod injected;
mod room;
