//! Which model of a batch was refused.

use std::ops::Range;

use super::Storage;
use crate::{
    context::Cx,
    error::{Error, ErrorKind, Result},
    query::OnConflict,
    transaction::TxOptions,
};

/// How many models of a batch are tried again at most where a store has no savepoints: each attempt begins with the first model.
const MAX_WITHOUT_SAVEPOINTS: usize = 10_000;

/// An operation on many models.
pub(super) enum BatchCall<'a, M, Id> {
    Create(&'a [M]),
    Upsert(&'a [M], &'a OnConflict<M>),
    Update(&'a [M]),
    Delete(&'a [Id]),
}

impl<M: Send + Sync, Id: Send + Sync> BatchCall<'_, M, Id> {
    fn len(&self) -> usize {
        match self {
            Self::Create(models) | Self::Upsert(models, _) | Self::Update(models) => models.len(),
            Self::Delete(ids) => ids.len(),
        }
    }

    /// Does it again with some of the models.
    async fn again(&self, storage: &dyn Storage<M, Id>, cx: &Cx, part: Range<usize>) -> Result<()> {
        match self {
            Self::Create(models) => storage.create_batch(cx, models.get(part).unwrap_or_default()).await.map(drop),
            Self::Upsert(models, on_conflict) => {
                storage.upsert_batch(cx, models.get(part).unwrap_or_default(), on_conflict).await.map(drop)
            }
            Self::Update(models) => storage.update_many(cx, models.get(part).unwrap_or_default()).await.map(drop),
            Self::Delete(ids) => storage.delete_many(cx, ids.get(part).unwrap_or_default()).await.map(drop),
        }
    }

    /// Names in an error of the batch the index of the first model that was refused, if it is about one.
    pub(super) async fn indexed<R>(self, storage: &dyn Storage<M, Id>, cx: &Cx, result: Result<R>) -> Result<R> {
        match result {
            Ok(done) => Ok(done),
            // Boxed, because it is rare: its state would enlarge that of every call.
            Err(error) => Err(Box::pin(self.with_index(storage, cx, error)).await),
        }
    }

    /// Outside a transaction, parts of the batch are tried again in a transaction that is rolled back, by bisection. Inside one
    /// nothing can be tried again.
    async fn with_index(self, storage: &dyn Storage<M, Id>, cx: &Cx, error: Error) -> Error {
        if error.index().is_some() || !is_about_a_model(error.kind()) {
            return error;
        }
        if self.len() == 1 {
            return error.at_index(0);
        }
        let is_short = storage.capabilities().savepoints || self.len() <= MAX_WITHOUT_SAVEPOINTS;
        if storage.is_joined_by(cx) || !is_short {
            return error;
        }
        match self.search(storage, cx, error.kind()).await {
            Ok(Some(index)) => error.at_index(index),
            _ => error,
        }
    }

    /// Returns `None` if nothing is refused any more, or in another way.
    async fn search(&self, storage: &dyn Storage<M, Id>, cx: &Cx, kind: ErrorKind) -> Result<Option<usize>> {
        let has_savepoints = storage.capabilities().savepoints;
        let outer = if has_savepoints { Some(storage.begin(cx, TxOptions::new()).await?) } else { None };
        // What is before `low` was accepted. What is before `high` was refused as a whole, except at first.
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high).max(low + 1);
            let from = if has_savepoints { low } else { 0 };
            let inner = storage.begin(outer.as_ref().unwrap_or(cx), TxOptions::new()).await?;
            match self.again(storage, &inner, from..middle).await {
                Ok(()) => {
                    if has_savepoints {
                        inner.commit().await?;
                    } else {
                        inner.rollback().await?;
                    }
                    low = middle;
                }
                Err(error) => {
                    inner.rollback().await?;
                    if error.kind() != kind {
                        return Ok(None);
                    }
                    if middle == low + 1 {
                        return Ok(Some(low));
                    }
                    high = middle;
                }
            }
        }
        Ok(None)
    }
}

fn is_about_a_model(kind: ErrorKind) -> bool {
    use ErrorKind as K;
    matches!(kind, K::Duplicate | K::ForeignKey | K::Check | K::NotNull | K::InvalidInput | K::NotFound | K::Conflict)
}
