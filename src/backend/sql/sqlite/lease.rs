//! A connection taken from the pool, how calls run on it, and how it goes back.

use tokio::runtime::Handle;

use super::{connection::Connection, pool::Pooled};
use crate::{
    backend::sql::blocking::{self, Interrupt},
    context::Access,
    error::{Error, ErrorKind, Result},
    transaction::{AccessMode, Locking, TxOptions},
};

/// A transaction that has changed no more rows than this is committed in place, where a commit does not wait for the disk.
const FEW_CHANGES: u64 = 100;

/// What a statement may do to the thread that it is run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// It is brief, or it is stopped and run again on a thread that may block.
    BriefOrAgain,
    /// It is brief, and must not be stopped.
    Brief,
    /// It may block.
    Blocking,
}

/// A connection of the pool; or, for one statement that commits together with others, none of its own.
pub(crate) struct Lease {
    connection: Option<Leased>,
}

/// The connection itself. Dropping it gives it back, rolled back if need be.
pub(super) struct Leased {
    pooled: Option<Pooled>,
    access: Access,
    /// Whether a transaction may be open: from before it is begun until its end was confirmed.
    in_transaction: bool,
    only_reads: bool,
    changes_before: u64,
    /// Whether the statement that is run next is one of a unit of work with limits.
    is_limited: bool,
    runtime: Handle,
}

impl Lease {
    pub(super) fn new(pooled: Pooled, access: Access) -> Self {
        let leased = Leased {
            pooled: Some(pooled),
            access,
            in_transaction: false,
            only_reads: false,
            changes_before: 0,
            is_limited: false,
            runtime: Handle::current(),
        };
        Self { connection: Some(leased) }
    }

    /// A lease for one statement that commits together with others.
    pub(super) fn of_group() -> Self {
        Self { connection: None }
    }

    pub(super) fn is_of_group(&self) -> bool {
        self.connection.is_none()
    }

    pub(super) fn in_transaction(&self) -> bool {
        self.connection.as_ref().is_some_and(|leased| leased.in_transaction)
    }

    /// Notes whether the next statement has limits.
    pub(super) fn limit(&mut self, is_limited: bool) {
        self.connection.iter_mut().for_each(|leased| leased.is_limited = is_limited);
    }

    /// Runs something on the connection, in place if it is brief. Dropping the future stops what only reads, or takes effect by itself.
    pub(super) async fn run<T: Send + 'static>(
        &mut self,
        pace: Pace,
        mut work: impl FnMut(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let leased = self.connection.as_mut().ok_or_else(gone)?;
        leased.check()?;
        if pace != Pace::Blocking
            && let Some(done) = leased.connection()?.briefly(pace == Pace::BriefOrAgain, &mut work)
        {
            return done;
        }
        let interrupt = leased.interrupt();
        self.call(interrupt, move |leased| leased.connection()?.at_length(&mut work)).await
    }

    /// Runs a write in a transaction of its own, in place if it is brief, so that nothing is left of one that fails. It also says for certain what
    /// became of one that is stopped: of a write that commits by itself, SQLite may say that it was stopped when it has been committed.
    pub(super) async fn run_alone<T: Send + 'static>(
        &mut self,
        syncs: bool,
        mut work: impl FnMut(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let leased = self.connection.as_mut().ok_or_else(gone)?;
        let waits = syncs || leased.pooled.as_ref().is_some_and(Pooled::waits_for_the_next_commit);
        let connection = leased.connection()?;
        if !waits && let Some(begun) = connection.briefly(false, &mut |connection| connection.command("BEGIN IMMEDIATE")) {
            begun?;
            leased.in_transaction = true;
            let connection = leased.connection()?;
            let done = connection.briefly(true, &mut work);
            if matches!(done, Some(Ok(_))) {
                match connection.briefly(false, &mut |connection| connection.command("COMMIT")) {
                    Some(committed) => committed?,
                    // Whoever is in the way of a commit is waited for.
                    None => self.call(None, |leased| leased.connection()?.at_length(&mut |c| c.command("COMMIT"))).await?,
                }
            } else if !connection.is_autocommit() && connection.command("ROLLBACK").is_err() {
                // Closing it rolls back as well.
                leased.pooled = None;
            }
            self.connection.as_mut().ok_or_else(gone)?.in_transaction = false;
            if let Some(done) = done {
                return done;
            }
        }
        self.call(None, move |leased| leased.connection()?.at_length(&mut |connection| connection.alone(&mut work))).await
    }

    /// Runs a statement of the transaction itself, such as `SAVEPOINT`. Undoing many changes takes a while.
    pub(super) async fn command(&mut self, sql: String) -> Result<()> {
        let leased = self.connection.as_mut().ok_or_else(gone)?;
        let pace = if leased.has_changed_little()? { Pace::Brief } else { Pace::Blocking };
        self.run(pace, move |connection| connection.command(&sql)).await
    }

    async fn call<T: Send + 'static>(
        &mut self,
        interrupt: Option<Interrupt>,
        work: impl FnOnce(&mut Leased) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let leased = self.connection.take().ok_or_else(gone)?;
        let work = |leased: &mut Leased| {
            blocking::unless_it_panics(|| work(leased)).unwrap_or_else(|| {
                // In whatever state it was left, it is closed.
                leased.pooled = None;
                Err(blocking::panicked())
            })
        };
        let (leased, result) = blocking::call(leased, interrupt, work).await?;
        self.connection = Some(leased);
        result
    }

    pub(super) async fn begin(&mut self, options: &TxOptions) -> Result<()> {
        let leased = self.connection.as_mut().ok_or_else(gone)?;
        leased.in_transaction = true;
        leased.only_reads = options.access_mode() == AccessMode::ReadOnly;
        leased.changes_before = leased.connection()?.total_changes();
        let only_reads = leased.only_reads;
        let begin = match (options.access_mode(), options.locking_mode()) {
            (AccessMode::ReadOnly, _) | (_, Some(Locking::Deferred)) => "BEGIN DEFERRED",
            (_, Some(Locking::Exclusive)) => "BEGIN EXCLUSIVE",
            (_, Some(Locking::Immediate) | None) => "BEGIN IMMEDIATE",
        };
        let mut begin = move |connection: &Connection| {
            if only_reads {
                // SQLite has no read-only transactions; this makes every write on the connection fail.
                connection.set_query_only(true)?;
            }
            connection.command(begin)
        };
        match leased.connection()?.briefly(false, &mut begin) {
            Some(begun) => begun,
            None => self.call(None, move |leased| leased.connection()?.at_length(&mut begin)).await,
        }
    }

    /// Ends the transaction, in place if that takes no time. Comes to its end whether the future is dropped or not.
    pub(super) async fn end(&mut self, end: &'static str, syncs: bool) -> Result<()> {
        let leased = self.connection.as_mut().ok_or_else(gone)?;
        if end == "ROLLBACK" && leased.connection()?.is_autocommit() {
            // SQLite has done it by itself.
            leased.ended();
            return Ok(());
        }
        leased.check()?;
        let mut work = move |connection: &Connection| connection.command(end);
        let is_write = leased.access == Access::Write;
        let waits = is_write && (syncs || leased.pooled.as_ref().is_some_and(Pooled::waits_for_the_next_commit));
        let is_brief = leased.has_changed_little()? && !waits;
        let done = if is_brief { leased.connection()?.briefly(false, &mut work) } else { None };
        if let Some(done) = done {
            return done.map(|()| leased.ended());
        }
        self.call(None, move |leased| leased.connection()?.at_length(&mut work).map(|()| leased.ended())).await
    }
}

fn gone() -> Error {
    Error::new(ErrorKind::Internal, "the connection is gone: a call on it was given up")
}

impl Leased {
    fn connection(&mut self) -> Result<&mut Connection> {
        self.pooled.as_mut().and_then(Pooled::connection).ok_or_else(gone)
    }

    /// Refuses to go on where SQLite has ended the transaction by itself: what follows would take effect alone.
    fn check(&mut self) -> Result<()> {
        if self.in_transaction && self.connection()?.is_autocommit() {
            return Err(Error::new(ErrorKind::TransactionAborted, "the engine has rolled the transaction back"));
        }
        Ok(())
    }

    fn has_changed_little(&mut self) -> Result<bool> {
        let before = self.changes_before;
        Ok(self.connection()?.total_changes().saturating_sub(before) <= FEW_CHANGES)
    }

    /// What stops a call when nobody waits for it any more. A write inside a transaction is stopped only by its limits: that ends all of it.
    fn interrupt(&mut self) -> Option<Interrupt> {
        let ends_all = self.in_transaction && self.access == Access::Write && !self.is_limited;
        let connection = self.connection().ok()?;
        Some(if ends_all { connection.interrupt_reading() } else { connection.interrupt() })
    }

    /// Notes that the transaction has ended. What it took with it is not undone by what fails here: the connection is closed instead.
    fn ended(&mut self) {
        self.in_transaction = false;
        if self.only_reads && self.let_write().is_err() {
            self.pooled = None;
        }
    }

    fn let_write(&mut self) -> Result<()> {
        self.only_reads = false;
        self.connection()?.set_query_only(false)
    }

    /// Leaves no transaction open, or fails. Blocks.
    fn clean(&mut self) -> Result<()> {
        let connection = self.connection()?;
        // SQLite may have ended the transaction by itself.
        if !connection.is_autocommit() {
            connection.at_length(&mut |connection| connection.command("ROLLBACK"))?;
        }
        self.in_transaction = false;
        if self.only_reads { self.let_write() } else { Ok(()) }
    }

    fn give_back(&mut self) {
        self.pooled.take().into_iter().for_each(Pooled::give_back);
    }
}

impl Drop for Leased {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // Closed, in whatever state it was left.
            self.pooled = None;
        }
        if !self.in_transaction {
            return self.give_back();
        }
        let Some(pooled) = self.pooled.take() else { return };
        let (access, only_reads, runtime) = (self.access, self.only_reads, self.runtime.clone());
        // This may run on a thread that must not wait.
        self.runtime.spawn_blocking(move || {
            let mut left = Self {
                pooled: Some(pooled),
                access,
                in_transaction: false,
                only_reads,
                changes_before: 0,
                is_limited: false,
                runtime,
            };
            if let Err(error) = left.clean() {
                tracing::debug!(%error, "a connection could not be rolled back and is closed");
                left.pooled = None;
            }
        });
    }
}
