//! SQLite's part of `docs/column-types.md`.

use sea_orm::sea_query::ArrayType;

use super::{affinity::Affinity, reads};
use crate::{
    backend::sql::column_types::{FieldType, HeldValues, is_the_snapshot},
    dialect::Dialect,
};

/// A type of each affinity, and those of `STRICT` tables.
const COLUMNS: [&str; 6] = ["INTEGER", "TEXT", "BLOB", "REAL", "NUMERIC", "ANY"];

fn held(field: &FieldType, column: &str) -> HeldValues {
    let affinity = Affinity::of(column, column == "ANY");
    match &field.value_type {
        wanted if affinity.is_lossless_for(wanted) => HeldValues::All,
        ArrayType::String | ArrayType::Char | ArrayType::Json => HeldValues::Some,
        _ => HeldValues::None,
    }
}

#[test]
fn the_table_of_column_types_is_the_snapshot() -> std::io::Result<()> {
    is_the_snapshot("SQLite", Dialect::Sqlite, reads, &COLUMNS, held)
}
