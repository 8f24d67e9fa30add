//! Writes rows, one after another.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sea_orm::Value;

use super::{
    constraint::{Definitions, after_delete, after_update, require, require_parents},
    state::{RowsByTable, StoredRow, key},
};
use crate::{
    error::{Result, conflict, not_found},
    query::{Change, Merged, Resolution, ResolvedFilter, Upserted, changed_row, increased, range},
    rules::time_of,
    table::Table,
    value::{Key, compare},
};

/// A state that is being written to, as one operation.
pub(super) struct Writer<'a> {
    pub(super) table: &'a Table,
    pub(super) definitions: &'a Definitions,
    pub(super) state: &'a mut RowsByTable,
    pub(super) now: DateTime<Utc>,
}

impl Writer<'_> {
    /// The row with this id, if it is there for the repository.
    fn find(&self, id: &Key) -> Option<StoredRow> {
        let row = self.state.find(&self.table.key, id)?;
        self.table.is_visible(row).then(|| row.clone())
    }

    fn matching(&self, condition: ResolvedFilter) -> Result<Vec<StoredRow>> {
        let condition = self.state.looked_up(self.table, condition)?;
        let rows = self.state.rows(&self.table.key).into_iter().flat_map(|rows| rows.by_id.values());
        Ok(rows.filter(|row| condition.is_met_by(row)).cloned().collect())
    }

    pub(super) fn insert(&mut self, rows: Vec<Vec<Value>>) -> Result<Vec<StoredRow>> {
        let insert = |mut values: Vec<Value>| {
            self.table.stamp_new(&mut values, self.now);
            self.table.fill_defaults(&mut values)?;
            self.state.insert(self.table, values)
        };
        let rows = rows.into_iter().map(insert).collect::<Result<Vec<StoredRow>>>()?;
        rows.iter().try_for_each(|row| require_parents(self.definitions, self.state, self.table, row))?;
        Ok(rows)
    }

    fn change(&mut self, old: &StoredRow, new: &StoredRow) -> Result<()> {
        self.state.change(self.table, old, new)?;
        require_parents(self.definitions, self.state, self.table, new)?;
        after_update(self.definitions, self.state, self.table, old.clone(), new.clone())
    }

    /// Updates one row. An error inside says that nothing was changed.
    pub(super) fn update(&mut self, mut values: Vec<Value>) -> Result<Result<StoredRow>> {
        let Some(old) = self.find(&self.table.key_of(&values)) else { return Ok(Err(not_found())) };
        let rules = self.table.rules;
        if let Some(version) = rules.version
            && let (Some(given), Some(stored)) = (values.get(version), old.get(version))
            && compare(given, stored).is_ne()
        {
            return Ok(Err(conflict()));
        }
        let kept = |position| [rules.created_at, rules.deleted_at].contains(&Some(position));
        for (position, stored) in old.iter().enumerate().filter(|(position, _)| kept(*position)) {
            if let Some(value) = values.get_mut(position) {
                value.clone_from(stored);
            }
        }
        self.raise(&mut values)?;
        let new = StoredRow::from(values);
        self.change(&old, &new)?;
        Ok(Ok(new))
    }

    /// Updates rows by their ids, all or none.
    pub(super) fn update_all(&mut self, rows: BTreeMap<Key, Vec<Value>>) -> Result<BTreeMap<Key, StoredRow>> {
        if rows.keys().any(|id| self.find(id).is_none()) {
            return Err(not_found());
        }
        rows.into_iter().map(|(id, row)| Ok((id, self.update(row)??))).collect()
    }

    /// The version and the time of a change.
    fn raise(&self, values: &mut [Value]) -> Result<()> {
        self.table.stamp_changed(values, self.now);
        if let Some(version) = self.table.rules.version
            && let Some(value) = values.get_mut(version)
        {
            *value = increased(value, 1, range(self.table.value_type(version)?))?;
        }
        Ok(())
    }

    pub(super) fn update_where(&mut self, condition: ResolvedFilter, changes: &[Change]) -> Result<u64> {
        let rows = self.matching(condition)?;
        // Nothing changes, and so neither does the version.
        let changed = rows.iter().filter(|_| !changes.is_empty());
        for old in changed {
            let mut values = changed_row(changes, old, self.table)?;
            self.raise(&mut values)?;
            self.change(old, &values.into())?;
        }
        Ok(rows.len() as u64)
    }

    /// Inserts or replaces rows that are complete.
    pub(super) fn upsert(&mut self, merged: Merged<'_>, resolution: &Resolution) -> Result<Upserted> {
        let (known, mut new, mut upserted) = merged.finish();
        upserted.inserted += new.len() as u64;
        for row in known.into_iter().map(StoredRow::from) {
            require(self.table, &row)?;
            match (self.state.find_by(self.table, &resolution.target, &row).cloned(), &resolution.replaced) {
                (None, _) => {
                    new.push(row.to_vec());
                    upserted.inserted += 1;
                }
                (Some(old), _) if !self.table.scope.filter.is_met_by(&old) => return Err(self.table.taken(resolution)),
                (Some(_), None) => upserted.ignored += 1,
                (Some(old), Some(columns)) => {
                    let values = old.iter().zip(&*row).enumerate();
                    let values = values.map(|(position, (old, new))| if columns.contains(&position) { new } else { old }.clone());
                    let mut values: Vec<_> = values.collect();
                    self.raise(&mut values)?;
                    self.change(&old, &values.into())?;
                    upserted.updated += 1;
                }
            }
        }
        self.insert(new)?;
        Ok(upserted)
    }

    /// Deletes the rows that fulfil a condition, or marks them.
    pub(super) fn delete_where(&mut self, condition: ResolvedFilter) -> Result<u64> {
        match self.table.rules.deleted_at {
            Some(column) => {
                let mark = Change::Set(column, time_of(self.table.value_type(column)?, self.now));
                self.update_where(condition, &[mark])
            }
            None => {
                let rows = self.matching(condition)?;
                self.remove(&rows)
            }
        }
    }

    /// Deletes the rows with these ids, or marks them.
    pub(super) fn delete(&mut self, ids: &[Key]) -> Result<u64> {
        let mut count = 0;
        let mut removed = Vec::new();
        for id in ids {
            let Some(row) = self.find(id) else { continue };
            count += 1;
            match self.table.rules.deleted_at {
                Some(column) => {
                    let mut values = row.to_vec();
                    let time = time_of(self.table.value_type(column)?, self.now);
                    values.iter_mut().skip(column).take(1).for_each(|value| *value = time.clone());
                    self.raise(&mut values)?;
                    self.change(&row, &values.into())?;
                }
                None => removed.extend(self.state.remove(self.table, id)),
            }
        }
        after_delete(self.definitions, self.state, self.table, removed)?;
        Ok(count)
    }

    fn remove(&mut self, rows: &[StoredRow]) -> Result<u64> {
        let removed = rows.iter().filter_map(|row| self.state.remove(self.table, &key(&self.table.id, row))).collect::<Vec<_>>();
        let count = removed.len() as u64;
        after_delete(self.definitions, self.state, self.table, removed)?;
        Ok(count)
    }
}
