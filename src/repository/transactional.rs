use async_trait::async_trait;

use crate::{capability::Capabilities, context::Cx, error::Result, transaction::TxOptions};

/// Opens transactions. Callers use [`TransactionalExt`](crate::TransactionalExt); a layer forwards [`begin`](Self::begin).
///
/// # Errors of every operation, for the way its context takes part
/// - [`TransactionClosed`](crate::ErrorKind::TransactionClosed): the context's transaction has ended.
/// - [`TransactionAborted`](crate::ErrorKind::TransactionAborted): an earlier statement of the transaction failed.
/// - [`ForeignTransaction`](crate::ErrorKind::ForeignTransaction): a write, with the context of another store's transaction.
/// - [`NestedAcquire`](crate::ErrorKind::NestedAcquire): called inside the `tx` closure of a transaction of this store that the
///   context does not carry, or while a nested transaction is open. A task that such a closure spawned, and a transaction that
///   was begun by hand, are not known to be inside: with another context they wait for a connection like anybody else.
/// - [`ReadOnly`](crate::ErrorKind::ReadOnly): a write in a read-only transaction.
/// - [`PoolTimeout`](crate::ErrorKind::PoolTimeout), [`Connection`](crate::ErrorKind::Connection),
///   [`Contention`](crate::ErrorKind::Contention), [`Closed`](crate::ErrorKind::Closed): from the engine.
#[async_trait]
pub trait Transactional: Send + Sync {
    /// Whether operations with this context join a transaction of this store that is open.
    fn is_joined_by(&self, cx: &Cx) -> bool;

    /// What the store can do. Default: [`Capabilities::NONE`]. A layer forwards this.
    fn capabilities(&self) -> Capabilities {
        Capabilities::NONE
    }

    /// Opens a transaction, or a nested one where `cx` already carries a transaction of this store, and returns the context
    /// inside it. [`Cx::commit`] and [`Cx::rollback`] end it; so does dropping the last clone of the context, by rolling back.
    ///
    /// # Dropping the future
    /// Leaves no transaction open. Where a nested one was being opened, the outer one can no longer commit.
    async fn begin(&self, cx: &Cx, options: TxOptions) -> Result<Cx>;
}
