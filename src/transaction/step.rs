//! One statement of a transaction, from the moment it may run until its result is known.

use tokio::sync::MutexGuard;

use super::{
    open::{OpenTransaction, Transaction},
    stack::{LevelId, aborted},
};
use crate::error::{Error, ErrorKind, Result};

/// The right to run one statement. A statement that fails, or is dropped before its result is known, fails its level.
pub(crate) struct Step<'a, T: OpenTransaction> {
    transaction: &'a Transaction<T>,
    id: LevelId,
    work: Option<MutexGuard<'a, Option<T>>>,
    finished: bool,
}

impl<'a, T: OpenTransaction> Step<'a, T> {
    pub(super) fn new(transaction: &'a Transaction<T>, id: LevelId, work: MutexGuard<'a, Option<T>>) -> Self {
        Self { transaction, id, work: Some(work), finished: false }
    }

    pub(crate) fn work(&mut self) -> Result<&mut T> {
        let work = self.work.as_mut().and_then(|work| work.as_mut());
        work.ok_or_else(|| Error::new(ErrorKind::TransactionClosed, "the transaction of this context has ended"))
    }

    /// Reports the statement's result.
    pub(crate) fn finish<R>(self, result: Result<R>) -> Result<R> {
        if result.is_ok() {
            self.transaction.stack().go_on();
        }
        self.finish_undo(result)
    }

    /// Reports the result of undoing a level, which is no sign that the transaction goes on.
    pub(super) fn finish_undo<R>(mut self, result: Result<R>) -> Result<R> {
        self.finished = true;
        result.map_err(|error| self.transaction.stack().fail(self.id, error))
    }

    /// Takes the work out, to commit it.
    pub(super) fn take(&mut self) -> Result<T> {
        self.finished = true;
        let work = self.work.as_mut().and_then(|work| work.take());
        work.ok_or_else(|| Error::new(ErrorKind::TransactionClosed, "the transaction of this context has ended"))
    }

    /// Rolls back the levels that were dropped since the last statement. If that fails, no level can be trusted any more.
    pub(super) async fn undo_abandoned(&mut self) -> Result<()> {
        let Some(depth) = self.transaction.stack().undo_to() else { return Ok(()) };
        let Some(work) = self.work.as_mut().and_then(|work| work.as_mut()) else { return Ok(()) };
        match work.rollback_to(depth).await {
            Ok(()) => {
                self.transaction.stack().undone(depth);
                Ok(())
            }
            Err(error) => {
                self.transaction.stack().fail_all(&error);
                Err(aborted(&error))
            }
        }
    }
}

impl<T: OpenTransaction> Drop for Step<'_, T> {
    fn drop(&mut self) {
        if !self.finished {
            let error = Error::new(ErrorKind::Cancelled, "a statement was dropped before its result was known");
            self.transaction.stack().fail(self.id, error);
        }
        // The lock first: whoever ended the transaction meanwhile left the work for the sweep.
        self.work = None;
        self.transaction.sweep();
    }
}
