//! A transaction on one connection of an engine.

use std::sync::Arc;

use async_trait::async_trait;

use super::engine::Engine;
use crate::{
    error::{Error, ErrorKind, Result},
    limits::Limits,
    transaction::{OpenTransaction, TxOptions},
};

pub(crate) struct SqlTransaction<G: Engine> {
    engine: Arc<G>,
    /// Rolls back by itself when it is dropped.
    guard: G::ConnectionGuard,
}

impl<G: Engine> SqlTransaction<G> {
    pub(super) async fn begin(
        engine: Arc<G>,
        mut guard: G::ConnectionGuard,
        options: &TxOptions,
        limits: &Limits,
    ) -> Result<Self> {
        engine.begin(&mut guard, options, limits).await?;
        Ok(Self { engine, guard })
    }

    pub(super) fn guard(&mut self) -> &mut G::ConnectionGuard {
        &mut self.guard
    }

    async fn command(&mut self, sql: String) -> Result<()> {
        self.engine.command(&mut self.guard, sql).await
    }
}

/// The error of a commit or of a lone write: [`CommitUnknown`](ErrorKind::CommitUnknown) if the error does not prove that nothing
/// was stored.
///
/// | kind | code | who reports it | what it proves |
/// |---|---|---|---|
/// | `Connection`, `Io`, `EngineDown` | none | the driver, which got no answer | nothing |
/// | `Connection` | five letters | a Postgres server or a pooler that ends the connection, or a Postgres server that lost its connection to another server | nothing |
/// | `Connection` | 25P03 | a Postgres server: the transaction was idle for too long and had ended before the commit | nothing was stored |
/// | `Connection` | a number, or a word | SQLite, DuckDB: the file cannot be opened | nothing was stored |
/// | `Io` | 10 in its low byte | SQLite: a write or sync failed | nothing |
/// | `Io`, `EngineDown` | others | Postgres, as the answer to the statement; DuckDB, where the engine looks up its own commit | nothing was stored |
/// | all others | | the engine, as the answer to the statement | nothing was stored |
pub(super) fn unknown_if_unanswered(error: Error) -> Error {
    let is_unanswered = match (error.kind(), error.code()) {
        (ErrorKind::Connection | ErrorKind::Io | ErrorKind::EngineDown, None) => true,
        (ErrorKind::Connection, Some(code)) => code.len() == SQLSTATE && code != IDLE_TOO_LONG,
        (ErrorKind::Io, Some(code)) => code.parse::<i32>().is_ok_and(|code| code & 0xff == 10),
        _ => false,
    };
    if is_unanswered {
        return Error::new(ErrorKind::CommitUnknown, "the answer to what was written was lost").with_source(error);
    }
    error
}

/// The length of Postgres' error codes. SQLite's codes are shorter numbers, and DuckDB's are longer words.
const SQLSTATE: usize = 5;

const IDLE_TOO_LONG: &str = "25P03";

#[async_trait]
impl<G: Engine> OpenTransaction for SqlTransaction<G> {
    fn has_savepoints(&self) -> bool {
        self.engine.profile().capabilities.savepoints
    }

    async fn savepoint(&mut self, depth: usize) -> Result<()> {
        self.command(format!("SAVEPOINT larder_{depth}")).await
    }

    async fn release(&mut self, depth: usize) -> Result<()> {
        self.command(format!("RELEASE SAVEPOINT larder_{depth}")).await
    }

    async fn rollback_to(&mut self, depth: usize) -> Result<()> {
        let undo = format!("ROLLBACK TO SAVEPOINT larder_{depth}");
        self.engine.undo(&mut self.guard, undo).await?;
        self.release(depth).await
    }

    async fn commit(mut self: Box<Self>) -> Result<()> {
        self.engine.commit(&mut self.guard).await.map_err(unknown_if_unanswered)
    }

    async fn rollback(mut self: Box<Self>) -> Result<()> {
        self.engine.rollback(&mut self.guard).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_not_an_unknown_outcome() {
        for (kind, code, expected) in [
            (ErrorKind::Connection, None, ErrorKind::CommitUnknown),
            (ErrorKind::Connection, Some("57P01"), ErrorKind::CommitUnknown),
            (ErrorKind::Connection, Some("08P01"), ErrorKind::CommitUnknown),
            (ErrorKind::Connection, Some("53100"), ErrorKind::CommitUnknown),
            (ErrorKind::Connection, Some("25P03"), ErrorKind::Connection),
            (ErrorKind::InvalidInput, Some("08P01"), ErrorKind::InvalidInput),
            (ErrorKind::Io, Some("1034"), ErrorKind::CommitUnknown),
            (ErrorKind::Connection, Some("14"), ErrorKind::Connection),
            (ErrorKind::Io, Some("58030"), ErrorKind::Io),
            (ErrorKind::EngineDown, Some("XX000"), ErrorKind::EngineDown),
            (ErrorKind::Duplicate, None, ErrorKind::Duplicate),
        ] {
            let error = Error::new(kind, "");
            let error = code.map_or(error.clone(), |code| error.with_code(code));
            assert_eq!(unknown_if_unanswered(error).kind(), expected, "{kind:?} {code:?}");
        }
    }
}
