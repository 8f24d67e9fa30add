//! The Postgres server, which is found or started as the tests do it.

#[path = "../../../tests/it/support/postgres.rs"]
#[allow(dead_code, clippy::expect_used, clippy::panic, reason = "a part of the tests'")]
mod postgres;

pub use postgres::{TestDatabase, is_skipped};

/// The tables of a new database: none. Each measurement makes its own.
async fn create_tables(_store: &larder::Store) {}
