//! Postgres: by URL, and on a connection of SeaORM's.

mod copy;
mod isolation;
mod limits;
mod own;
mod refused;

use ::sea_orm::Database;
use larder::{Capabilities, Isolation, Store};

#[cfg(unix)]
use crate::support::pooler::Pooler;
use crate::support::{
    backend::{Backend, Fixture, Wanted},
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
        && c.referential_actions
        && !c.unsigned
        && c.decimals
        && c.sql
}

pub struct Server;

impl Backend for Server {
    fn is_skipped() -> bool {
        postgres::is_skipped()
    }

    async fn open(wanted: Wanted) -> Fixture {
        let database = TestDatabase::with_tables().await;
        Fixture::new(wanted.options().open(&database.url()).await.unwrap(), database)
    }

    fn declares(capabilities: &Capabilities) -> bool {
        declares(capabilities)
    }
}

/// A database, through a pool that SeaORM made.
pub struct SeaOrm;

impl Backend for SeaOrm {
    fn is_skipped() -> bool {
        postgres::is_skipped()
    }

    async fn open(wanted: Wanted) -> Fixture {
        let database = TestDatabase::with_tables().await;
        let connect = wanted.for_sea_orm(database.url());
        let connection = Database::connect(connect).await.unwrap();
        Fixture::new(Store::from_sea_orm_with_clock(connection, wanted.clock()).unwrap(), database)
    }

    fn declares(capabilities: &Capabilities) -> bool {
        declares(capabilities)
    }
}

/// A database, through a pooler that pools sessions.
#[cfg(unix)]
pub struct Pooled;

#[cfg(unix)]
impl Backend for Pooled {
    fn is_skipped() -> bool {
        postgres::is_skipped()
    }

    async fn open(wanted: Wanted) -> Fixture {
        let database = TestDatabase::with_tables().await;
        let direct = database.url();
        let pooler = tokio::task::spawn_blocking(move || Pooler::of_sessions(&direct)).await.unwrap();
        let url = pooler.url(&database.url());
        Fixture::new(wanted.options().open(&url).await.unwrap(), (database, pooler))
    }

    fn declares(capabilities: &Capabilities) -> bool {
        declares(capabilities)
    }
}

mod by_url {
    use super::Server;

    conformance!(Server);
}

#[cfg(unix)]
mod pooled {
    use super::Pooled;

    conformance!(Pooled);
}

mod sea_orm {
    use super::SeaOrm;

    conformance!(SeaOrm);
}
