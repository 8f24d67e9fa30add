//! Disks that are full, or fail, and files that cannot be opened.

#[cfg(feature = "sqlite")]
mod ended;
mod files;
#[cfg(any(feature = "sqlite", feature = "duckdb-linked"))]
mod full;
#[cfg(any(feature = "sqlite", feature = "duckdb-linked"))]
mod injected;
#[cfg(any(feature = "sqlite", feature = "duckdb-linked"))]
pub(crate) mod room;
