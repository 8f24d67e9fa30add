//! DuckDB: in a file, and in memory.

mod crash;
mod own;
mod types;

use larder::{Capabilities, Isolation};

use crate::support::{
    backend::{Backend, Fixture, Wanted},
    tables,
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
        && !c.referential_actions
        && c.unsigned
        && c.decimals
        && c.sql
}

pub(crate) struct File;

impl Backend for File {
    async fn open(wanted: Wanted) -> Fixture {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("duckdb:{}?threads=1", directory.path().join("test.duckdb").display());
        let store = wanted.options().open(&url).await.unwrap();
        tables::create(&store).await;
        Fixture::new(store, directory)
    }

    fn declares(capabilities: &Capabilities) -> bool {
        declares(capabilities, false)
    }
}

pub(crate) struct InMemory;

impl Backend for InMemory {
    async fn open(wanted: Wanted) -> Fixture {
        let store = wanted.options().open("duckdb::memory:?threads=1").await.unwrap();
        tables::create(&store).await;
        Fixture::new(store, ())
    }

    fn declares(capabilities: &Capabilities) -> bool {
        declares(capabilities, true)
    }
}

mod file {
    use super::File;

    conformance!(File);
}

mod in_memory {
    use super::InMemory;

    conformance!(InMemory);
}
