use async_trait::async_trait;

use crate::{context::Cx, error::Result};

/// Deletes stored models.
///
/// # Errors
/// - [`ForeignKey`](crate::ErrorKind::ForeignKey): something still points at a model to be deleted. Nothing is deleted. Whether a
///   reference without an action counts when a cascade over a third table is about to delete what holds it, is the engine's
///   choice: on Postgres it does, on SQLite and memory it does not. DuckDB also counts what the same transaction has deleted before.
/// - [`TableMissing`](crate::ErrorKind::TableMissing): no migration has made the table.
/// - [`CommitUnknown`](crate::ErrorKind::CommitUnknown) outside a transaction: the engine's answer was lost.
/// - Those of [`Transactional`](crate::Transactional) for the way the context takes part.
///
/// # Dropping the future
/// Outside a transaction all or nothing is deleted, and which of the two cannot be told. Inside one, the transaction can no
/// longer commit.
#[async_trait]
pub trait Deleter<M: Send + Sync, Id: Send + Sync>: Send + Sync {
    /// Deletes the model with this id. Idempotent: true where something was there, false where nothing was.
    async fn delete(&self, cx: &Cx, id: &Id) -> Result<bool>;

    /// Deletes every model of this repository, atomically, and returns how many there were. Other tables are touched only by
    /// the cascades the schema asks for.
    async fn delete_all(&self, cx: &Cx) -> Result<u64>;
}
