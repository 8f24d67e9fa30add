use async_trait::async_trait;

use crate::{context::Cx, error::Result, query::Filter};

/// Deletes stored models; or marks them, where the repository keeps a [time of deletion](crate::RepositoryBuilder::deleted_at).
///
/// # Errors
/// - [`ForeignKey`](crate::ErrorKind::ForeignKey): something still points at a model to be deleted. Nothing is deleted. Whether a
///   reference without an action counts when a cascade over a third table is about to delete what holds it, is the engine's
///   choice: on Postgres it does, on SQLite and memory it does not. DuckDB also counts what the same transaction has deleted
///   before.
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

    /// Deletes the models with these ids, all or none, and returns how many there were. An id that is named twice, or that no
    /// model has, counts for nothing.
    async fn delete_many(&self, cx: &Cx, ids: &[Id]) -> Result<u64>;

    /// Deletes every model that the filter selects, all or none, and returns how many there were. Other tables are touched only
    /// by the cascades the schema asks for.
    async fn delete_where(&self, cx: &Cx, filter: &Filter<M>) -> Result<u64>;
}
