//! [`TablesTransaction`], a transaction that works on a copy of the tables.

use std::fmt;

use async_trait::async_trait;

use super::{Tables, TablesSource};
use crate::{
    context::Access,
    error::{Error, ErrorKind, Result},
    transaction::OpenTransaction,
};

/// The turn to write: whoever has it is the only one, until it commits or is dropped.
#[async_trait]
pub trait TablesWriter: Send + 'static {
    /// Puts tables in the place of those that were committed last.
    ///
    /// # Errors
    /// [`CommitUnknown`](ErrorKind::CommitUnknown) if it cannot be told whether it did. Every other kind says that it did not.
    ///
    /// # Dropping the future
    /// It is then done or not done as a whole.
    async fn commit(self, tables: Tables) -> Result<()>;
}

/// A transaction that works on a copy of the tables, and on one more for each savepoint.
pub struct TablesTransaction<W> {
    tables: Tables,
    savepoints: Vec<(usize, Tables)>,
    /// A read-only transaction has none.
    writer: Option<W>,
}

impl<W: TablesWriter> TablesTransaction<W> {
    pub(super) fn new(tables: Tables, writer: Option<W>) -> Self {
        Self { tables, savepoints: Vec::new(), writer }
    }

    /// The tables, with what was loaded since the transaction began.
    pub(super) fn completed<S: TablesSource>(&mut self, source: &S) -> Result<&Tables> {
        let access = if self.writer.is_some() { Access::Write } else { Access::Read };
        source.complete(&mut self.tables, access)?;
        Ok(&self.tables)
    }

    pub(super) fn tables_mut(&mut self) -> Result<&mut Tables> {
        match self.writer {
            Some(_) => Ok(&mut self.tables),
            None => Err(Error::new(ErrorKind::ReadOnly, "a write in a read-only transaction")),
        }
    }
}

#[async_trait]
impl<W: TablesWriter> OpenTransaction for TablesTransaction<W> {
    fn has_savepoints(&self) -> bool {
        true
    }

    async fn savepoint(&mut self, depth: usize) -> Result<()> {
        self.savepoints.push((depth, self.tables.clone()));
        Ok(())
    }

    async fn release(&mut self, depth: usize) -> Result<()> {
        self.savepoints.retain(|(other, _)| *other < depth);
        Ok(())
    }

    async fn rollback_to(&mut self, depth: usize) -> Result<()> {
        let position = self.savepoints.iter().position(|(other, _)| *other == depth);
        let undone = position.and_then(|position| self.savepoints.drain(position..).next());
        let missing = || Error::new(ErrorKind::Internal, "no savepoint of this depth");
        self.tables = undone.ok_or_else(missing)?.1;
        Ok(())
    }

    async fn commit(self: Box<Self>) -> Result<()> {
        match self.writer {
            Some(writer) => writer.commit(self.tables).await,
            None => Ok(()),
        }
    }

    async fn rollback(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}

impl<W> fmt::Debug for TablesTransaction<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TablesTransaction").field("tables", &self.tables).finish_non_exhaustive()
    }
}
