//! The door: what a backend does for the repositories above it, which know the types of models. Below it, no type of an entity is known.

pub(crate) mod memory;
#[cfg_attr(not(feature = "_sql"), expect(dead_code, reason = "engines need the rest of it"))]
mod models;
mod operation;
#[cfg(feature = "_sql")]
pub(crate) mod sql;
mod turns;

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use sea_orm::Statement;

pub(crate) use self::{
    models::{Decoder, Models, Parts, Rows},
    operation::{Answer, Read, Write},
};
use crate::{
    clock::Clock,
    context::{Access, Cx, Leaves},
    dialect::Dialect,
    error::Result,
    health::Health,
    query::Selection,
    repository::Transactional,
    row::Row,
    store::StatementCounts,
    table::Table,
    transaction::StoreId,
};

/// A kind of store.
#[async_trait]
pub(crate) trait Backend: Transactional {
    /// What its transactions are known by.
    fn id(&self) -> StoreId;

    fn name(&self) -> &'static str;

    /// The dialect of SQL that it understands.
    ///
    /// # Errors
    /// `Unsupported` if it understands none.
    fn dialect(&self) -> Result<Dialect>;

    fn clock(&self) -> &Arc<dyn Clock>;

    /// How often statements were prepared, and found prepared, as far as it says.
    fn statement_counts(&self) -> StatementCounts;

    /// What it does for a table.
    fn table(&self, table: Arc<Table>) -> Arc<dyn TableBackend>;

    /// Runs a statement that a caller wrote, and answers how many rows it changed.
    async fn execute(&self, cx: &Cx, statement: Statement, leaves: Leaves) -> Result<u64>;

    /// Runs a statement that a caller wrote, and answers models.
    async fn models(
        &self,
        cx: &Cx,
        access: Access,
        statement: Statement,
        leaves: Leaves,
        decoder: Arc<dyn Decoder>,
    ) -> Result<Box<dyn Models>>;

    /// Runs a statement that a caller wrote, and answers rows with the types that the engine says.
    async fn rows(&self, cx: &Cx, access: Access, statement: Statement, leaves: Leaves) -> Result<Vec<Row>>;

    async fn health(&self, cx: &Cx) -> Health;

    /// Whether a transaction with this idempotency key has committed.
    async fn has_committed(&self, cx: &Cx, key: &str) -> Result<bool>;

    /// Refuses further work, waits for what runs, and lets go of what it holds.
    async fn close(&self);
}

/// What a backend does for one table. The promises are those of the contract's traits: atomicity, order, and what a dropped future leaves behind.
#[async_trait]
pub(crate) trait TableBackend: Send + Sync {
    /// Refuses a table that the backend cannot keep models in.
    fn check(&self) -> Result<()>;

    /// Reads. Models are made by the decoder.
    fn read<'a>(&'a self, cx: &'a Cx, read: Read, decoder: &'a Arc<dyn Decoder>) -> BoxFuture<'a, Result<Answer>>;

    /// Writes, as a whole or not at all. Models are made by the decoder.
    fn write<'a>(&'a self, cx: &'a Cx, write: Write<'a>, decoder: &'a Arc<dyn Decoder>) -> BoxFuture<'a, Result<Answer>>;

    /// The models of a selection in parts. Returns `None` in a transaction of the store's, whose connection others use meanwhile: there, each part is to be
    /// selected by itself.
    async fn stream(&self, cx: &Cx, selection: Selection, decoder: Arc<dyn Decoder>) -> Result<Option<Parts>>;
}
