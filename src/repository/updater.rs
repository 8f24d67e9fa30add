use async_trait::async_trait;

use crate::{context::Cx, error::Result};

/// Changes stored models.
///
/// # Errors
/// - [`NotFound`](crate::ErrorKind::NotFound): no model has this id. Nothing is created, and a transaction can go on.
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
    /// Replaces all columns but the id of the model with this id, atomically, and returns it as stored. The last writer wins.
    async fn update(&self, cx: &Cx, model: &M) -> Result<M>;
}
