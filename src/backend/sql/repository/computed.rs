//! Changes that the engine does not make as exactly as the memory backend: rows are read and locked, their new values are
//! computed here, and stored.

use sea_orm::Value;

use super::{SqlTable, View, not_stored};
use crate::{
    backend::sql::{Engine, engine::StatementKind, statement::Statements},
    coop::Budget,
    error::{Error, ErrorKind, Result},
    query::{Change, Selection, changed_row},
    value::is_null,
};

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
        columns: &[usize],
    ) -> Result<Vec<Vec<Value>>> {
        let mut columns = [self.table.id.as_slice(), columns].concat();
        columns.sort_unstable();
        columns.dedup();
        let types = columns.iter().map(|column| self.table.value_type(*column).cloned()).collect::<Result<_>>()?;
        let select = statements.lock_rows(selection, &columns);
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

    /// Makes changes of the rows of a selection, in the transaction that the guard is in. Answers how many rows the engine counts
    /// as changed.
    pub(super) async fn change_rows(
        &self,
        guard: &mut G::ConnectionGuard,
        view: &View,
        selection: &Selection,
        changes: &[Change],
    ) -> Result<u64> {
        let statements = self.statements(view);
        let read: Vec<usize> = changes.iter().flat_map(Change::reads).collect();
        let rows = self.locked_rows(guard, &statements, selection, &read).await?;
        let (mut new, mut budget) = (Vec::with_capacity(rows.len()), Budget::new());
        for row in rows {
            new.push(changed_row(changes, &row, &self.table)?);
            budget.consume().await;
        }
        let columns: Vec<usize> = changes.iter().map(Change::column).collect();
        self.put_rows(guard, view, &columns, &new).await
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
        for part in rows.chunks(self.rows_at_once()) {
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
}
