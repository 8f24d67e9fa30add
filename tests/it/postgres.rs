//! Postgres: by URL, and on a connection of SeaORM's.

mod connections;
mod copy;
mod isolation;
mod limits;
mod own;
mod refused;
mod statements;

use ::sea_orm::Database;
use larder::{Capabilities, Isolation, Store};

#[cfg(unix)]
use crate::support::pooler::Pooler;
use crate::support::{
    backend::{Fixture, Harness, OpenWith, for_sea_orm},
    postgres::{self, TestDatabase},
};

fn declares(c: &Capabilities) -> bool {
    c.durable
        && c.schema
        && c.check_constraints
        && c.reads_beside_writer
        && c.concurrent_writers
        && c.isolation == [Isolation::ReadCommitted, Isolation::RepeatableRead, Isolation::Serializable]
        && !c.locking
        && c.savepoints
        && c.row_locks
        && c.referential_actions
        && !c.unsigned
        && c.decimals
        && c.arrays
        && c.unenforced_keys
        && c.sql
        && c.catalog
}

pub struct Server;

#[async_trait::async_trait]
impl Harness for Server {
    fn is_skipped(&self) -> bool {
        postgres::is_skipped()
    }

    async fn open(&self, wanted: OpenWith) -> Fixture {
        let database = TestDatabase::with_tables().await;
        Fixture::new(wanted.options().open(&database.url()).await.unwrap(), database)
    }

    fn declares(&self, capabilities: &Capabilities) -> bool {
        declares(capabilities)
    }
}

/// A database, through a pool that SeaORM made.
pub struct SeaOrm;

#[async_trait::async_trait]
impl Harness for SeaOrm {
    fn is_skipped(&self) -> bool {
        postgres::is_skipped()
    }

    async fn open(&self, wanted: OpenWith) -> Fixture {
        let database = TestDatabase::with_tables().await;
        let connect = for_sea_orm(&wanted, database.url());
        let connection = Database::connect(connect).await.unwrap();
        Fixture::new(Store::from_sea_orm_with_clock(connection, wanted.clock()).unwrap(), database)
    }

    fn declares(&self, capabilities: &Capabilities) -> bool {
        declares(capabilities)
    }
}

/// A database, through a pooler that pools sessions.
#[cfg(unix)]
pub struct Pooled;

#[cfg(unix)]
#[async_trait::async_trait]
impl Harness for Pooled {
    fn is_skipped(&self) -> bool {
        postgres::is_skipped()
    }

    async fn open(&self, wanted: OpenWith) -> Fixture {
        let database = TestDatabase::with_tables().await;
        let direct = database.url();
        let pooler = tokio::task::spawn_blocking(move || Pooler::of_sessions(&direct)).await.unwrap();
        let url = pooler.url(&database.url());
        Fixture::new(wanted.options().open(&url).await.unwrap(), (database, pooler))
    }

    fn declares(&self, capabilities: &Capabilities) -> bool {
        declares(capabilities)
    }
}

mod by_url {
    use super::Server;

    larder::testing::conformance!(Server);
}

#[cfg(unix)]
mod pooled {
    use super::Pooled;

    larder::testing::conformance!(Pooled);
}

mod sea_orm {
    use super::SeaOrm;

    larder::testing::conformance!(SeaOrm);
}
