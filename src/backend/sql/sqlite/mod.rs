//! SQLite, through sqlx.
//!
//! Writers take turns before they ask for a connection, and a writing transaction is IMMEDIATE: inside one process nobody ever
//! meets a busy database. Another process is waited for, five seconds at most.

mod connect;
mod error;
mod flavor;

use std::sync::Arc;

pub(crate) use connect::open;
use sqlx::SqlitePool;

use self::flavor::SqliteFlavor;
use super::{SqlStore, sqlx::SqlxEngine};
use crate::{capability::Capabilities, clock::Clock, transaction::Isolation};

pub(crate) type SqliteStore = SqlStore<SqlxEngine<SqliteFlavor>>;

/// A store on a pool that somebody else made.
pub(super) fn from_pool(pool: SqlitePool, clock: Arc<dyn Clock>) -> SqliteStore {
    // The options have no accessor for this, and turning those of a database in memory into a URL panics (sqlx 0.9.0).
    let in_memory = format!("{:?}", pool.connect_options()).contains("in_memory: true");
    SqlStore::new(SqlxEngine::new(pool, capabilities(in_memory), None), clock)
}

fn capabilities(in_memory: bool) -> Capabilities {
    Capabilities {
        durable: !in_memory,
        schema: true,
        check_constraints: true,
        reads_beside_writer: !in_memory,
        concurrent_writers: false,
        isolation: &[Isolation::Serializable],
        locking: true,
        savepoints: true,
        referential_actions: true,
        unsigned: false,
        decimals: false,
        sql: true,
    }
}
