//! The door: what a backend does for the repositories above it, which know the types of models. Below it, no type of an entity is
//! known.
//!
//! A program that only uses larder needs nothing of it. It is for authors of backends and of [layers](crate::layer).

mod admission;
pub(crate) mod log;
pub(crate) mod memory;
mod models;
mod operation;
#[cfg(feature = "_sql")]
pub(crate) mod sql;
mod tables;
mod turns;

use std::sync::Arc;

use async_trait::async_trait;
pub use futures_util::future::BoxFuture;

pub use self::{
    models::{Decoder, Models, Parts, Rows},
    operation::{Answer, Leaves, Read, SqlRequest, Wanted, Write},
    tables::{TableWrite, Tables, TablesBackend, TablesSource, TablesTransaction, TablesWriter},
};
use crate::{
    clock::Clock, context::Cx, dialect::Dialect, error::Result, health::Health, repository::Transactional,
    statement_counts::StatementCounts,
};
pub use crate::{
    context::Access,
    query::{Change, Comparison, Resolution, ResolvedFilter, Selection, Test, Tree},
    table::Table,
    transaction::{AcquireMode, Entry, Joined, OpenTransaction, Step, StoreId, TransactionSource, Transactions},
    value::{Key, Put, ReadRow, decode_row, encode_row},
};

/// A kind of store: memory, a database, or a [layer](crate::layer) around another backend.
#[async_trait]
pub trait Backend: Transactional {
    /// What its transactions are known by. A layer has the id of the backend it wraps: repositories of both take part in one
    /// transaction.
    fn id(&self) -> StoreId;

    /// What kind of store it is, such as `sqlite`.
    fn name(&self) -> &'static str;

    /// The dialect of SQL that it understands.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) if it understands none.
    fn dialect(&self) -> Result<Dialect>;

    /// Where it takes the current time from.
    fn clock(&self) -> &Arc<dyn Clock>;

    /// How often statements were prepared, and found prepared. Returns `None` if it does not count them.
    fn statement_counts(&self) -> Option<StatementCounts>;

    /// What it does for a table.
    fn table(&self, table: Arc<Table>) -> Arc<dyn TableBackend>;

    /// Runs a statement that a caller wrote, in the transaction of the context if there is one.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) if it understands no SQL.
    async fn sql(&self, cx: &Cx, request: SqlRequest) -> Result<Answer>;

    /// Runs a probe query and returns the store's health. Takes part in no transaction.
    async fn health(&self, cx: &Cx) -> Health;

    /// Whether a transaction with this idempotency key has committed. One that has begun and not ended is waited for.
    async fn has_committed(&self, cx: &Cx, key: &str) -> Result<bool>;

    /// Refuses further work, waits for what runs, and lets go of what it holds.
    async fn close(&self);
}

/// What a backend does for one table. The promises are those of the contract's traits: atomicity, order, and what a dropped
/// future leaves behind.
#[async_trait]
pub trait TableBackend: Send + Sync {
    /// Refuses a table that the backend cannot keep models in.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported), which names the column that is the reason, if it is one.
    fn check(&self) -> Result<()>;

    /// Reads. Models are made by the decoder.
    fn read<'a>(&'a self, cx: &'a Cx, read: Read, decoder: &'a Arc<dyn Decoder>) -> BoxFuture<'a, Result<Answer>>;

    /// Writes, as a whole or not at all. Models are made by the decoder.
    fn write<'a>(&'a self, cx: &'a Cx, write: Write<'a>, decoder: &'a Arc<dyn Decoder>) -> BoxFuture<'a, Result<Answer>>;

    /// The models of a selection in parts. Returns `None` in a transaction of the store's, whose connection others use meanwhile:
    /// there, each part is to be selected by itself.
    async fn stream(&self, cx: &Cx, selection: Selection, decoder: Arc<dyn Decoder>) -> Result<Option<Parts>>;
}
