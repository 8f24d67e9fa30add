//! One test binary: the promises of the contract on every backend, and what each backend has to itself.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::print_stdout
)]

mod aggregations;
mod arrays;
mod changes;
mod concurrent;
mod contract;
#[cfg(feature = "duckdb-linked")]
mod duckdb;
mod dynamic;
mod fake;
mod fidelity;
mod layer;
mod memory;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "duckdb-linked"))]
mod migration;
#[cfg(feature = "postgres")]
mod own_types;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod plans;
#[cfg(feature = "postgres")]
mod postgres;
mod prefix;
mod property;
mod queries;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "duckdb-linked"))]
mod stream_memory;
mod support;
mod tidy;
mod write_behind;
