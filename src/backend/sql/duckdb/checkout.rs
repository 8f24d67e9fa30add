//! [`DuckDbCheckout`], the connection of a guard with the state of its transaction and session.

use std::sync::Arc;

use duckdb::{Connection, Error as DuckError};
use tokio::{runtime::Handle, sync::OwnedMutexGuard};

use super::{
    effect::Effect,
    error::{FATAL, INVALIDATED, classify, is_committed, is_fatal, is_none_open, is_rolled_back},
    pool::DuckDbPooledConnection,
};
use crate::{
    backend::sql::Catalog,
    error::{Error, ErrorKind, Result},
    table::TableIdentity,
};

/// A connection with the state of its transaction. Dropping it rolls back an open transaction and gives the connection back.
pub(super) struct DuckDbCheckout {
    pub(super) pooled: Option<DuckDbPooledConnection>,
    /// Whether a transaction may be open: from before it is begun until its end was confirmed.
    pub(super) in_transaction: bool,
    /// Whether a statement of the transaction failed. DuckDB answers the commit of such a transaction by rolling back, and
    /// reports success.
    pub(super) has_failed: bool,
    /// Whether a commit was sent whose answer was not read yet.
    pub(super) is_committing: bool,
    /// Whether a statement of the application ended the transaction. It is not known whether it committed.
    is_ended: bool,
    /// Whether this connection may see another schema than the others.
    pub(super) changes_schema: bool,
    /// Whether a statement of the application's may have changed the session, which then is not used again.
    is_spent: bool,
    /// The claim on the idempotency key of its transaction.
    pub(super) claim: Option<OwnedMutexGuard<()>>,
    runtime: Handle,
}

impl DuckDbCheckout {
    pub(super) fn new(pooled: DuckDbPooledConnection) -> Self {
        Self {
            pooled: Some(pooled),
            in_transaction: false,
            has_failed: false,
            is_committing: false,
            is_ended: false,
            changes_schema: false,
            is_spent: false,
            claim: None,
            runtime: Handle::current(),
        }
    }

    pub(super) fn connection(&self) -> Result<&Connection> {
        self.pooled.as_ref().map(|pooled| &pooled.connection).ok_or_else(gone)
    }

    /// Runs a statement, and handles what it may do beside reading and writing rows.
    pub(super) fn with_effect<T>(&mut self, effect: Effect, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        if effect == Effect::Rows {
            return work(self.connection()?);
        }
        self.changes_schema = true;
        self.is_spent |= effect == Effect::Session;
        let before = if effect == Effect::Session && self.in_transaction { Some(self.transaction()?) } else { None };
        let answer = work(self.connection()?);
        if answer.as_ref().err().is_some_and(is_fatal) {
            // The engine is gone, and the transaction with it.
            return answer;
        }
        let is_another = |before| match self.transaction() {
            Ok(after) => after != before,
            // It goes on, until it is rolled back.
            Err(error) => error.kind() != ErrorKind::TransactionAborted,
        };
        if before.is_some_and(is_another) {
            self.is_ended = true;
            return Err(unknown("the statement ended the transaction"));
        }
        if !self.in_transaction {
            self.forget_catalogs();
        }
        answer
    }

    /// The id of the transaction. Outside of one, the id of the transaction that this query is.
    fn transaction(&self) -> Result<i64> {
        self.connection()?.query_row("SELECT txid_current()", [], |row| row.get(0)).map_err(classify)
    }

    /// Caches the catalog of an entity's table, if the schema has not changed since the lookup began.
    pub(super) fn remember(&self, table: TableIdentity, catalog: &Arc<Catalog>, changes_of_schema: u64) {
        if let Some(pooled) = self.pooled.as_ref().filter(|_| !self.changes_schema) {
            pooled.instance().remember(table, catalog.clone(), changes_of_schema);
        }
    }

    pub(super) fn changes_of_schema(&self) -> u64 {
        self.pooled.as_ref().map_or(0, |pooled| pooled.instance().changes_of_schema())
    }

    /// Clears the cached catalogs, if this connection may have changed the schema.
    fn forget_catalogs(&mut self) {
        if self.changes_schema {
            self.pooled.iter().for_each(|pooled| pooled.instance().forget_catalogs());
        }
        self.changes_schema = self.is_spent;
    }

    fn command(&self, sql: &str) -> duckdb::Result<()> {
        match &self.pooled {
            Some(pooled) => pooled.connection.execute_batch(sql),
            None => Err(duckdb::Error::InvalidQuery),
        }
    }

    /// Begins a transaction. Blocks, like [`commit`](Self::commit) and [`rollback`](Self::rollback).
    pub(super) fn begin(&mut self, sql: &str) -> Result<()> {
        self.in_transaction = true;
        self.has_failed = false;
        self.is_ended = false;
        self.command(sql).map_err(classify)
    }

    pub(super) fn commit(&mut self) -> Result<()> {
        if self.is_ended {
            return Err(unknown("a statement of the application's ended the transaction"));
        }
        if self.has_failed {
            let message = "a statement of the transaction failed";
            return Err(Error::new(ErrorKind::TransactionAborted, message));
        }
        self.is_committing = true;
        let committed = self.command("COMMIT");
        self.is_committing = false;
        match committed {
            Ok(()) => self.pooled.iter().for_each(DuckDbPooledConnection::keep_log_private),
            Err(error) if is_committed(&error) => {
                tracing::warn!(%error, "committed, although the engine complains");
                self.note(&classify(error).with_code(FATAL));
            }
            Err(error) => return Err(self.after_failed_commit(error)),
        }
        self.is_over();
        Ok(())
    }

    /// The error of a failed commit. DuckDB has rolled back then, unless that failed as well.
    fn after_failed_commit(&mut self, error: DuckError) -> Error {
        let is_proof = is_rolled_back(&error);
        let error = classify(error);
        self.note(&error);
        let after = self.command("ROLLBACK").map_err(|error| (is_none_open(&error), classify(error)));
        let is_lost = match after {
            // It was still open, and so not committed.
            Ok(()) => {
                self.is_over();
                is_fatal(&error)
            }
            Err((true, _)) => {
                self.is_over();
                is_fatal(&error) || !is_proof
            }
            Err((false, after)) => {
                self.note(&after);
                is_fatal(&after) || !is_proof
            }
        };
        // One that was refused because of an earlier fatal error was not begun.
        let is_lost = is_lost && error.code() != Some(INVALIDATED);
        if is_lost {
            return unknown("the engine failed in the commit").with_source(error);
        }
        error
    }

    /// Notes that no transaction is open any more.
    fn is_over(&mut self) {
        self.in_transaction = false;
        self.forget_catalogs();
    }

    pub(super) fn note(&self, error: &Error) {
        self.pooled.iter().for_each(|pooled| pooled.note(error));
    }

    pub(super) fn rollback(&mut self) -> Result<()> {
        if self.is_ended {
            return Err(unknown("a statement of the application's ended the transaction"));
        }
        self.command("ROLLBACK").map_err(classify)?;
        self.is_over();
        Ok(())
    }
}

impl Drop for DuckDbCheckout {
    fn drop(&mut self) {
        if !self.in_transaction {
            self.forget_catalogs();
        }
        let Some(pooled) = self.pooled.take() else { return };
        let is_spent = self.is_spent;
        let end = move |pooled: DuckDbPooledConnection| if is_spent { pooled.close() } else { pooled.give_back() };
        if !self.in_transaction {
            return end(pooled);
        }
        let changes_schema = self.changes_schema;
        // This may run on a thread that must not wait.
        self.runtime.spawn_blocking(move || {
            let instance = pooled.instance().clone();
            match pooled.connection.execute_batch("ROLLBACK") {
                Ok(()) => end(pooled),
                // None was open, or the connection is of no more use: closing it rolls back, too.
                Err(error) => tracing::debug!(%error, "a connection could not be rolled back and is closed"),
            }
            if changes_schema {
                instance.forget_catalogs();
            }
        });
    }
}

pub(super) fn unknown(message: &'static str) -> Error {
    Error::new(ErrorKind::CommitUnknown, message)
}

pub(super) fn gone() -> Error {
    Error::new(ErrorKind::Internal, "the connection is gone: a call on it was given up")
}
