//! How an operation gets at the state, on which thread.

use std::sync::Arc;

use futures_util::FutureExt;
use tokio::task::coop::consume_budget;

use super::{repository::MemoryTable, state::MemoryState, transaction::MemoryTransaction, write::Writer};
use crate::{
    backend::Backend as _,
    context::{Access, Cx, Entry, RUNNING, WAITING},
    coop::off_thread,
    error::Result,
    table::Table,
    transaction::Step,
};

/// Up to how many rows are looked at on the thread of the runtime: about a millisecond's work.
const MAX_ROWS_IN_PLACE: usize = 1000;

/// Runs work that looks at so many rows.
pub(super) async fn run<R: Send + 'static>(
    cx: &Cx,
    reach: usize,
    work: impl FnOnce() -> Result<R> + Send + 'static,
) -> Result<R> {
    if reach <= MAX_ROWS_IN_PLACE {
        return work();
    }
    cx.limits().bound(RUNNING, off_thread(work).map(Result::flatten).boxed()).await
}

impl MemoryTable {
    /// Reads a state that stays as it is. `reach` tells how many rows are looked at.
    pub(super) async fn read<R: Send + 'static>(
        &self,
        cx: &Cx,
        reach: impl FnOnce(&MemoryState) -> usize + Send,
        read: impl FnOnce(&MemoryState) -> Result<R> + Send + 'static,
    ) -> Result<R> {
        let entry = self.enter_to_read(cx).await?;
        let (step, state) = self.state(cx, &entry).await?;
        let result = match state {
            Ok(state) => run(cx, reach(&state), move || read(&state)).await,
            Err(error) => Err(error),
        };
        match step {
            Some(step) => step.finish(result),
            None => result,
        }
    }

    /// The same for what looks at a row or two.
    pub(super) async fn read_at_once<R>(&self, cx: &Cx, read: impl FnOnce(&MemoryState) -> Result<R> + Send) -> Result<R> {
        let entry = self.enter_to_read(cx).await?;
        let (step, state) = self.state(cx, &entry).await?;
        let result = state.and_then(|state| read(&state));
        match step {
            Some(step) => step.finish(result),
            None => result,
        }
    }

    async fn enter_to_read(&self, cx: &Cx) -> Result<Entry<MemoryTransaction>> {
        self.require_own()?;
        consume_budget().await;
        cx.enter(self.store.id(), Access::Read)
    }

    /// The state that a read sees, and the step of the transaction that it is.
    async fn state<'e>(
        &self,
        cx: &Cx,
        entry: &'e Entry<MemoryTransaction>,
    ) -> Result<(Option<Step<'e, MemoryTransaction>>, Result<MemoryState>)> {
        match entry {
            Entry::Joined(level, transaction) => {
                let mut step = cx.limits().bound(WAITING, transaction.step(level.id())).await?;
                let state = step.work().map(|open| open.state().clone());
                Ok((Some(step), state))
            }
            Entry::Alone(_) => {
                self.store.refuse_if_closed()?;
                Ok((None, Ok(self.store.committed())))
            }
        }
    }

    /// Changes the state as a whole or not at all. `reach` tells how many rows are looked at.
    pub(super) async fn write<R: Send + 'static>(
        &self,
        cx: &Cx,
        reach: impl FnOnce(&MemoryState) -> usize + Send,
        write: impl FnOnce(&mut Writer<'_>) -> Result<R> + Send + 'static,
    ) -> Result<R> {
        self.require_own()?;
        consume_budget().await;
        let now = self.store.clock().now();
        let (table, tables) = (self.table.clone(), self.store.tables());
        let changed = |mut state: MemoryState| {
            move || {
                let result = write(&mut Writer { table: &table, tables: &tables, state: &mut state, now })?;
                Ok((state, result))
            }
        };
        let entry = cx.enter::<MemoryTransaction>(self.store.id(), Access::Write)?;
        let (mut step, mut turn) = (None, None);
        match &entry {
            Entry::Joined(level, transaction) => {
                step = Some(cx.limits().bound(WAITING, transaction.step(level.id())).await?);
            }
            Entry::Alone(mode) => turn = Some(cx.limits().bound(WAITING, self.store.writer(*mode)).await?),
        }
        let before = match &mut step {
            Some(step) => step.work().and_then(MemoryTransaction::state_mut).and_then(|state| {
                self.store.record(cx, state)?;
                Ok(state.clone())
            }),
            None => {
                let mut state = self.store.committed();
                self.store.record(cx, &mut state).map(|()| state)
            }
        };
        let result = match before {
            Ok(state) => run(cx, reach(&state), changed(state)).await,
            Err(error) => Err(error),
        };
        let Some(mut step) = step else {
            let (changed, result) = result?;
            self.store.commit(changed);
            drop(turn);
            return Ok(result);
        };
        let result = result.and_then(|(changed, result)| {
            *step.work().and_then(MemoryTransaction::state_mut)? = changed;
            Ok(result)
        });
        step.finish(result)
    }

    /// How many rows the table has.
    pub(super) fn all(&self) -> impl FnOnce(&MemoryState) -> usize + Send {
        |state| state.len(&self.table.key)
    }

    /// How many rows are looked at when so many are changed or deleted: those that refer to them are searched for.
    pub(super) fn all_about(&self, count: usize) -> impl FnOnce(&MemoryState) -> usize + Send {
        move |state| {
            let tables = self.store.tables();
            let refers = |other: &&Arc<Table>| other.foreign_keys.iter().any(|key| key.parent == self.table.key);
            let referring: usize = tables.values().filter(refers).map(|other| state.len(&other.key)).sum();
            count.saturating_mul(referring + 1)
        }
    }
}
