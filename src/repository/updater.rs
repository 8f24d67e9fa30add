use async_trait::async_trait;

use crate::{
    context::Cx,
    error::{Result, unsupported},
    query::{Changes, Filter, Query},
};

/// Changes stored models.
///
/// # Errors
/// - [`NotFound`](crate::ErrorKind::NotFound): no model has this id. Nothing is changed or created, and after a single
///   [`update`](Self::update) a transaction can go on.
/// - [`Conflict`](crate::ErrorKind::Conflict), where the repository keeps a [version](crate::RepositoryBuilder::version): the
///   model was changed since it was read. The same holds as for `NotFound`.
/// - [`Duplicate`](crate::ErrorKind::Duplicate), [`ForeignKey`](crate::ErrorKind::ForeignKey),
///   [`NotNull`](crate::ErrorKind::NotNull), [`Check`](crate::ErrorKind::Check),
///   [`InvalidInput`](crate::ErrorKind::InvalidInput), [`Unsupported`](crate::ErrorKind::Unsupported),
///   [`Corrupt`](crate::ErrorKind::Corrupt): as [`Creator`](crate::Creator). On
///   DuckDB a model that something refers to is `ForeignKey` if its table has an indexed column beside the id.
/// - [`TableMissing`](crate::ErrorKind::TableMissing): no migration has made the table.
/// - [`CommitUnknown`](crate::ErrorKind::CommitUnknown) outside a transaction: the engine's answer was lost.
/// - Those of [`Transactional`](crate::Transactional) for the way the context takes part.
///
/// # Dropping the future
/// Outside a transaction the model is changed or not, and which of the two cannot be told. Inside one, the transaction can no
/// longer commit.
#[async_trait]
pub trait Updater<M: Send + Sync>: Send + Sync {
    /// Replaces all columns but the id of the model with this id, atomically, and returns it as stored. The last writer wins,
    /// unless the repository keeps a [version](crate::RepositoryBuilder::version).
    async fn update(&self, cx: &Cx, model: &M) -> Result<M>;

    /// Updates any number of models, all or none, and returns them as stored, in the order given. Of two with one id the last is
    /// stored; with a version, that is a `Conflict`. None is fine and does nothing.
    async fn update_many(&self, cx: &Cx, models: &[M]) -> Result<Vec<M>>;

    /// Changes columns of every model that the filter selects, all or none, and returns how many there were. In which order is up
    /// to the engine: where one model takes a unique value that another gives up, that may be a `Duplicate`; so with
    /// [`update_many`](Self::update_many).
    async fn update_where(&self, cx: &Cx, filter: &Filter<M>, changes: &Changes<M>) -> Result<u64>;

    /// Changes models as [`update_where`](Self::update_where) does, and returns them as they are then, ordered by id.
    async fn update_where_returning(&self, cx: &Cx, filter: &Filter<M>, changes: &Changes<M>) -> Result<Vec<M>> {
        let _ = (cx, filter, changes);
        Err(unsupported("update_where_returning"))
    }

    /// Changes the first models of a query, which names an order and a limit, and returns them as they are then, in the order
    /// that they had before: how workers claim jobs of a queue.
    ///
    /// ```
    /// # mod job {
    /// #     use sea_orm::entity::prelude::*;
    /// #     #[sea_orm::model]
    /// #     #[derive(Clone, Debug, PartialEq, DeriveEntityModel, serde::Serialize, serde::Deserialize)]
    /// #     #[sea_orm(table_name = "job")]
    /// #     pub struct Model { #[sea_orm(primary_key)] pub id: i64, pub due: i64, pub worker: Option<String> }
    /// #     impl ActiveModelBehavior for ActiveModel {}
    /// # }
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> larder::Result<()> {
    /// use job::COLUMN;
    /// use larder::{Changes, Creator, Cx, Query, Updater, field};
    ///
    /// let (jobs, cx) = (larder::open("memory:").await?.repository::<job::Entity>(), Cx::new());
    /// let job = |id, due| job::Model { id, due, worker: None };
    /// jobs.create_many(&cx, &[job(1, 30), job(2, 10), job(3, 20)]).await?;
    /// let due = Query::new().filter(field(COLUMN.worker).is_null()).order_by(COLUMN.due).limit(2);
    /// let claimed = jobs.update_first(&cx, &due, &Changes::new().set(COLUMN.worker, "a")).await?;
    /// assert_eq!(claimed.iter().map(|job| job.id).collect::<Vec<_>>(), [2, 3]);
    /// # Ok(()) }
    /// ```
    ///
    /// If the filter selects no model any more once it was changed, no model is returned to two callers whose changes are
    /// committed. A transaction that is rolled back gives its models up again.
    ///
    /// A model that another transaction has locked or changed is never waited for. Postgres passes over it (`SKIP LOCKED`), so
    /// that the models returned are the first of those that are free, and may be fewer than the limit although others would be
    /// free later. In a transaction whose isolation is more than [`ReadCommitted`](crate::Isolation::ReadCommitted), one that was
    /// changed since the transaction began to read is [`Contention`](crate::ErrorKind::Contention). Memory and SQLite let those
    /// who write take turns. Without the [capability](crate::Capabilities::row_locks), as on DuckDB, a model that another
    /// transaction has changed is `Contention`. DuckDB needs a column of numbers, text or booleans that has no constraint but
    /// NOT NULL: a claim changes it and changes it back. A table without one is [`Unsupported`](crate::ErrorKind::Unsupported).
    ///
    /// # Errors
    /// As [`Updater`], and [`InvalidInput`](crate::ErrorKind::InvalidInput) for a query without an order or a limit, with an
    /// offset, of [deleted](Query::with_deleted) models, or of the [first of each group](Query::first_of_each).
    async fn update_first(&self, cx: &Cx, query: &Query<M>, changes: &Changes<M>) -> Result<Vec<M>> {
        let _ = (cx, query, changes);
        Err(unsupported("update_first"))
    }
}
