//! [`SqliteCheckout`], the connection of a guard with the state of its transaction.

use tokio::runtime::Handle;

use super::{connection::SqliteConnection, pool::SqlitePooledConnection, watch::Mark};
use crate::{
    context::Access,
    error::{Error, ErrorKind, Result},
};

/// A transaction that has changed no more rows than this is committed in place, where a commit does not wait for the disk.
const FEW_CHANGES: u64 = 100;

/// A connection with the state of its transaction. Dropping it rolls back an open transaction and gives the connection back.
pub(super) struct SqliteCheckout {
    pub(super) pooled: Option<SqlitePooledConnection>,
    pub(super) access: Access,
    /// Whether a transaction may be open: from before it is begun until its end was confirmed.
    pub(super) in_transaction: bool,
    pub(super) only_reads: bool,
    pub(super) changes_before: u64,
    /// Whether the transaction was begun for one statement, which needed the catalog.
    pub(super) is_lone: bool,
    /// What the snapshot of the transaction shows, if that is known.
    pub(super) mark: Option<Mark>,
    pub(super) runtime: Handle,
}

pub(super) fn gone() -> Error {
    Error::new(ErrorKind::Internal, "the connection is gone: a call on it was given up")
}

impl SqliteCheckout {
    pub(super) fn connection(&mut self) -> Result<&mut SqliteConnection> {
        self.pooled.as_mut().and_then(SqlitePooledConnection::connection).ok_or_else(gone)
    }

    /// Fails if SQLite has ended the transaction by itself: the next statement would commit alone.
    pub(super) fn check(&mut self) -> Result<()> {
        if self.in_transaction && self.connection()?.is_autocommit() {
            return Err(Error::new(ErrorKind::TransactionAborted, "the engine has rolled the transaction back"));
        }
        Ok(())
    }

    pub(super) fn has_changed_little(&mut self) -> Result<bool> {
        let before = self.changes_before;
        Ok(self.connection()?.total_changes().saturating_sub(before) <= FEW_CHANGES)
    }

    /// Notes that the transaction has ended. If the connection cannot be reset, it is closed.
    pub(super) fn ended(&mut self) {
        self.in_transaction = false;
        if self.only_reads && self.let_write().is_err() {
            self.pooled = None;
        }
    }

    pub(super) fn let_write(&mut self) -> Result<()> {
        self.only_reads = false;
        self.connection()?.set_query_only(false)
    }

    /// Rolls back an open transaction. Blocks.
    pub(super) fn clean(&mut self) -> Result<()> {
        let connection = self.connection()?;
        // SQLite may have ended the transaction by itself.
        if !connection.is_autocommit() {
            connection.at_length(&mut |connection| connection.command("ROLLBACK"))?;
        }
        self.in_transaction = false;
        if self.only_reads { self.let_write() } else { Ok(()) }
    }

    /// Rolls back an open transaction, and gives the connection back. Blocks.
    pub(super) fn let_go(&mut self) {
        if let Err(error) = self.clean() {
            tracing::debug!(%error, "a connection could not be rolled back and is closed");
            self.pooled = None;
        }
        self.give_back();
    }

    pub(super) fn give_back(&mut self) {
        self.pooled.take().into_iter().for_each(SqlitePooledConnection::give_back);
    }
}

impl Drop for SqliteCheckout {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // Its state is unknown, so it is closed.
            self.pooled = None;
        }
        if self.in_transaction && self.is_lone && self.access == Access::Read {
            // Nothing was written, and the end of a snapshot takes no time.
            let mut end =
                |connection: &SqliteConnection| if connection.is_autocommit() { Ok(()) } else { connection.command("COMMIT") };
            let ended = self.connection().ok().and_then(|connection| connection.briefly(false, &mut end));
            self.in_transaction = !matches!(ended, Some(Ok(())));
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
                is_lone: false,
                mark: None,
                runtime,
            };
            left.let_go();
        });
    }
}
