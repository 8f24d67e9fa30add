//! SQLite: on rusqlite where larder opens the database, and through sqlx on a pool that an application has already. Both take the same statements
//! and store values in the same forms.
//!
//! Writers take turns before they ask for a connection, and a writing transaction is IMMEDIATE: with a write-ahead log, nobody inside one process
//! meets a busy database. Without one, a commit waits for those who read, as another process is waited for: five seconds at most.
//!
//! SQLite runs on the thread that calls it. To pass a statement to another thread and its answer back takes about twenty microseconds, several
//! times what finding a row takes; so what is brief runs in place:
//!
//! - A read begins in place. SQLite counts the instructions of its machine, and one that needs more than some thousands is stopped and begins again on a
//!   thread that may block. So does a write of one model outside a transaction, which is undone when it is stopped: what refers to the model may have to
//!   be looked for. Pages that have to come from the disk are not counted. One that comes to a large value is stopped as well, because a single instruction
//!   may search all of it. Nothing runs in place on a cache that is shared with other connections, which lock it while they run a statement.
//! - An insert of one model inside a transaction runs in place to its end, if there is a log.
//! - Whatever waits for the disk, for another process or for a table of a shared cache, and everything else that writes, is run by a thread that
//!   may block: commits that sync or are of many rows, the first commit after the log was moved, batches, changes of sets of models, streams, statements
//!   of the caller's.
//!
//! To answer rows that it stores, SQLite makes a table in memory for each statement: some 16 000 instructions beside the 28 000 of an insert of six columns
//! (callgrind), a microsecond or more. So the model that a create answers is the one that it was given, where the columns of the table are known to keep it as it
//! is: see [`described`].
//!
//! Where a commit syncs, single writes share one: see [`group`]. Where it does not, the log is moved into the database, which syncs, by a thread of its own:
//! see [`checkpoint`].

mod affinity;
#[cfg(test)]
mod agreement;
mod asked;
mod bind;
mod checkpoint;
#[cfg(test)]
mod column_types;
mod connect;
mod connection;
mod decode;
mod described;
mod engine;
mod error;
mod facts;
mod fence;
mod file;
mod flavor;
mod forms;
mod group;
mod lease;
mod leased;
mod place;
mod pool;
mod prepared;
mod run;
mod settings;
mod times;
mod watch;

use std::{sync::Arc, time::Duration};

pub(crate) use connect::open;
use sqlx::SqlitePool;

use self::{engine::SqliteEngine, file::FileIdentity, flavor::SqliteFlavor};
use super::{
    SqlStore,
    sqlx::{Pools, SqlxEngine},
};
use crate::{
    capability::Capabilities,
    clock::Clock,
    error::{Error, ErrorKind, Result},
    transaction::Isolation,
};

pub(crate) type SqliteStore = SqlStore<SqliteEngine>;

pub(crate) type SqlxSqliteStore = SqlStore<SqlxEngine<SqliteFlavor>>;

/// A store on a pool that somebody else made.
///
/// # Errors
/// [`Unsupported`](ErrorKind::Unsupported) for several connections in memory of which each is a database of its own.
pub(super) fn from_pool(pool: SqlitePool, clock: Arc<dyn Clock>, long_transaction: Duration) -> Result<SqlxSqliteStore> {
    // The options have no accessors for this, and turning those of a database in memory into a URL panics (sqlx 0.9.0).
    let connect = format!("{:?}", pool.connect_options());
    let name = pool.connect_options().get_filename().to_path_buf();
    let is_nameless = name.as_os_str().is_empty() || name.as_os_str() == ":memory:";
    let (in_memory, is_shared) = (is_nameless || connect.contains("in_memory: true"), connect.contains("shared_cache: true"));
    let options = pool.options();
    if in_memory && !is_shared && options.get_max_connections() > 1 {
        let message = "each connection of the pool would be a database in memory of its own; let it have one connection, or share the cache";
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
