//! The `tx` closure.

use std::{future::Future, sync::Arc};

use super::{level::Level, options::TxOptions};
use crate::{
    context::Cx,
    error::{Error, Result},
    repository::Transactional,
};

/// Transactions as closures, on a store and on any repository of it.
///
/// Every repository of the store joins when it is given the closure's context. `Ok` commits; `Err`, a panic and dropping the
/// returned future roll back, and leave no open transaction behind. Inside another transaction of the same store the closure
/// is a nested one: its failure undoes its own part, and the outer closure decides what follows. On a store without
/// [`savepoints`](crate::Capabilities::savepoints) its failure fails the whole transaction, which is then
/// [`TransactionAborted`](crate::ErrorKind::TransactionAborted).
///
/// ```
/// use larder::{Cx, Error, ErrorKind, TransactionalExt};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> larder::Result<()> {
/// let store = larder::open("memory:").await?;
/// let outcome = store
///     .tx(&Cx::new(), |cx| async move {
///         // Give `cx` to the repositories that take part.
///         assert!(cx.in_transaction());
///         Err::<(), _>(Error::new(ErrorKind::InvalidInput, "changed my mind"))
///     })
///     .await;
/// assert_eq!(outcome.unwrap_err().kind(), ErrorKind::InvalidInput);
/// # Ok(()) }
/// ```
///
/// The closure is called with a context of its own and borrows everything else, so what it uses is best a reference before it
/// starts: fields of `&self`, or `let users = &users;`. An error type that nothing else names is named at the end:
/// `Ok::<_, Error>(())`.
///
/// ```
/// # use std::sync::Arc;
/// # use larder::{Cx, Error, Storage, TransactionalExt};
/// async fn handler(names: Arc<dyn Storage<String, u64>>) -> Result<(), Error> {
///     let names = &names;
///     names
///         .tx(&Cx::new(), |cx| async move {
///             names.create(&cx, &"one".to_owned()).await?;
///             names.create(&cx, &"two".to_owned()).await?;
///             Ok(())
///         })
///         .await
/// }
/// ```
///
/// # Errors
/// - The closure's own error, as it is.
/// - [`TransactionAborted`](crate::ErrorKind::TransactionAborted) if the closure returned `Ok` although one of its statements had failed,
///   or had been dropped half-way. Nothing is stored.
/// - [`CommitUnknown`](crate::ErrorKind::CommitUnknown) if the answer to the commit was lost.
/// - What keeps a transaction from beginning: [`PoolTimeout`](crate::ErrorKind::PoolTimeout),
///   [`Closed`](crate::ErrorKind::Closed), [`Connection`](crate::ErrorKind::Connection),
///   [`NestedAcquire`](crate::ErrorKind::NestedAcquire), [`ForeignTransaction`](crate::ErrorKind::ForeignTransaction),
///   [`Unsupported`](crate::ErrorKind::Unsupported) for options the store cannot give.
///
/// # Dropping the future
/// Nothing is stored, unless the commit was already on its way: then all or nothing is.
pub trait TransactionalExt: Transactional {
    /// Runs `work` in a transaction. Write it so that it could run more than once: clone what it consumes.
    fn tx<'a, T, E, F, Fut>(&'a self, cx: &Cx, work: F) -> impl Future<Output = Result<T, E>> + Send + use<'a, Self, T, E, F, Fut>
    where
        F: Fn(Cx) -> Fut + Send + Sync + 'a,
        Fut: Future<Output = Result<T, E>> + Send + 'a,
        T: Send + 'a,
        E: From<Error> + Send + 'a,
    {
        run(self, cx.clone(), TxOptions::default(), work)
    }

    /// Like [`tx`](Self::tx), with options.
    fn tx_with<'a, T, E, F, Fut>(
        &'a self,
        cx: &Cx,
        options: TxOptions,
        work: F,
    ) -> impl Future<Output = Result<T, E>> + Send + use<'a, Self, T, E, F, Fut>
    where
        F: Fn(Cx) -> Fut + Send + Sync + 'a,
        Fut: Future<Output = Result<T, E>> + Send + 'a,
        T: Send + 'a,
        E: From<Error> + Send + 'a,
    {
        run(self, cx.clone(), options, work)
    }

    /// Like [`tx`](Self::tx), for a closure that can run only once.
    fn tx_once<'a, T, E, F, Fut>(
        &'a self,
        cx: &Cx,
        work: F,
    ) -> impl Future<Output = Result<T, E>> + Send + use<'a, Self, T, E, F, Fut>
    where
        F: FnOnce(Cx) -> Fut + Send + 'a,
        Fut: Future<Output = Result<T, E>> + Send + 'a,
        T: Send + 'a,
        E: From<Error> + Send + 'a,
    {
        run(self, cx.clone(), TxOptions::default(), work)
    }
}

impl<S: Transactional + ?Sized> TransactionalExt for S {}

async fn run<S, T, E, F, Fut>(store: &S, cx: Cx, options: TxOptions, work: F) -> Result<T, E>
where
    S: Transactional + ?Sized,
    F: FnOnce(Cx) -> Fut + Send,
    Fut: Future<Output = Result<T, E>> + Send,
    T: Send,
    E: From<Error> + Send,
{
    let cx = store.begin(&cx, options).await?;
    // A clone of the context that leaves the closure must not keep the transaction open.
    let _guard = AbandonOnDrop(cx.innermost()?.clone());
    match cx.clone().scope(work(cx.clone())).await {
        Ok(value) => {
            cx.commit().await?;
            Ok(value)
        }
        Err(error) => {
            if let Err(e) = cx.rollback().await {
                tracing::warn!(error = %e, "rollback failed, the connection is closed instead");
            }
            Err(error)
        }
    }
}

struct AbandonOnDrop(Arc<Level>);

impl Drop for AbandonOnDrop {
    fn drop(&mut self) {
        self.0.abandon();
    }
}
