//! [`SqlxGuard`], a connection taken from the pool, and how it goes back.

use std::{
    collections::BTreeMap,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Waker},
    time::Duration,
};

use futures_util::future::maybe_done;
use sqlx::{Pool, pool::PoolConnection};
use tokio::{runtime::Handle, sync::OwnedMutexGuard};

use super::{
    flavor::{Flavor, FlavorConnection},
    pooled_connection::SqlxPooledConnection,
};
use crate::{
    backend::sql::Catalog,
    clock::{Moment, this_moment, within},
    error::{Error, ErrorKind, Result},
    table::{Table, TableIdentity},
    transaction::{AccessMode, Locking, TxOptions},
};

/// How long a connection may take to roll back what its user left behind, before it is closed instead.
pub(super) const CLEANUP_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection of the pool.
///
/// One whose transaction has not ended is rolled back by a task of its own when the guard is dropped, and goes back to the pool
/// only if that succeeds; otherwise it is closed, which rolls back too. The task ends within three times [`CLEANUP_TIMEOUT`].
pub(crate) struct SqlxGuard<F: Flavor> {
    connection: Option<SqlxPooledConnection<F>>,
    /// The turn to write, held until the connection is clean again.
    turn: Option<OwnedMutexGuard<()>>,
    /// The runtime that the connection belongs to.
    runtime: Handle,
    /// Whether a transaction may be open on the connection: from before it is begun until its end was confirmed.
    in_transaction: bool,
    /// The statement that resets the connection after the transaction.
    after: Option<&'static str>,
    /// Whether the transaction is read-only.
    only_reads: bool,
    /// Whether the transaction takes the right to write only with its first write.
    writes_late: bool,
    /// Whether the connection is closed after its use.
    is_outdated: bool,
    /// Whether the server's next answer may be that to an earlier statement.
    is_out_of_step: bool,
    /// Whether a statement runs. A statement may go on after its future was dropped.
    is_busy: Arc<AtomicBool>,
    /// Whether that statement is a commit. A commit is never stopped, because it may have taken effect; only its wait for
    /// a replica is given up.
    commits: bool,
    stopper: Option<F::Stopper>,
    /// Whether the unit of work has limits.
    is_limited: bool,
    /// The catalogs of tables, and when they were looked up.
    seen: BTreeMap<TableIdentity, (Moment, Arc<Catalog>)>,
}

impl<F: Flavor> SqlxGuard<F> {
    /// A guard of a connection that belongs to `runtime`. `is_replaced`: the pool opens another for one that is closed.
    pub(super) fn new(
        connection: PoolConnection<F::Db>,
        runtime: Handle,
        is_replaced: bool,
        turn: Option<OwnedMutexGuard<()>>,
    ) -> Self {
        Self {
            connection: Some(SqlxPooledConnection::new(connection, is_replaced)),
            turn,
            runtime,
            in_transaction: false,
            after: None,
            only_reads: false,
            writes_late: false,
            is_outdated: false,
            is_out_of_step: false,
            is_busy: Arc::default(),
            commits: false,
            stopper: None,
            is_limited: false,
            seen: BTreeMap::new(),
        }
    }

    /// The connection, for one statement. [`done`](Self::done) notes its end.
    pub(super) fn connection(&mut self) -> Result<&mut FlavorConnection<F>> {
        if self.is_out_of_step {
            return Err(Error::new(ErrorKind::Connection, "a statement was given up, and its connection with it"));
        }
        self.is_busy.store(true, Ordering::Relaxed);
        self.connection.as_mut().and_then(SqlxPooledConnection::get).ok_or_else(gone)
    }

    /// Notes that the statement has ended, and classifies its error.
    pub(super) fn answered<T>(&mut self, answer: sqlx::Result<T>) -> Result<T> {
        self.done();
        answer.map_err(|error| {
            let error = super::error::classify::<F::Errors>(error);
            self.is_outdated |= F::is_outdated(&error, self.only_reads);
            error
        })
    }

    /// Notes that no statement runs any more.
    pub(super) fn done(&mut self) {
        self.is_busy.store(false, Ordering::Relaxed);
        self.commits = false;
    }

    /// Whether a statement runs, to be noted while the connection is borrowed.
    pub(super) fn is_busy(&self) -> Arc<AtomicBool> {
        self.is_busy.clone()
    }

    /// Notes that the statements that follow have limits.
    pub(super) fn has_limits(&mut self) {
        self.is_limited = true;
    }

    /// The catalog of a table, if it was looked up less than `age` ago in this transaction.
    pub(super) fn known(&self, table: &Table, age: Duration) -> Option<Arc<Catalog>> {
        let (since, catalog) = self.seen.get(&table.identity)?;
        (this_moment().saturating_duration_since(*since) < age).then(|| catalog.clone())
    }

    pub(super) fn learn(&mut self, table: &Table, catalog: &Arc<Catalog>) {
        self.seen.insert(table.identity, (this_moment(), catalog.clone()));
    }

    pub(super) fn forget(&mut self) {
        self.seen.clear();
    }

    /// Notes that nobody else is to use the connection.
    pub(super) fn is_last_user(&mut self) {
        self.is_outdated = true;
    }

    /// Whether a statement runs that may be stopped.
    fn can_be_stopped_now(&self) -> bool {
        self.is_busy.load(Ordering::Relaxed) && !self.commits
    }

    /// Learns how to stop statements of this connection.
    pub(super) async fn can_be_stopped(&mut self, pool: &Pool<F::Db>) -> Result<()> {
        if self.stopper.is_none() {
            // Nothing runs yet that would have to be stopped.
            let connection = self.connection.as_mut().and_then(SqlxPooledConnection::get).ok_or_else(gone)?;
            let stopper = F::stopper(connection, pool).await;
            self.stopper = Some(self.answered(stopper)?);
        }
        Ok(())
    }

    pub(super) async fn begin(&mut self, statements: Vec<String>, options: &TxOptions) -> Result<()> {
        self.in_transaction = true;
        self.only_reads = options.access_mode() == AccessMode::ReadOnly;
        self.after = F::after(options);
        self.writes_late = !self.only_reads && options.locking_mode() == Some(Locking::Deferred);
        for statement in statements {
            self.run(statement).await?;
        }
        Ok(())
    }

    /// Whether the right to write is still to be taken: once, before the first write of a transaction that was begun without it.
    pub(super) fn writes_late(&mut self) -> bool {
        std::mem::take(&mut self.writes_late)
    }

    pub(super) async fn commit(&mut self) -> Result<()> {
        let stopper = self.stopper.as_ref().filter(|_| self.is_limited);
        if let (false, Some(before)) = (self.only_reads, stopper.and_then(F::before_commit)) {
            self.run(before.to_owned()).await?;
        }
        self.stop_what_runs().await;
        self.commits = true;
        self.run_now("COMMIT".to_owned()).await.map_err(F::of_commit)?;
        self.ended().await
    }

    pub(super) async fn roll_back(&mut self) -> Result<()> {
        self.run("ROLLBACK".to_owned()).await?;
        self.ended().await
    }

    async fn ended(&mut self) -> Result<()> {
        // A commit that took effect is not undone by what fails here: the connection is closed instead of given back.
        let clean = match self.after {
            Some(after) => self.run(after.to_owned()).await,
            None => Ok(()),
        };
        self.in_transaction = clean.is_err();
        Ok(())
    }

    /// Stores rows by the database's own bulk path.
    pub(super) async fn append(&mut self, target: &F::Target, rows: Vec<F::Encoded>) -> Result<()> {
        self.connection()?;
        self.done();
        self.is_out_of_step = true;
        let appended =
            F::append(self.connection.as_mut().and_then(SqlxPooledConnection::get).ok_or_else(gone)?, target, rows).await;
        // An error with a code is the server's answer, and its last.
        self.is_out_of_step = appended.as_ref().is_err_and(|error| error.code().is_none());
        appended
    }

    pub(super) async fn run(&mut self, statement: String) -> Result<()> {
        self.stop_what_runs().await;
        self.run_now(statement).await
    }

    async fn run_now(&mut self, statement: String) -> Result<()> {
        let ran = F::run(self.connection()?, statement).await;
        self.stopper.iter().for_each(F::go_on);
        self.answered(ran)
    }

    /// Stops a statement whose future was dropped.
    async fn stop_what_runs(&mut self) {
        let is_running = self.can_be_stopped_now();
        let connection = self.connection.as_mut().and_then(SqlxPooledConnection::get);
        if let (true, Some(stopper), Some(connection)) = (is_running, &self.stopper, connection) {
            self.is_out_of_step |= !stop::<F>(stopper, Some(connection)).await;
        }
    }
}

fn gone() -> Error {
    Error::new(ErrorKind::Internal, "the connection was given back already")
}

/// Stops a statement whose future was dropped, and reads the rest of its answer. Returns whether that was possible.
async fn stop<F: Flavor>(stopper: &F::Stopper, connection: Option<&mut FlavorConnection<F>>) -> bool {
    let stop = async {
        F::stop(stopper).await?;
        if let Some(connection) = connection {
            // What comes is the statement's own error.
            drop(F::run(connection, String::new()).await);
        }
        Ok::<_, sqlx::Error>(())
    };
    let is_stopped = matches!(within(CLEANUP_TIMEOUT, stop, ErrorKind::Connection, "").await, Ok(Ok(())));
    if !is_stopped {
        tracing::debug!("a statement that nobody waits for could not be stopped");
    }
    is_stopped
}

/// Rolls back an open transaction.
async fn clean<F: Flavor>(connection: &mut FlavorConnection<F>, after: Option<&str>) -> sqlx::Result<()> {
    // SQLite may have ended the transaction by itself. Then there is none to roll back, and another can begin.
    let proof = match F::run(connection, "ROLLBACK".to_owned()).await {
        Ok(()) => None,
        Err(_) => Some(["BEGIN", "ROLLBACK"]),
    };
    for statement in proof.iter().flatten().copied().chain(after) {
        F::run(connection, statement.to_owned()).await?;
    }
    Ok(())
}

impl<F: Flavor> Drop for SqlxGuard<F> {
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        // This may run outside of any runtime, and while one ends: all that needs one is done by a task. If that never runs, the
        // connection is closed.
        let stopper = self.stopper.take();
        if self.is_out_of_step {
            tracing::debug!("a statement was given up, and its connection is closed");
            let stopper = stopper.filter(|_| !self.commits);
            self.runtime.spawn(async move {
                let connection = connection.detach();
                if let Some(stopper) = &stopper {
                    stop::<F>(stopper, None).await;
                }
                drop(connection);
            });
            return;
        }
        let is_running = self.can_be_stopped_now();
        if is_running && stopper.is_none() {
            tracing::debug!("a statement was given up, and ends with its connection");
            connection.close_now(&self.runtime);
            return;
        }
        let stopper = stopper.filter(|_| is_running);
        let is_outdated = self.is_outdated;
        if !self.in_transaction && stopper.is_none() && !is_outdated {
            self.runtime.spawn(connection.give_back());
            return;
        }
        let (turn, after) = (self.turn.take(), self.after);
        let is_idle = stopper.is_none();
        let mut cleaned = Box::pin(maybe_done(async move {
            // A late stop must not reach the statement of the next user.
            let is_stopped = match (&stopper, connection.get()) {
                (Some(stopper), raw) => stop::<F>(stopper, raw).await,
                (None, _) => true,
            };
            let is_clean = match connection.get() {
                Some(raw) => clean::<F>(raw, after).await.is_ok(),
                None => false,
            };
            (connection, stopper, is_stopped && is_clean)
        }));
        if is_idle {
            // The database is told at once: it may be long until somebody drives the runtime. This needs no timer, and so no
            // runtime that lives.
            let _ = cleaned.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        }
        self.runtime.spawn(async move {
            let is_answered = within(2 * CLEANUP_TIMEOUT, cleaned.as_mut(), ErrorKind::Connection, "").await.is_ok();
            match cleaned.as_mut().take_output().filter(|_| is_answered) {
                Some((connection, stopper, is_clean)) => {
                    if is_clean && !is_outdated {
                        connection.give_back().await;
                    } else {
                        tracing::debug!("a connection that could not be rolled back, or that is not to be used again, is closed");
                        connection.close().await;
                    }
                    stopper.iter().for_each(F::go_on);
                }
                None => tracing::debug!("a connection did not answer to a rollback, and is closed"),
            }
            drop(turn);
        });
    }
}
