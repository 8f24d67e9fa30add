//! What the connections of a store have in common.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use super::{place::Place, watch::Watch};
use crate::{
    open::{Durability, OpenOptions},
    store::StatementCounts,
};

/// What all connections of a store are opened with.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) place: Place,
    pub(super) write_ahead_log: bool,
    pub(super) synchronous: &'static str,
    /// Whether brief statements may run on a thread that must not wait. A connection that shares its cache with another waits for a lock inside SQLite while the
    /// other runs a statement, however long that takes.
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

impl Settings {
    /// Those of a store that has so many connections at most.
    pub(super) fn new(place: Place, options: &OpenOptions, connections: u32) -> Self {
        let synchronous = match (options.write_ahead_log, options.durability) {
            (true, Durability::Process) => "NORMAL",
            (true, Durability::Power) => "FULL",
            // Without it, the folder is not synced, and a journal that a power failure brings back undoes the last commit.
            (false, _) => "EXTRA",
        };
        Self {
            runs_in_place: !place.shares_cache || (place.is_private && connections == 1),
            place,
            write_ahead_log: options.write_ahead_log,
            synchronous,
            counts: Arc::default(),
            watch: Arc::default(),
        }
    }

    /// Whether a commit waits for the disk.
    pub(super) fn syncs(&self) -> bool {
        !self.place.in_memory && self.synchronous != "NORMAL"
    }

    /// Whether what is written goes to a log first, or stays in memory: until a commit, no write waits for the disk.
    pub(super) fn writes_ahead(&self) -> bool {
        self.place.in_memory || self.write_ahead_log
    }
}
