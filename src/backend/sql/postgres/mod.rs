//! Postgres, through sqlx.

mod catalog;
mod catalog_queries;
#[cfg(test)]
mod column_types;
mod connect;
mod copy;
mod decode;
mod error;
mod flavor;
mod gate;
mod kind;
mod lossless;
mod prepared;
mod session;
mod url;
mod wire;

use std::{sync::Arc, time::Duration};

pub(crate) use connect::open;
#[cfg(feature = "sea-orm")]
use sqlx::PgPool;

use self::{flavor::PostgresFlavor, gate::Gate};
use super::{
    SqlStore,
    sqlx::{Pools, SqlxEngine},
};
use crate::{capability::Capabilities, clock::Clock, transaction::Isolation};

pub(crate) type PostgresStore = SqlStore<SqlxEngine<PostgresFlavor>>;

/// A store on a pool that somebody else made.
#[cfg(feature = "sea-orm")]
pub(super) fn from_pool(pool: PgPool, clock: Arc<dyn Clock>, long_transaction: Duration) -> PostgresStore {
    store(Pools::new(pool, false), Gate::unknown(), clock, long_transaction)
}

fn store(pools: Pools<PostgresFlavor>, gate: Gate, clock: Arc<dyn Clock>, long_transaction: Duration) -> PostgresStore {
    let capabilities = Capabilities {
        durable: true,
        schema: true,
        check_constraints: true,
        reads_beside_writer: true,
        concurrent_writers: true,
        isolation: &[Isolation::ReadCommitted, Isolation::RepeatableRead, Isolation::Serializable],
        locking: false,
        savepoints: true,
        row_locks: true,
        referential_actions: true,
        unsigned: false,
        decimals: true,
        arrays: true,
        unenforced_keys: true,
        sql: true,
        catalog: true,
    };
    SqlStore::new(SqlxEngine::new(pools, gate, capabilities), clock, long_transaction)
}
