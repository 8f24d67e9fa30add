//! Opens SQLite databases.

use super::{
    SqliteStore, capabilities, connection::SqliteConnection, engine::SqliteEngine, pool::SqlitePool, settings::SqliteSettings,
    url::SqliteUrl,
};
use crate::{
    backend::sql::SqlStore,
    clock::within,
    error::{Error, ErrorKind, Result},
    open_options::{CONNECTIONS, OpenOptions},
};

pub(crate) async fn open(url: &str, options: &OpenOptions) -> Result<SqliteStore> {
    options.require(&["max_connections", "min_connections", "durability", "write_ahead_log"])?;
    let url = SqliteUrl::parse(url)?;
    let in_memory = url.in_memory;
    let size = options.connections(if in_memory { 1 } else { CONNECTIONS });
    let least = options.min_connections.unwrap_or_default();
    if least > size {
        return Err(Error::new(ErrorKind::InvalidInput, "`min_connections` is above the one connection of a database in memory"));
    }
    let settings = SqliteSettings::new(url, options, size);
    let first = {
        let settings = settings.clone();
        // One at least, which a database in memory keeps for itself.
        let count = least.max(1) + u32::from(in_memory);
        tokio::task::spawn_blocking(move || (0..count).map(|_| SqliteConnection::open(&settings)).collect::<Result<Vec<_>>>())
    };
    let message = "the database could not be opened in time";
    let first = within(options.acquire_timeout, first, ErrorKind::PoolTimeout, message).await?;
    let first = first.map_err(|error| Error::new(ErrorKind::Internal, "opening panicked").with_source(error))??;
    let pool = SqlitePool::new(settings, first, size, options.acquire_timeout);
    Ok(SqlStore::new(SqliteEngine::new(pool, capabilities(in_memory)), options.clock.clone(), options.long_transaction))
}
