use async_trait::async_trait;

use crate::{context::Cx, error::Result};

/// Reads models.
///
/// Inside a transaction a read sees what the transaction has written; outside it sees what is committed, and never a part of
/// another transaction. With a context inside a transaction of another store, a read runs by itself.
///
/// # Errors
/// - [`Corrupt`](crate::ErrorKind::Corrupt): what is stored cannot be read as the model.
/// - [`TableMissing`](crate::ErrorKind::TableMissing): no migration has made the table.
/// - Those of [`Transactional`](crate::Transactional) for the way the context takes part.
///
/// A model that does not exist is never an error here, and an error never looks like one that does not exist.
///
/// # Dropping the future
/// Changes nothing. Inside a transaction, the transaction can no longer commit: the engine's answer to the read is unknown.
#[async_trait]
pub trait Reader<M: Send + Sync, Id: Send + Sync>: Send + Sync {
    /// The model with this id, if it exists.
    async fn find(&self, cx: &Cx, id: &Id) -> Result<Option<M>>;

    /// The models with these ids, in the order asked, those that do not exist left out. An id asked for twice is answered twice.
    /// Any number of ids can be asked for; outside a transaction a long list is read in parts, which may see different moments.
    async fn find_many(&self, cx: &Cx, ids: &[Id]) -> Result<Vec<M>>;

    /// Every model, ordered by id: text by its bytes, times by instant, composite ids column by column.
    async fn all(&self, cx: &Cx) -> Result<Vec<M>>;

    /// How many models there are.
    async fn count(&self, cx: &Cx) -> Result<u64>;
}
