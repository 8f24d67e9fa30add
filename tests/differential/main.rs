//! Differential tests: generated schemas, and rows that an engine's own SQL writes, as larder reads, pages, counts and changes
//! them, against what the engine's own client shows.
//!
//! `LARDER_DIFFERENTIAL_CASES` says how many cases there are of each engine, `LARDER_DIFFERENTIAL_SEED` which. A failure names
//! the seed and the number of its case; `LARDER_DIFFERENTIAL_CASE` runs that case alone and prints its SQL.

#![allow(
    dead_code, // Each feature uses a part of it.
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::print_stdout
)]
#![cfg(any(feature = "sqlite", feature = "postgres", feature = "duckdb-linked"))]

mod case;
mod cell;
#[cfg(feature = "duckdb-linked")]
mod duckdb;
mod entities;
mod filters;
mod findings;
mod harness;
mod judge;
mod pages;
mod pipe;
#[cfg(feature = "postgres")]
mod postgres;
mod reads;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(feature = "postgres")]
#[path = "../it/support/mod.rs"]
mod support;
mod thing;
mod values;
mod writes;
