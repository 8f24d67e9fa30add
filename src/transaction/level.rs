//! One level of a transaction, as a context holds it.

use std::sync::Arc;

use super::{
    open::{StoreId, Transaction},
    stack::{CommitHook, LevelId},
};
use crate::{
    error::{Error, Result},
    limits::Limits,
};

/// A level that rolls back when the last context holding it goes away.
pub(crate) struct Level {
    id: LevelId,
    transaction: Arc<Transaction>,
}

impl Level {
    pub(super) fn new(id: LevelId, transaction: Arc<Transaction>) -> Self {
        Self { id, transaction }
    }

    pub(crate) fn id(&self) -> LevelId {
        self.id
    }

    pub(crate) fn store(&self) -> StoreId {
        self.transaction.store()
    }

    pub(crate) fn is_open(&self) -> bool {
        self.transaction.is_open(self.id)
    }

    pub(crate) fn is_outermost(&self) -> bool {
        self.id.depth == 0
    }

    /// Whether it is what a sandbox is made of, and to what runs in it no transaction at all.
    pub(crate) fn is_sandbox(&self) -> bool {
        self.is_outermost() && self.transaction.is_sandbox()
    }

    pub(crate) fn is_in_sandbox(&self) -> bool {
        self.transaction.is_sandbox()
    }

    /// Tells the transaction what kept it from committing before.
    pub(crate) fn remember(&self, earlier: Arc<[Error]>) {
        self.transaction.remember(earlier);
    }

    /// What was in the way of the transaction, if that was the last thing that happened.
    pub(crate) fn obstacle(&self) -> Option<Error> {
        self.transaction.obstacle()
    }

    /// Notes an error that leaves the transaction as it was.
    pub(crate) fn note(&self, error: Error) -> Error {
        self.transaction.note(error)
    }

    pub(crate) fn add_hook(&self, hook: CommitHook) -> Result<()> {
        self.transaction.add_hook(self.id, hook)
    }

    pub(crate) async fn commit(&self, limits: &Limits) -> Result<()> {
        self.transaction.commit(self.id, limits).await
    }

    pub(crate) async fn rollback(&self) -> Result<()> {
        self.transaction.rollback(self.id).await
    }

    /// Rolls back without waiting, unless the level has ended.
    pub(crate) fn abandon(&self) {
        self.transaction.abandon(self.id);
    }

    pub(super) fn transaction(&self) -> &Arc<Transaction> {
        &self.transaction
    }
}

impl Drop for Level {
    fn drop(&mut self) {
        self.abandon();
    }
}
