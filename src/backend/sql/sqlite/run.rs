//! Running statements on a connection. All of this blocks.

use std::sync::Arc;

use rusqlite::{Rows, Statement as Prepared};
use sea_orm::{
    Statement, Value, Values,
    sea_query::{ArrayType, Expr, ExprTrait, Query, SqliteQueryBuilder},
};

use super::{connection::SqliteConnection, decode, described, error::classify};
use crate::{
    backend::{
        Decoder, Models,
        sql::{ChunkSender, WholeInsert},
    },
    error::{Error, ErrorKind, Result},
    row::Row,
    stream::CHUNK,
    table::{Table, TableColumn},
    value::{Key, Put},
};

fn values(statement: &Statement) -> &[Value] {
    statement.values.as_ref().map_or(&[], |values| &values.0)
}

fn run<T>(connection: &SqliteConnection, statement: &Statement, run: impl FnOnce(&mut Prepared<'_>) -> Result<T>) -> Result<T> {
    connection.prepared(&statement.sql, values(statement), run)
}

/// Runs a statement and answers how many rows it changed.
pub(super) fn execute(connection: &SqliteConnection, statement: &Statement) -> Result<u64> {
    run(connection, statement, |prepared| {
        let before = connection.total_changes();
        let mut rows = prepared.raw_query();
        while rows.next().map_err(classify)?.is_some() {}
        // What does not change rows leaves the number of what did so last.
        Ok(if connection.total_changes() == before { 0 } else { connection.changes() })
    })
}

/// Runs a statement that answers one number.
pub(super) fn number(connection: &SqliteConnection, statement: &Statement) -> Result<i64> {
    run(connection, statement, |prepared| {
        let mut rows = prepared.raw_query();
        let missing = || Error::new(ErrorKind::Internal, "the engine returned no number");
        rows.next().map_err(classify)?.ok_or_else(missing)?.get(0).map_err(classify)
    })
}

/// Runs a statement that answers the columns of a table, in any order.
pub(super) fn fetch(connection: &SqliteConnection, statement: &Statement, decoder: &Arc<dyn Decoder>) -> Result<Box<dyn Models>> {
    run(connection, statement, |prepared| models(prepared, decoder))
}

fn models(prepared: &mut Prepared<'_>, decoder: &Arc<dyn Decoder>) -> Result<Box<dyn Models>> {
    let mut models = decoder.models();
    let mut reader = RowReader::of(prepared, decoder.table());
    while reader.push_next(&mut *models)? {}
    Ok(models)
}

/// Inserts a row and returns its model. Returns `None` if the model is stored as it was given.
pub(super) fn insert(
    connection: &SqliteConnection,
    row: &Statement,
    insert: &WholeInsert,
    decoder: &Arc<dyn Decoder>,
) -> Result<Option<Box<dyn Models>>> {
    if described::stores_rows_as_given(connection, decoder.table())? {
        return if execute(connection, row)? == 1 { Ok(None) } else { Err(not_stored()) };
    }
    let inserted = || connection.prepared(&insert.returning, values(row), |prepared| models(prepared, decoder));
    let inserted = changed(connection, decoder, inserted)?;
    if inserted.is_empty() { Err(not_stored()) } else { Ok(Some(inserted)) }
}

/// Inserts a row and answers its model, by a statement that returns it.
pub(super) fn insert_returning(
    connection: &SqliteConnection,
    statement: &Statement,
    decoder: &Arc<dyn Decoder>,
) -> Result<Box<dyn Models>> {
    described::stores_rows_as_given(connection, decoder.table())?;
    changed(connection, decoder, || fetch(connection, statement, decoder))
}

/// The model that a statement changed, as its triggers have left it: what the statement returns is what it was before them.
pub(super) fn changed(
    connection: &SqliteConnection,
    decoder: &Arc<dyn Decoder>,
    change: impl FnOnce() -> Result<Box<dyn Models>>,
) -> Result<Box<dyn Models>> {
    let before = connection.total_changes();
    let models = change()?;
    // Where several rows may have one id, or there is none, none can be looked up.
    let has_no_ids = decoder.table().is_append_only || decoder.table().id.is_empty();
    if has_no_ids || connection.total_changes() - before == models.len() as u64 {
        return Ok(models);
    }
    let mut again = decoder.models();
    for at in 0..models.len() {
        let (sql, id) = lookup(decoder.table(), &models.key(at, decoder.table()));
        let found = connection.prepared(&sql, &id.0, |prepared| self::models(prepared, decoder))?;
        if found.is_empty() {
            return Err(not_stored());
        }
        again.append(found)?;
    }
    Ok(again)
}

/// The query for a model, by its id.
fn lookup(table: &Table, id: &Key) -> (String, Values) {
    let mut select = Query::select();
    for column in &table.columns {
        select.expr_as(column.select_as(Expr::col(column.iden())), column.iden());
    }
    for (column, value) in table.id.iter().filter_map(|position| table.columns.get(*position)).zip(&id.0) {
        select.and_where(Expr::col(column.iden()).eq(column.save_as(Expr::val(value.clone()))));
    }
    select.from(table.table_ref()).build(SqliteQueryBuilder)
}

/// Runs a statement and gives its models away as they are read.
pub(super) fn stream(
    connection: &SqliteConnection,
    statement: &Statement,
    decoder: &Arc<dyn Decoder>,
    sender: &ChunkSender,
) -> Result<()> {
    run(connection, statement, |prepared| {
        let mut reader = RowReader::of(prepared, decoder.table());
        let mut models = decoder.models();
        while reader.push_next(&mut *models)? {
            if models.len() == CHUNK {
                sender.send_blocking(std::mem::replace(&mut models, decoder.models()))?;
            }
        }
        if models.is_empty() { Ok(()) } else { sender.send_blocking(models) }
    })
}

/// Runs a statement and answers its rows, with values of these types or of their own.
pub(super) fn rows(connection: &SqliteConnection, statement: &Statement, types: Option<&[ArrayType]>) -> Result<Vec<Row>> {
    run(connection, statement, |prepared| {
        let mut stored = prepared.raw_query();
        let mut rows = Vec::new();
        let mut names: Arc<[String]> = Arc::new([]);
        while let Some(row) = stored.next().map_err(classify)? {
            if names.is_empty() {
                names = row.as_ref().column_names().into_iter().map(str::to_owned).collect();
            }
            let mut values = Vec::with_capacity(names.len());
            for at in 0..names.len() {
                let stored = row.get_ref(at).map_err(classify)?;
                let read = decode::read(stored, types.and_then(|types| types.get(at)), &mut |value| {
                    values.push(value);
                    Ok(())
                });
                read.map_err(|error| names.get(at).map_or(error.clone(), |name| error.in_column(name)))?;
            }
            rows.push(Row { names: names.clone(), values });
        }
        Ok(rows)
    })
}

/// Runs an insert once for each row of so many values.
pub(super) fn append(connection: &SqliteConnection, insert: &str, values: &[Value], columns: usize) -> Result<()> {
    let mut rows = values.chunks(columns);
    connection.prepared(insert, rows.next().unwrap_or_default(), |prepared| {
        store(connection, prepared)?;
        for row in rows {
            super::bind::bind(prepared, row).map_err(classify)?;
            store(connection, prepared)?;
        }
        Ok(())
    })
}

/// Runs the insert of a row.
fn store(connection: &SqliteConnection, insert: &mut Prepared<'_>) -> Result<()> {
    let before = connection.total_changes();
    let stored = insert.raw_execute().map_err(classify)?;
    // Into a view, by its trigger.
    let is_stored_otherwise = || connection.total_changes() > before;
    if stored > 0 || is_stored_otherwise() { Ok(()) } else { Err(not_stored()) }
}

/// A trigger or the table's own rule for a conflict can see to that without a word.
fn not_stored() -> Error {
    Error::new(ErrorKind::Check, "a trigger or a rule of the table stored fewer rows than were given")
}

/// Reads the rows that a statement answers.
struct RowReader<'p> {
    rows: Rows<'p>,
    table: &'p Table,
    /// For each column of the table, where it is in a row, and its type, if it has one. Known from the first row on: a statement
    /// is prepared anew by its first step if the schema has changed.
    columns: Vec<(usize, Option<&'p ArrayType>)>,
}

impl<'p> RowReader<'p> {
    fn of(prepared: &'p mut Prepared<'_>, table: &'p Table) -> Self {
        Self { rows: prepared.raw_query(), table, columns: Vec::new() }
    }

    /// Adds the next model. Returns false after the last.
    fn push_next(&mut self, models: &mut dyn Models) -> Result<bool> {
        let Some(row) = self.rows.next().map_err(classify)? else { return Ok(false) };
        if self.columns.is_empty() {
            self.columns = columns(row.as_ref(), self.table)?;
        }
        let columns = &self.columns;
        let mut read = |position: usize, put: Put<'_>| match columns.get(position) {
            Some((at, wanted)) => decode::read(row.get_ref(*at).map_err(classify)?, *wanted, put),
            None => Ok(()),
        };
        models.push(&mut read).map(|()| true)
    }
}

fn columns<'t>(prepared: &Prepared<'_>, table: &'t Table) -> Result<Vec<(usize, Option<&'t ArrayType>)>> {
    let place = |(place, column): (usize, &'t TableColumn)| {
        let is_here = |at: &usize| prepared.column_name(*at).is_ok_and(|name| name == column.name());
        let at = Some(place).filter(is_here).or_else(|| (0..prepared.column_count()).find(is_here));
        let missing = || Error::new(ErrorKind::Corrupt, "what is stored lacks a column of the model");
        Ok((at.ok_or_else(missing)?, (!column.is_of_any_type).then_some(&column.value_type)))
    };
    table.columns.iter().enumerate().map(place).collect()
}
