//! Not null and foreign keys.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use sea_orm::{Value, sea_query::ForeignKeyAction};

use super::state::{RowsByTable, StoredRow, key};
use crate::{
    error::{Error, ErrorKind, Result},
    table::{ForeignKey, Table, TableName},
    value::{Key, is_null},
};

/// Every table a repository was made for, by name.
pub(super) type Definitions = BTreeMap<TableName, Arc<Table>>;

/// Refuses a row that lacks a required value.
pub(super) fn require(table: &Table, row: &StoredRow) -> Result<()> {
    let missing = table.required.iter().find(|position| row.get(**position).is_none_or(is_null));
    match missing {
        None => Ok(()),
        Some(position) => Err(Error::new(ErrorKind::NotNull, "").with_constraint(Some(table.full_names(&[*position])))),
    }
}

/// Refuses a row that points at nothing.
pub(super) fn require_parents(definitions: &Definitions, state: &RowsByTable, table: &Table, row: &StoredRow) -> Result<()> {
    for foreign_key in &table.foreign_keys {
        let values = key(&foreign_key.columns, row);
        if values.0.iter().any(is_null) {
            continue;
        }
        if !has_parent(definitions, state, foreign_key, &values) {
            return Err(Error::new(ErrorKind::ForeignKey, "the model points at one that does not exist"));
        }
    }
    Ok(())
}

fn has_parent(definitions: &Definitions, state: &RowsByTable, foreign_key: &ForeignKey, values: &Key) -> bool {
    let Some(parent) = definitions.get(&foreign_key.parent) else { return false };
    let Some(rows) = state.rows(&parent.key) else { return false };
    let positions = parent_positions(parent, foreign_key);
    if positions == parent.id {
        return rows.by_id.contains_key(values);
    }
    let unique = parent.uniques.iter().position(|unique| *unique == positions);
    match unique.and_then(|index| rows.unique.get(index)) {
        Some(index) => index.contains_key(values),
        None => rows.by_id.values().any(|row| key(&positions, row) == *values),
    }
}

fn parent_positions(parent: &Table, foreign_key: &ForeignKey) -> Vec<usize> {
    let names = foreign_key.parent_columns.iter();
    names.filter_map(|name| parent.columns.iter().position(|column| column.name() == name)).collect()
}

/// Rows of a table that went away, or one that another took the place of.
struct Gone<'a> {
    table: &'a Table,
    rows: Vec<StoredRow>,
    replacement: Option<StoredRow>,
}

/// What becomes of rows that point at rows which went away: refused, removed or set to null, as their foreign keys say.
pub(super) fn after_delete(
    definitions: &Definitions,
    state: &mut RowsByTable,
    table: &Table,
    rows: Vec<StoredRow>,
) -> Result<()> {
    follow(definitions, state, Gone { table, rows, replacement: None })
}

/// What becomes of rows that point at values which an update replaced.
pub(super) fn after_update(
    definitions: &Definitions,
    state: &mut RowsByTable,
    table: &Table,
    old: StoredRow,
    new: StoredRow,
) -> Result<()> {
    follow(definitions, state, Gone { table, rows: vec![old], replacement: Some(new) })
}

/// Carries out the actions of foreign keys until nothing more follows, and then checks those without an action.
fn follow<'a>(definitions: &'a Definitions, state: &mut RowsByTable, first: Gone<'a>) -> Result<()> {
    let refused = || Error::new(ErrorKind::ForeignKey, "another model still points at this one");
    let mut left = vec![first];
    let mut unchecked = Vec::new();
    while let Some(gone) = left.pop() {
        for (child, foreign_key) in children_of(definitions, gone.table) {
            let positions = parent_positions(gone.table, foreign_key);
            let replacement = gone.replacement.as_ref().map(|row| key(&positions, row));
            // Nothing points at null.
            let keys = gone.rows.iter().map(|row| key(&positions, row)).filter(|key| !key.0.iter().any(is_null));
            let keys: BTreeSet<Key> = keys.collect();
            if keys.is_empty() || replacement.as_ref().is_some_and(|key| keys.contains(key)) {
                continue;
            }
            let orphans = orphans(state, child, foreign_key, &keys);
            match (foreign_key.action(replacement.is_some()), &replacement) {
                _ if orphans.is_empty() => {}
                (ForeignKeyAction::Restrict, _) => return Err(refused()),
                (ForeignKeyAction::Cascade, None) => {
                    let removed = orphans.iter().filter_map(|row| state.remove(child, &key(&child.id, row)));
                    left.push(Gone { table: child, rows: removed.collect(), replacement: None });
                }
                (ForeignKeyAction::Cascade, Some(values)) => {
                    let change = |nth: usize, old: &Value| values.0.get(nth).unwrap_or(old).clone();
                    left.extend(change_all(state, child, foreign_key, orphans, change)?);
                }
                (ForeignKeyAction::SetNull, _) => {
                    left.extend(change_all(state, child, foreign_key, orphans, |_, old| old.as_null())?);
                }
                _ => unchecked.push((child, foreign_key, keys)),
            }
        }
    }
    for (child, foreign_key, keys) in unchecked {
        for row in orphans(state, child, foreign_key, &keys) {
            require_parents(definitions, state, child, &row).map_err(|_| refused())?;
        }
    }
    Ok(())
}

/// Changes the columns of a foreign key in each of these rows.
fn change_all<'a>(
    state: &mut RowsByTable,
    child: &'a Table,
    foreign_key: &ForeignKey,
    rows: Vec<StoredRow>,
    change: impl Fn(usize, &Value) -> Value,
) -> Result<Vec<Gone<'a>>> {
    let nth = |position: usize| foreign_key.columns.iter().position(|column| *column == position);
    let mut changed = Vec::new();
    for old in rows {
        let values = old.iter().enumerate();
        let new: StoredRow =
            values.map(|(position, value)| nth(position).map_or_else(|| value.clone(), |nth| change(nth, value))).collect();
        state.change(child, &old, &new)?;
        changed.push(Gone { table: child, rows: vec![old], replacement: Some(new) });
    }
    Ok(changed)
}

fn children_of<'a>(definitions: &'a Definitions, parent: &Table) -> impl Iterator<Item = (&'a Table, &'a ForeignKey)> {
    let keys = definitions.values().flat_map(|child| child.foreign_keys.iter().map(move |key| (child.as_ref(), key)));
    keys.filter(|(_, key)| key.parent == parent.key)
}

fn orphans(state: &RowsByTable, child: &Table, foreign_key: &ForeignKey, gone: &BTreeSet<Key>) -> Vec<StoredRow> {
    let rows = state.rows(&child.key).into_iter().flat_map(|rows| rows.by_id.values());
    rows.filter(|row| gone.contains(&key(&foreign_key.columns, row))).cloned().collect()
}
