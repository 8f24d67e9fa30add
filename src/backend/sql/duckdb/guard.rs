//! [`DuckDbGuard`], a connection taken from the pool: how calls run on it, and how it goes back.

use std::{sync::Arc, time::Duration};

use super::{
    checkout::{DuckDbCheckout, gone, unknown},
    pool::DuckDbPooledConnection,
};
use crate::{
    backend::sql::{
        Catalog,
        blocking::{self, Interrupt},
    },
    clock::within,
    context::Access,
    error::{ErrorKind, Result},
    table::TableIdentity,
};

/// A connection of the pool.
///
/// DuckDB blocks, so every call runs on a thread for that, and takes the connection along. A call whose future is dropped is
/// interrupted; its connection is rolled back and goes back to the pool when the call has really ended.
pub(crate) struct DuckDbGuard {
    connection: Option<DuckDbCheckout>,
    access: Access,
}

impl DuckDbGuard {
    pub(super) fn new(pooled: DuckDbPooledConnection, access: Access) -> Self {
        Self { connection: Some(DuckDbCheckout::new(pooled)), access }
    }

    /// Whether a statement on this connection commits by itself.
    pub(super) fn commits_alone(&self) -> bool {
        self.access == Access::Write && self.connection.as_ref().is_some_and(|checkout| !checkout.in_transaction)
    }

    /// The cached catalog of an entity's table. Returns `None` if there is none, or if this connection has changed the schema.
    pub(super) fn known_catalog(&self, table: TableIdentity) -> Option<Arc<Catalog>> {
        let checkout = self.connection.as_ref().filter(|checkout| !checkout.changes_schema)?;
        checkout.pooled.as_ref()?.instance().catalog(table)
    }

    /// Waits until no other transaction has this key, and keeps others from having it as long as a call of this one runs.
    pub(super) async fn claim(&mut self, key: &str, timeout: Duration) -> Result<()> {
        let checkout = self.connection.as_mut().ok_or_else(gone)?;
        let instance = checkout.pooled.as_ref().ok_or_else(gone)?.instance().clone();
        let message = "a transaction with the same key did not end";
        checkout.claim = Some(within(timeout, instance.claim(key), ErrorKind::Contention, message).await?);
        Ok(())
    }

    /// Runs a call that stops when the future is dropped.
    pub(super) async fn call<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut DuckDbCheckout) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let interrupt = self.connection.as_ref().and_then(|checkout| checkout.pooled.as_ref()).map(interrupt_of);
        self.run(interrupt, work).await
    }

    /// Runs a call that completes even if the future is dropped.
    pub(super) async fn call_to_its_end<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut DuckDbCheckout) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.run(None, work).await
    }

    async fn run<T: Send + 'static>(
        &mut self,
        interrupt: Option<Interrupt>,
        work: impl FnOnce(&mut DuckDbCheckout) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let checkout = self.connection.take().ok_or_else(gone)?;
        let work = |checkout: &mut DuckDbCheckout| {
            let result = blocking::unless_it_panics(|| work(checkout)).unwrap_or_else(|| {
                // Its state is unknown, so it is closed.
                checkout.pooled = None;
                Err(if checkout.is_committing { unknown("the commit panicked") } else { blocking::panicked() })
            });
            if let Err(error) = &result {
                checkout.has_failed = true;
                checkout.note(error);
            }
            result
        };
        let (checkout, result) = blocking::call(checkout, interrupt, work, |_| ()).await?;
        self.connection = Some(checkout);
        result
    }
}

fn interrupt_of(pooled: &DuckDbPooledConnection) -> Interrupt {
    let handle = pooled.connection.interrupt_handle();
    Arc::new(move || handle.interrupt())
}
