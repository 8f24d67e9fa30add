//! [`SqliteGuard`], a connection taken from the pool: how statements run on it, and how it goes back.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::{
    checkout::{SqliteCheckout, gone},
    connection::SqliteConnection,
    described,
    pool::{SqlitePool, SqlitePooledConnection},
};
use crate::{
    backend::sql::{
        Catalog,
        blocking::{self, Interrupt},
    },
    context::Access,
    error::Result,
    table::Table,
    transaction::{AccessMode, Locking, TxOptions},
};

/// What a statement may do to the thread that it is run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ExecutionMode {
    /// It is brief, or it is stopped and run again on a thread that may block.
    BriefOrAgain,
    /// It is brief, and must not be stopped.
    Brief,
    /// It may block.
    Blocking,
}

/// A connection of the pool. A guard for one statement that commits together with others has no connection of its own.
pub(crate) struct SqliteGuard {
    connection: Option<SqliteCheckout>,
    /// Whether its statement commits together with others, on a connection that they share.
    is_of_group: bool,
}

impl SqliteGuard {
    pub(super) fn new(pooled: SqlitePooledConnection, access: Access) -> Self {
        let checkout = SqliteCheckout {
            pooled: Some(pooled),
            access,
            in_transaction: false,
            only_reads: false,
            changes_before: 0,
            is_lone: false,
            mark: None,
            runtime: Handle::current(),
        };
        Self { connection: Some(checkout), is_of_group: false }
    }

    /// A guard for one statement that commits together with others.
    pub(super) fn of_group() -> Self {
        Self { connection: None, is_of_group: true }
    }

    pub(super) fn is_of_group(&self) -> bool {
        self.is_of_group
    }

    pub(super) fn in_transaction(&self) -> bool {
        self.connection.as_ref().is_some_and(|checkout| checkout.in_transaction)
    }

    /// Runs something on the connection, in place if it is brief. Dropping the future stops it, and with it the transaction that
    /// it is in.
    pub(super) async fn run<T: Send + 'static>(
        &mut self,
        mode: ExecutionMode,
        work: impl FnMut(&SqliteConnection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let checkout = self.connection.as_mut().ok_or_else(gone)?;
        checkout.check()?;
        if checkout.is_lone && checkout.access == Access::Write {
            return self.run_and_commit(work).await;
        }
        self.go(mode, work).await
    }

    /// Runs the statement that the connection was taken for, or one of a transaction. The connection of a single statement that
    /// takes long is given back by the thread that ran it: the future that waits for the answer may not be polled soon.
    pub(super) async fn run_single<T: Send + 'static>(
        &mut self,
        mode: ExecutionMode,
        mut work: impl FnMut(&SqliteConnection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let checkout = self.connection.as_mut().ok_or_else(gone)?;
        if (checkout.in_transaction && !checkout.is_lone) || (checkout.is_lone && checkout.access == Access::Write) {
            return self.run(mode, work).await;
        }
        checkout.check()?;
        if mode != ExecutionMode::Blocking
            && let Some(done) = checkout.connection()?.briefly(mode == ExecutionMode::BriefOrAgain, &mut work)
        {
            return done;
        }
        let interrupt = checkout.connection()?.interrupt();
        self.call_last(interrupt, move |checkout| checkout.connection()?.at_length(&mut work)).await
    }

    async fn go<T: Send + 'static>(
        &mut self,
        mode: ExecutionMode,
        mut work: impl FnMut(&SqliteConnection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let checkout = self.connection.as_mut().ok_or_else(gone)?;
        if mode != ExecutionMode::Blocking
            && let Some(done) = checkout.connection()?.briefly(mode == ExecutionMode::BriefOrAgain, &mut work)
        {
            return done;
        }
        let interrupt = checkout.connection()?.interrupt();
        self.call(Some(interrupt), move |checkout| checkout.connection()?.at_length(&mut work)).await
    }

    /// Runs the statement that a transaction was begun for, and commits it, so that nothing is left of one that fails.
    async fn run_and_commit<T: Send + 'static>(
        &mut self,
        mut work: impl FnMut(&SqliteConnection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let interrupt = self.connection.as_mut().ok_or_else(gone)?.connection()?.interrupt();
        let run = move |checkout: &mut SqliteCheckout| {
            let connection = checkout.connection()?;
            let mut done = connection.at_length(&mut work);
            if done.is_ok() {
                connection.watch().release();
                done = connection.at_length(&mut |connection| connection.command("COMMIT")).and(done);
            }
            if done.is_err() && !connection.is_autocommit() {
                connection.command("ROLLBACK")?;
            }
            checkout.is_lone = false;
            checkout.in_transaction = false;
            done
        };
        self.call_last(interrupt, run).await
    }

    /// The catalog of an entity's table. Outside a transaction, this begins one for the statement that follows.
    pub(super) async fn catalog(
        &mut self,
        pool: &Arc<SqlitePool>,
        table: &Arc<Table>,
        compares_forms: bool,
    ) -> Result<Arc<Catalog>> {
        let checkout = self.connection.as_mut().ok_or_else(gone)?;
        checkout.check()?;
        let before = checkout.connection()?.watch().before();
        if !checkout.in_transaction {
            (checkout.in_transaction, checkout.is_lone, checkout.mark) = (true, true, None);
            let begin = if checkout.access == Access::Read { "BEGIN DEFERRED" } else { "BEGIN IMMEDIATE" };
            let mut begin = move |connection: &SqliteConnection| connection.command(begin);
            match checkout.connection()?.briefly(false, &mut begin) {
                Some(begun) => begun?,
                None => self.call(None, move |checkout| checkout.connection()?.at_length(&mut begin)).await?,
            }
        }
        let (known, pool, table) = (self.connection.as_mut().ok_or_else(gone)?.mark, pool.clone(), table.clone());
        let look = move |connection: &SqliteConnection| {
            // This takes the snapshot.
            let schema_version = connection.schema_version()?;
            let mut mark = match known {
                _ if connection.is_foreign() => None,
                None => pool.seen(connection, before)?,
                known => known,
            };
            let catalog = described::catalog(connection, &table, schema_version, &mut mark, compares_forms)?;
            Ok((catalog, mark))
        };
        let (catalog, mark) = self.go(ExecutionMode::BriefOrAgain, look).await?;
        let checkout = self.connection.as_mut().ok_or_else(gone)?;
        if checkout.access == Access::Read {
            checkout.mark = mark;
        }
        Ok(catalog)
    }

    /// Notes that a statement of the application's is about to run.
    pub(super) fn note_foreign_write(&mut self) {
        if let Some(checkout) = &mut self.connection {
            checkout.mark = None;
            checkout.connection().iter().for_each(|connection| connection.note_foreign_write());
        }
    }

    /// Runs a write in a transaction of its own, in place if it is brief, so that nothing is left of one that fails. It also says
    /// for certain what became of one that is stopped: of a write that commits by itself, SQLite may say that it was stopped when
    /// it has been committed.
    pub(super) async fn run_alone<T: Send + 'static>(
        &mut self,
        syncs: bool,
        mut work: impl FnMut(&SqliteConnection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let checkout = self.connection.as_mut().ok_or_else(gone)?;
        let waits = syncs || checkout.pooled.as_ref().is_some_and(SqlitePooledConnection::waits_for_the_next_commit);
        let connection = checkout.connection()?;
        if !waits && let Some(begun) = connection.briefly(false, &mut |connection| connection.command("BEGIN IMMEDIATE")) {
            begun?;
            checkout.in_transaction = true;
            let connection = checkout.connection()?;
            let done = connection.briefly(true, &mut work);
            if matches!(done, Some(Ok(_))) {
                match connection.briefly(false, &mut |connection| connection.command("COMMIT")) {
                    Some(committed) => committed?,
                    // It waits for a connection that is in the way of the commit.
                    None => self.end("COMMIT", syncs).await?,
                }
            } else if !connection.is_autocommit() && connection.command("ROLLBACK").is_err() {
                // Closing it rolls back as well.
                checkout.pooled = None;
            }
            self.connection.iter_mut().for_each(|checkout| checkout.in_transaction = false);
            if let Some(done) = done {
                return done;
            }
        }
        let interrupt = self.connection.as_mut().ok_or_else(gone)?.connection()?.interrupt();
        let alone =
            move |checkout: &mut SqliteCheckout| checkout.connection()?.at_length(&mut |connection| connection.alone(&mut work));
        self.call_last(interrupt, alone).await
    }

    /// Runs a statement of the transaction itself, such as `SAVEPOINT`. Undoing many changes takes a while.
    pub(super) async fn command(&mut self, sql: String) -> Result<()> {
        let checkout = self.connection.as_mut().ok_or_else(gone)?;
        let mode = if checkout.has_changed_little()? { ExecutionMode::Brief } else { ExecutionMode::Blocking };
        self.run(mode, move |connection| connection.command(&sql)).await
    }

    /// Runs the last statement of the guard on a thread that may block, which gives the connection back. What follows, such as a
    /// question why nothing was found, is asked on another connection.
    async fn call_last<T: Send + 'static>(
        &mut self,
        interrupt: Interrupt,
        work: impl FnOnce(&mut SqliteCheckout) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let done = self.call_and(Some(interrupt), work, SqliteCheckout::let_go).await;
        self.is_of_group = self.connection.take().is_some();
        done
    }

    async fn call<T: Send + 'static>(
        &mut self,
        interrupt: Option<Interrupt>,
        work: impl FnOnce(&mut SqliteCheckout) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.call_and(interrupt, work, |_| ()).await
    }

    async fn call_and<T: Send + 'static>(
        &mut self,
        interrupt: Option<Interrupt>,
        work: impl FnOnce(&mut SqliteCheckout) -> Result<T> + Send + 'static,
        afterwards: fn(&mut SqliteCheckout),
    ) -> Result<T> {
        let checkout = self.connection.take().ok_or_else(gone)?;
        let work = |checkout: &mut SqliteCheckout| {
            blocking::unless_it_panics(|| work(checkout)).unwrap_or_else(|| {
                // Its state is unknown, so it is closed.
                checkout.pooled = None;
                Err(blocking::panicked())
            })
        };
        let (checkout, result) = blocking::call(checkout, interrupt, work, afterwards).await?;
        self.connection = Some(checkout);
        result
    }

    pub(super) async fn begin(&mut self, options: &TxOptions) -> Result<()> {
        let checkout = self.connection.as_mut().ok_or_else(gone)?;
        if std::mem::take(&mut checkout.is_lone) && checkout.access == Access::Write {
            // The transaction that was begun for one statement is now for several.
            checkout.changes_before = checkout.connection()?.total_changes();
            return Ok(());
        }
        checkout.in_transaction = true;
        checkout.only_reads = options.access_mode() == AccessMode::ReadOnly;
        checkout.changes_before = checkout.connection()?.total_changes();
        let only_reads = checkout.only_reads;
        let begin = match (options.access_mode(), options.locking_mode()) {
            (AccessMode::ReadOnly, _) | (_, Some(Locking::Deferred)) => "BEGIN DEFERRED",
            (_, Some(Locking::Exclusive)) => "BEGIN EXCLUSIVE",
            (_, Some(Locking::Immediate) | None) => "BEGIN IMMEDIATE",
        };
        let mut begin = move |connection: &SqliteConnection| {
            if only_reads {
                // SQLite has no read-only transactions; this makes every write on the connection fail.
                connection.set_query_only(true)?;
            }
            connection.command(begin)?;
            if begin != "BEGIN DEFERRED" {
                connection.watch().hold(connection.id(), connection.data_version()?);
            }
            Ok(())
        };
        match checkout.connection()?.briefly(false, &mut begin) {
            Some(begun) => begun,
            None => self.call(None, move |checkout| checkout.connection()?.at_length(&mut begin)).await,
        }
    }

    /// Ends the transaction, in place if that takes no time. Completes even if the future is dropped.
    pub(super) async fn end(&mut self, end: &'static str, syncs: bool) -> Result<()> {
        let checkout = self.connection.as_mut().ok_or_else(gone)?;
        if end == "ROLLBACK" && checkout.connection()?.is_autocommit() {
            // SQLite has done it by itself.
            if !checkout.only_reads || checkout.connection()?.runs_in_place() {
                checkout.ended();
                return Ok(());
            }
            let ended = |checkout: &mut SqliteCheckout| {
                checkout.ended();
                Ok(())
            };
            return self.call(None, ended).await;
        }
        checkout.check()?;
        let mut work = move |connection: &SqliteConnection| connection.command(end);
        let is_write = checkout.access == Access::Write;
        if is_write {
            // From here on, others may write.
            checkout.connection()?.watch().release();
        }
        let waits =
            is_write && (syncs || checkout.pooled.as_ref().is_some_and(SqlitePooledConnection::waits_for_the_next_commit));
        let is_brief = checkout.has_changed_little()? && !waits;
        let done = if is_brief { checkout.connection()?.briefly(false, &mut work) } else { None };
        if let Some(done) = done {
            return done.map(|()| checkout.ended());
        }
        let end = move |checkout: &mut SqliteCheckout| {
            checkout.connection()?.at_length(&mut work)?;
            checkout.ended();
            // Nothing follows, and the future that waits for the answer may not be polled soon.
            checkout.give_back();
            Ok(())
        };
        self.call(None, end).await
    }
}
