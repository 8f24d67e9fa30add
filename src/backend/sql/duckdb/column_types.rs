//! DuckDB's part of `docs/column-types.md`.

use super::fit::{SessionTraits, described};
use crate::{
    backend::sql::{
        catalog::LosslessValues,
        column_types::{FieldType, HeldValues, held_whole, is_the_snapshot},
        engine::is_known,
    },
    dialect::Dialect,
    query::is_whole,
};

const COLUMNS: [&str; 33] = [
    "BOOLEAN",
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "HUGEINT",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
    "UBIGINT",
    "UHUGEINT",
    "BIGNUM",
    "FLOAT",
    "DOUBLE",
    "DECIMAL(18,3)",
    "DECIMAL(38,18)",
    "VARCHAR",
    "ENUM('a')",
    "JSON",
    "UUID",
    "BLOB",
    "BIT",
    "DATE",
    "TIME",
    "TIME_NS",
    "TIME WITH TIME ZONE",
    "TIMESTAMP_S",
    "TIMESTAMP_MS",
    "TIMESTAMP",
    "TIMESTAMP_NS",
    "TIMESTAMP WITH TIME ZONE",
    "INTERVAL",
    "INTEGER[]",
];

/// What the entity says of a decimal that it says nothing of: 38 digits, 18 of them after the point.
const DIGITS: (u32, u32) = (20, 18);

const SESSION: SessionTraits = SessionTraits { folds: false, is_in_utc: true };

/// The least and the largest whole number that a column has room for.
fn whole(column: &str) -> Option<(i128, i128)> {
    Some(match column {
        "TINYINT" => (i8::MIN.into(), i8::MAX.into()),
        "SMALLINT" => (i16::MIN.into(), i16::MAX.into()),
        "INTEGER" => (i32::MIN.into(), i32::MAX.into()),
        "BIGINT" => (i64::MIN.into(), i64::MAX.into()),
        "HUGEINT" => (i128::MIN, i128::MAX),
        "UTINYINT" => (0, u8::MAX.into()),
        "USMALLINT" => (0, u16::MAX.into()),
        "UINTEGER" => (0, u32::MAX.into()),
        "UBIGINT" => (0, u64::MAX.into()),
        "UHUGEINT" => (0, i128::MAX),
        "DECIMAL(18,3)" => (1 - 10_i128.pow(15), 10_i128.pow(15) - 1),
        "DECIMAL(38,18)" => (1 - 10_i128.pow(20), 10_i128.pow(20) - 1),
        _ => return None,
    })
}

fn held(field: &FieldType, column: &str) -> HeldValues {
    match described(&field.value_type, DIGITS, column, SESSION).map(|described| described.lossless) {
        // Nanoseconds leave room for the years 1677 to 2262, and an enum for its own texts.
        Ok(LosslessValues::All) if matches!(column, "TIMESTAMP_NS" | "ENUM('a')") => HeldValues::Some,
        Ok(LosslessValues::All) => match whole(column) {
            Some(room) if is_whole(&field.value_type) => held_whole(field, room),
            _ => HeldValues::All,
        },
        Ok(LosslessValues::Only(_)) => HeldValues::Some,
        Err(_) => HeldValues::None,
    }
}

#[test]
fn the_table_of_column_types_is_the_snapshot() -> std::io::Result<()> {
    is_the_snapshot("DuckDB", Dialect::DuckDb, is_known, &COLUMNS, held)
}
