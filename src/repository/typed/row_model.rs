//! [`RowModel`], rows by column name as models.

use std::sync::Arc;

use sea_orm::Value;

use super::ModelType;
use crate::{
    error::{Error, ErrorKind, Result},
    row::Row,
    table::Table,
    value::{Key, ReadRow, is_null, left_out, text_of},
};

/// The rows of a table as models, whose ids are keys.
#[derive(Clone)]
pub(crate) struct RowModel {
    /// The names of the table's columns, in their order.
    names: Arc<[String]>,
}

impl RowModel {
    pub(crate) fn of(table: &Table) -> Self {
        Self { names: table.columns().map(str::to_owned).collect() }
    }

    /// What a row holds in the column at a position. `None` if it leaves the column out.
    fn given<'r>(&self, row: &'r Row, position: usize) -> Option<&'r Value> {
        let name = self.names.get(position)?;
        let is_here = |at: &usize| row.names.get(*at) == Some(name);
        // Most often the columns are in the table's order.
        let at = Some(position).filter(is_here).or_else(|| (0..row.names.len()).find(is_here))?;
        row.values.get(at)
    }
}

impl ModelType for RowModel {
    type Model = Row;
    type Id = Key;

    /// Refuses columns that the table does not have, and columns that are named twice.
    fn check(&self, table: &Table, rows: &[Row]) -> Result<()> {
        let mut seen = &self.names;
        for (nth, row) in rows.iter().enumerate() {
            if Arc::ptr_eq(&row.names, seen) {
                continue;
            }
            seen = &row.names;
            for (at, name) in seen.iter().enumerate() {
                let is_twice = seen.iter().take(at).any(|earlier| earlier == name);
                let twice = || Error::new(ErrorKind::InvalidInput, "a column that is named twice").in_column(name);
                let checked = if is_twice { Err(twice()) } else { table.position(name).map(drop) };
                checked.map_err(|error| error.in_batch(nth, rows.len()))?;
            }
        }
        Ok(())
    }

    fn value(&self, table: &Table, row: &Row, position: usize) -> Result<Value> {
        match self.given(row, position) {
            None => Ok(left_out()),
            Some(given) => table.held(position, given).map_err(|error| table.in_column(position, error)),
        }
    }

    fn stored(&self, row: &Row, position: usize) -> Option<Value> {
        self.given(row, position).cloned()
    }

    fn id_values(&self, table: &Table, id: &Key) -> Result<Vec<Value>> {
        table.require_id()?;
        if id.values().len() != table.id.len() {
            return Err(Error::new(ErrorKind::InvalidInput, "a key of another number of values than the primary key has"));
        }
        let value = |(position, value): (&usize, &Value)| match is_null(value) {
            true => Err(Error::new(ErrorKind::InvalidInput, "a key with a null")),
            false => table.held(*position, value),
        };
        let parts = table.id.iter().zip(id.values());
        parts.map(|part| value(part).map_err(|error| table.in_column(*part.0, error))).collect()
    }

    fn model_of(&self, read: ReadRow<'_>) -> Result<Row> {
        let mut values = Vec::with_capacity(self.names.len());
        for (position, name) in self.names.iter().enumerate() {
            let put = &mut |value| {
                values.push(as_text(value));
                Ok(())
            };
            read(position, put).map_err(|error| error.in_column(name))?;
        }
        Ok(Row { names: self.names.clone(), values })
    }

    #[cfg(feature = "_sqlx")]
    fn model_by_sea_orm(&self, _: &sea_orm::QueryResult) -> Result<Row> {
        Err(Error::new(ErrorKind::Corrupt, "the table lacks a column, or has one of a type that rows do not hold"))
    }
}

/// A value as rows hold it: enums and single characters are text.
fn as_text(value: Value) -> Value {
    match value {
        Value::Char(letter) => Value::String(letter.map(String::from)),
        Value::Enum(_) => Value::String(text_of(&value).map(str::to_owned)),
        other => other,
    }
}
