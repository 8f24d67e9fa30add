//! A connection taken from the pool, how calls run on it, and how it goes back.

use std::{sync::Arc, time::Duration};

use duckdb::Connection;
use tokio::{runtime::Handle, sync::OwnedMutexGuard};

use super::{
    error::{FATAL, INVALIDATED, classify, is_committed, is_fatal, is_none_open},
    pool::Pooled,
};
use crate::{
    backend::sql::blocking::{self, Interrupt},
    clock::within,
    context::Access,
    error::{Error, ErrorKind, Result},
};

/// A connection of the pool.
///
/// DuckDB blocks, so every call runs on a thread for that, and takes the connection along. A call whose future is dropped is
/// interrupted; its connection is rolled back and goes back to the pool when the call has really ended.
pub(crate) struct Lease {
    connection: Option<Leased>,
    access: Access,
}

/// The connection itself. Dropping it gives it back, rolled back if need be.
pub(super) struct Leased {
    pooled: Option<Pooled>,
    /// Whether a transaction may be open: from before it is begun until its end was confirmed.
    in_transaction: bool,
    /// Whether a statement of the transaction failed. DuckDB answers the commit of such a one by rolling back, and calls it success.
    has_failed: bool,
    /// The right to the key that its transaction is known by.
    claim: Option<OwnedMutexGuard<()>>,
    runtime: Handle,
}

impl Lease {
    pub(super) fn new(pooled: Pooled, access: Access) -> Self {
        let (pooled, runtime) = (Some(pooled), Handle::current());
        let leased = Leased { pooled, in_transaction: false, has_failed: false, claim: None, runtime };
        Self { connection: Some(leased), access }
    }

    /// Whether what runs on this connection is to take effect by itself.
    pub(super) fn commits_alone(&self) -> bool {
        self.access == Access::Write && self.connection.as_ref().is_some_and(|leased| !leased.in_transaction)
    }

    /// Waits until no other transaction has this key, and keeps others from having it as long as a call of this one runs.
    pub(super) async fn claim(&mut self, key: &str, timeout: Duration) -> Result<()> {
        let leased = self.connection.as_mut().ok_or_else(gone)?;
        let instance = leased.pooled.as_ref().ok_or_else(gone)?.instance().clone();
        let message = "a transaction with the same key did not end";
        leased.claim = Some(within(timeout, instance.claim(key), ErrorKind::Contention, message).await?);
        Ok(())
    }

    /// Runs a call that stops when the future is dropped.
    pub(super) async fn call<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Leased) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let interrupt = self.connection.as_ref().and_then(|leased| leased.pooled.as_ref()).map(interrupt_of);
        self.run(interrupt, work).await
    }

    /// Runs a call that comes to its end whether the future is dropped or not.
    pub(super) async fn call_to_its_end<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Leased) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.run(None, work).await
    }

    async fn run<T: Send + 'static>(
        &mut self,
        interrupt: Option<Interrupt>,
        work: impl FnOnce(&mut Leased) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let leased = self.connection.take().ok_or_else(gone)?;
        let work = |leased: &mut Leased| {
            let result = blocking::unless_it_panics(|| work(leased)).unwrap_or_else(|| {
                // In whatever state it was left, it is closed.
                leased.pooled = None;
                Err(blocking::panicked())
            });
            if let Err(error) = &result {
                leased.has_failed = true;
                leased.note(error);
            }
            result
        };
        let (leased, result) = blocking::call(leased, interrupt, work).await?;
        self.connection = Some(leased);
        result
    }
}

fn interrupt_of(pooled: &Pooled) -> Interrupt {
    let handle = pooled.connection.interrupt_handle();
    Arc::new(move || handle.interrupt())
}

fn gone() -> Error {
    Error::new(ErrorKind::Internal, "the connection is gone: a call on it was given up")
}

impl Leased {
    pub(super) fn connection(&self) -> Result<&Connection> {
        self.pooled.as_ref().map(|pooled| &pooled.connection).ok_or_else(gone)
    }

    fn command(&self, sql: &str) -> duckdb::Result<()> {
        match &self.pooled {
            Some(pooled) => pooled.connection.execute_batch(sql),
            None => Err(duckdb::Error::InvalidQuery),
        }
    }

    /// Opens a transaction. Blocks, as the two below.
    pub(super) fn begin(&mut self, sql: &str) -> Result<()> {
        self.in_transaction = true;
        self.has_failed = false;
        self.command(sql).map_err(classify)
    }

    pub(super) fn commit(&mut self) -> Result<()> {
        if self.has_failed {
            let message = "a statement of the transaction failed";
            return Err(Error::new(ErrorKind::TransactionAborted, message));
        }
        match self.command("COMMIT") {
            Ok(()) => {
                self.in_transaction = false;
                self.pooled.iter().for_each(Pooled::keep_log_private);
            }
            Err(error) if is_committed(&error) => {
                tracing::warn!(%error, "committed, although the engine complains");
                self.in_transaction = false;
                self.note(&classify(error).with_code(FATAL));
            }
            Err(error) => return Err(self.after_failed_commit(classify(error))),
        }
        Ok(())
    }

    /// What a failed commit comes to. DuckDB has rolled back then, unless it could not even do that.
    fn after_failed_commit(&mut self, error: Error) -> Error {
        self.note(&error);
        let after = self.command("ROLLBACK").map_err(|error| (is_none_open(&error), classify(error)));
        let is_lost = match after {
            Ok(()) | Err((true, _)) => {
                self.in_transaction = false;
                is_fatal(&error)
            }
            Err((false, after)) => {
                self.note(&after);
                is_fatal(&after)
            }
        };
        // One that was refused because of an earlier fatal error was not begun.
        let is_lost = is_lost && error.code() != Some(INVALIDATED);
        if is_lost {
            return Error::new(ErrorKind::CommitUnknown, "the engine gave the database up in the commit").with_source(error);
        }
        error
    }

    fn note(&self, error: &Error) {
        self.pooled.iter().for_each(|pooled| pooled.note(error));
    }

    pub(super) fn rollback(&mut self) -> Result<()> {
        self.command("ROLLBACK").map_err(classify)?;
        self.in_transaction = false;
        Ok(())
    }
}

impl Drop for Leased {
    fn drop(&mut self) {
        let Some(pooled) = self.pooled.take() else { return };
        if !self.in_transaction {
            return pooled.give_back();
        }
        // This may run on a thread that must not wait.
        self.runtime.spawn_blocking(move || match pooled.connection.execute_batch("ROLLBACK") {
            Ok(()) => pooled.give_back(),
            // None was open, or the connection is of no more use: closing it rolls back, too.
            Err(error) => tracing::debug!(%error, "a connection could not be rolled back and is closed"),
        });
    }
}
