//! [`SqlxPooledConnection`], a connection of a pool that may be dropped outside of a runtime.

use std::mem;

use sqlx::pool::PoolConnection;
use tokio::runtime::Handle;

use super::{
    flavor::{Flavor, FlavorConnection},
    guard::CLEANUP_TIMEOUT,
};
use crate::{clock::within, error::ErrorKind};

/// A connection of the pool. Dropping it closes it, and needs no runtime: sqlx's own type starts a task, and may be dropped only
/// inside of a runtime that lives.
pub(super) struct SqlxPooledConnection<F: Flavor> {
    connection: Option<PoolConnection<F::Db>>,
    /// Whether the pool opens another for one that is closed.
    is_replaced: bool,
}

impl<F: Flavor> SqlxPooledConnection<F> {
    pub(super) fn new(connection: PoolConnection<F::Db>, is_replaced: bool) -> Self {
        Self { connection: Some(connection), is_replaced }
    }

    pub(super) fn get(&mut self) -> Option<&mut FlavorConnection<F>> {
        self.connection.as_deref_mut()
    }

    /// Gives a connection back that is clean. The pool asks it first whether it lives, and would wait for the answer without end.
    pub(super) async fn give_back(mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        // The pool has charge of it from now on.
        let given_back = connection.return_to_pool();
        drop(connection);
        if within(CLEANUP_TIMEOUT, given_back, ErrorKind::Connection, "").await.is_err() {
            tracing::debug!("a connection did not answer when it was given back, and is closed");
        }
    }

    /// Closes it in order, if it answers.
    pub(super) async fn close(mut self) {
        let Some(connection) = self.connection.take() else { return };
        drop(within(CLEANUP_TIMEOUT, connection.close(), ErrorKind::Connection, "").await);
    }

    /// Closes it without a word to the database. Where the pool opens another, a task sees to that.
    pub(super) fn close_now(self, runtime: &Handle) {
        if self.is_replaced {
            runtime.spawn(async move { drop(self.detach()) });
        }
    }

    /// Takes it out of the pool, by a task.
    pub(super) fn detach(mut self) -> Option<FlavorConnection<F>> {
        self.connection.take().map(PoolConnection::detach)
    }
}

impl<F: Flavor> Drop for SqlxPooledConnection<F> {
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        // What would give it back is dropped instead: that closes it at once.
        drop(connection.return_to_pool());
        if self.is_replaced {
            // The task that opens another has no runtime to run on.
            mem::forget(connection);
        }
    }
}
