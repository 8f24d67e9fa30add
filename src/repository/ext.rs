use std::future::Future;

use super::Reader;
use crate::{
    context::Cx,
    error::{Result, not_found},
};

/// What callers of a [`Reader`] find convenient.
pub trait ReaderExt<M: Send + Sync, Id: Send + Sync>: Reader<M, Id> {
    /// The model with this id.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if it does not exist; a transaction can go on. Otherwise those of [`Reader`].
    fn get<'a>(&'a self, cx: &'a Cx, id: &'a Id) -> impl Future<Output = Result<M>> + Send + 'a
    where
        M: 'a,
    {
        async move { self.find(cx, id).await?.ok_or_else(not_found) }
    }

    /// Whether a model with this id exists.
    ///
    /// # Errors
    /// Those of [`Reader`].
    fn exists<'a>(&'a self, cx: &'a Cx, id: &'a Id) -> impl Future<Output = Result<bool>> + Send + 'a
    where
        M: 'a,
    {
        async move { Ok(self.find(cx, id).await?.is_some()) }
    }
}

impl<M: Send + Sync, Id: Send + Sync, R: Reader<M, Id> + ?Sized> ReaderExt<M, Id> for R {}
