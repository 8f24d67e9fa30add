//! What DuckDB's catalog says of a table.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

use duckdb::{Connection, params};
use sea_orm::sea_query::ArrayType;

use super::{
    error::classify,
    fit::{self, SessionTraits},
};
use crate::{
    backend::sql::{
        Catalog,
        catalog::{Described, Form, LosslessValues, TextOrder},
    },
    error::Result,
    table::{Table, TableColumn, TableIdentity},
};

/// The columns of the tables and views of that name, in all schemas. [`place`] chooses among them: to do so in SQL takes several
/// times as long.
const COLUMNS: &str = "
    SELECT column_name, data_type, is_generated, is_nullable, database_oid, table_oid,
        table_name, schema_name, database_name, current_schema(), current_database()
    FROM duckdb_columns() WHERE lower(table_name) = lower($1::VARCHAR)";

/// The tables of that name, without the views, and whether one of their columns may have a collation. DuckDB's functions do not
/// return the collations of columns, so the word is searched for in the table's `CREATE TABLE` statement. A view may have any
/// collation.
///
/// This is a separate query because a join takes longer than both.
const TABLES: &str = "
    SELECT database_oid, table_oid, contains(lower(sql), 'collate') OR current_setting('default_collation') NOT IN ('', 'binary')
    FROM duckdb_tables() WHERE lower(table_name) = lower($1::VARCHAR)";

/// Whether the session's time zone is UTC. Without the `icu` extension the setting does not exist, and casts use UTC.
const IS_IN_UTC: &str = "
    SELECT coalesce((SELECT value FROM duckdb_settings() WHERE name = 'TimeZone'), 'UTC') IN ('UTC', 'Etc/UTC')";

/// A column as DuckDB describes it.
pub(super) struct DuckDbColumn {
    name: String,
    data_type: String,
    is_generated: bool,
    is_of_view: bool,
    is_nullable: bool,
    session: SessionTraits,
}

/// The columns of a table. Empty if there is no such table. Blocks.
pub(super) fn columns(connection: &Connection, of: &Table) -> Result<Vec<DuckDbColumn>> {
    let (table, schema) = (of.name(), of.schema());
    let mut tables = connection.prepare(TABLES).map_err(classify)?;
    let tables =
        tables.query_map(params![table], |row| Ok(((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?), row.get::<_, bool>(2)?)));
    let tables = tables.and_then(Iterator::collect::<duckdb::Result<BTreeMap<_, _>>>).map_err(classify)?;
    let mut statement = connection.prepare(COLUMNS).map_err(classify)?;
    let found = statement.query_map(params![table], |row| {
        let text = |at| row.get::<_, String>(at);
        let place = place((table, schema), (&text(6)?, &text(7)?, &text(8)?), (&text(9)?, &text(10)?));
        let folds = tables.get(&(row.get(4)?, row.get(5)?));
        let session = SessionTraits { folds: folds.copied().unwrap_or(true), is_in_utc: true };
        let (name, data_type, is_generated, is_nullable) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        Ok((place, DuckDbColumn { name, data_type, is_generated, is_of_view: folds.is_none(), is_nullable, session }))
    });
    let found = found.and_then(Iterator::collect::<duckdb::Result<Vec<_>>>).map_err(classify)?;
    let Some(first) = found.iter().filter_map(|(place, _)| *place).min() else { return Ok(Vec::new()) };
    let mut columns: Vec<_> = found.into_iter().filter(|(place, _)| *place == Some(first)).map(|(_, column)| column).collect();
    if has_times_of_other_kinds(of, &columns) {
        let is_in_utc = connection.query_row(IS_IN_UTC, [], |row| row.get(0)).map_err(classify)?;
        columns.iter_mut().for_each(|column| column.session.is_in_utc = is_in_utc);
    }
    Ok(columns)
}

/// The rank of a table in DuckDB's search for a table by name and schema. Returns `None` if the name does not mean this table.
/// Names are compared without regard to ASCII case.
fn place(
    (table, schema): (&str, Option<&str>),
    (found, found_schema, found_database): (&str, &str, &str),
    (current_schema, current_database): (&str, &str),
) -> Option<u8> {
    let is_current = found_database == current_database;
    match schema {
        _ if !found.eq_ignore_ascii_case(table) => None,
        None if found_database == "temp" => Some(0),
        None => (is_current && found_schema == current_schema).then_some(1),
        Some(schema) if is_current && found_schema.eq_ignore_ascii_case(schema) => Some(2),
        Some(schema) => (found_database.eq_ignore_ascii_case(schema) && found_schema == "main").then_some(3),
    }
}

/// Whether the session's time zone matters: times with a zone are stored in a column without one, or the reverse. The time zone
/// is looked up only then, because that takes longer than the rest.
fn has_times_of_other_kinds(table: &Table, columns: &[DuckDbColumn]) -> bool {
    table.columns.iter().filter_map(|column| Some((&column.value_type, found_of(columns, column)?))).any(|(wanted, found)| {
        let has_zone = found.data_type == "TIMESTAMP WITH TIME ZONE";
        match wanted {
            ArrayType::ChronoDateTime => has_zone,
            ArrayType::ChronoDateTimeUtc | ArrayType::ChronoDateTimeLocal | ArrayType::ChronoDateTimeWithTimeZone => !has_zone,
            _ => false,
        }
    })
}

fn found_of<'a>(columns: &'a [DuckDbColumn], column: &TableColumn) -> Option<&'a DuckDbColumn> {
    columns.iter().find(|found| found.name.eq_ignore_ascii_case(column.name()))
}

/// What follows from the columns for an entity.
///
/// # Errors
/// [`Unsupported`](crate::ErrorKind::Unsupported), which names the column, if one is of a type that holds no values of the
/// model's, or compares them otherwise.
pub(super) fn catalog(table: &Table, columns: &[DuckDbColumn]) -> Result<Arc<Catalog>> {
    let described = |column: &TableColumn| {
        // A column that is not there is for the statement to complain about.
        let Some(found) = found_of(columns, column) else { return Ok(Described::default()) };
        let described = match has_casts(column) {
            // The entity's own casts make of it what the model wants.
            true => Described::default(),
            false => {
                let described = if column.is_list() { fit::described_list } else { fit::described };
                let fitting = described(&column.value_type, column.decimal_digits(), &found.data_type, found.session);
                fitting.map_err(|error| error.in_column(column.name()))?
            }
        };
        let is_nullable = found.is_nullable && !column.is_null();
        Ok(Described { is_generated: found.is_generated, is_nullable, ..described })
    };
    let described = table.columns.iter().map(described).collect::<Result<Vec<_>>>()?;
    let is_rewritten = columns.iter().any(|found| found.is_of_view);
    if !is_rewritten && described.iter().all(is_plain) {
        return Ok(Catalog::plain());
    }
    Ok(Arc::new(Catalog::new(described, is_rewritten)))
}

fn is_plain(column: &Described) -> bool {
    !column.is_generated
        && !column.is_nullable
        && matches!(column.lossless, LosslessValues::All)
        && column.text == TextOrder::Bytes
        && column.form == Form::Own
}

/// Whether an entity casts what it reads or writes. An enum's cast is none: enums are text.
fn has_casts(column: &TableColumn) -> bool {
    let is_plain = column.is_saved_as_it_is() && column.is_read_as_it_is();
    !is_plain && !matches!(column.value_type, ArrayType::Enum(_))
}

/// The catalogs that were looked up, by the identities of their tables.
#[derive(Debug, Default)]
pub(crate) struct DuckDbCatalogCache(RwLock<BTreeMap<TableIdentity, Arc<Catalog>>>);

impl DuckDbCatalogCache {
    pub(crate) fn get(&self, table: TableIdentity) -> Option<Arc<Catalog>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&table).cloned()
    }

    pub(crate) fn put(&self, table: TableIdentity, catalog: Arc<Catalog>) {
        table.remember(&mut self.0.write().unwrap_or_else(PoisonError::into_inner), catalog);
    }

    /// Forgets all: the schema may have changed.
    pub(crate) fn forget(&self) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
