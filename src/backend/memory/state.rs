//! The rows of all tables, and the four ways to change them.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use rpds::RedBlackTreeMapSync;
use sea_orm::{
    Value,
    sea_query::{Expr, Keyword},
};

use super::{constraint, table::Table};
use crate::{
    clock::to_microseconds,
    error::{Error, ErrorKind, Result},
    value::{Key, integer, integer_like, is_null},
};

/// The values of a model, one for each column.
pub(super) type Row = Arc<[Value]>;

/// The rows of one table.
#[derive(Clone, Default)]
pub(super) struct Rows {
    pub(super) by_id: RedBlackTreeMapSync<Key, Row>,
    /// For each unique constraint, which row has which values.
    pub(super) unique: Vec<RedBlackTreeMapSync<Key, Key>>,
    last_generated: i64,
}

/// Everything a store holds. A clone shares what it does not change.
#[derive(Clone, Default)]
pub(super) struct State {
    tables: RedBlackTreeMapSync<String, Rows>,
}

impl State {
    pub(super) fn rows(&self, table: &str) -> Option<&Rows> {
        self.tables.get(table)
    }

    pub(super) fn find(&self, table: &str, id: &Key) -> Option<&Row> {
        self.rows(table)?.by_id.get(id)
    }

    /// Adds a row, with its generated id and its defaults.
    pub(super) fn insert(&mut self, table: &Table, mut values: Vec<Value>, now: DateTime<Utc>) -> Result<Row> {
        let mut rows = self.rows(&table.name).cloned().unwrap_or_default();
        for (position, default) in &table.defaults {
            if let Some(value) = values.get_mut(*position).filter(|value| is_null(value)) {
                *value = default_value(default, value, now)?;
            }
        }
        if let Some(id) = table.generated.and_then(|position| values.get_mut(position)) {
            let chosen = integer(id).filter(|number| *number != 0);
            let number = chosen.or_else(|| rows.last_generated.checked_add(1));
            let value = number.and_then(|number| integer_like(id, number));
            let too_large = || Error::new(ErrorKind::ResourceExhausted, "the id's type holds no further number");
            *id = value.ok_or_else(too_large)?;
            rows.last_generated = rows.last_generated.max(number.unwrap_or_default());
        }
        let row = Row::from(values);
        constraint::require(table, &row)?;
        rows.add(table, &row)?;
        self.tables.insert_mut(table.name.clone(), rows);
        Ok(row)
    }

    /// Replaces the row with the same id and returns the one that was there, if there was one.
    pub(super) fn replace(&mut self, table: &Table, row: &Row) -> Result<Option<Row>> {
        let Some(old) = self.find(&table.name, &key(&table.id, row)).cloned() else { return Ok(None) };
        self.change(table, &old, row)?;
        Ok(Some(old))
    }

    /// Puts one row in the place of another, whose id may differ.
    pub(super) fn change(&mut self, table: &Table, old: &Row, new: &Row) -> Result<()> {
        let mut rows = self.rows(&table.name).cloned().unwrap_or_default();
        constraint::require(table, new)?;
        rows.unindex(table, old);
        rows.by_id.remove_mut(&key(&table.id, old));
        rows.add(table, new)?;
        self.tables.insert_mut(table.name.clone(), rows);
        Ok(())
    }

    pub(super) fn remove(&mut self, table: &Table, id: &Key) -> Option<Row> {
        let mut rows = self.rows(&table.name)?.clone();
        let row = rows.by_id.get(id).cloned()?;
        rows.unindex(table, &row);
        rows.by_id.remove_mut(id);
        self.tables.insert_mut(table.name.clone(), rows);
        Some(row)
    }

    /// Removes every row of a table and returns them.
    pub(super) fn clear(&mut self, table: &Table) -> Vec<Row> {
        let Some(rows) = self.rows(&table.name) else { return Vec::new() };
        let removed = rows.by_id.values().cloned().collect();
        let emptied = Rows { last_generated: rows.last_generated, ..Rows::default() };
        self.tables.insert_mut(table.name.clone(), emptied);
        removed
    }
}

impl Rows {
    fn add(&mut self, table: &Table, row: &Row) -> Result<()> {
        let id = key(&table.id, row);
        if self.by_id.contains_key(&id) {
            return Err(Error::new(ErrorKind::Duplicate, "").with_constraint(Some(table.full_names(&table.id))));
        }
        self.index(table, &id, row)?;
        self.by_id.insert_mut(id, row.clone());
        Ok(())
    }

    fn index(&mut self, table: &Table, id: &Key, row: &Row) -> Result<()> {
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

    fn unindex(&mut self, table: &Table, row: &Row) {
        for (unique, index) in table.uniques.iter().zip(&mut self.unique) {
            index.remove_mut(&key(unique, row));
        }
    }
}

/// The values of a row at these positions.
pub(super) fn key(positions: &[usize], row: &Row) -> Key {
    Key(positions.iter().filter_map(|position| row.get(*position).cloned()).collect())
}

/// What a column's default stands for, in the type of the column.
fn default_value(default: &Expr, like: &Value, now: DateTime<Utc>) -> Result<Value> {
    let now = to_microseconds(now);
    let value = match (default, like) {
        (Expr::Value(value), like) => match integer(value) {
            Some(number) => integer_like(like, number),
            None => (value.as_null() == *like).then(|| value.clone()),
        },
        (Expr::Keyword(Keyword::CurrentTimestamp), Value::ChronoDateTimeUtc(_)) => Some(now.into()),
        (Expr::Keyword(Keyword::CurrentTimestamp), Value::ChronoDateTimeWithTimeZone(_)) => Some(now.fixed_offset().into()),
        (Expr::Keyword(Keyword::CurrentTimestamp), Value::ChronoDateTime(_)) => Some(now.naive_utc().into()),
        _ => None,
    };
    value.ok_or_else(|| Error::new(ErrorKind::Unsupported, "a default that is an SQL expression"))
}
