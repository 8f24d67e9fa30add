//! Opens SQLite databases.

use std::time::Duration;

use sqlx::{
    ConnectOptions, Connection, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::{SqliteStore, capabilities, flavor::SqliteFlavor};
use crate::{
    backend::sql::{
        SqlStore,
        sqlx::{SqlxEngine, classify},
    },
    clock::within,
    error::{Error, ErrorKind, Result},
    id::new_id,
    open::{Durability, OpenOptions},
};

/// How long a statement waits for another process to finish writing.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

pub(crate) async fn open(url: &str, options: &OpenOptions) -> Result<SqliteStore> {
    let Place { connect, in_memory, read_only } = connect_options(url, options)?;
    let opening = connect.connect();
    let opened = within(options.acquire_timeout, opening, ErrorKind::PoolTimeout, "the database could not be opened in time");
    let mut first = opened.await?.map_err(|error| match classify::<SqliteFlavor>(error) {
        error if error.kind() == ErrorKind::Connection => {
            Error::new(ErrorKind::Connection, "the file cannot be opened or made").with_source(error)
        }
        error => error,
    })?;
    if !in_memory && !read_only {
        check_journal_mode(&mut first, options.write_ahead_log).await?;
    }
    let mut pool = SqlitePoolOptions::new()
        .max_connections(options.max_connections.unwrap_or(if in_memory { 1 } else { 10 }))
        .min_connections(options.min_connections)
        .acquire_timeout(options.acquire_timeout);
    // A database in memory lives as long as its last connection.
    let anchor = if in_memory {
        pool = pool.idle_timeout(None).max_lifetime(None);
        Some(first)
    } else {
        first.close().await.map_err(classify::<SqliteFlavor>)?;
        None
    };
    let engine = SqlxEngine::new(pool.connect_lazy_with(connect), capabilities(in_memory), anchor);
    Ok(SqlStore::new(engine, options.clock.clone()))
}

/// What a URL stands for.
struct Place {
    /// What every connection is opened with.
    connect: SqliteConnectOptions,
    in_memory: bool,
    read_only: bool,
}

fn connect_options(url: &str, options: &OpenOptions) -> Result<Place> {
    let place = url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:")).unwrap_or_default();
    let (path, parameters) = place.split_once('?').unwrap_or((place, ""));
    let (mut in_memory, mut read_only, mut create, mut shared) = (false, false, true, false);
    for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
        match parameter {
            "mode=memory" => (in_memory, shared) = (true, true),
            "mode=ro" => (read_only, create) = (true, false),
            "mode=rw" => create = false,
            "mode=rwc" | "cache=private" => {}
            "cache=shared" => shared = true,
            _ => return Err(Error::new(ErrorKind::InvalidInput, "a `sqlite:` URL with a parameter that is not known")),
        }
    }
    let connect = match path {
        "" => {
            let message = "a `sqlite:` URL without a path; `sqlite::memory:` is a database in memory";
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        // A name of its own lets a second connection reach the database, and no other store.
        ":memory:" => {
            (in_memory, shared) = (true, true);
            SqliteConnectOptions::new().filename(format!("file:larder-{}", new_id()))
        }
        path if path.starts_with("file::memory:") => {
            let message = "a database in memory is `sqlite::memory:`, or `sqlite:file:NAME?mode=memory&cache=shared` to share it";
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        // Only such a name reaches the same database from every connection.
        path if in_memory && !path.starts_with("file:") => SqliteConnectOptions::new().filename(format!("file:{path}")),
        path => SqliteConnectOptions::new().filename(path),
    };
    let (journal, synchronous) = match (options.write_ahead_log, options.durability) {
        (true, Durability::Process) => (SqliteJournalMode::Wal, SqliteSynchronous::Normal),
        (true, Durability::Power) => (SqliteJournalMode::Wal, SqliteSynchronous::Full),
        (false, _) => (SqliteJournalMode::Delete, SqliteSynchronous::Full),
    };
    let mut connect = connect
        .in_memory(in_memory)
        .shared_cache(shared)
        .read_only(read_only)
        .create_if_missing(create)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .synchronous(synchronous)
        .pragma("wal_autocheckpoint", "1000")
        .disable_statement_logging();
    if !in_memory && !read_only {
        connect = connect.journal_mode(journal);
    }
    Ok(Place { connect, in_memory, read_only })
}

/// SQLite keeps the old journal mode without an error where it cannot change it.
async fn check_journal_mode(connection: &mut SqliteConnection, write_ahead_log: bool) -> Result<()> {
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(connection).await.map_err(classify::<SqliteFlavor>)?;
    if (mode == "wal") == write_ahead_log {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Connection, "the database kept another journal mode than it was asked for"))
}
