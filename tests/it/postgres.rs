//! Postgres: by URL, and on a connection of SeaORM's.

mod own;

use ::sea_orm::{ConnectOptions, Database};
use larder::{Capabilities, Isolation, Store};

use crate::support::{
    backend::{Backend, Fixture, options},
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
        && c.raw_sql
}

pub struct Server;

impl Backend for Server {
    fn is_skipped() -> bool {
        postgres::is_skipped()
    }

    async fn open(max_connections: Option<u32>) -> Fixture {
        let database = TestDatabase::with_tables().await;
        Fixture::new(options(max_connections).open(&database.url()).await.unwrap(), database)
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

    async fn open(max_connections: Option<u32>) -> Fixture {
        let database = TestDatabase::with_tables().await;
        let mut connect = ConnectOptions::new(database.url());
        connect.max_connections(max_connections.unwrap_or(10));
        Fixture::new(Store::from_sea_orm(&Database::connect(connect).await.unwrap()).unwrap(), database)
    }

    fn declares(capabilities: &Capabilities) -> bool {
        declares(capabilities)
    }
}

mod by_url {
    use super::Server;

    conformance!(Server);
}

mod sea_orm {
    use super::SeaOrm;

    conformance!(SeaOrm);
}
