//! [`Entry`], how an operation takes part in the unit of work of its context.

use std::sync::Arc;

use super::{level::Level, options::TxOptions, step::Step};
use crate::{
    context::{Cx, WAITING},
    error::Result,
};

/// How an operation acquires a connection, or its turn to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AcquireMode {
    /// It waits for as long as the store's timeout allows.
    Wait,
    /// It does not wait: this task holds a connection already, and might wait for itself. If none is free, the operation is
    /// [`NestedAcquire`](crate::ErrorKind::NestedAcquire).
    NoWait,
}

/// How an operation takes part in the unit of work of its context; from [`Transactions::enter`](super::Transactions::enter).
#[expect(missing_debug_implementations, reason = "an open transaction has nothing to show")]
pub enum Entry {
    /// It is part of an open transaction of the store.
    Joined(Joined),
    /// It runs by itself.
    Alone(AcquireMode),
}

/// The open transaction that an operation is part of.
#[expect(missing_debug_implementations, reason = "an open transaction has nothing to show")]
pub struct Joined(Arc<Level>);

impl Joined {
    pub(crate) fn new(level: Arc<Level>) -> Self {
        Self(level)
    }

    /// Waits for the transaction, for one statement: the transaction runs one at a time.
    ///
    /// # Errors
    /// [`TransactionClosed`](crate::ErrorKind::TransactionClosed) if it has ended,
    /// [`TransactionAborted`](crate::ErrorKind::TransactionAborted) if a statement of it failed before,
    /// [`NestedAcquire`](crate::ErrorKind::NestedAcquire) while a nested one is open, and what the context's limits say.
    pub async fn step(&self, cx: &Cx) -> Result<Step<'_>> {
        cx.limits().bound(WAITING, self.0.transaction().step(self.0.id())).await
    }

    /// Opens a transaction inside of it.
    pub(super) async fn nest(&self, options: &TxOptions) -> Result<Self> {
        self.0.transaction().clone().nest(&self.0, options).await.map(Self)
    }

    pub(super) fn into_level(self) -> Arc<Level> {
        self.0
    }
}
