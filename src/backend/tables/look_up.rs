//! Looks up what filters ask of other tables.

use super::{Tables, state::RowsByTable};
use crate::{
    error::Result,
    query::{ResolvedFilter, Selection},
    table::Table,
};

impl Tables {
    /// Makes the other tables known that a filter looks into, and returns how many rows they have.
    pub(super) fn joined(&self, condition: &ResolvedFilter) -> Result<usize> {
        let mut reach = 0;
        for table in condition.joined_tables() {
            self.define(table)?;
            reach += self.state.len(&table.key);
        }
        Ok(reach)
    }
}

impl RowsByTable {
    /// A filter in which the rows of other tables have been looked up.
    pub(super) fn looked_up(&self, table: &Table, condition: ResolvedFilter) -> Result<ResolvedFilter> {
        condition.looked_up(table, &|table, condition| {
            let rows = self.rows(&table.key).into_iter().flat_map(|rows| rows.by_id.values()).map(AsRef::as_ref);
            let condition = condition.clone();
            rows.filter(move |row| condition.is_met_by(row))
        })
    }

    /// A selection whose filter has been looked up.
    pub(super) fn selection(&self, table: &Table, selection: Selection) -> Result<Selection> {
        let condition = self.looked_up(table, selection.condition)?;
        Ok(Selection { condition, ..selection })
    }
}
