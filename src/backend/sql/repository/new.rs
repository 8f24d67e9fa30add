//! Rows that are about to be stored.

use std::ops::Range;

use chrono::{DateTime, Utc};
use sea_orm::Value;

use crate::{
    backend::{Rows, sql::Catalog},
    error::{Error, ErrorKind, Result},
    table::Table,
};

/// New rows, completed by what the repository adds.
#[derive(Clone, Copy)]
pub(super) struct NewRows<'m> {
    pub(super) table: &'m Table,
    given: &'m dyn Rows,
    from: usize,
    length: usize,
    now: DateTime<Utc>,
    pub(super) catalog: &'m Catalog,
}

/// Rows of which an insert names the same columns.
pub(super) struct Run {
    /// By their positions; the others are left to the engine.
    pub(super) named: Vec<usize>,
    pub(super) rows: Range<usize>,
}

impl<'m> NewRows<'m> {
    pub(super) fn of(table: &'m Table, given: &'m dyn Rows, now: DateTime<Utc>, catalog: &'m Catalog) -> Self {
        Self { table, given, from: 0, length: given.len(), now, catalog }
    }

    /// The same, for a table as the database describes it.
    pub(super) fn described_by<'c>(self, catalog: &'c Catalog) -> NewRows<'c>
    where
        'm: 'c,
    {
        NewRows { catalog, ..self }
    }

    pub(super) fn part(self, rows: Range<usize>) -> Self {
        let end = rows.end.min(self.length);
        let start = rows.start.min(end);
        Self { from: self.from + start, length: end - start, ..self }
    }

    pub(super) fn parts(self, length: usize) -> impl Iterator<Item = Self> + use<'m> {
        (0..self.length).step_by(length.max(1)).map(move |from| self.part(from..from + length))
    }

    pub(super) fn row(&self, row: usize) -> Result<Vec<Value>> {
        (self as &dyn Rows).row(row, self.table.columns.len())
    }

    /// Puts a row into the last of the runs, or into one of its own.
    pub(super) fn put(&self, row: usize, runs: &mut Vec<Run>) -> Result<()> {
        let is_named = |column: &usize| {
            if self.catalog.column(*column).is_generated || self.table.computed.contains(column) {
                return Ok(false);
            }
            let may_be_left = self.table.may_be_left_out(*column);
            Ok(!may_be_left || !self.table.is_left_to_engine(*column, &self.value(row, *column)?))
        };
        let mut named = Vec::with_capacity(self.table.columns.len());
        for column in 0..self.table.columns.len() {
            if is_named(&column)? {
                named.push(column);
            }
        }
        match runs.last_mut() {
            Some(run) if run.named == named => run.rows.end = row + 1,
            _ => runs.push(Run { named, rows: row..row + 1 }),
        }
        Ok(())
    }
}

impl Rows for NewRows<'_> {
    fn len(&self) -> usize {
        self.length
    }

    fn value(&self, row: usize, column: usize) -> Result<Value> {
        let missing = || Error::new(ErrorKind::Internal, "a column that is not there");
        let described = self.table.columns.get(column).ok_or_else(missing)?;
        let given = self.given.value(self.from + row, column)?;
        let value = self.table.time_of_new(column, &given, self.now).unwrap_or(given);
        self.catalog.check(column, described, &value).map(|()| value)
    }
}
