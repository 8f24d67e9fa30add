//! A transaction is a copy of the state, and a copy of that for each savepoint.

use async_trait::async_trait;

use super::{state::MemoryState, store::MemoryStore};
use crate::{
    backend::turns::Turn,
    error::{Error, ErrorKind, Result},
    transaction::OpenTransaction,
};

pub(super) struct MemoryTransaction {
    store: MemoryStore,
    state: MemoryState,
    savepoints: Vec<(usize, MemoryState)>,
    /// The turn to write; a read-only transaction has none.
    writer: Option<Turn>,
}

impl MemoryTransaction {
    pub(super) fn new(store: MemoryStore, writer: Option<Turn>) -> Self {
        Self { state: store.committed(), store, savepoints: Vec::new(), writer }
    }

    pub(super) fn state(&self) -> &MemoryState {
        &self.state
    }

    pub(super) fn state_mut(&mut self) -> Result<&mut MemoryState> {
        match self.writer {
            Some(_) => Ok(&mut self.state),
            None => Err(Error::new(ErrorKind::ReadOnly, "a write in a read-only transaction")),
        }
    }
}

#[async_trait]
impl OpenTransaction for MemoryTransaction {
    async fn savepoint(&mut self, depth: usize) -> Result<()> {
        self.savepoints.push((depth, self.state.clone()));
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
        self.state = undone.ok_or_else(missing)?.1;
        Ok(())
    }

    async fn commit(self) -> Result<()> {
        if self.writer.is_some() {
            self.store.commit(self.state);
        }
        Ok(())
    }

    async fn rollback(self) -> Result<()> {
        Ok(())
    }
}
