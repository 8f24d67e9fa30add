//! Processes and servers killed while they write.

#[cfg(feature = "sqlite")]
mod log;
#[cfg(feature = "sqlite")]
mod neighbours;
mod rounds;
#[cfg(feature = "postgres")]
mod server;
#[cfg(any(feature = "sqlite", feature = "duckdb-linked"))]
mod syscalls;
pub(crate) mod writer;
