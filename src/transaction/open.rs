//! One open transaction, shared by the contexts that carry it.

use std::{
    any::Any,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use async_trait::async_trait;

use super::{
    level::Level,
    monitor::{Monitor, OpenedTransaction},
    options::{Propagation, TxOptions},
    stack::{CommitHook, LevelId, OpenLevel, Stack, aborted, run_hooks},
    step::Step,
};
use crate::{
    error::{Error, ErrorKind, Result},
    limits::Limits,
};

/// Tells stores apart within the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StoreId(u64);

impl StoreId {
    pub(crate) fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// What a backend does for one open transaction.
///
/// Dropping the value must roll the transaction back, without waiting for it, and must give its connection back clean or close
/// it. `depth` numbers the nested levels from 1.
#[async_trait]
pub trait OpenTransaction: Any + Send {
    /// Whether the next three can be asked for. If not, nested levels are one with the outermost, and the next three are never
    /// called.
    fn has_savepoints(&self) -> bool;

    /// Sets a savepoint, by its depth.
    async fn savepoint(&mut self, depth: usize) -> Result<()>;

    /// Forgets a savepoint, and all inside of it. What was done since stays.
    async fn release(&mut self, depth: usize) -> Result<()>;

    /// Undoes everything since a savepoint, and forgets it.
    async fn rollback_to(&mut self, depth: usize) -> Result<()>;

    /// Commits.
    ///
    /// # Errors
    /// [`CommitUnknown`](ErrorKind::CommitUnknown) if it cannot be told whether it did. Every other kind says that nothing was
    /// stored.
    async fn commit(self: Box<Self>) -> Result<()>;

    /// Rolls back, and waits for it.
    ///
    /// # Errors
    /// What the engine says. The connection is then closed.
    async fn rollback(self: Box<Self>) -> Result<()>;
}

/// The state of one open transaction, whatever the backend.
pub(crate) struct Transaction {
    store: StoreId,
    options: TxOptions,
    savepoints: bool,
    /// Empty once the transaction has ended. Held for one statement at a time.
    pub(super) work: tokio::sync::Mutex<Option<OpenWork>>,
    stack: Mutex<Stack>,
    monitor: Arc<Monitor>,
}

/// What a backend does for a transaction, seen from outside as long as it is there.
pub(super) struct OpenWork {
    pub(super) work: Box<dyn OpenTransaction>,
    _opened: OpenedTransaction,
}

impl Transaction {
    /// Takes charge of `work`, which has just begun, and hands out its outermost level.
    pub(crate) fn begun(store: StoreId, options: TxOptions, work: Box<dyn OpenTransaction>, monitor: Arc<Monitor>) -> Arc<Level> {
        let savepoints = work.has_savepoints();
        let mut stack = Stack::new();
        let id = stack.push();
        let work = tokio::sync::Mutex::new(Some(OpenWork { work, _opened: monitor.opened() }));
        let transaction = Arc::new(Self { store, options, savepoints, work, stack: Mutex::new(stack), monitor });
        Arc::new(Level::new(id, transaction))
    }

    /// Waits for the transaction's connection, for one statement of the level.
    pub(crate) async fn step(&self, id: LevelId) -> Result<Step<'_>> {
        let mut step = self.unguarded_step(id).await?;
        let guarded = if self.is_sandbox() && id.depth == 0 { step.guard().await } else { Ok(()) };
        match guarded {
            Ok(()) => Ok(step),
            Err(error) => step.finish(Err(error)),
        }
    }

    async fn unguarded_step(&self, id: LevelId) -> Result<Step<'_>> {
        self.stack().check(id)?;
        let _sweep = SweepOnDrop(self);
        let work = self.work.lock().await;
        self.stack().check(id)?;
        let mut step = Step::new(self, id, work);
        step.settle().await?;
        // What was undone may have been this very level, given up by another task meanwhile.
        let still_open = self.stack().check(id);
        match still_open {
            Ok(()) => Ok(step),
            Err(error) => step.finish(Err(error)),
        }
    }

    /// Opens a level inside `outer`.
    pub(crate) async fn nest(self: Arc<Self>, outer: &Level, options: &TxOptions) -> Result<Arc<Level>> {
        self.stack().check(outer.id())?;
        // To what runs in a sandbox, its transactions are not nested.
        if !self.is_sandbox() {
            options.check_nested(&self.options)?;
        }
        let is_separate = self.savepoints && (options.propagation_mode() == Propagation::Nested || outer.is_sandbox());
        let mut step = self.unguarded_step(outer.id()).await?;
        let made = if is_separate { step.any_work()?.savepoint(outer.id().depth + 1).await } else { Ok(()) };
        // While the step still holds the connection, so that no other statement comes between.
        let made = made.and_then(|()| self.stack().push_inside(outer.id(), is_separate));
        let id = step.finish(made)?;
        Ok(Arc::new(Level::new(id, self)))
    }

    pub(super) fn stack(&self) -> MutexGuard<'_, Stack> {
        self.stack.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drops the work of a transaction that has ended, unless a statement still runs: it calls this again when it is done.
    pub(super) fn sweep(&self) {
        if self.stack().has_ended()
            && let Ok(mut work) = self.work.try_lock()
        {
            work.take();
        }
    }

    fn give_up(&self, id: LevelId) {
        let levels = self.stack().abandon(id);
        drop(levels);
    }

    async fn commit_level(&self, id: LevelId) -> Result<()> {
        let mut step = self.step(id).await?;
        let is_separate = self.stack().is_separate(id);
        let released = if is_separate { step.any_work()?.release(id.depth).await } else { Ok(()) };
        step.finish(released.map(|()| self.stack().merge(id)))?;
        if self.is_sandbox() && id.depth == 1 {
            let hooks = self.stack().take_hooks();
            run_hooks(hooks);
        }
        Ok(())
    }

    async fn commit_all(&self, id: LevelId, limits: &Limits) -> Result<()> {
        let mut step = limits.bound("before it was committed", self.step(id)).await?;
        if let Err(late) = limits.check() {
            return step.finish(Err(late));
        }
        let OpenWork { work: open, _opened } = step.take()?;
        self.stack().go_on();
        let levels = self.stack().end();
        drop(step);
        let committed = limits.race("while it was committed", open.commit()).await.map_err(unanswered).flatten();
        match &committed {
            Ok(()) => self.monitor.committed(),
            Err(error) if error.kind() == ErrorKind::Contention => self.monitor.in_the_way(),
            Err(_) => {}
        }
        committed?;
        run_hooks(levels.into_iter().flat_map(OpenLevel::into_hooks));
        Ok(())
    }

    async fn roll_back_level(&self, id: LevelId) -> Result<()> {
        self.give_up(id);
        let _sweep = SweepOnDrop(self);
        let mut step = Step::new(self, id, self.work.lock().await);
        let undone = step.settle().await;
        step.finish_undo(undone)
    }

    async fn roll_back_all(&self) -> Result<()> {
        let levels = self.stack().end();
        drop(levels);
        if self.stack().obstacle().is_some_and(|error| error.kind() == ErrorKind::Contention) {
            self.monitor.in_the_way();
        }
        let _sweep = SweepOnDrop(self);
        let open = self.work.lock().await.take();
        match open {
            Some(OpenWork { work, _opened }) => work.rollback().await,
            None => Ok(()),
        }
    }
}

/// What its levels ask of it.
impl Transaction {
    pub(super) fn store(&self) -> StoreId {
        self.store
    }

    pub(super) fn is_sandbox(&self) -> bool {
        self.options.is_sandbox()
    }

    pub(super) fn is_open(&self, id: LevelId) -> bool {
        self.stack().is_open(id)
    }

    pub(super) fn remember(&self, earlier: Arc<[Error]>) {
        self.stack().remember(earlier);
    }

    pub(super) fn obstacle(&self) -> Option<Error> {
        self.stack().obstacle()
    }

    /// Notes an error that leaves the transaction as it was. Returns it with what was in the way before.
    pub(super) fn note(&self, error: Error) -> Error {
        self.stack().told(error)
    }

    pub(super) fn add_hook(&self, id: LevelId, hook: CommitHook) -> Result<()> {
        let refused = self.stack().add_hook(id, hook);
        refused.map_err(|(_hook, error)| error)
    }

    /// Rolls a level back without waiting for it.
    pub(super) fn abandon(&self, id: LevelId) {
        self.give_up(id);
        self.sweep();
    }

    pub(super) async fn commit(&self, id: LevelId, limits: &Limits) -> Result<()> {
        let committed = match id.depth {
            0 if self.is_sandbox() => return Err(Error::new(ErrorKind::Unsupported, "a sandbox is never committed")),
            0 => self.commit_all(id, limits).await,
            _ => limits.bound("while a nested transaction ended", self.commit_level(id)).await,
        };
        match committed {
            Err(error) if self.is_open(id) => {
                // Nothing was committed: the level had failed, or an inner one was still open.
                if let Err(e) = self.rollback(id).await {
                    tracing::warn!(error = %e, "rollback failed, the connection is closed instead");
                }
                Err(if error.kind() == ErrorKind::NestedAcquire { aborted(&error) } else { error })
            }
            outcome => outcome,
        }
    }

    pub(super) async fn rollback(&self, id: LevelId) -> Result<()> {
        match (self.is_open(id), id.depth) {
            (false, _) => Err(ended()),
            (true, 0) => self.roll_back_all().await,
            (true, _) => self.roll_back_level(id).await,
        }
    }
}

/// Sweeps when it is dropped, after the lock that was waited for: a turn that comes to somebody who has no use for it any more
/// must not be the last one.
struct SweepOnDrop<'a>(&'a Transaction);

impl Drop for SweepOnDrop<'_> {
    fn drop(&mut self) {
        self.0.sweep();
    }
}

/// The result of a commit that was sent and given up.
pub(crate) fn unanswered(reached: Error) -> Error {
    Error::new(ErrorKind::CommitUnknown, "the commit was not answered in time").with_source(reached)
}

pub(super) fn ended() -> Error {
    Error::new(ErrorKind::TransactionClosed, "the transaction of this context has ended")
}
