//! Changes that the engine does not make as exactly as the memory backend: rows are read and locked, their new values are
//! computed here, and stored.

use std::collections::BTreeMap;

use sea_orm::{Statement, Value};

use super::{SqlTable, View, not_stored, upsert::gone};
use crate::{
    backend::sql::{
        Engine,
        engine::StatementKind,
        statement::{RowLock, Source, Statements},
    },
    coop::Budget,
    error::{Error, ErrorKind, Result},
    query::{Change, Resolution, Selection, StoredAction, changed_row},
    value::{Key, is_null},
};

/// What a change of rows comes to.
pub(super) struct ChangedRows {
    /// The ids of the rows that were selected, in their order.
    pub(super) keys: Vec<Key>,
    /// How many rows the engine counts as changed.
    pub(super) count: u64,
}

impl<G: Engine> SqlTable<G> {
    /// Whether the engine makes all of these changes as exactly as the memory backend does.
    pub(super) fn can_change(&self, statements: &Statements<'_>, changes: &[Change]) -> bool {
        changes.iter().all(|change| statements.can_change(change))
    }

    /// Rows of a selection, locked, with the values of these columns and of the id. The others are null.
    pub(super) async fn locked_rows(
        &self,
        guard: &mut G::ConnectionGuard,
        statements: &Statements<'_>,
        selection: &Selection,
        lock: RowLock,
        columns: &[usize],
    ) -> Result<Vec<Vec<Value>>> {
        self.rows_of(guard, columns, |columns| Ok(statements.lock_columns(selection, columns, lock))).await
    }

    /// Rows that a statement answers, with the values of these columns and of the id. The others are null.
    pub(super) async fn rows_of(
        &self,
        guard: &mut G::ConnectionGuard,
        columns: &[usize],
        select: impl FnOnce(&[usize]) -> Result<Statement> + Send,
    ) -> Result<Vec<Vec<Value>>> {
        let mut columns = [self.table.id.as_slice(), columns].concat();
        columns.sort_unstable();
        columns.dedup();
        let types = columns.iter().map(|column| self.table.value_type(*column).cloned()).collect::<Result<_>>()?;
        let select = select(&columns)?;
        self.store.engine().check(&select)?;
        let found = self.store.engine().rows(guard, select, Some(types), StatementKind::Any).await?;
        let nulls: Vec<Value> = self.table.columns.iter().map(|column| column.null.clone()).collect();
        let (mut rows, mut budget) = (Vec::with_capacity(found.len()), Budget::new());
        for found in found {
            let mut row = nulls.clone();
            for (column, value) in columns.iter().zip(found.values) {
                row.iter_mut().skip(*column).take(1).for_each(|place| place.clone_from(&value));
            }
            rows.push(row);
            budget.consume().await;
        }
        Ok(rows)
    }

    /// Makes changes of the rows of a selection, in the transaction that the guard is in.
    pub(super) async fn change_rows(
        &self,
        guard: &mut G::ConnectionGuard,
        view: &View,
        selection: &Selection,
        lock: RowLock,
        changes: &[Change],
    ) -> Result<ChangedRows> {
        let statements = self.statements(view);
        let read: Vec<usize> = changes.iter().flat_map(Change::reads).collect();
        let rows = self.locked_rows(guard, &statements, selection, lock, &read).await?;
        let keys = rows.iter().map(|row| self.table.key_of(row)).collect();
        let (mut new, mut budget) = (Vec::with_capacity(rows.len()), Budget::new());
        for row in rows {
            new.push(changed_row(changes, &row, &self.table)?);
            budget.consume().await;
        }
        let columns: Vec<usize> = changes.iter().map(Change::column).collect();
        let count = self.put_rows(guard, view, &columns, &new).await?;
        Ok(ChangedRows { keys, count })
    }

    /// Stores the values of these columns in the rows that have the ids. Answers how many the engine counts.
    pub(super) async fn put_rows(
        &self,
        guard: &mut G::ConnectionGuard,
        view: &View,
        columns: &[usize],
        rows: &[Vec<Value>],
    ) -> Result<u64> {
        let statements = self.statements(view);
        let mut budget = Budget::new();
        for row in rows {
            self.check_new_values(view, columns, row)?;
            budget.consume().await;
        }
        let mut sent = [self.table.id.as_slice(), columns].concat();
        sent.sort_unstable();
        sent.dedup();
        let mut count = 0;
        for part in rows.chunks(self.rows_at_once(0)) {
            let source = self.source(guard, &sent, part).await?;
            count += match statements.put_from(&source, &sent, columns)? {
                Some(update) => self.store.engine().execute(guard, update, StatementKind::Any).await?,
                None => part.len() as u64,
            };
            self.end_source(guard, &source).await?;
        }
        if count < rows.len() as u64 && !view.catalog.is_rewritten {
            return Err(not_stored());
        }
        Ok(count)
    }

    /// Refuses values that a column cannot hold, or would change.
    fn check_new_values(&self, view: &View, columns: &[usize], row: &[Value]) -> Result<()> {
        for position in columns {
            let (Some(column), Some(value)) = (self.table.columns.get(*position), row.get(*position)) else { continue };
            if is_null(value) && !self.table.is_nullable(*position) {
                let constraint = self.table.full_names(&[*position]);
                return Err(Error::new(ErrorKind::NotNull, "").with_constraint(Some(constraint)));
            }
            view.catalog.check(*position, column, value)?;
        }
        Ok(())
    }

    /// Creates what is not there, and does with what is there and fulfils the condition what is to be done, by values that are
    /// computed here. Answers how many were new, and how many were written over.
    pub(super) async fn resolve_computed(
        &self,
        guard: &mut G::ConnectionGuard,
        view: &View,
        rows: &[Vec<Value>],
        resolution: &Resolution,
        inserts_first: bool,
    ) -> Result<(u64, u64)> {
        if inserts_first {
            let (inserted, known) = self.insert_absent(guard, view, rows, resolution).await?;
            if !known.is_empty() {
                self.require_untaken(guard, view, (&Source::Values(&known), &known), resolution).await?;
            }
            let written = self.change_told(guard, view, &known, resolution).await?;
            if resolution.writes_all() && written < known.len() as u64 {
                return Err(if view.catalog.is_rewritten { not_stored() } else { gone() });
            }
            return Ok((inserted, written));
        }
        let statements = self.statements(view);
        let columns = rows.first().map(|row| statements.sent(row)).unwrap_or_default();
        let source = self.source(guard, &columns, rows).await?;
        self.require_untaken(guard, view, (&source, rows), resolution).await?;
        self.end_source(guard, &source).await?;
        let written = self.change_told(guard, view, rows, resolution).await?;
        let source = self.source(guard, &columns, rows).await?;
        let insert = statements.insert_missing(&source, &columns, resolution)?;
        let inserted = self.store.engine().execute(guard, insert, StatementKind::Any).await?;
        self.end_source(guard, &source).await?;
        if resolution.writes_all() && inserted + written < rows.len() as u64 {
            return Err(not_stored());
        }
        Ok((inserted, written))
    }

    /// Writes over the rows that are told by others and fulfil the condition. Answers how many these are.
    async fn change_told(
        &self,
        guard: &mut G::ConnectionGuard,
        view: &View,
        rows: &[Vec<Value>],
        resolution: &Resolution,
    ) -> Result<u64> {
        let statements = self.statements(view);
        let Some(sent) = rows.first().map(|row| statements.sent(row)) else { return Ok(0) };
        let (read, mut written) = match &resolution.action {
            StoredAction::Keep => return Ok(0),
            StoredAction::Replace(columns) => {
                (Vec::new(), columns.iter().copied().filter(|column| sent.contains(column)).collect())
            }
            StoredAction::Change(changes) => {
                (changes.iter().flat_map(Change::reads).collect(), changes.iter().map(Change::column).collect::<Vec<_>>())
            }
        };
        let source = self.source(guard, &sent, rows).await?;
        let read = [resolution.target.as_slice(), &read].concat();
        let stored = self.rows_of(guard, &read, |read| Ok(statements.lock_told(&source, &sent, read, resolution))).await?;
        self.end_source(guard, &source).await?;
        let given: BTreeMap<Key, &Vec<Value>> = rows.iter().map(|row| (resolution.key_of(row), row)).collect();
        written.extend(self.table.rules.updated_at);
        let (mut new, mut budget) = (Vec::with_capacity(stored.len()), Budget::new());
        for old in &stored {
            let Some(given) = given.get(&resolution.key_of(old)) else { continue };
            let Some(mut row) = resolution.replaced(old, given, &self.table)? else { continue };
            if let Some(at) = self.table.rules.updated_at
                && let (Some(old), Some(time)) = (row.get_mut(at), given.get(at))
            {
                old.clone_from(time);
            }
            new.push(row);
            budget.consume().await;
        }
        self.put_rows(guard, view, &written, &new).await?;
        Ok(new.len() as u64)
    }
}
