//! SQLite: in a file, in memory, and on a connection of SeaORM's.

mod commits;
mod files;
mod given;
mod memory;
mod own;
mod prepared;
mod shared;
mod threads;
mod transactions;

use ::sea_orm::Database;
use larder::{Capabilities, Isolation, Store};
use tempfile::TempDir;

use crate::support::{
    backend::{Fixture, Harness, OpenWith, for_sea_orm},
    create_tables,
};

fn declares(c: &Capabilities, in_memory: bool) -> bool {
    c.durable != in_memory
        && c.schema
        && c.check_constraints
        && c.reads_beside_writer != in_memory
        && !c.concurrent_writers
        && c.isolation == [Isolation::Serializable]
        && c.locking
        && c.savepoints
        && c.row_locks
        && c.referential_actions
        && !c.unsigned
        && !c.decimals
        && !c.arrays
        && c.unenforced_keys
        && c.sql
        && c.catalog
}

pub(crate) struct File;

fn url(directory: &TempDir) -> String {
    format!("sqlite:{}", directory.path().join("test.sqlite").display())
}

/// The store of a fixture whose guard is its directory, and another one of the same file.
async fn with_rival(fixture: Fixture) -> Option<(Fixture, Store)> {
    let rival = larder::open(&url(fixture.guard.downcast_ref().unwrap())).await.unwrap();
    Some((fixture, rival))
}

#[async_trait::async_trait]
impl Harness for File {
    async fn open(&self, wanted: OpenWith) -> Fixture {
        let directory = tempfile::tempdir().unwrap();
        let store = wanted.options().open(&url(&directory)).await.unwrap();
        create_tables(&store).await;
        Fixture::new(store, directory)
    }

    async fn with_rival(&self) -> Option<(Fixture, Store)> {
        with_rival(self.fresh().await).await
    }

    fn declares(&self, capabilities: &Capabilities) -> bool {
        declares(capabilities, false)
    }
}

pub(crate) struct InMemory;

#[async_trait::async_trait]
impl Harness for InMemory {
    async fn open(&self, wanted: OpenWith) -> Fixture {
        let store = wanted.options().open("sqlite::memory:").await.unwrap();
        create_tables(&store).await;
        Fixture::new(store, ())
    }

    fn declares(&self, capabilities: &Capabilities) -> bool {
        declares(capabilities, true)
    }
}

/// A file, through a pool that SeaORM made.
pub struct SeaOrm;

#[async_trait::async_trait]
impl Harness for SeaOrm {
    async fn open(&self, wanted: OpenWith) -> Fixture {
        let directory = tempfile::tempdir().unwrap();
        let mut connect = for_sea_orm(&wanted, url(&directory) + "?mode=rwc");
        connect.map_sqlx_sqlite_opts(|connect| connect.pragma("journal_mode", "WAL"));
        let store = Store::from_sea_orm_with_clock(Database::connect(connect).await.unwrap(), wanted.clock()).unwrap();
        create_tables(&store).await;
        Fixture::new(store, directory)
    }

    async fn with_rival(&self) -> Option<(Fixture, Store)> {
        with_rival(self.fresh().await).await
    }

    fn declares(&self, capabilities: &Capabilities) -> bool {
        declares(capabilities, false)
    }
}

mod sea_orm {
    use super::SeaOrm;

    larder::testing::conformance!(SeaOrm);
}

mod file {
    use super::File;

    larder::testing::conformance!(File);
}

mod in_memory {
    use super::InMemory;

    larder::testing::conformance!(InMemory);
}
