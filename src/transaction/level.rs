//! One level of a transaction, as a context holds it.

use std::sync::Arc;

use super::{
    open::{AnyTransaction, OpenTransaction, StoreId, Transaction},
    stack::{Hook, LevelId},
};
use crate::error::{Error, ErrorKind, Result};

/// A level that rolls back when the last context holding it goes away.
pub(crate) struct Level {
    id: LevelId,
    transaction: Arc<dyn AnyTransaction>,
}

impl Level {
    pub(super) fn new(id: LevelId, transaction: Arc<dyn AnyTransaction>) -> Self {
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

    pub(crate) fn add_hook(&self, hook: Hook) -> Result<()> {
        self.transaction.add_hook(self.id, hook)
    }

    pub(crate) async fn commit(&self) -> Result<()> {
        self.transaction.commit(self.id).await
    }

    pub(crate) async fn rollback(&self) -> Result<()> {
        self.transaction.rollback(self.id).await
    }

    /// Rolls back without waiting, unless the level has ended.
    pub(crate) fn abandon(&self) {
        self.transaction.abandon(self.id);
    }

    pub(crate) fn transaction_of<T: OpenTransaction>(&self) -> Result<Arc<Transaction<T>>> {
        let transaction = self.transaction.clone().into_any();
        transaction.downcast().map_err(|_| Error::new(ErrorKind::Internal, "one store id stands for two kinds of transaction"))
    }
}

impl Drop for Level {
    fn drop(&mut self) {
        self.abandon();
    }
}
