//! Values out of rows, by the type that is wanted.

use std::{marker::PhantomData, sync::Arc};

use sea_orm::{
    QueryResult, TryGetable, Value,
    sea_query::{ArrayType, ColumnType},
};

use super::flavor::Flavor;
use crate::{
    backend::{Models, sql::engine::is_known},
    error::{Error, ErrorKind, Result, unreadable},
    table::{Table, TableColumn},
    value::{Put, enum_of},
};

/// Makes models of the rows of one answer: the table's columns, looked for by name in the first, and read by position.
pub(super) struct RowDecoder<F: Flavor> {
    table: Arc<Table>,
    /// One for each column of the table. `None` if SeaORM has to read the rows.
    indexes: Option<Option<Vec<ColumnIndex>>>,
    of: PhantomData<F>,
}

/// Where a value is in the rows of an answer, and what it is to be.
pub(super) struct ColumnIndex {
    at: usize,
    /// `None` where each value has a type of its own.
    wanted: Option<ArrayType>,
    fits: bool,
}

impl ColumnIndex {
    /// `row` is any of the answer's.
    pub(super) fn of<F: Flavor>(row: &QueryResult, at: usize, wanted: Option<ArrayType>) -> Self {
        Self { at, fits: wanted.as_ref().is_none_or(|wanted| F::fits(row, at, wanted)), wanted }
    }

    pub(super) fn read<F: Flavor>(&self, row: &QueryResult, put: Put<'_>) -> Result<()> {
        match &self.wanted {
            Some(wanted) if !self.fits => read(row, self.at, wanted, put),
            wanted => F::read_fitting(row, self.at, wanted.as_ref(), put),
        }
    }
}

impl<F: Flavor> RowDecoder<F> {
    pub(super) fn new(table: &Arc<Table>) -> Self {
        Self { table: table.clone(), indexes: None, of: PhantomData }
    }

    /// Adds the model of a row.
    pub(super) fn read(&mut self, row: &QueryResult, models: &mut dyn Models) -> Result<()> {
        let table = &self.table;
        let Some(indexes) = self.indexes.get_or_insert_with(|| indexes::<F>(row, table)) else {
            return by_sea_orm::<F>(row, table, models);
        };
        let read = models.push(&mut |position, put| indexes.get(position).map_or(Ok(()), |index| index.read::<F>(row, put)));
        read.or_else(|error| {
            // What is read here is not read otherwise. What the model does not take, it may take from the row.
            let is_unreadable = |index: &ColumnIndex| index.fits && index.read::<F>(row, &mut |_| Ok(())).is_err();
            match indexes.iter().any(is_unreadable) {
                true => Err(error),
                false => by_sea_orm::<F>(row, table, models).map_err(|_| error),
            }
        })
    }
}

/// SeaORM knows more types, of which some are of the application's own, and says what is missing.
fn by_sea_orm<F: Flavor>(row: &QueryResult, table: &Table, models: &mut dyn Models) -> Result<()> {
    let is_decimal = |name: &str| {
        let column = table.columns.iter().find(|column| column.name() == name);
        column.is_some_and(|column| column.value_type == ArrayType::Decimal)
    };
    F::read_foreign(row, is_decimal, |row| models.push_by_sea_orm(row))
}

fn indexes<F: Flavor>(row: &QueryResult, table: &Table) -> Option<Vec<ColumnIndex>> {
    let names = row.column_names();
    let index = |column: &TableColumn| {
        if !is_known(&column.value_type) || matches!(column.column_type, ColumnType::Array(_)) {
            return None;
        }
        let at = names.iter().position(|name| name == column.name())?;
        Some(ColumnIndex::of::<F>(row, at, (!column.is_of_any_type).then(|| column.value_type.clone())))
    };
    table.columns.iter().map(index).collect()
}

/// Gives away the value of a column, in a type.
#[allow(unreachable_patterns, reason = "SeaORM's features add types of values")]
pub(super) fn read(row: &QueryResult, at: usize, wanted: &ArrayType, put: Put<'_>) -> Result<()> {
    use ArrayType as T;
    macro_rules! read {
        ($($variant:ident)*) => {
            match wanted {
                $(T::$variant => put(Value::$variant(get(row, at)?)),)*
                T::Enum(name) => put(enum_of(name, get(row, at)?)),
                T::Char => put(Value::Char(get::<String>(row, at)?.map(|text| one_character(&text)).transpose()?)),
                T::Json => put(Value::Json(get::<serde_json::Value>(row, at)?.map(Box::new))),
                _ => Err(Error::new(ErrorKind::Unsupported, "a column of a type that is not read from this store")),
            }
        };
    }
    read! {
        Bool TinyInt SmallInt Int BigInt TinyUnsigned SmallUnsigned Unsigned BigUnsigned Float Double String Bytes Uuid Decimal
        ChronoDate ChronoTime ChronoDateTime ChronoDateTimeUtc ChronoDateTimeLocal ChronoDateTimeWithTimeZone
    }
}

fn get<T: TryGetable>(row: &QueryResult, at: usize) -> Result<Option<T>> {
    row.try_get_by_index::<Option<T>>(at).map_err(unreadable)
}

fn one_character(text: &str) -> Result<char> {
    let mut characters = text.chars();
    match (characters.next(), characters.next()) {
        (Some(character), None) => Ok(character),
        _ => Err(Error::new(ErrorKind::Corrupt, "text that is not one character")),
    }
}

/// The types of a row's values, as far as they are read.
pub(super) fn known_types<F: Flavor>(row: &QueryResult) -> Result<Vec<ArrayType>> {
    let known = |(name, value_type): (String, Option<ArrayType>)| {
        value_type.ok_or_else(|| {
            let message = format!("column `{name}` is of a type that is not read; cast it to another");
            Error::new(ErrorKind::Unsupported, message)
        })
    };
    F::types(row).into_iter().map(known).collect()
}
