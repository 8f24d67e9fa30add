//! What a backend with files needs of [`Tables`]: which rows a transaction has changed, and rows that come and go outside of it.

use std::sync::Arc;

use rpds::{RedBlackTreeMapSync, RedBlackTreeSetSync};
use sea_orm::Value;

use super::{Tables, state::StoredRow};
use crate::{
    error::Result,
    table::{Table, TableName},
    value::Key,
};

/// The ids of the rows that were changed in a copy of the tables.
#[derive(Clone, Default)]
pub(super) struct Touched {
    ids: RedBlackTreeMapSync<TableName, RedBlackTreeSetSync<Key>>,
    /// What the copy is of.
    generation: u64,
}

impl Touched {
    pub(super) fn add(&mut self, table: &TableName, id: Key) {
        let mut ids = self.ids.get(table).cloned().unwrap_or_else(RedBlackTreeSetSync::new_sync);
        ids.insert_mut(id);
        self.ids.insert_mut(table.clone(), ids);
    }
}

/// A row that a transaction has changed. If there is no new one, it was deleted.
pub(crate) struct RowChange {
    pub(crate) table: Arc<Table>,
    pub(crate) id: Key,
    pub(crate) new: Option<StoredRow>,
}

impl Tables {
    /// The same tables, which take note of the rows that are changed from now on. `generation` says what they are.
    pub(crate) fn tracking(mut self, generation: u64) -> Self {
        self.state.touched = Some(Touched { ids: RedBlackTreeMapSync::new_sync(), generation });
        self
    }

    /// The same tables, which take no more notes.
    pub(crate) fn without_tracking(mut self) -> Self {
        self.state.touched = None;
        self
    }

    /// What [`tracking`](Self::tracking) was told.
    pub(crate) fn generation(&self) -> u64 {
        self.state.touched.as_ref().map_or(0, |touched| touched.generation)
    }

    /// The rows that were written since then and are not those of `before`.
    pub(crate) fn changes_since(&self, before: &Self) -> Vec<RowChange> {
        let known = self.known();
        let mut changes = Vec::new();
        for (table, ids) in self.state.touched.iter().flat_map(|touched| touched.ids.iter()) {
            let Some(definition) = known.get(table) else { continue };
            for id in ids {
                let find = |tables: &Self| tables.state.find(table, id).cloned();
                let (old, new) = (find(before), find(self));
                let is_same = match (&old, &new) {
                    (Some(old), Some(new)) => Arc::ptr_eq(old, new),
                    (old, new) => old.is_none() && new.is_none(),
                };
                if !is_same {
                    changes.push(RowChange { table: definition.clone(), id: id.clone(), new });
                }
            }
        }
        changes
    }

    /// Whether the rows of a table are those that were loaded.
    pub(crate) fn is_loaded(&self, table: &Table) -> bool {
        self.state.rows(&table.key).is_some()
    }

    /// Whether a table has a row with this id.
    pub(crate) fn has(&self, table: &Table, id: &Key) -> bool {
        self.state.find(&table.key, id).is_some()
    }

    /// Says that the rows of a table are those that follow, even if none does.
    pub(crate) fn begin_loading(&mut self, table: &Table) {
        self.state.tables.insert_mut(table.key.clone(), super::state::TableRows::default());
    }

    /// Takes a row away without looking at what refers to it.
    pub(crate) fn unload(&mut self, table: &Table, id: &Key) -> Option<Vec<Value>> {
        self.state.remove(table, id).map(|row| row.to_vec())
    }

    /// How many rows a table has.
    pub(crate) fn count(&self, table: &TableName) -> usize {
        self.state.len(table)
    }

    /// Adds the tables that were loaded in `others` and not here. `may_take` refuses one.
    pub(crate) fn take_missing(&mut self, others: &Self, may_take: impl Fn(&TableName) -> Result<()>) -> Result<()> {
        if self.state.tables.size() == others.state.tables.size() {
            return Ok(());
        }
        for (table, rows) in &others.state.tables {
            if !self.state.tables.contains_key(table) {
                may_take(table)?;
                self.state.tables.insert_mut(table.clone(), rows.clone());
            }
        }
        Ok(())
    }
}
