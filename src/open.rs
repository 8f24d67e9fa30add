//! Opens a store by its URL. The only file that names every backend.

use std::{fmt, sync::Arc, time::Duration};

#[cfg(feature = "duckdb-linked")]
use crate::backend::sql::duckdb;
#[cfg(feature = "postgres")]
use crate::backend::sql::postgres;
#[cfg(feature = "sqlite")]
use crate::backend::sql::sqlite;
use crate::{
    backend::{Backend, memory::MemoryStore},
    clock::{Clock, SystemClock, this_runtime},
    error::{Error, ErrorKind, Result},
    store::Store,
};

/// Opens a store with the default [`OpenOptions`]:
///
/// | URL | store |
/// |---|---|
/// | `memory:` | in this process's memory, gone with the last clone of the store |
/// | `sqlite:PATH` | a SQLite file, made if it is missing (feature `sqlite`); `?mode=rw` makes none, `?mode=ro` only reads |
/// | `sqlite::memory:` | a SQLite database of this store alone, gone with it (feature `sqlite`) |
/// | `sqlite:file:NAME?mode=memory&cache=shared` | a SQLite database in memory that all stores of this process share by name |
/// | `duckdb:PATH` | a DuckDB file, made if it is missing (feature `duckdb` or `duckdb-linked`) |
/// | `duckdb::memory:` | a DuckDB database in memory, of this store alone, gone with it (the same features) |
/// | `postgres://USER:PASSWORD@HOST/DATABASE` | a Postgres database (feature `postgres`) |
///
/// A path is taken as it is, up to a `?`. After that, a `duckdb:` URL takes settings, several of them joined by `&`:
///
/// | setting | meaning | without it |
/// |---|---|---|
/// | `mode=ro`, `mode=rw` | only reads; makes no file. `read_only=true` is `mode=ro` | makes the file and its folders |
/// | `memory_limit=512MB` | the most memory DuckDB uses, or a share of the machine's: `10%` | a quarter of the machine's |
/// | `threads=2` | the most threads one statement uses | the machine's, at most 4 |
/// | `temp_directory=PATH` | where DuckDB puts what does not fit into its memory; nowhere if the path is empty | `PATH.tmp` beside the file; nowhere, in memory |
/// | `external_access=true` | SQL may read and write other files, load extensions and attach databases | it may not |
/// | `lock_configuration=false` | SQL may change DuckDB's settings | it may not |
///
/// A SQLite file is never made again by its store. If it is deleted, moved or replaced while it is open, that is noticed when a
/// connection is made, when the log is moved into the file, and by [`Store::health`]; from then on every operation is
/// [`Io`](ErrorKind::Io), until the file is back.
///
/// A DuckDB path with a backslash, or that of a folder, a pipe or a device, is refused. An attached database is there for all
/// stores on the file.
///
/// A new DuckDB file is its owner's alone (mode 0600), and so are the folders made for it (0700).
///
/// All stores on one DuckDB file in a process share one instance of it, and have to ask for the same settings. Another process
/// that has the file open for writing leaves this one out.
///
/// # Errors
/// [`InvalidInput`](ErrorKind::InvalidInput) for a URL that cannot be understood, for a path of a SQLite database that is not
/// that of a file, and outside of a tokio runtime; [`Unsupported`](ErrorKind::Unsupported) for a backend whose feature is off;
/// [`Connection`](ErrorKind::Connection), [`Auth`](ErrorKind::Auth) and the like if the engine cannot be reached, or if the file
/// is not there and is not to be made; [`Io`](ErrorKind::Io) for a file that cannot be read or made. None shows the URL.
///
/// # Panics
/// In a tokio runtime without timers: its builder needs `enable_time` or `enable_all`.
pub async fn open(url: &str) -> Result<Store> {
    OpenOptions::new().open(url).await
}

/// What a power failure may cost. The crash of the process alone never costs a committed transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Durability {
    /// A power failure may undo the last commits, but never damages the store. SQLite: `synchronous=NORMAL`.
    #[default]
    Process,
    /// A commit outlives a power failure. SQLite: `synchronous=FULL`.
    Power,
}

/// How long a transaction may be open without being called long, unless something else was asked for.
pub(crate) const LONG_TRANSACTION: Duration = Duration::from_secs(60);

/// The most connections, unless another number was asked for.
pub(crate) const CONNECTIONS: u32 = 10;

/// The most connections that can be asked for.
const MAX_CONNECTIONS: u32 = 10_000;

/// The longest time that can be asked for.
const MAX_TIMEOUT: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// How to open a store. A setting that the backend has no use for is [`InvalidInput`](ErrorKind::InvalidInput), which names it:
///
/// | setting | memory | SQLite | DuckDB | Postgres |
/// |---|---|---|---|---|
/// | [`acquire_timeout`](Self::acquire_timeout), [`long_transaction`](Self::long_transaction), [`clock`](Self::clock), [`table_prefix`](Self::table_prefix) | yes | yes | yes | yes |
/// | [`max_connections`](Self::max_connections) | | yes | yes | yes |
/// | [`min_connections`](Self::min_connections) | | yes | | yes |
/// | [`durability`](Self::durability), [`write_ahead_log`](Self::write_ahead_log) | | yes | | |
///
/// ```
/// # use larder::{Durability, ErrorKind, OpenOptions};
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let options = OpenOptions::new().durability(Durability::Power);
/// assert_eq!(options.open("memory:").await.unwrap_err().kind(), ErrorKind::InvalidInput);
/// # }
/// ```
#[derive(Clone)]
pub struct OpenOptions {
    pub(crate) max_connections: Option<u32>,
    pub(crate) min_connections: Option<u32>,
    pub(crate) acquire_timeout: Duration,
    pub(crate) durability: Option<Durability>,
    pub(crate) write_ahead_log: Option<bool>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) long_transaction: Duration,
    table_prefix: Arc<str>,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            max_connections: None,
            min_connections: None,
            acquire_timeout: Duration::from_secs(30),
            durability: None,
            write_ahead_log: None,
            clock: Arc::new(SystemClock),
            long_transaction: LONG_TRANSACTION,
            table_prefix: Arc::default(),
        }
    }
}

impl OpenOptions {
    /// The defaults: up to 10 connections (one for a SQLite database in memory), 30 s to wait for one, the machine's clock.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The most connections to the engine at one time, from 1 to 10 000.
    ///
    /// A call that was begun keeps its connection until its future is polled to its end or dropped. Calls in a `buffer_unordered`
    /// are not polled while the body of its loop runs: if there are as many of them as connections, a call in that body is
    /// [`PoolTimeout`](ErrorKind::PoolTimeout). Spawn them as tasks instead.
    #[must_use]
    pub fn max_connections(self, max_connections: u32) -> Self {
        Self { max_connections: Some(max_connections), ..self }
    }

    /// Connections kept open even when nobody needs them. At most `max_connections`. Default: 0.
    #[must_use]
    pub fn min_connections(self, min_connections: u32) -> Self {
        Self { min_connections: Some(min_connections), ..self }
    }

    /// How long an operation waits for a connection, or for its turn to write, before it is
    /// [`PoolTimeout`](ErrorKind::PoolTimeout). Opening the store itself is bounded by it as well. At most a year.
    ///
    /// A task that waits for a connection while nobody polls the transactions that have them, such as the body of a loop over a
    /// `buffer_unordered` of transactions, waits in vain: [the guide](crate::guide::transactions#futures-that-nobody-polls) shows
    /// the pattern and its cure.
    #[must_use]
    pub fn acquire_timeout(self, acquire_timeout: Duration) -> Self {
        Self { acquire_timeout, ..self }
    }

    /// What a power failure may cost, on SQLite. Default: [`Durability::Process`]. DuckDB always syncs; Postgres goes by the
    /// server's own settings.
    #[must_use]
    pub fn durability(self, durability: Durability) -> Self {
        Self { durability: Some(durability), ..self }
    }

    /// Whether SQLite leaves a write-ahead log, which lets reads go on beside a write. Without it the journal mode is DELETE and
    /// `synchronous` is EXTRA, whatever the durability asked for. Default: true.
    #[must_use]
    pub fn write_ahead_log(self, write_ahead_log: bool) -> Self {
        Self { write_ahead_log: Some(write_ahead_log), ..self }
    }

    /// From what time on an open transaction degrades the store's [health](Store::health). Default: 60 s. At most a year.
    #[must_use]
    pub fn long_transaction(self, long_transaction: Duration) -> Self {
        Self { long_transaction, ..self }
    }

    /// A prefix before the names of the tables of all entities, as of [`Store::with_table_prefix`]. Default: none.
    #[must_use]
    pub fn table_prefix(self, prefix: impl Into<Arc<str>>) -> Self {
        Self { table_prefix: prefix.into(), ..self }
    }

    /// Where the store takes the current time from. Times that a database fills in by itself are the database's.
    #[must_use]
    pub fn clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// Opens the store, with at least one working connection.
    ///
    /// # Errors
    /// As [`open`], and [`InvalidInput`](ErrorKind::InvalidInput) for settings that are out of bounds, contradict each other, or
    /// are none of the backend's.
    pub async fn open(&self, url: &str) -> Result<Store> {
        self.check()?;
        let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
        if scheme != "memory" {
            this_runtime()?;
        }
        let backend: Arc<dyn Backend> = match scheme {
            "memory" if url == "memory:" => {
                self.require(&[])?;
                Arc::new(MemoryStore::new(self.clock.clone(), self.acquire_timeout, self.long_transaction))
            }
            #[cfg(feature = "sqlite")]
            "sqlite" => Arc::new(sqlite::open(url, self).await?),
            #[cfg(feature = "postgres")]
            "postgres" | "postgresql" => Arc::new(postgres::open(url, self).await?),
            #[cfg(feature = "duckdb-linked")]
            "duckdb" => Arc::new(duckdb::open(url, self).await?),
            #[cfg(not(feature = "sqlite"))]
            "sqlite" => return Err(Error::new(ErrorKind::Unsupported, "build with the feature `sqlite` for this store")),
            #[cfg(not(feature = "postgres"))]
            "postgres" | "postgresql" => {
                return Err(Error::new(ErrorKind::Unsupported, "build with the feature `postgres` for this store"));
            }
            #[cfg(not(feature = "duckdb-linked"))]
            "duckdb" => return Err(Error::new(ErrorKind::Unsupported, "build with the feature `duckdb` for this store")),
            _ => {
                return Err(Error::new(
                    ErrorKind::InvalidInput,
                    "not the URL of a store; known are `memory:`, `sqlite:PATH`, `sqlite::memory:`, `duckdb:PATH`, \
                     `duckdb::memory:` and `postgres://…`",
                ));
            }
        };
        Ok(Store::from_backend(backend).with_table_prefix(self.table_prefix.clone()))
    }

    fn check(&self) -> Result<()> {
        let refused = |message| Err(Error::new(ErrorKind::InvalidInput, message));
        if self.max_connections.is_some_and(|most| !(1..=MAX_CONNECTIONS).contains(&most)) {
            return refused("`max_connections` is not from 1 to 10 000");
        }
        if self.min_connections.is_some_and(|least| least > self.connections(CONNECTIONS)) {
            return refused("`min_connections` is above `max_connections`");
        }
        if self.acquire_timeout > MAX_TIMEOUT {
            return refused("`acquire_timeout` is longer than a year");
        }
        if self.long_transaction > MAX_TIMEOUT {
            return refused("`long_transaction` is longer than a year");
        }
        Ok(())
    }

    /// Refuses settings that are not among those which a backend has, beside the ones that all have.
    pub(crate) fn require(&self, settings: &[&str]) -> Result<()> {
        let given = [
            ("max_connections", self.max_connections.is_some()),
            ("min_connections", self.min_connections.is_some()),
            ("durability", self.durability.is_some()),
            ("write_ahead_log", self.write_ahead_log.is_some()),
        ];
        match given.iter().find(|(name, is_given)| *is_given && !settings.contains(name)) {
            None => Ok(()),
            Some((name, _)) => Err(Error::new(ErrorKind::InvalidInput, format!("this store has no setting `{name}`"))),
        }
    }

    /// The most connections, where so many are usual.
    pub(crate) fn connections(&self, usual: u32) -> u32 {
        self.max_connections.unwrap_or(usual)
    }
}

impl fmt::Debug for OpenOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("OpenOptions");
        debug.field("max_connections", &self.max_connections).field("min_connections", &self.min_connections);
        debug.field("acquire_timeout", &self.acquire_timeout).field("durability", &self.durability);
        debug.field("write_ahead_log", &self.write_ahead_log).field("clock", &self.clock);
        debug.field("long_transaction", &self.long_transaction).field("table_prefix", &self.table_prefix).finish()
    }
}
