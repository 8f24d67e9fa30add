//! [`for_each_concurrent`], work on the items of a stream, several at a time.

use std::future::Future;

use futures_core::Stream;
use futures_util::TryStreamExt as _;

use crate::{
    context::{Cx, RUNNING},
    error::{Error, ErrorKind, Result},
};

/// Does `work` on each item of a stream, on at most `limit` at a time. The next item is read when there is room for it.
///
/// Everything happens in the caller's task, so several pieces of work wait at once, but only one computes at a time. Work that
/// computes for long starts a task of its own and waits for it.
///
/// # Errors
/// The first error, of the stream or of the work: nothing more is read, and work that is not done is dropped.
/// [`DeadlineExceeded`](ErrorKind::DeadlineExceeded) and [`Cancelled`](ErrorKind::Cancelled) as the limits of the context say.
/// [`InvalidInput`](ErrorKind::InvalidInput) for a limit of 0.
///
/// # Dropping the future
/// Drops the stream and the work that is not done.
///
/// ```
/// # mod note {
/// #     use sea_orm::entity::prelude::*;
/// #     #[sea_orm::compact_model]
/// #     #[derive(Clone, Debug, PartialEq, DeriveEntityModel, serde::Serialize, serde::Deserialize)]
/// #     #[sea_orm(table_name = "note")]
/// #     pub struct Model { #[sea_orm(primary_key)] pub id: i64, pub text: String }
/// #     #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
/// #     pub enum Relation {}
/// #     impl ActiveModelBehavior for ActiveModel {}
/// # }
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> larder::Result<()> {
/// use larder::{Creator, Cx, Query, Reader, Updater, for_each_concurrent};
///
/// let (store, cx) = (larder::open("memory:").await?, Cx::new());
/// let notes = store.repository::<note::Entity>();
/// for text in ["one", "two", "three"] {
///     notes.create(&cx, &note::Model { id: 0, text: text.into() }).await?;
/// }
/// let stream = notes.stream(&cx, &Query::new()).await?;
/// for_each_concurrent(&cx, stream, 2, async |note: note::Model| {
///     notes.update(&cx, &note::Model { text: note.text.to_uppercase(), ..note }).await.map(drop)
/// })
/// .await?;
/// assert_eq!(notes.find(&cx, &3).await?.map(|note| note.text).as_deref(), Some("THREE"));
/// # Ok(()) }
/// ```
pub async fn for_each_concurrent<T, E, W>(
    cx: &Cx,
    items: impl Stream<Item = Result<T, E>> + Send,
    limit: usize,
    work: impl FnMut(T) -> W + Send,
) -> Result<(), E>
where
    T: Send,
    E: From<Error> + Send,
    W: Future<Output = Result<(), E>> + Send,
{
    if limit == 0 {
        return Err(Error::new(ErrorKind::InvalidInput, "a limit of 0, with which nothing would be done").into());
    }
    cx.limits().check()?;
    cx.limits().race(RUNNING, items.try_for_each_concurrent(limit, work)).await?
}
