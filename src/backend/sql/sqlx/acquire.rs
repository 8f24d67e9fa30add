//! How a connection is taken from a pool of sqlx.

use std::time::Duration;

use sqlx::pool::PoolConnection;
use tokio::sync::OwnedMutexGuard;

use super::{engine::SqlxEngine, error::refused, flavor::Flavor};
use crate::{
    backend::sql::engine::nested_acquire,
    clock::within,
    context::{Access, Patience},
    error::{ErrorKind, Result},
};

/// How long a server is asked why it lets nobody in.
const ASKING: Duration = Duration::from_secs(1);

impl<F: Flavor> SqlxEngine<F> {
    /// The turn to write, where only one can.
    pub(super) async fn turn(&self, access: Access, patience: Patience) -> Result<Option<OwnedMutexGuard<()>>> {
        match (access == Access::Write && !self.capabilities.concurrent_writers, patience) {
            (false, _) => Ok(None),
            (true, Patience::None) => self.writer.clone().try_lock_owned().map(Some).map_err(|_| nested_acquire()),
            (true, Patience::Timeout) => {
                let turn = self.writer.clone().lock_owned();
                within(self.acquire_timeout, turn, ErrorKind::PoolTimeout, "another transaction kept writing").await.map(Some)
            }
        }
    }

    /// A connection of the pool.
    pub(super) async fn connection(&self, patience: Patience) -> Result<PoolConnection<F::Db>> {
        F::check(&self.gate, &self.pool).await?;
        if patience == Patience::None {
            if !self.capabilities.reads_beside_writer {
                return Err(nested_acquire());
            }
            let is_full = self.pool.size() >= self.pool.options().get_max_connections();
            match self.pool.try_acquire() {
                Some(connection) => return Ok(connection),
                None if is_full => return Err(nested_acquire()),
                None => {}
            }
        }
        match self.pool.acquire().await {
            // The pool knows why none could be made, and does not tell.
            Err(sqlx::Error::PoolTimedOut) if self.pool.size() < self.pool.options().get_max_connections() => {
                let refusal = within(ASKING, F::refusal(&self.gate, &self.pool), ErrorKind::PoolTimeout, "").await;
                Err(refused::<F>(refusal.ok().flatten().unwrap_or(sqlx::Error::PoolTimedOut)))
            }
            acquired => acquired.map_err(refused::<F>),
        }
    }
}
