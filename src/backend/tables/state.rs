//! The rows of all tables, and the four ways to change them.

use std::sync::Arc;

use rpds::RedBlackTreeMapSync;
use sea_orm::Value;

use super::constraint;
use crate::{
    error::{Error, ErrorKind, Result},
    table::{Table, TableName},
    value::{Key, integer, integer_like, is_left_out, is_null},
};

/// The values of a model, one for each column.
pub(crate) type StoredRow = Arc<[Value]>;

/// The rows of one table.
#[derive(Clone, Default)]
pub(super) struct TableRows {
    pub(super) by_id: RedBlackTreeMapSync<Key, StoredRow>,
    /// For each unique constraint, which row has which values.
    pub(super) unique: Vec<RedBlackTreeMapSync<Key, Key>>,
    last_generated: i64,
}

/// Everything a store holds. A clone shares what it does not change.
#[derive(Clone, Default)]
pub(super) struct RowsByTable {
    pub(super) tables: RedBlackTreeMapSync<TableName, TableRows>,
    /// The ids of the rows that were changed, where somebody wants to know.
    #[cfg(feature = "file")]
    pub(super) touched: Option<super::changes::Touched>,
}

impl RowsByTable {
    pub(super) fn rows(&self, table: &TableName) -> Option<&TableRows> {
        self.tables.get(table)
    }

    /// How many rows a table has.
    pub(super) fn len(&self, table: &TableName) -> usize {
        self.rows(table).map_or(0, |rows| rows.by_id.size())
    }

    pub(super) fn find(&self, table: &TableName, id: &Key) -> Option<&StoredRow> {
        self.rows(table)?.by_id.get(id)
    }

    /// Adds a row, with its generated id and its defaults.
    pub(super) fn insert(&mut self, table: &Table, mut values: Vec<Value>) -> Result<StoredRow> {
        let mut rows = self.rows(&table.key).cloned().unwrap_or_default();
        if table.is_described() {
            // Nothing fills in here what was left out, but for ids.
            for (position, value) in values.iter_mut().enumerate().filter(|(_, value)| is_left_out(value)) {
                *value = table.null(position)?;
            }
        }
        if let Some(id) = table.generated.and_then(|position| values.get_mut(position)) {
            let chosen = integer(id).filter(|number| *number != 0 || table.is_described());
            let number = chosen.or_else(|| rows.last_generated.checked_add(1));
            let value = number.and_then(|number| integer_like(id, number));
            let too_large = || Error::new(ErrorKind::ResourceExhausted, "the id's type holds no further number");
            *id = value.ok_or_else(too_large)?;
            rows.last_generated = rows.last_generated.max(number.unwrap_or_default());
        }
        let row = StoredRow::from(values);
        constraint::require(table, &row)?;
        rows.add(table, &row)?;
        self.tables.insert_mut(table.key.clone(), rows);
        self.touch(table, || key(&table.id, &row));
        Ok(row)
    }

    /// Puts one row in the place of another, whose id may differ.
    pub(super) fn change(&mut self, table: &Table, old: &StoredRow, new: &StoredRow) -> Result<()> {
        let mut rows = self.rows(&table.key).cloned().unwrap_or_default();
        constraint::require(table, new)?;
        rows.unindex(table, old);
        rows.by_id.remove_mut(&key(&table.id, old));
        rows.add(table, new)?;
        self.tables.insert_mut(table.key.clone(), rows);
        self.touch(table, || key(&table.id, old));
        self.touch(table, || key(&table.id, new));
        Ok(())
    }

    pub(super) fn remove(&mut self, table: &Table, id: &Key) -> Option<StoredRow> {
        let mut rows = self.rows(&table.key)?.clone();
        let row = rows.by_id.get(id).cloned()?;
        rows.unindex(table, &row);
        rows.by_id.remove_mut(id);
        self.tables.insert_mut(table.key.clone(), rows);
        self.touch(table, || id.clone());
        Some(row)
    }

    #[cfg(feature = "file")]
    fn touch(&mut self, table: &Table, id: impl FnOnce() -> Key) {
        if let Some(touched) = &mut self.touched {
            touched.add(&table.key, id());
        }
    }

    #[cfg(not(feature = "file"))]
    fn touch(&self, _: &Table, _: impl FnOnce() -> Key) {}

    /// The row that has the same values as `row` in these columns, which are the id's or those of a unique constraint.
    pub(super) fn find_by(&self, table: &Table, columns: &[usize], row: &StoredRow) -> Option<&StoredRow> {
        let rows = self.rows(&table.key)?;
        let same = |unique: &[usize]| unique.len() == columns.len() && columns.iter().all(|column| unique.contains(column));
        if same(&table.id) {
            return rows.by_id.get(&key(&table.id, row));
        }
        let index = table.uniques.iter().position(|unique| same(unique))?;
        let values = key(table.uniques.get(index)?, row);
        rows.by_id.get(rows.unique.get(index)?.get(&values)?)
    }
}

impl TableRows {
    fn add(&mut self, table: &Table, row: &StoredRow) -> Result<()> {
        let id = key(&table.id, row);
        if self.by_id.contains_key(&id) {
            return Err(Error::new(ErrorKind::Duplicate, "").with_constraint(Some(table.full_names(&table.id))));
        }
        self.index(table, &id, row)?;
        self.by_id.insert_mut(id, row.clone());
        Ok(())
    }

    fn index(&mut self, table: &Table, id: &Key, row: &StoredRow) -> Result<()> {
        self.unique.resize_with(table.uniques.len(), RedBlackTreeMapSync::new_sync);
        for (unique, index) in table.uniques.iter().zip(&mut self.unique) {
            let values = key(unique, row);
            // Null is different from everything, itself included.
            if values.0.iter().any(is_null) {
                continue;
            }
            if index.contains_key(&values) {
                return Err(Error::new(ErrorKind::Duplicate, "").with_constraint(Some(table.full_names(unique))));
            }
            index.insert_mut(values, id.clone());
        }
        Ok(())
    }

    fn unindex(&mut self, table: &Table, row: &StoredRow) {
        for (unique, index) in table.uniques.iter().zip(&mut self.unique) {
            index.remove_mut(&key(unique, row));
        }
    }
}

/// The values of a row at these positions.
pub(super) fn key(positions: &[usize], row: &StoredRow) -> Key {
    Key(positions.iter().filter_map(|position| row.get(*position).cloned()).collect())
}
