//! Not null and foreign keys.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use sea_orm::{Value, sea_query::ForeignKeyAction};

use super::{
    state::{Row, State, key},
    table::{ForeignKey, Table},
};
use crate::{
    error::{Error, ErrorKind, Result},
    value::{Key, is_null},
};

/// Every table a repository was made for, by name.
pub(super) type Tables = HashMap<String, Arc<Table>>;

/// Refuses a row that lacks a required value.
pub(super) fn require(table: &Table, row: &Row) -> Result<()> {
    let missing = table.required.iter().find(|position| row.get(**position).is_none_or(is_null));
    let Some(column) = missing.and_then(|position| table.columns.get(*position)) else { return Ok(()) };
    Err(Error::new(ErrorKind::NotNull, "").with_constraint(Some(format!("{}.{column}", table.name))))
}

/// Refuses a row that points at nothing.
pub(super) fn require_parents(tables: &Tables, state: &State, table: &Table, row: &Row) -> Result<()> {
    for foreign_key in &table.foreign_keys {
        let values = key(&foreign_key.columns, row);
        if values.0.iter().any(is_null) {
            continue;
        }
        if !has_parent(tables, state, foreign_key, &values) {
            return Err(Error::new(ErrorKind::ForeignKey, "the model points at one that does not exist"));
        }
    }
    Ok(())
}

fn has_parent(tables: &Tables, state: &State, foreign_key: &ForeignKey, values: &Key) -> bool {
    let Some(parent) = tables.get(&foreign_key.parent) else { return false };
    let Some(rows) = state.rows(&parent.name) else { return false };
    let positions = parent_positions(parent, foreign_key);
    if positions == parent.id {
        return rows.by_id.contains_key(values);
    }
    let unique = parent.uniques.iter().position(|unique| unique.columns == positions);
    match unique.and_then(|index| rows.unique.get(index)) {
        Some(index) => index.contains_key(values),
        None => rows.by_id.values().any(|row| key(&positions, row) == *values),
    }
}

fn parent_positions(parent: &Table, foreign_key: &ForeignKey) -> Vec<usize> {
    let names = foreign_key.parent_columns.iter();
    names.filter_map(|name| parent.columns.iter().position(|column| column == name)).collect()
}

/// What becomes of rows that point at rows which went away: refused, removed or set to null, as their foreign key says.
pub(super) fn after_delete(tables: &Tables, state: &mut State, table: &Table, removed: &[Row]) -> Result<()> {
    for (child, foreign_key) in children_of(tables, table) {
        let positions = parent_positions(table, foreign_key);
        let gone: BTreeSet<Key> = removed.iter().map(|row| key(&positions, row)).collect();
        let orphans = orphans(state, child, foreign_key, &gone);
        match foreign_key.on_delete {
            _ if orphans.is_empty() => {}
            ForeignKeyAction::Cascade => {
                let ids = orphans.iter().map(|row| key(&child.id, row));
                let removed: Vec<Row> = ids.filter_map(|id| state.remove(child, &id)).collect();
                after_delete(tables, state, child, &removed)?;
            }
            ForeignKeyAction::SetNull => {
                for row in orphans {
                    state.replace(child, &with_values(&row, &foreign_key.columns, |_, old| old.as_null()))?;
                }
            }
            _ => return Err(Error::new(ErrorKind::ForeignKey, "another model still points at this one")),
        }
    }
    Ok(())
}

/// What becomes of rows that point at values which an update replaced.
pub(super) fn after_update(tables: &Tables, state: &mut State, table: &Table, old: &Row, new: &Row) -> Result<()> {
    for (child, foreign_key) in children_of(tables, table) {
        let positions = parent_positions(table, foreign_key);
        let (before, after) = (key(&positions, old), key(&positions, new));
        if before == after {
            continue;
        }
        for row in orphans(state, child, foreign_key, &BTreeSet::from([before])) {
            let moved = match foreign_key.on_update {
                ForeignKeyAction::Cascade => {
                    with_values(&row, &foreign_key.columns, |nth, old| after.0.get(nth).unwrap_or(old).clone())
                }
                ForeignKeyAction::SetNull => with_values(&row, &foreign_key.columns, |_, old| old.as_null()),
                _ => return Err(Error::new(ErrorKind::ForeignKey, "another model still points at this one")),
            };
            state.replace(child, &moved)?;
        }
    }
    Ok(())
}

fn children_of<'a>(tables: &'a Tables, parent: &'a Table) -> impl Iterator<Item = (&'a Arc<Table>, &'a ForeignKey)> {
    let keys = tables.values().flat_map(|child| child.foreign_keys.iter().map(move |key| (child, key)));
    keys.filter(|(_, key)| key.parent == parent.name)
}

fn orphans(state: &State, child: &Table, foreign_key: &ForeignKey, gone: &BTreeSet<Key>) -> Vec<Row> {
    let rows = state.rows(&child.name).into_iter().flat_map(|rows| rows.by_id.values());
    rows.filter(|row| gone.contains(&key(&foreign_key.columns, row))).cloned().collect()
}

/// The row with other values in the columns of a foreign key; `change` is told which of them, and its value.
fn with_values(row: &Row, columns: &[usize], change: impl Fn(usize, &Value) -> Value) -> Row {
    let nth = |position: usize| columns.iter().position(|column| *column == position);
    let values = row.iter().enumerate();
    values.map(|(position, value)| nth(position).map_or_else(|| value.clone(), |nth| change(nth, value))).collect()
}
