//! The `tx` closure.

use std::{future::Future, sync::Arc};

use super::{
    level::Level,
    options::{Propagation, TxOptions},
};
use crate::{
    clock::pause,
    context::Cx,
    error::{Error, ErrorKind, Result},
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
/// # Isolation
/// What a closure has read does not change under it: of two transactions that read a model, change it and update it, the second
/// is [`Contention`](crate::ErrorKind::Contention) and is run again, so that neither update is lost. This is
/// [`Isolation::RepeatableRead`](crate::Isolation::RepeatableRead), the default on every backend; [`TxOptions::isolation`] asks
/// for more or less. `tx_once` and a transaction that is begun by hand are not run again, and answer the contention.
///
/// # Contention
/// Where another transaction was in the way ([`Contention`](crate::ErrorKind::Contention): a serialization failure, a deadlock, a
/// database that stayed locked, a write conflict), the transaction is rolled back and the whole closure is run again after a
/// while, as [`Retry`](crate::Retry) says. This goes by what happened to the transaction last, whatever the closure makes of it:
/// its own error, another, or `Ok`. What it does beside the store it therefore does again; [`Cx::on_commit`] is for what may
/// happen once. [`Retry::on_conflict`](crate::Retry::on_conflict) does the same after a version conflict, unless the closure
/// deals with that and returns `Ok`. If there is not enough time left to wait, or it is cancelled meanwhile, the error is that of
/// the last attempt. A nested transaction is not run again by itself. Nothing else is retried.
///
/// # Errors
/// - The closure's own error, as it is. Contention that lasted tells by [`Error::earlier`] what was in the way of the earlier
///   attempts.
/// - [`TransactionAborted`](crate::ErrorKind::TransactionAborted) if the closure returned `Ok` although one of its statements had
///   failed, or had been dropped half-way. Nothing is stored.
/// - [`DeadlineExceeded`](crate::ErrorKind::DeadlineExceeded) or [`Cancelled`](crate::ErrorKind::Cancelled) if a limit of the
///   context or of the options was reached while the closure ran: its future is dropped, and nothing is stored.
/// - [`CommitUnknown`](crate::ErrorKind::CommitUnknown) if the answer to the commit was lost.
/// - [`Duplicate`](crate::ErrorKind::Duplicate) of the model `larder_commits` if a transaction with the context's
///   [idempotency key](Cx::with_idempotency_key) has committed: the closure was not run.
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
        run_again(self, cx.clone(), TxOptions::default(), work)
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
        run_again(self, cx.clone(), options, work)
    }

    /// Like [`tx`](Self::tx), for a closure that can run only once: it is not run again.
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
        let cx = cx.clone();
        async move { attempt(self, cx, TxOptions::default(), &[].into(), work).await.map_err(|failed| failed.error) }
    }

    /// Opens a sandbox, for tests: a context in which an application's own code runs as outside any transaction, and of which
    /// nothing is stored.
    ///
    /// It is a transaction that is never committed. Its `tx` closures are parts of it: they commit, fail, nest and see each other
    /// as usual, and what waits for their commit runs; an operation by itself that fails fails nothing else. [`Cx::rollback`], or
    /// dropping the last clone of the context, ends it.
    ///
    /// What differs: one thing is done at a time (an operation beside an open `tx` is
    /// [`NestedAcquire`](crate::ErrorKind::NestedAcquire)); nobody else sees anything of it; isolation and access mode are
    /// checked and then have no effect; contention is not run again. A call that wants to step outside, by [`Cx::outside_tx`] or
    /// a propagation, is [`Unsupported`](crate::ErrorKind::Unsupported). Dropping a future half-way may end the sandbox: what
    /// follows is then [`TransactionAborted`](crate::ErrorKind::TransactionAborted). Of several stores, each has its own:
    /// `other.sandbox(&cx)` adds one.
    ///
    /// ```
    /// # use larder::{Cx, TransactionalExt};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> larder::Result<()> {
    /// async fn application(store: &larder::Store, cx: &Cx) -> larder::Result<()> {
    ///     store.tx(cx, |cx| async move { cx.on_commit(|| println!("committed, as far as it knows")) }).await
    /// }
    ///
    /// let store = larder::open("memory:").await?;
    /// let sandbox = store.sandbox(&Cx::new()).await?;
    /// application(&store, &sandbox).await?;
    /// sandbox.rollback().await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) on a store without [`savepoints`](crate::Capabilities::savepoints),
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) inside a transaction, and what else keeps a transaction from beginning.
    fn sandbox<'a>(&'a self, cx: &Cx) -> impl Future<Output = Result<Cx>> + Send + use<'a, Self> {
        let cx = cx.clone();
        async move { self.begin(&cx, TxOptions::sandbox()).await }
    }
}

impl<S: Transactional + ?Sized> TransactionalExt for S {}

/// Runs a closure until nothing is in its way, as often as the options allow.
async fn run_again<S, T, E, F, Fut>(store: &S, cx: Cx, options: TxOptions, work: F) -> Result<T, E>
where
    S: Transactional + ?Sized,
    F: Fn(Cx) -> Fut + Send + Sync,
    Fut: Future<Output = Result<T, E>> + Send,
    T: Send,
    E: From<Error> + Send,
{
    let cx = match propagate(store, cx.within(&options), &options)? {
        TxScope::Transaction(cx) => cx,
        TxScope::NoTransaction(cx) => {
            let worked = cx.limits().race("while its closure ran", work(cx.clone())).await;
            return worked.unwrap_or_else(|reached| Err(reached.into()));
        }
    };
    let mut earlier: Arc<[Error]> = Arc::new([]);
    loop {
        let Failed { error, obstacle } = match attempt(store, cx.clone(), options, &earlier, &work).await {
            Ok(value) => return Ok(value),
            Err(failed) => failed,
        };
        let Some(obstacle) = obstacle else { return Err(error) };
        earlier = earlier.iter().cloned().chain([obstacle.after(Arc::new([]))]).collect();
        let attempts = u32::try_from(earlier.len()).unwrap_or(u32::MAX);
        let Some(wait) = options.retry_policy().after(attempts, fastrand::f64()) else { return Err(error) };
        if cx.remaining().is_some_and(|remaining| remaining <= wait) {
            return Err(error);
        }
        tracing::debug!(attempts, ?wait, "something was in the way: the transaction is run again");
        if cx.limits().race("while it waited to be run again", pause(wait)).await.is_err() {
            return Err(error);
        }
    }
}

/// The scope that a closure runs in.
enum TxScope {
    Transaction(Cx),
    NoTransaction(Cx),
}

fn propagate<S: Transactional + ?Sized>(store: &S, cx: Cx, options: &TxOptions) -> Result<TxScope> {
    let is_joined = store.is_joined_by(&cx);
    match options.propagation_mode() {
        Propagation::Supports if !is_joined => Ok(TxScope::NoTransaction(cx)),
        Propagation::NotSupported => Ok(TxScope::NoTransaction(cx.outside_tx())),
        Propagation::Never if is_joined => Err(Error::new(ErrorKind::InvalidInput, "called inside a transaction")),
        Propagation::Never => Ok(TxScope::NoTransaction(cx)),
        _ => Ok(TxScope::Transaction(cx)),
    }
}

/// Why an attempt came to nothing.
struct Failed<E> {
    error: E,
    /// What was in its way, where running it again may help.
    obstacle: Option<Error>,
}

/// Runs `work` in a transaction with these options, once.
pub(crate) async fn run_once<S, T, F, Fut>(store: &S, cx: &Cx, options: TxOptions, work: F) -> Result<T>
where
    S: Transactional + ?Sized,
    F: FnOnce(Cx) -> Fut + Send,
    Fut: Future<Output = Result<T>> + Send,
    T: Send,
{
    attempt(store, cx.clone(), options, &[].into(), work).await.map_err(|failed| failed.error)
}

async fn attempt<S, T, E, F, Fut>(store: &S, cx: Cx, options: TxOptions, earlier: &Arc<[Error]>, work: F) -> Result<T, Failed<E>>
where
    S: Transactional + ?Sized,
    F: FnOnce(Cx) -> Fut + Send,
    Fut: Future<Output = Result<T, E>> + Send,
    T: Send,
    E: From<Error> + Send,
{
    let options = match options.propagation_mode() {
        // Without a transaction, it does not come to this.
        Propagation::Supports => options.propagation(Propagation::Required),
        _ => options,
    };
    let is_nested = store.is_joined_by(&cx) && options.propagation_mode() != Propagation::RequiresNew;
    let failed = |error: Error| {
        let is_obstacle = error.kind() == ErrorKind::Contention && !is_nested;
        let error = if is_obstacle { error.after(earlier.clone()) } else { error };
        Failed { obstacle: is_obstacle.then(|| error.clone()), error: error.into() }
    };
    let mut cx = store.begin(&cx, options).await.map_err(failed)?;
    let level = cx.innermost().map_err(failed)?.clone();
    // A clone of the context that leaves the closure must not keep the transaction open.
    let _guard = AbandonOnDrop(level.clone());
    if level.is_outermost() {
        level.remember(earlier.clone());
        cx = cx.repeated(u32::try_from(earlier.len()).unwrap_or(u32::MAX));
    }
    // Only the whole transaction can be run again.
    let retry = options.retry_policy();
    let obstacle = || level.obstacle().filter(|error| level.is_outermost() && retry.is_for(error));
    let worked = cx.limits().race("while its closure ran", cx.clone().scope(work(cx.clone()))).await;
    let worked = match worked {
        Ok(worked) => worked,
        Err(reached) => {
            roll_back(&cx).await;
            return Err(Failed { obstacle: None, error: reached.into() });
        }
    };
    match worked {
        Ok(value) => match cx.commit().await {
            Ok(()) => Ok(value),
            Err(error) if error.kind() == ErrorKind::Contention && level.is_outermost() => {
                let error = error.after(earlier.clone());
                Err(Failed { obstacle: Some(error.clone()), error: error.into() })
            }
            Err(error) => {
                let is_known = error.kind() != ErrorKind::CommitUnknown;
                Err(Failed { obstacle: obstacle().filter(|_| is_known), error: error.into() })
            }
        },
        Err(error) => {
            roll_back(&cx).await;
            Err(Failed { obstacle: obstacle(), error })
        }
    }
}

async fn roll_back(cx: &Cx) {
    if let Err(e) = cx.rollback().await {
        tracing::warn!(error = %e, "rollback failed, the connection is closed instead");
    }
}

struct AbandonOnDrop(Arc<Level>);

impl Drop for AbandonOnDrop {
    fn drop(&mut self) {
        self.0.abandon();
    }
}
