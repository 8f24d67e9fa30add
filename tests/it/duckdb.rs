//! DuckDB: in a file, and in memory.

mod claims;
mod errors;
mod files;
mod own;
mod types;

use std::path::Path;

use larder::{Capabilities, Cx, Isolation, Store};
use sea_orm::sea_query::{Expr, Query};

use crate::support::{
    backend::{Fixture, Harness, OpenWith},
    create_tables,
    entities::label,
};

fn declares(c: &Capabilities, in_memory: bool) -> bool {
    c.durable != in_memory
        && c.schema
        && c.check_constraints
        && c.reads_beside_writer
        && c.concurrent_writers
        && c.isolation == [Isolation::RepeatableRead]
        && !c.locking
        && !c.savepoints
        && !c.row_locks
        && !c.referential_actions
        && c.unsigned
        && c.decimals
        && c.arrays
        && c.unenforced_keys
        && c.sql
        && c.catalog
}

pub(crate) struct File;

#[async_trait::async_trait]
impl Harness for File {
    async fn open(&self, wanted: OpenWith) -> Fixture {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("duckdb:{}?threads=1", directory.path().join("test.duckdb").display());
        let store = wanted.options().open(&url).await.unwrap();
        create_tables(&store).await;
        Fixture::new(store, directory)
    }

    fn declares(&self, capabilities: &Capabilities) -> bool {
        declares(capabilities, false)
    }
}

pub(crate) struct InMemory;

#[async_trait::async_trait]
impl Harness for InMemory {
    async fn open(&self, wanted: OpenWith) -> Fixture {
        let store = wanted.options().open("duckdb::memory:?threads=1").await.unwrap();
        create_tables(&store).await;
        Fixture::new(store, ())
    }

    fn declares(&self, capabilities: &Capabilities) -> bool {
        declares(capabilities, true)
    }
}

fn url(path: &Path, settings: &str) -> String {
    format!("duckdb:{}{settings}", path.display())
}

/// What the engine answers to an expression of its own.
async fn asked(store: &Store, expression: &'static str) -> larder::Result<Vec<label::Model>> {
    let select = Query::select().expr_as(Expr::cust(expression), "name").expr_as(Expr::cust("NULL::VARCHAR"), "text").to_owned();
    store.sql()?.models::<label::Entity>(&Cx::new(), &select).await
}

mod file {
    use super::File;

    larder::testing::conformance!(File);
}

mod in_memory {
    use super::InMemory;

    larder::testing::conformance!(InMemory);
}
