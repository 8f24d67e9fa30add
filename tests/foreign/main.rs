//! Rows and schemas made by other programs: SeaORM, sqlite3, psql, DuckDB's own client, triggers, typed columns. Each test says
//! what a repository reads of them, and what it stores beside them.

#![allow(
    dead_code, // Each feature uses a part of it.
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::print_stdout
)]

#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod appended;
mod arrays;
#[cfg(feature = "_sql")]
mod documents;
#[cfg(feature = "duckdb-linked")]
mod duckdb;
#[cfg(feature = "_sql")]
mod joins;
mod memory;
#[cfg(feature = "_sql")]
mod names;
mod order;
#[cfg(feature = "_sql")]
mod pages;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;
#[path = "../it/support/mod.rs"]
mod support;
#[cfg(feature = "_sql")]
mod tenants;
#[cfg(feature = "_sql")]
mod text;
