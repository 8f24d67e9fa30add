//! Models that are about to be stored, as the rows they become.

use std::ops::Range;

use chrono::{DateTime, Utc};
use sea_orm::Value;

use crate::{
    backend::sql::{Catalog, engine::Rows},
    entity::{Shape, Storable, portable},
    error::{Error, ErrorKind, Result},
};

/// New models, completed by what the repository adds.
pub(super) struct New<'m, E: Storable> {
    pub(super) shape: &'m Shape<E>,
    pub(super) models: &'m [E::Model],
    pub(super) now: DateTime<Utc>,
    pub(super) catalog: &'m Catalog,
}

impl<E: Storable> Clone for New<'_, E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E: Storable> Copy for New<'_, E> {}

/// Rows of which an insert names the same columns.
pub(super) struct Run {
    /// By their positions; the others are left to the engine.
    pub(super) named: Vec<usize>,
    pub(super) rows: Range<usize>,
}

impl<'m, E: Storable> New<'m, E> {
    pub(super) fn part(self, rows: Range<usize>) -> Self {
        Self { models: self.models.get(rows).unwrap_or_default(), ..self }
    }

    pub(super) fn parts(self, length: usize) -> impl Iterator<Item = Self> + use<'m, E> {
        self.models.chunks(length).map(move |models| Self { models, ..self })
    }

    pub(super) fn row(&self, row: usize) -> Result<Vec<Value>> {
        (0..self.shape.columns.len()).map(|column| self.value(row, column)).collect()
    }

    /// Puts a row into the last of the runs, or into one of its own.
    pub(super) fn put(&self, row: usize, runs: &mut Vec<Run>) -> Result<()> {
        let is_named = |column: &usize| {
            if self.catalog.column(*column).is_generated || self.shape.computed.contains(column) {
                return Ok(false);
            }
            let may_be_left = self.shape.may_be_left_to_engine(*column);
            Ok(!may_be_left || !self.shape.is_left_to_engine(*column, &self.value(row, *column)?))
        };
        let mut named = Vec::with_capacity(self.shape.columns.len());
        for column in 0..self.shape.columns.len() {
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

impl<E: Storable> Rows for New<'_, E> {
    fn len(&self) -> usize {
        self.models.len()
    }

    fn value(&self, row: usize, column: usize) -> Result<Value> {
        let missing = || Error::new(ErrorKind::Internal, "a row or a column that is not there");
        let model = self.models.get(row).ok_or_else(missing)?;
        let name = *self.shape.columns.get(column).ok_or_else(missing)?;
        let given = portable::<E>(model, name)?;
        let value = self.shape.time_of_new(column, &given, self.now).unwrap_or(given);
        self.catalog.check(column, name, &value).map(|()| value)
    }
}
