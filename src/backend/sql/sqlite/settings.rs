//! What the connections of a store have in common.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use rusqlite::{OpenFlags, ffi};

use super::{error::code, file::FileIdentity, url::SqliteUrl, watch::Watch};
use crate::{
    error::{Error, ErrorKind, Result},
    open_options::{Durability, OpenOptions},
    statement_counts::StatementCounts,
};

/// What all connections of a store are opened with.
#[derive(Clone, Debug)]
pub(super) struct SqliteSettings {
    pub(super) url: SqliteUrl,
    /// `None` in memory.
    pub(super) file: Option<Arc<FileIdentity>>,
    pub(super) write_ahead_log: bool,
    pub(super) synchronous: &'static str,
    /// Whether brief statements may run on a thread that must not wait. A connection that shares its cache with another waits for
    /// a lock inside SQLite while the other runs a statement, however long that takes.
    pub(super) runs_in_place: bool,
    pub(super) counts: Arc<Counts>,
    pub(super) watch: Arc<Watch>,
}

/// How often statements were prepared, and found prepared.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) prepared: AtomicU64,
    pub(super) reused: AtomicU64,
}

impl Counts {
    pub(super) fn now(&self) -> StatementCounts {
        StatementCounts { prepared: self.prepared.load(Ordering::Relaxed), reused: self.reused.load(Ordering::Relaxed) }
    }
}

impl SqliteSettings {
    /// Those of a store that has so many connections at most.
    pub(super) fn new(url: SqliteUrl, options: &OpenOptions, connections: u32) -> Self {
        let write_ahead_log = options.write_ahead_log.unwrap_or(true);
        let synchronous = match (write_ahead_log, options.durability.unwrap_or_default()) {
            (true, Durability::Process) => "NORMAL",
            (true, Durability::Power) => "FULL",
            // Without it, the folder is not synced, and a journal that a power failure brings back undoes the last commit.
            (false, _) => "EXTRA",
        };
        let file = (!url.in_memory).then(|| Arc::new(FileIdentity::new(url.name.clone())));
        Self {
            runs_in_place: !url.shares_cache || (url.is_private && connections == 1),
            url,
            file,
            write_ahead_log,
            synchronous,
            counts: Arc::default(),
            watch: Arc::default(),
        }
    }

    /// What keeps a connection from being opened. Nothing was sent to it, whatever went wrong.
    pub(super) fn not_opened(&self, error: Error) -> Error {
        if !matches!(error.kind(), ErrorKind::Connection | ErrorKind::Io | ErrorKind::EngineDown) {
            return error;
        }
        let cannot_open = || ffi::SQLITE_CANTOPEN.to_string();
        let why = match (code(&error), &self.file) {
            (0, _) => return error.with_code(cannot_open()),
            (ffi::SQLITE_IOERR_SHMSIZE, _) => Error::new(ErrorKind::ResourceExhausted, "no room for the index of the log"),
            (_, Some(file)) => file.not_opened(self.url.flags.contains(OpenFlags::SQLITE_OPEN_CREATE)),
            (_, None) => Error::new(ErrorKind::Connection, "the database cannot be opened"),
        };
        // Of a statement, a code of an input or output error would say that what it did is not known.
        let is_of_disk = why.kind() == ErrorKind::Io && code(&error) & 0xff == ffi::SQLITE_IOERR;
        let code = error.code().filter(|_| !is_of_disk).map_or_else(cannot_open, str::to_owned);
        why.with_code(code).with_source(error)
    }

    /// Looks whether the file is still the one that was opened. Blocks.
    pub(super) fn look_at_file(&self) -> Result<()> {
        self.file.as_ref().map_or(Ok(()), |file| file.look())
    }

    /// Refuses to go on in a file that was seen to be another, or not to be there.
    pub(super) fn check_file(&self) -> Result<()> {
        self.file.as_ref().map_or(Ok(()), |file| file.check())
    }

    /// Whether a commit waits for the disk.
    pub(super) fn syncs(&self) -> bool {
        !self.url.in_memory && self.synchronous != "NORMAL"
    }

    /// Whether what is written goes to a log first, or stays in memory: until a commit, no write waits for the disk.
    pub(super) fn writes_ahead(&self) -> bool {
        self.url.in_memory || self.write_ahead_log
    }
}
