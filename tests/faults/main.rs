//! What happens when something breaks: each test breaks it, deterministically, and looks at what is left.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::print_stdout
)]

#[macro_use]
mod places;

#[cfg(all(unix, any(feature = "sqlite", feature = "postgres", feature = "duckdb-linked")))]
mod child;
#[cfg(all(unix, any(feature = "sqlite", feature = "postgres", feature = "duckdb-linked")))]
mod crash;
#[cfg(all(unix, any(feature = "sqlite", feature = "postgres", feature = "duckdb-linked")))]
mod disk;
mod given_up;
mod history;
mod isolation;
#[cfg(feature = "postgres")]
mod network;
#[cfg(feature = "postgres")]
mod pool;
#[cfg(all(unix, feature = "postgres"))]
mod pooler;
mod retry;
mod runtimes;
mod shutdown;
#[path = "../it/support/mod.rs"]
mod support;
mod tasks;
#[cfg(all(unix, any(feature = "sqlite", feature = "postgres", feature = "duckdb-linked")))]
mod write_behind;
