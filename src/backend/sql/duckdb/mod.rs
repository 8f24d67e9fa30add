//! DuckDB, through its own library: statements come back as Arrow's columns, and bulk writes go in as such.
//!
//! A store keeps a pool of connections to one instance, which all stores on the same file share. Each call runs on a thread that
//! may block. Writers do not wait for each other: who changes a row that another transaction has changed meanwhile is refused.

mod append;
mod catalog;
mod catalog_queries;
mod checkout;
#[cfg(test)]
mod column_types;
mod corrected;
mod decode;
pub(crate) mod dialect;
mod duplicate;
mod effect;
mod encode;
mod engine;
mod error;
mod file;
mod fit;
mod guard;
mod instance;
mod pool;
mod run;
mod settings;

pub(crate) use self::dialect::cast_of;
use self::{engine::DuckDbEngine, instance::Instance, pool::DuckDbPool, settings::DuckDbSettings};
use super::SqlStore;
use crate::{
    capability::Capabilities,
    clock::within,
    error::{Error, ErrorKind, Result},
    open_options::{CONNECTIONS, OpenOptions},
    transaction::Isolation,
};

pub(crate) type DuckDbStore = SqlStore<DuckDbEngine>;

pub(crate) async fn open(url: &str, options: &OpenOptions) -> Result<DuckDbStore> {
    options.require(&["max_connections"])?;
    let (path, settings) = DuckDbSettings::parse(url)?;
    let (in_memory, attaches) = (path.is_none(), settings.attaches());
    let opening = tokio::task::spawn_blocking(move || Instance::open(path.as_deref(), settings));
    let opened = within(options.acquire_timeout, opening, ErrorKind::PoolTimeout, "the database could not be opened in time");
    let instance = opened.await?.map_err(|error| Error::new(ErrorKind::Internal, "opening panicked").with_source(error))??;
    let pool = DuckDbPool::new(instance, options.connections(CONNECTIONS), options.acquire_timeout);
    Ok(SqlStore::new(DuckDbEngine::new(pool, in_memory, attaches), options.clock.clone(), options.long_transaction))
}

/// What a store in memory or in a file can do, with one connection or several.
fn capabilities(in_memory: bool, several: bool) -> Capabilities {
    Capabilities {
        durable: !in_memory,
        schema: true,
        check_constraints: true,
        reads_beside_writer: several,
        concurrent_writers: several,
        isolation: &[Isolation::RepeatableRead],
        locking: false,
        savepoints: false,
        row_locks: false,
        referential_actions: false,
        unsigned: true,
        decimals: true,
        arrays: true,
        unenforced_keys: true,
        sql: true,
        catalog: true,
    }
}
