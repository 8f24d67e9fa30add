//! DuckDB: files, tables and rows that its own Python package made, and tables made by SQL.

#![allow(dead_code)] // SeaORM's macros make more for an entity than is used.

mod aggregates;
pub(crate) mod client;
mod collation;
mod extremes;
mod floats;
mod keeps;
mod names;
mod one;
mod schema;
mod session;
mod times;
mod untyped;

use larder::{Cx, SqlText, Store};

/// Runs a statement that is no part of a repository.
async fn execute(store: &Store, sql: &'static str) -> u64 {
    store.sql().unwrap().execute(&Cx::new(), &SqlText::new(sql)).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"))
}

/// A store in memory with what these statements make.
async fn in_memory(statements: &[&'static str]) -> Store {
    let store = larder::open("duckdb::memory:?threads=1").await.unwrap();
    for sql in statements {
        execute(&store, sql).await;
    }
    store
}
