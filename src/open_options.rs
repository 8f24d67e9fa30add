//! [`OpenOptions`], how a store is opened.

use std::{fmt, sync::Arc, time::Duration};

use crate::{
    clock::{Clock, SystemClock},
    error::{Error, ErrorKind, Result},
};

/// What a power failure may cost. The crash of the process alone never costs a committed transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Durability {
    /// A power failure may undo the last commits, but never damages the store. SQLite: `synchronous=NORMAL`. Files: contents are
    /// synced, and names are left to the file system. Segments: spools are left to the file system.
    #[default]
    Process,
    /// A commit outlives a power failure. SQLite: `synchronous=FULL`. Files: folders are synced as well. Segments:
    /// each operation syncs its spool.
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
/// | setting | memory | files | SQLite | DuckDB | Postgres |
/// |---|---|---|---|---|---|
/// | [`acquire_timeout`](Self::acquire_timeout), [`long_transaction`](Self::long_transaction), [`clock`](Self::clock), [`table_prefix`](Self::table_prefix) | yes | yes | yes | yes | yes |
/// | [`max_connections`](Self::max_connections) | | | yes | yes | yes |
/// | [`min_connections`](Self::min_connections) | | | yes | | yes |
/// | [`durability`](Self::durability) | | yes | yes | | |
/// | [`write_ahead_log`](Self::write_ahead_log) | | | yes | | |
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
    pub(crate) table_prefix: Arc<str>,
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

    /// What a power failure may cost, on SQLite, in files and in segments. Default: [`Durability::Process`]. DuckDB always syncs;
    /// Postgres goes by the server's own settings.
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

    /// From what time on an open transaction degrades the store's [health](crate::Store::health). Default: 60 s. At most a year.
    #[must_use]
    pub fn long_transaction(self, long_transaction: Duration) -> Self {
        Self { long_transaction, ..self }
    }

    /// A prefix before the names of the tables of all entities, as of
    /// [`Store::with_table_prefix`](crate::Store::with_table_prefix). Default: none.
    #[must_use]
    pub fn table_prefix(self, prefix: impl Into<Arc<str>>) -> Self {
        Self { table_prefix: prefix.into(), ..self }
    }

    /// Where the store takes the current time from. Times that a database fills in by itself are the database's.
    #[must_use]
    pub fn clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// Refuses settings that are out of bounds or contradict each other.
    pub(crate) fn check(&self) -> Result<()> {
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
