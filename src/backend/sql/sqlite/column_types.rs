//! SQLite's part of `docs/column-types.md`.

use sea_orm::sea_query::ArrayType;

use super::{affinity::Affinity, flavor};
use crate::{
    backend::sql::column_types::{Field, Held, is_the_snapshot},
    dialect::Dialect,
};

/// A type of each affinity, and those of `STRICT` tables.
const COLUMNS: [&str; 6] = ["INTEGER", "TEXT", "BLOB", "REAL", "NUMERIC", "ANY"];

fn held(field: &Field, column: &str) -> Held {
    let affinity = Affinity::of(column, column == "ANY");
    match &field.value_type {
        wanted if affinity.keeps_all(wanted) => Held::All,
        ArrayType::String | ArrayType::Char | ArrayType::Json => Held::Some,
        _ => Held::None,
    }
}

#[test]
fn the_table_of_column_types_is_the_snapshot() -> std::io::Result<()> {
    is_the_snapshot("SQLite", Dialect::Sqlite, flavor::reads, &COLUMNS, held)
}
