//! Which constraint a batch violates: DuckDB tells the value that is there twice, and not the columns it stands in.

use std::collections::BTreeSet;

use duckdb::Connection;
use sea_orm::Value;

use super::error::classify;
use crate::{
    error::Result,
    table::Table,
    value::{Key, is_null},
};

/// The columns of each unique constraint and index of a table.
const UNIQUE: &str = "
    SELECT array_to_string(constraint_column_names, ',') FROM duckdb_constraints()
    WHERE table_name = $1 AND schema_name = coalesce($2, current_schema()) AND constraint_type IN ('PRIMARY KEY', 'UNIQUE')
    UNION ALL
    SELECT replace(trim(expressions, '[]'), '\"', '') FROM duckdb_indexes()
    WHERE table_name = $1 AND schema_name = coalesce($2, current_schema()) AND is_unique";

/// The columns, with their table, that two of the rows have the same values in. `None` if that cannot be told. Blocks.
pub(super) fn violated(connection: &Connection, of: &Table, rows: &[Vec<Value>]) -> Result<Option<String>> {
    let (table, schema) = (of.name(), of.schema());
    let mut statement = connection.prepare(UNIQUE).map_err(classify)?;
    let sets = statement.query_map(duckdb::params![table, schema], |row| row.get::<_, String>(0)).map_err(classify)?;
    let sets = sets.collect::<duckdb::Result<Vec<_>>>().map_err(classify)?;
    let names = |set: &str| set.split(',').map(|name| name.trim_matches([' ', '\'']).to_owned()).collect::<Vec<_>>();
    let sets: Vec<_> = sets.iter().map(|set| names(set)).collect();
    let violated = match sets.as_slice() {
        [only] => Some(only),
        several => several.iter().find(|set| has_twice(of, set, rows)),
    };
    Ok(violated.map(|set| set.iter().map(|name| format!("{table}.{name}")).collect::<Vec<_>>().join(", ")))
}

fn has_twice(table: &Table, set: &[String], rows: &[Vec<Value>]) -> bool {
    let position = |name: &String| table.columns.iter().position(|column| column.name() == name.as_str());
    let Some(positions) = set.iter().map(position).collect::<Option<Vec<_>>>() else { return false };
    // What is null is no value, and neither is what the engine fills in.
    let value = |row: &[Value], position: usize| {
        row.get(position).filter(|value| !is_null(value) && !table.is_left_to_engine(position, value)).cloned()
    };
    let key = |row: &Vec<Value>| positions.iter().map(|position| value(row, *position)).collect::<Option<_>>().map(Key);
    let mut seen = BTreeSet::new();
    rows.iter().filter_map(key).any(|key| !seen.insert(key))
}
