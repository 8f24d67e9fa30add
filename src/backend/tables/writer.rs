//! Writes rows, one after another.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sea_orm::Value;

use super::{
    constraint::{Definitions, after_delete, after_update, require, require_parents},
    read::selected,
    state::{RowsByTable, StoredRow, key},
};
use crate::{
    error::{Error, ErrorKind, Result, conflict, not_found},
    query::{Change, Merged, Outcome, Resolution, ResolvedFilter, Selection, Upserted, changed_row, increased, range},
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

/// What became of a row that was given, and the row that is stored.
enum Resolved {
    /// None is. This is the row that was given.
    Missing(Vec<Value>),
    Updated(StoredRow),
    Ignored(StoredRow),
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

    fn selected(&self, selection: Selection) -> Result<Vec<StoredRow>> {
        Ok(selected(self.state, self.table, &self.state.selection(self.table, selection)?))
    }

    pub(super) fn insert(&mut self, rows: Vec<Vec<Value>>) -> Result<Vec<StoredRow>> {
        let mut stored = Vec::with_capacity(rows.len());
        for values in rows {
            let values = self.complete(values)?;
            stored.push(self.state.insert(self.table, values)?);
        }
        stored.iter().try_for_each(|row| require_parents(self.definitions, self.state, self.table, row))?;
        Ok(stored)
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
        self.update_rows(&rows, changes)?;
        Ok(rows.len() as u64)
    }

    /// Changes the rows of a selection, and returns them as they are then, in its order.
    pub(super) fn update_selected(&mut self, selection: Selection, changes: &[Change]) -> Result<Vec<StoredRow>> {
        let rows = self.selected(selection)?;
        self.update_rows(&rows, changes)?;
        Ok(rows.iter().filter_map(|row| self.state.find(&self.table.key, &key(&self.table.id, row)).cloned()).collect())
    }

    fn update_rows(&mut self, rows: &[StoredRow], changes: &[Change]) -> Result<()> {
        // Nothing changes, and so neither does the version.
        for old in rows.iter().filter(|_| !changes.is_empty()) {
            let mut values = changed_row(changes, old, self.table)?;
            self.raise(&mut values)?;
            self.change(old, &values.into())?;
        }
        Ok(())
    }

    /// Completes a new row.
    fn complete(&self, mut values: Vec<Value>) -> Result<Vec<Value>> {
        self.table.stamp_new(&mut values, self.now);
        self.table.fill_defaults(&mut values)?;
        Ok(values)
    }

    /// Inserts rows, or does with those that are there what is to be done.
    pub(super) fn upsert_all(&mut self, rows: Vec<Vec<Value>>, resolution: &Resolution) -> Result<Upserted> {
        let mut merged = Merged::new(self.table, resolution);
        for row in rows {
            merged.push(self.complete(row)?);
        }
        let (rounds, new, mut upserted) = merged.finish();
        for round in rounds {
            let (resolution, mut missing) = (&self.looked_up(resolution)?, Vec::new());
            for row in round {
                match self.resolve(row, resolution)? {
                    Resolved::Missing(row) => missing.push(row),
                    Resolved::Updated(_) => upserted.updated += 1,
                    Resolved::Ignored(_) => upserted.ignored += 1,
                }
            }
            upserted.inserted += missing.len() as u64;
            self.insert(missing)?;
        }
        upserted.inserted += new.len() as u64;
        self.insert(new)?;
        Ok(upserted)
    }

    /// The same with one row. Returns the one that is stored then.
    pub(super) fn upsert_one(&mut self, row: Vec<Value>, resolution: &Resolution) -> Result<(StoredRow, Outcome)> {
        let row = self.complete(row)?;
        let resolved = match self.table.may_exist(&row, resolution) {
            true => self.resolve(row, &self.looked_up(resolution)?)?,
            false => Resolved::Missing(row),
        };
        let (stored, outcome) = match resolved {
            Resolved::Missing(row) => (self.insert(vec![row])?.pop(), Outcome::Inserted),
            Resolved::Updated(row) => (self.state.find(&self.table.key, &key(&self.table.id, &row)).cloned(), Outcome::Updated),
            Resolved::Ignored(row) => (Some(row), Outcome::Ignored),
        };
        let lost = || Error::new(ErrorKind::Internal, "a row that was just stored is not there");
        Ok((stored.ok_or_else(lost)?, outcome))
    }

    /// A resolution for which the rows of other tables have been looked up.
    fn looked_up(&self, resolution: &Resolution) -> Result<Resolution> {
        let condition = self.state.looked_up(self.table, resolution.condition.clone())?;
        Ok(Resolution { condition, ..resolution.clone() })
    }

    /// Does with the row that is stored, if there is one, what is to be done when another is given, which is complete.
    fn resolve(&mut self, given: Vec<Value>, resolution: &Resolution) -> Result<Resolved> {
        let given = StoredRow::from(given);
        require(self.table, &given)?;
        let Some(old) = self.state.find_by(self.table, &resolution.target, &given).cloned() else {
            return Ok(Resolved::Missing(given.to_vec()));
        };
        if !self.table.scope.filter.is_met_by(&old) {
            return Err(self.table.taken(resolution));
        }
        let Some(mut values) = resolution.resolved(&old, &given, self.table)? else { return Ok(Resolved::Ignored(old)) };
        self.raise(&mut values)?;
        let new = StoredRow::from(values);
        self.change(&old, &new)?;
        Ok(Resolved::Updated(new))
    }

    /// Deletes the rows of a selection, and returns them in its order; or marks them, and returns them as they are then.
    pub(super) fn delete_selected(&mut self, selection: Selection) -> Result<Vec<StoredRow>> {
        if let Some(mark) = self.mark()? {
            return self.update_selected(selection, &[mark]);
        }
        let rows = self.selected(selection)?;
        self.remove(&rows)?;
        Ok(rows)
    }

    /// What marks a row as deleted, if that is how it is done.
    fn mark(&self) -> Result<Option<Change>> {
        let Some(column) = self.table.rules.deleted_at else { return Ok(None) };
        Ok(Some(Change::Set(column, time_of(self.table.value_type(column)?, self.now))))
    }

    /// Deletes the rows that fulfil a condition, or marks them.
    pub(super) fn delete_where(&mut self, condition: ResolvedFilter) -> Result<u64> {
        if let Some(mark) = self.mark()? {
            return self.update_where(condition, &[mark]);
        }
        let rows = self.matching(condition)?;
        self.remove(&rows)
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
