//! Postgres' part of `docs/column-types.md`.

use super::{catalog::CatalogColumn, decode::is_read_as, flavor::PostgresFlavor, lossless::rule};
use crate::{
    backend::sql::{
        catalog::LosslessValues,
        column_types::{FieldType, HeldValues, held_whole, is_the_snapshot},
        sqlx::Flavor as _,
    },
    dialect::Dialect,
    query::is_whole,
};

/// Columns: how they are declared, the name and number of their type, and what is in parentheses behind it.
const COLUMNS: [(&str, &str, u32, i32); 25] = [
    ("boolean", "bool", 16, -1),
    ("smallint", "int2", 21, -1),
    ("integer", "int4", 23, -1),
    ("bigint", "int8", 20, -1),
    ("real", "float4", 700, -1),
    ("double precision", "float8", 701, -1),
    ("numeric", "numeric", 1700, -1),
    ("numeric(10,2)", "numeric", 1700, ((10 << 16) | 2) + 4),
    ("money", "money", 790, -1),
    ("text", "text", 25, -1),
    ("varchar", "varchar", 1043, -1),
    ("varchar(9)", "varchar", 1043, 13),
    ("char(9)", "bpchar", 1042, 13),
    ("name", "name", 19, -1),
    ("bytea", "bytea", 17, -1),
    ("uuid", "uuid", 2950, -1),
    ("json", "json", 114, -1),
    ("jsonb", "jsonb", 3802, -1),
    ("date", "date", 1082, -1),
    ("time", "time", 1083, -1),
    ("timetz", "timetz", 1266, -1),
    ("timestamp", "timestamp", 1114, -1),
    ("timestamptz", "timestamptz", 1184, -1),
    ("timestamptz(3)", "timestamptz", 1184, 3),
    ("interval", "interval", 1186, -1),
];

fn held(field: &FieldType, declared: &str) -> HeldValues {
    let column = COLUMNS.iter().find(|(name, ..)| *name == declared);
    let Some(column) = column.map(|(_, type_name, oid, typmod)| CatalogColumn::of_type(type_name, *oid, *typmod)) else {
        return HeldValues::None;
    };
    match is_read_as(column.kind, &field.value_type) {
        false => HeldValues::None,
        true if is_whole(&field.value_type) => match declared {
            "smallint" => held_whole(field, (i16::MIN.into(), i16::MAX.into())),
            "integer" => held_whole(field, (i32::MIN.into(), i32::MAX.into())),
            _ => held_whole(field, (i64::MIN.into(), i64::MAX.into())),
        },
        true if matches!(rule(&column, &field.value_type), Some(LosslessValues::All)) => HeldValues::All,
        true => HeldValues::Some,
    }
}

#[test]
fn the_table_of_column_types_is_the_snapshot() -> std::io::Result<()> {
    let names = COLUMNS.map(|(declared, ..)| declared);
    is_the_snapshot("Postgres", Dialect::Postgres, PostgresFlavor::reads, &names, held)
}
