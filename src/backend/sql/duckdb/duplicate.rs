//! Which constraint a batch violates: DuckDB tells the value that is there twice, and not the columns it stands in.

use std::collections::BTreeSet;

use duckdb::Connection;
use sea_orm::{IdenStatic, Iterable, Value};

use super::error::classify;
use crate::{
    entity::Storable,
    error::Result,
    value::{Key, is_null},
};

/// The columns of each unique constraint and index of a table.
const UNIQUE: &str = "
    SELECT array_to_string(constraint_column_names, ',') FROM duckdb_constraints()
    WHERE table_name = $1 AND constraint_type IN ('PRIMARY KEY', 'UNIQUE')
    UNION ALL
    SELECT replace(trim(expressions, '[]'), '\"', '') FROM duckdb_indexes() WHERE table_name = $1 AND is_unique";

/// The columns, with their table, that two of the rows have the same values in. `None` if that cannot be told. Blocks.
pub(super) fn violated<E: Storable>(connection: &Connection, rows: &[Vec<Value>]) -> Result<Option<String>> {
    let table = E::default().table_name().to_owned();
    let mut statement = connection.prepare(UNIQUE).map_err(classify)?;
    let sets = statement.query_map([&table], |row| row.get::<_, String>(0)).map_err(classify)?;
    let sets = sets.collect::<duckdb::Result<Vec<_>>>().map_err(classify)?;
    let names = |set: &str| set.split(',').map(|name| name.trim_matches([' ', '\'']).to_owned()).collect::<Vec<_>>();
    let sets: Vec<_> = sets.iter().map(|set| names(set)).collect();
    let violated = match sets.as_slice() {
        [only] => Some(only),
        several => several.iter().find(|set| has_twice::<E>(set, rows)),
    };
    Ok(violated.map(|set| set.iter().map(|name| format!("{table}.{name}")).collect::<Vec<_>>().join(", ")))
}

fn has_twice<E: Storable>(set: &[String], rows: &[Vec<Value>]) -> bool {
    let position = |name: &String| E::Column::iter().position(|column| column.as_str() == name.as_str());
    let Some(positions) = set.iter().map(position).collect::<Option<Vec<_>>>() else { return false };
    let key = |row: &Vec<Value>| Key(positions.iter().filter_map(|position| row.get(*position).cloned()).collect());
    let mut seen = BTreeSet::new();
    let mut keys = rows.iter().map(key).filter(|key| !key.0.iter().any(is_null));
    keys.any(|key| !seen.insert(key))
}
