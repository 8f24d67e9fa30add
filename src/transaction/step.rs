//! One statement of a transaction, from the moment it may run until its result is known.

use tokio::sync::MutexGuard;

use super::{
    open::{OpenTransaction, Tracked, Transaction, ended},
    stack::{LevelId, aborted},
};
use crate::error::{Error, ErrorKind, Result};

/// The right to run one statement. A statement that fails, or is dropped before its result is known, fails its level.
pub(crate) struct Step<'a, T: OpenTransaction> {
    transaction: &'a Transaction<T>,
    id: LevelId,
    work: Option<MutexGuard<'a, Option<Tracked<T>>>>,
    /// Whether it is in a savepoint of its own, so that its failure fails nothing else.
    is_guarded: bool,
    finished: bool,
}

impl<'a, T: OpenTransaction> Step<'a, T> {
    pub(super) fn new(transaction: &'a Transaction<T>, id: LevelId, work: MutexGuard<'a, Option<Tracked<T>>>) -> Self {
        Self { transaction, id, work: Some(work), is_guarded: false, finished: false }
    }

    pub(crate) fn work(&mut self) -> Result<&mut T> {
        let tracked = self.work.as_mut().and_then(|work| work.as_mut());
        tracked.map(|tracked| &mut tracked.work).ok_or_else(ended)
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
        result.map_err(|error| self.fail(error))
    }

    /// Fails the level, or has just this statement undone.
    fn fail(&self, error: Error) -> Error {
        let mut stack = self.transaction.stack();
        match self.is_guarded {
            true => {
                stack.undo_guarded();
                error
            }
            false => stack.fail(self.id, error),
        }
    }

    /// Puts the statement into a savepoint of its own. It is released, or rolled back to, before the next statement.
    pub(super) async fn guard(&mut self) -> Result<()> {
        self.work()?.savepoint(1).await?;
        self.transaction.stack().guard();
        self.is_guarded = true;
        Ok(())
    }

    /// Takes the work out, to commit it.
    pub(super) fn take(&mut self) -> Result<Tracked<T>> {
        self.finished = true;
        self.work.as_mut().and_then(|work| work.take()).ok_or_else(ended)
    }

    /// Rolls back the levels that were dropped since the last statement, and releases the savepoint that it was in. If that
    /// fails, no level can be trusted any more.
    pub(super) async fn settle(&mut self) -> Result<()> {
        let (undo_to, is_guarded) = {
            let mut stack = self.transaction.stack();
            (stack.undo_to(), stack.take_guarded())
        };
        let Some(Tracked { work, .. }) = self.work.as_mut().and_then(|work| work.as_mut()) else { return Ok(()) };
        let settled = match undo_to {
            Some(depth) => work.rollback_to(depth).await.map(|()| self.transaction.stack().undone(depth)),
            None if is_guarded => work.release(1).await,
            None => return Ok(()),
        };
        settled.map_err(|error| {
            self.transaction.stack().fail_all(&error);
            aborted(&error)
        })
    }
}

impl<T: OpenTransaction> Drop for Step<'_, T> {
    fn drop(&mut self) {
        if !self.finished {
            self.fail(Error::new(ErrorKind::Cancelled, "a statement was dropped before its result was known"));
        }
        // The lock first: whoever ended the transaction meanwhile left the work for the sweep.
        self.work = None;
        self.transaction.sweep();
    }
}
