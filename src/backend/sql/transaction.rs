//! A transaction on one connection of an engine.

use std::sync::Arc;

use async_trait::async_trait;

use super::engine::Engine;
use crate::{
    error::{Error, ErrorKind, Result},
    transaction::{OpenTransaction, TxOptions},
};

pub(super) struct SqlTransaction<G: Engine> {
    engine: Arc<G>,
    /// Rolls back by itself when it is dropped.
    lease: G::Lease,
}

impl<G: Engine> SqlTransaction<G> {
    pub(super) async fn begin(engine: Arc<G>, mut lease: G::Lease, options: &TxOptions) -> Result<Self> {
        engine.begin(&mut lease, options).await?;
        Ok(Self { engine, lease })
    }

    pub(super) fn lease(&mut self) -> &mut G::Lease {
        &mut self.lease
    }

    async fn command(&mut self, sql: String) -> Result<()> {
        self.engine.command(&mut self.lease, sql).await
    }
}

/// What an error means after a commit was sent: without the engine's answer nobody knows whether it took effect.
pub(super) fn unknown_if_unanswered(error: Error) -> Error {
    match error.kind() {
        ErrorKind::Connection | ErrorKind::Io | ErrorKind::EngineDown => {
            Error::new(ErrorKind::CommitUnknown, "the answer to what was written was lost").with_source(error)
        }
        _ => error,
    }
}

#[async_trait]
impl<G: Engine> OpenTransaction for SqlTransaction<G> {
    async fn savepoint(&mut self, depth: usize) -> Result<()> {
        self.command(format!("SAVEPOINT larder_{depth}")).await
    }

    async fn release(&mut self, depth: usize) -> Result<()> {
        self.command(format!("RELEASE SAVEPOINT larder_{depth}")).await
    }

    async fn rollback_to(&mut self, depth: usize) -> Result<()> {
        self.command(format!("ROLLBACK TO SAVEPOINT larder_{depth}")).await?;
        self.release(depth).await
    }

    async fn commit(mut self) -> Result<()> {
        self.engine.commit(&mut self.lease).await.map_err(unknown_if_unanswered)
    }

    async fn rollback(mut self) -> Result<()> {
        self.engine.rollback(&mut self.lease).await
    }
}
