//! [`Cx`], the value that carries one unit of work from the caller to every repository.

use std::{fmt, sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::{
    error::{Error, ErrorKind, Result},
    limits::Limits,
    transaction::{AcquireMode, Entry, Joined, Level, Propagation, StoreId, TxOptions},
};

tokio::task_local! {
    /// The transactions whose `tx` closures this task is inside of, to notice calls that leave one by accident.
    static CURRENT: Vec<Arc<Level>>;
}

/// What one unit of work carries: the open transaction of each store, how long it may take, and what gives it up.
///
/// A clone is cheap and means the same work. A repository joins the transaction of its store by itself:
///
/// ```
/// # use larder::{Cx, Error, ErrorKind, TransactionalExt};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> larder::Result<()> {
/// let store = larder::open("memory:").await?;
/// let cx = Cx::new();
/// let escaped = store.tx_once(&cx, |cx| async move { Ok::<Cx, Error>(cx) }).await?;
/// // The transaction has ended, and its context cannot be used by mistake.
/// assert_eq!(escaped.commit().await.unwrap_err().kind(), ErrorKind::TransactionClosed);
/// # Ok(()) }
/// ```
#[derive(Clone, Default)]
pub struct Cx {
    levels: Arc<[Arc<Level>]>,
    outside: bool,
    /// How often the transaction's closure was run before.
    repetition: u32,
    limits: Limits,
    /// What the next transaction is to be known by.
    key: Option<Arc<str>>,
}

impl Cx {
    /// A context outside any transaction.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same work, stepping outside its transactions on purpose: operations run by themselves, on a connection of their own,
    /// and stay when the transaction rolls back. A transaction opened with it is independent of the surrounding one. If the
    /// two are of different stores, the new context carries both, and each repository joins the one of its own store.
    ///
    /// Where no second connection is to be had at once, the operation is [`NestedAcquire`](ErrorKind::NestedAcquire).
    #[must_use]
    pub fn outside_tx(&self) -> Self {
        Self { outside: true, ..self.clone() }
    }

    /// A context that is in no transaction, and has the same limits.
    pub(crate) fn beside_all(&self) -> Self {
        Self { limits: self.limits.clone(), outside: true, ..Self::default() }
    }

    /// Whether operations with this context belong to a transaction that is still open. A
    /// [sandbox](crate::TransactionalExt::sandbox) is none.
    #[must_use]
    pub fn in_transaction(&self) -> bool {
        !self.outside && self.levels.iter().any(|level| level.is_open() && !level.is_sandbox())
    }

    /// The same work, known by `key`: the transaction that is begun with it next, or a write outside any, commits only if none
    /// with the same key has, on this store. It writes the key into the table `larder_commits`
    /// (`larder_migration::steps::COMMITS`), together with everything else; on a store without a schema it is just kept. If the
    /// key is there already, the transaction does not begin, its closure is not run, and the error is
    /// [`Duplicate`](ErrorKind::Duplicate), of the model `larder_commits`.
    ///
    /// After [`CommitUnknown`](ErrorKind::CommitUnknown), [`Store::has_committed`](crate::Store::has_committed) tells what became
    /// of it, and running it again with the same key never does it twice. A key is text of 1 to 255 bytes; another is
    /// [`InvalidInput`](ErrorKind::InvalidInput) when it is used. Inside the transaction it is used up: nested ones and
    /// operations do not have it.
    ///
    /// ```
    /// # use larder::{Cx, ErrorKind, TransactionalExt};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> larder::Result<()> {
    /// let store = larder::open("memory:").await?;
    /// let order = Cx::new().with_idempotency_key("order 4711");
    /// store.tx(&order, |_| async { larder::Result::Ok(()) }).await?;
    /// let again = store.tx(&order, |_| async { larder::Result::Ok(()) }).await;
    /// assert_eq!(again.map_err(|error: larder::Error| error.kind()), Err(ErrorKind::Duplicate));
    /// assert!(store.has_committed(&Cx::new(), "order 4711").await?);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn with_idempotency_key(&self, key: impl Into<Arc<str>>) -> Self {
        Self { key: Some(key.into()), ..self.clone() }
    }

    /// What an operation is to be known by.
    pub(crate) fn key_for(&self, access: Access) -> Option<&str> {
        self.key.as_deref().filter(|_| access == Access::Write)
    }

    /// The same work, which has to be done within `timeout` from now; an earlier deadline stays. It bounds the wait for a
    /// connection, statements, which are stopped in the engine as well as it can, the wait before a transaction is run again, and
    /// a commit until it is sent.
    ///
    /// An operation that is late is [`DeadlineExceeded`](ErrorKind::DeadlineExceeded), and nothing of it is stored; if it had
    /// begun, its transaction can no longer commit. Outside a transaction, a write and a statement of [`Sql`](crate::Sql) are
    /// given one of their own, so that this can be said for certain; a read of a repository is not. SQL that no transaction
    /// takes, such as `VACUUM`, needs a context without limits; a select that writes, such as of `nextval`, needs a transaction.
    /// A commit that was sent and not answered in time is [`CommitUnknown`](ErrorKind::CommitUnknown).
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use larder::{Cx, ErrorKind, TransactionalExt};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> larder::Result<()> {
    /// let store = larder::open("memory:").await?;
    /// let late = Cx::new().with_timeout(Duration::ZERO);
    /// let outcome = store.tx(&late, |_| async { Ok(()) }).await;
    /// assert_eq!(outcome.map_err(|error: larder::Error| error.kind()), Err(ErrorKind::DeadlineExceeded));
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        Self { limits: self.limits.with_timeout(timeout), ..self.clone() }
    }

    /// The same work, given up when `token` is cancelled, as it is at a [deadline](Self::with_timeout); the kind is then
    /// [`Cancelled`](ErrorKind::Cancelled). The tokens it had before stay.
    #[must_use]
    pub fn with_cancel(&self, token: CancellationToken) -> Self {
        Self { limits: self.limits.with_cancel(token), ..self.clone() }
    }

    /// How much time is left for the work, where that is limited.
    #[must_use]
    pub fn remaining(&self) -> Option<Duration> {
        self.limits.remaining()
    }

    /// The same work, within the time that a transaction is given.
    pub(crate) fn within(&self, options: &TxOptions) -> Self {
        options.time_limit().map_or_else(|| self.clone(), |timeout| self.with_timeout(timeout))
    }

    /// Runs something until it ends or a limit of the context is reached: for backends and layers, whose calls have to end then.
    /// `doing` is said by the error, such as `while it waited for a connection`.
    ///
    /// ```
    /// # use std::{future::pending, time::Duration};
    /// # use larder::{Cx, ErrorKind, Result};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let cx = Cx::new().with_timeout(Duration::from_millis(1));
    /// let late: Result<()> = cx.bound("while it waited for a reply", pending()).await;
    /// assert_eq!(late.unwrap_err().kind(), ErrorKind::DeadlineExceeded);
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`DeadlineExceeded`](ErrorKind::DeadlineExceeded) and [`Cancelled`](ErrorKind::Cancelled), and those of the work. At a
    /// limit the work is dropped.
    pub async fn bound<T: Send>(&self, doing: &'static str, work: impl Future<Output = Result<T>> + Send) -> Result<T> {
        self.limits.bound(doing, work).await
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Which attempt of its transaction a `tx` closure is: 1, and one more each time it is run again after contention. Outside of
    /// any, 1.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.repetition + 1
    }

    /// The same context, in a later attempt.
    pub(crate) fn repeated(self, repetition: u32) -> Self {
        Self { repetition, ..self }
    }

    /// Runs `hook` once, after the outermost transaction has committed, before `tx` returns. It never runs if the transaction,
    /// or the nested part it was registered in, is rolled back, or if the outcome of the commit is unknown. Hooks run in the
    /// order of registration; one that panics is logged and does not stop the others.
    ///
    /// A hook that holds the context of a transaction that was begun by hand keeps it open until it is ended by hand.
    ///
    /// # Errors
    /// [`TransactionClosed`](ErrorKind::TransactionClosed) outside an open transaction,
    /// [`TransactionAborted`](ErrorKind::TransactionAborted) in one that can no longer commit, and
    /// [`NestedAcquire`](ErrorKind::NestedAcquire) while a nested transaction is open.
    pub fn on_commit(&self, hook: impl FnOnce() + Send + 'static) -> Result<()> {
        let level = self.innermost()?;
        if level.is_sandbox() { Err(no_transaction()) } else { level.add_hook(Box::new(hook)) }
    }

    /// Commits the transaction, or releases the nested part, that [`begin`](crate::Transactional::begin) opened for this
    /// context. [`tx`](crate::TransactionalExt::tx) does this by itself.
    ///
    /// # Errors
    /// - [`TransactionAborted`](ErrorKind::TransactionAborted) if a statement of the transaction had failed: nothing is stored.
    /// - [`CommitUnknown`](ErrorKind::CommitUnknown) if the commit was sent and its answer was lost.
    /// - [`TransactionClosed`](ErrorKind::TransactionClosed) if the transaction has ended before.
    /// - [`DeadlineExceeded`](ErrorKind::DeadlineExceeded) and [`Cancelled`](ErrorKind::Cancelled) if it was too late to begin
    ///   with it: nothing is stored.
    /// - Any other kind: the engine refused to commit, for example a deferred constraint; nothing is stored.
    ///
    /// # Dropping the future
    /// The transaction is then committed or rolled back as a whole, and which of the two cannot be told.
    pub async fn commit(&self) -> Result<()> {
        self.innermost()?.commit(&self.limits).await
    }

    /// Rolls back what [`begin`](crate::Transactional::begin) opened for this context. Dropping every clone of the context does
    /// the same without waiting for it.
    ///
    /// # Errors
    /// [`TransactionClosed`](ErrorKind::TransactionClosed) if the transaction has ended before. Otherwise what the engine
    /// answered; the connection is then closed, which rolls back as well.
    pub async fn rollback(&self) -> Result<()> {
        self.innermost()?.rollback().await
    }

    /// How an operation on the store `id` takes part: joined to a transaction, or alone.
    pub(crate) fn enter(&self, id: StoreId, access: Access) -> Result<Entry> {
        self.limits.check()?;
        if !self.outside {
            let joined = self.levels.iter().rev().find(|level| level.store() == id);
            let is_foreign = match joined {
                None => !self.levels.is_empty(),
                Some(level) => level.is_sandbox() && self.levels.iter().any(|other| !other.is_sandbox()),
            };
            if access == Access::Write && is_foreign {
                self.innermost()?;
                return Err(Error::new(
                    ErrorKind::ForeignTransaction,
                    "a write to another store inside a transaction; say `cx.outside_tx()` if it is meant",
                ));
            }
            if let Some(level) = joined {
                return Ok(Entry::Joined(Joined::new(level.clone())));
            }
        }
        if self.outside && self.levels.iter().any(|level| level.store() == id && level.is_in_sandbox()) {
            return Err(Error::new(ErrorKind::Unsupported, "a sandbox has no outside"));
        }
        match (holds_connection(id), self.outside) {
            (true, false) => Err(stray()),
            (true, true) => Ok(Entry::Alone(AcquireMode::NoWait)),
            // One that was begun by hand, which might be waited for as well.
            (false, true) if self.carries(id) => Ok(Entry::Alone(AcquireMode::NoWait)),
            (false, _) => Ok(Entry::Alone(AcquireMode::Wait)),
        }
    }

    /// Whether operations on the store `id` join a transaction that is open. A sandbox counts for none.
    pub(crate) fn joins(&self, id: StoreId) -> bool {
        let joined = self.levels.iter().rev().find(|level| level.store() == id && level.is_open());
        !self.outside && joined.is_some_and(|level| !level.is_sandbox())
    }

    /// Notes a version conflict in the transaction of a store: it may be run again because of it, see
    /// [`Retry::on_conflict`](crate::Retry::on_conflict).
    pub(crate) fn note_conflict(&self, id: StoreId, error: Error) -> Error {
        let joined = self.levels.iter().rev().find(|level| level.store() == id && level.is_open());
        match joined {
            Some(level) if error.kind() == ErrorKind::Conflict && !self.outside => level.note(error),
            _ => error,
        }
    }

    fn carries(&self, id: StoreId) -> bool {
        self.levels.iter().any(|level| level.store() == id && level.is_open())
    }

    /// The context to begin a transaction with these options in.
    pub(crate) fn to_begin(&self, id: StoreId, options: &TxOptions) -> Result<Self> {
        let cx = self.within(options);
        if options.is_sandbox() && self.carries(id) {
            return Err(Error::new(ErrorKind::InvalidInput, "a sandbox inside a transaction"));
        }
        match options.propagation_mode() {
            Propagation::Nested | Propagation::Required => Ok(cx),
            Propagation::RequiresNew => Ok(cx.outside_tx()),
            Propagation::Mandatory if self.joins(id) => Ok(cx),
            Propagation::Mandatory => Err(Error::new(ErrorKind::TransactionClosed, "there is no transaction to take part in")),
            Propagation::Supports | Propagation::NotSupported | Propagation::Never => {
                Err(Error::new(ErrorKind::InvalidInput, "a propagation for closures, that may run without a transaction"))
            }
        }
    }

    /// This context inside `level`, which replaces an earlier transaction of the same store.
    pub(crate) fn inside(&self, level: Arc<Level>) -> Self {
        let others = self.levels.iter().filter(|other| other.store() != level.store());
        let key = self.key.clone().filter(|_| level.is_sandbox());
        Self { levels: others.cloned().chain([level.clone()]).collect(), outside: false, key, ..self.clone() }
    }

    /// Whether what is done later, by another task, is to wait for a transaction to commit. It is an error if that transaction
    /// has ended, and if this task is inside one that the context does not know of.
    pub(crate) fn waits_for_commit(&self) -> Result<bool> {
        if self.outside {
            return Ok(false);
        }
        if !self.levels.is_empty() {
            return self.innermost().map(|_| true);
        }
        match is_inside_any() {
            true => Err(stray()),
            false => Ok(false),
        }
    }

    /// Whether the context or the task is in any transaction that is still open.
    pub(crate) fn is_in_any(&self) -> bool {
        is_inside_any() || self.levels.iter().any(|level| level.is_open())
    }

    pub(crate) fn is_in_sandbox(&self) -> bool {
        self.levels.iter().any(|level| level.is_in_sandbox())
    }

    pub(crate) fn innermost(&self) -> Result<&Arc<Level>> {
        let level = self.levels.last().filter(|_| !self.outside).ok_or_else(no_transaction)?;
        if level.is_open() { Ok(level) } else { Err(no_transaction()) }
    }

    /// Runs `future` as the closure of this context's transaction.
    pub(crate) async fn scope<F: Future>(self, future: F) -> F::Output {
        let mut current = CURRENT.try_with(Clone::clone).unwrap_or_default();
        current.extend(self.levels.iter().cloned());
        CURRENT.scope(current, future).await
    }
}

fn no_transaction() -> Error {
    Error::new(ErrorKind::TransactionClosed, "the context has no open transaction")
}

fn stray() -> Error {
    Error::new(
        ErrorKind::NestedAcquire,
        "called with a context from outside the transaction this task has open; \
         pass the closure's own context, or say `cx.outside_tx()` if it is meant",
    )
}

/// `future`, for a task of its own, inside the closures that this task is inside of.
pub(crate) fn carried<F: Future>(future: F) -> impl Future<Output = F::Output> {
    let current = CURRENT.try_with(Clone::clone).unwrap_or_default();
    CURRENT.scope(current, future)
}

impl fmt::Debug for Cx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cx").field("in_transaction", &self.in_transaction()).field("outside", &self.outside).finish()
    }
}

/// Whether this task runs inside a `tx` closure of the store `id`, and so holds one of its connections.
fn holds_connection(id: StoreId) -> bool {
    is_inside(|level| level.store() == id)
}

/// Whether this task runs inside any `tx` closure.
fn is_inside_any() -> bool {
    is_inside(|_| true)
}

fn is_inside(one: impl Fn(&Level) -> bool) -> bool {
    CURRENT.try_with(|levels| levels.iter().any(|level| level.is_open() && one(level))).unwrap_or(false)
}

/// What an operation does to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It only reads.
    Read,
    /// It may write.
    Write,
}

/// What an operation is doing that waits for a connection, or for its turn.
pub(crate) const WAITING: &str = "while it waited for a connection";

/// What an operation is doing that has one.
pub(crate) const RUNNING: &str = "while the statement ran";
