//! How a connection is taken from a pool of sqlx.

use std::time::Duration;

use sqlx::{Pool, pool::PoolConnection};
use tokio::{runtime::Handle, sync::OwnedMutexGuard};
use tokio_util::context::TokioContext;

use super::{engine::SqlxEngine, error::refused, flavor::Flavor};
use crate::{
    backend::admission::nested_acquire,
    clock::within,
    context::Access,
    error::{ErrorKind, Result},
    transaction::AcquireMode,
};

/// How long a server is asked why it lets nobody in.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(1);

impl<F: Flavor> SqlxEngine<F> {
    /// The turn to write, where only one can.
    pub(super) async fn turn(&self, access: Access, mode: AcquireMode) -> Result<Option<OwnedMutexGuard<()>>> {
        match (access == Access::Write && !self.profile.capabilities.concurrent_writers, mode) {
            (false, _) => Ok(None),
            (true, AcquireMode::NoWait) => self.writer.clone().try_lock_owned().map(Some).map_err(|_| nested_acquire()),
            (true, AcquireMode::Wait) => {
                let turn = self.writer.clone().lock_owned();
                within(self.acquire_timeout, turn, ErrorKind::PoolTimeout, "another transaction kept writing").await.map(Some)
            }
        }
    }

    /// A connection of the pool for the caller's runtime, and the runtime that it belongs to.
    pub(super) async fn connection(&self, mode: AcquireMode) -> Result<(PoolConnection<F::Db>, Handle)> {
        loop {
            let (pool, runtime) = self.pools.current()?;
            F::check(&self.gate, pool).await?;
            // A connection that is made belongs to the runtime in whose context that happens.
            match TokioContext::new(self.acquired(pool, mode), runtime.clone()).await {
                Err(error) if error.kind() == ErrorKind::Closed && self.pools.has_replaced(pool) => {}
                acquired => return acquired.map(|connection| (connection, runtime)),
            }
        }
    }

    async fn acquired(&self, pool: &Pool<F::Db>, mode: AcquireMode) -> Result<PoolConnection<F::Db>> {
        if mode == AcquireMode::NoWait {
            if !self.profile.capabilities.reads_beside_writer {
                return Err(nested_acquire());
            }
            let is_full = pool.size() >= pool.options().get_max_connections();
            match pool.try_acquire() {
                Some(connection) => return Ok(connection),
                None if is_full => return Err(nested_acquire()),
                None => {}
            }
        }
        match pool.acquire().await {
            // The pool knows why none could be made, and does not tell.
            Err(sqlx::Error::PoolTimedOut) if pool.size() < pool.options().get_max_connections() => {
                let refusal = within(REFUSAL_TIMEOUT, F::refusal(&self.gate, pool), ErrorKind::PoolTimeout, "").await;
                Err(refused::<F::Errors>(refusal.ok().flatten().unwrap_or(sqlx::Error::PoolTimedOut)))
            }
            acquired => acquired.map_err(refused::<F::Errors>),
        }
    }
}
