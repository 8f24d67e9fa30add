//! A store on a pool of sqlx's that an application has already.

use std::{sync::Arc, time::Duration};

use sqlx::SqlitePool;

use super::{capabilities, file::FileIdentity, flavor::SqliteFlavor};
use crate::{
    backend::sql::{
        SqlStore,
        sqlx::{Pools, SqlxEngine},
    },
    clock::Clock,
    error::{Error, ErrorKind, Result},
};

pub(crate) type SqlxSqliteStore = SqlStore<SqlxEngine<SqliteFlavor>>;

/// A store on a pool that somebody else made.
///
/// # Errors
/// [`Unsupported`](ErrorKind::Unsupported) for several connections in memory of which each is a database of its own.
pub(crate) fn from_pool(pool: SqlitePool, clock: Arc<dyn Clock>, long_transaction: Duration) -> Result<SqlxSqliteStore> {
    // The options have no accessors for this, and turning those of a database in memory into a URL panics (sqlx 0.9.0).
    let connect = format!("{:?}", pool.connect_options());
    let name = pool.connect_options().get_filename().to_path_buf();
    let is_nameless = name.as_os_str().is_empty() || name.as_os_str() == ":memory:";
    let (in_memory, is_shared) = (is_nameless || connect.contains("in_memory: true"), connect.contains("shared_cache: true"));
    let options = pool.options();
    if in_memory && !is_shared && options.get_max_connections() > 1 {
        let message = "each connection of the pool would be a database in memory of its own; let it have one connection, or \
                       share the cache";
        return Err(Error::new(ErrorKind::Unsupported, message));
    }
    let ends = options.get_idle_timeout().is_some() || options.get_max_lifetime().is_some();
    if in_memory && ends {
        tracing::warn!("the pool closes idle or old connections: a database in memory ends with its last one");
    }
    let file = (!in_memory).then(|| FileIdentity::new(name));
    // A pool that has connections has opened it.
    if let Some(file) = file.as_ref().filter(|_| pool.size() > 0) {
        file.note_opened()?;
    }
    Ok(SqlStore::new(SqlxEngine::new(Pools::new(pool, false), file, capabilities(in_memory)), clock, long_transaction))
}
