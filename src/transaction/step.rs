//! One statement of a transaction, from the moment it may run until its result is known.

use std::any::Any;

use tokio::sync::MutexGuard;

use super::{
    open::{OpenTransaction, OpenWork, Transaction, ended},
    stack::{LevelId, aborted},
};
use crate::error::{Error, ErrorKind, Result};

/// The right to run one statement of a transaction; from [`Joined::step`](super::Joined::step). A statement that fails, or is
/// dropped before it is [finished](Self::finish), fails the transaction: it can no longer commit.
#[expect(missing_debug_implementations, reason = "an open transaction has nothing to show")]
pub struct Step<'a> {
    transaction: &'a Transaction,
    id: LevelId,
    work: Option<MutexGuard<'a, Option<OpenWork>>>,
    /// Whether it is in a savepoint of its own, so that its failure fails nothing else.
    is_guarded: bool,
    finished: bool,
}

impl<'a> Step<'a> {
    pub(super) fn new(transaction: &'a Transaction, id: LevelId, work: MutexGuard<'a, Option<OpenWork>>) -> Self {
        Self { transaction, id, work: Some(work), is_guarded: false, finished: false }
    }

    /// What the backend does for the transaction: what its [source](super::TransactionSource) has opened.
    ///
    /// # Errors
    /// [`TransactionClosed`](ErrorKind::TransactionClosed) if it has ended meanwhile, and [`Internal`](ErrorKind::Internal) if
    /// it is of another type.
    pub fn work<T: OpenTransaction>(&mut self) -> Result<&mut T> {
        let work: &mut dyn Any = &mut **self.any_work()?;
        work.downcast_mut().ok_or_else(|| Error::new(ErrorKind::Internal, "one store id stands for two kinds of transaction"))
    }

    pub(super) fn any_work(&mut self) -> Result<&mut Box<dyn OpenTransaction>> {
        let open = self.work.as_mut().and_then(|work| work.as_mut());
        open.map(|open| &mut open.work).ok_or_else(ended)
    }

    /// Reports the statement's result, and returns it.
    ///
    /// # Errors
    /// That of the statement.
    pub fn finish<R>(self, result: Result<R>) -> Result<R> {
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
        self.any_work()?.savepoint(1).await?;
        self.transaction.stack().guard();
        self.is_guarded = true;
        Ok(())
    }

    /// Takes the work out, to commit it.
    pub(super) fn take(&mut self) -> Result<OpenWork> {
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
        let Some(OpenWork { work, .. }) = self.work.as_mut().and_then(|work| work.as_mut()) else { return Ok(()) };
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

impl Drop for Step<'_> {
    fn drop(&mut self) {
        if !self.finished {
            self.fail(Error::new(ErrorKind::Cancelled, "a statement was dropped before its result was known"));
        }
        // The lock first: whoever ended the transaction meanwhile left the work for the sweep.
        self.work = None;
        self.transaction.sweep();
    }
}
