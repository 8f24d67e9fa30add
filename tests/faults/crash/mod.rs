//! Processes and servers killed while they write.

#[cfg(any(feature = "sqlite", feature = "duckdb-linked"))]
pub(crate) mod engine;
#[cfg(feature = "sqlite")]
mod log;
#[cfg(any(feature = "sqlite", feature = "duckdb-linked"))]
mod neighbours;
pub(crate) mod rounds;
#[cfg(feature = "postgres")]
mod server;
#[cfg(any(feature = "sqlite", feature = "duckdb-linked"))]
pub(crate) mod syscalls;
pub(crate) mod writer;
