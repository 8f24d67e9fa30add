//! [`Admission`], which lets so many calls at a time use a store's connections.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

#[cfg(feature = "sqlite")]
use super::turns::Waiter;
use super::turns::{Turn, Turns};
use crate::{
    clock::within,
    context::Access,
    error::{Error, ErrorKind, Result},
    transaction::AcquireMode,
};

/// Lets as many calls in as there are connections, of which one may write, in the order in which they came, until it is closed.
pub(crate) struct Admission {
    turns: Arc<Turns>,
    acquire_timeout: Duration,
    is_closed: AtomicBool,
}

impl Admission {
    pub(crate) fn new(size: u32, acquire_timeout: Duration) -> Self {
        Self { turns: Turns::new(size as usize), acquire_timeout, is_closed: AtomicBool::new(false) }
    }

    /// How many are let in at a time.
    #[cfg(any(feature = "sqlite", feature = "duckdb-linked"))]
    pub(crate) fn size(&self) -> usize {
        self.turns.places()
    }

    /// How long a call waits.
    #[cfg(any(feature = "sqlite", feature = "duckdb-linked"))]
    pub(crate) fn acquire_timeout(&self) -> Duration {
        self.acquire_timeout
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    pub(crate) fn check_open(&self) -> Result<()> {
        if self.is_closed() { Err(closed()) } else { Ok(()) }
    }

    /// Waits for a turn.
    pub(crate) async fn enter(&self, access: Access, mode: AcquireMode) -> Result<Turn> {
        self.check_open()?;
        let turn = match (self.turns.try_take(access), mode) {
            (Some(turn), _) => turn,
            (None, AcquireMode::NoWait) => return Err(nested_acquire()),
            (None, AcquireMode::Wait) => {
                let turn = within(self.acquire_timeout, self.turns.take(access), ErrorKind::PoolTimeout, "").await;
                turn.map_err(|_| self.late(access))?
            }
        };
        self.check_open()?;
        Ok(turn)
    }

    /// A place among those who wait for their turn to write.
    #[cfg(feature = "sqlite")]
    pub(crate) fn wait_to_write(&self) -> Waiter {
        self.turns.wait(Access::Write)
    }

    /// Whether somebody has the turn to write.
    pub(crate) fn is_writing(&self) -> bool {
        self.turns.is_writing()
    }

    /// The error of a call that has waited for too long.
    pub(crate) fn late(&self, access: Access) -> Error {
        let message = match access == Access::Write && self.is_writing() {
            true => "another transaction kept writing",
            false => "all connections of the store were in use",
        };
        Error::new(ErrorKind::PoolTimeout, message)
    }

    /// Lets nobody in any more, and waits until no turn is taken.
    pub(crate) async fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
        self.turns.all_back().await;
    }
}

/// The error of a store that was closed.
pub(crate) fn closed() -> Error {
    Error::new(ErrorKind::Closed, "")
}

/// No second connection is free at once, for a task that holds one already.
pub(crate) fn nested_acquire() -> Error {
    Error::new(ErrorKind::NestedAcquire, "the surrounding transaction may be what keeps a second connection from being free")
}
