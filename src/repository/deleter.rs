use async_trait::async_trait;

use crate::{
    context::Cx,
    error::{Result, unsupported},
    query::{Filter, Query},
};

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

    /// Deletes models as [`delete_where`](Self::delete_where) does, and returns them as they were, ordered by id. Where the
    /// repository marks them instead, they are returned as they are then.
    async fn delete_where_returning(&self, cx: &Cx, filter: &Filter<M>) -> Result<Vec<M>> {
        let _ = (cx, filter);
        Err(unsupported("delete_where_returning"))
    }

    /// Deletes the first models of a query, which names an order and a limit, and returns them in its order, as
    /// [`delete_where_returning`](Self::delete_where_returning) does.
    ///
    /// What [`update_first`](crate::Updater::update_first) says of models that others have locked or changed, and of the query,
    /// holds here too: no model is returned to two callers whose deletions are committed.
    async fn delete_first(&self, cx: &Cx, query: &Query<M>) -> Result<Vec<M>> {
        let _ = (cx, query);
        Err(unsupported("delete_first"))
    }
}
