use async_trait::async_trait;

use crate::{
    context::Cx,
    error::Result,
    query::{Changes, Filter},
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
}
