//! Running statements on a connection. All of this blocks.

use std::{marker::PhantomData, sync::Arc};

use rusqlite::{Rows, Statement as Prepared};
use sea_orm::{
    ColumnTrait, IdenStatic, Iterable, ModelTrait, PrimaryKeyToColumn, Statement, Value, Values,
    sea_query::{Alias, ArrayType, Expr, ExprTrait, Query, SqliteQueryBuilder},
};

use super::{connection::Connection, decode, described, error::classify};
use crate::{
    backend::sql::{Sink, WholeInsert},
    entity::Storable,
    error::{Error, ErrorKind, Result},
    row::Row,
    stream::CHUNK,
};

fn values(statement: &Statement) -> &[Value] {
    statement.values.as_ref().map_or(&[], |values| &values.0)
}

fn run<T>(connection: &Connection, statement: &Statement, run: impl FnOnce(&mut Prepared<'_>) -> Result<T>) -> Result<T> {
    connection.prepared(&statement.sql, values(statement), run)
}

/// Runs a statement and answers how many rows it changed.
pub(super) fn execute(connection: &Connection, statement: &Statement) -> Result<u64> {
    run(connection, statement, |prepared| {
        let before = connection.total_changes();
        let mut rows = prepared.raw_query();
        while rows.next().map_err(classify)?.is_some() {}
        // What does not change rows leaves the number of what did so last.
        Ok(if connection.total_changes() == before { 0 } else { connection.changes() })
    })
}

/// Runs a statement that answers one number.
pub(super) fn number(connection: &Connection, statement: &Statement) -> Result<i64> {
    run(connection, statement, |prepared| {
        let mut rows = prepared.raw_query();
        let missing = || Error::new(ErrorKind::Internal, "the engine returned no number");
        rows.next().map_err(classify)?.ok_or_else(missing)?.get(0).map_err(classify)
    })
}

/// Runs a statement that answers the columns of an entity, in any order.
pub(super) fn fetch<E: Storable>(connection: &Connection, statement: &Statement) -> Result<Vec<E::Model>> {
    run(connection, statement, models::<E>)
}

fn models<E: Storable>(prepared: &mut Prepared<'_>) -> Result<Vec<E::Model>> {
    let mut reader = Models::<E>::of(prepared);
    let mut models = Vec::new();
    while let Some(model) = reader.next()? {
        models.push(model);
    }
    Ok(models)
}

/// Inserts a row and answers its model; none if that is what was given.
pub(super) fn insert<E: Storable>(connection: &Connection, row: &Statement, insert: &WholeInsert) -> Result<Option<E::Model>> {
    if described::keeps::<E>(connection)? {
        return if execute(connection, row)? == 1 { Ok(None) } else { Err(not_stored()) };
    }
    let inserted = || connection.prepared(&insert.returning, values(row), models::<E>);
    changed::<E>(connection, inserted)?.pop().map(Some).ok_or_else(not_stored)
}

/// Inserts a row and answers its model, by a statement that returns it.
pub(super) fn insert_returning<E: Storable>(connection: &Connection, statement: &Statement) -> Result<Vec<E::Model>> {
    described::keeps::<E>(connection)?;
    changed::<E>(connection, || fetch::<E>(connection, statement))
}

/// The model that a statement changed, as its triggers have left it: what the statement returns is what it was before them.
pub(super) fn changed<E: Storable>(
    connection: &Connection,
    change: impl FnOnce() -> Result<Vec<E::Model>>,
) -> Result<Vec<E::Model>> {
    let before = connection.total_changes();
    let models = change()?;
    if connection.total_changes() - before == models.len() as u64 {
        return Ok(models);
    }
    let again = |model: &E::Model| {
        let (sql, id) = lookup::<E>(model);
        let mut found = connection.prepared(&sql, &id.0, self::models::<E>)?;
        found.pop().ok_or_else(not_stored)
    };
    models.iter().map(again).collect()
}

/// The query for a model, by its id.
fn lookup<E: Storable>(model: &E::Model) -> (String, Values) {
    let mut select = Query::select();
    for column in E::Column::iter() {
        select.expr_as(column.select_as(Expr::col(column)), Alias::new(column.as_str()));
    }
    for id in E::PrimaryKey::iter().map(PrimaryKeyToColumn::into_column) {
        select.and_where(Expr::col(id).eq(id.save_as(Expr::val(model.get(id)))));
    }
    select.from(E::default().table_ref()).build(SqliteQueryBuilder)
}

/// Runs a statement and gives its models away as they are read.
pub(super) fn stream<E: Storable>(connection: &Connection, statement: &Statement, sink: &Sink<E::Model>) -> Result<()> {
    run(connection, statement, |prepared| {
        let mut reader = Models::<E>::of(prepared);
        let mut models = Vec::with_capacity(CHUNK);
        while let Some(model) = reader.next()? {
            models.push(model);
            if models.len() == CHUNK {
                sink.send_blocking(std::mem::replace(&mut models, Vec::with_capacity(CHUNK)))?;
            }
        }
        if models.is_empty() { Ok(()) } else { sink.send_blocking(models) }
    })
}

/// Runs a statement and answers its rows, with values of these types or of their own.
pub(super) fn rows(connection: &Connection, statement: &Statement, types: Option<&[ArrayType]>) -> Result<Vec<Row>> {
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
                let own = decode::type_of(stored);
                let read = decode::read(stored, types.and_then(|types| types.get(at)).unwrap_or(&own), &mut |value| {
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
pub(super) fn append(connection: &Connection, insert: &str, values: &[Value], columns: usize) -> Result<()> {
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
fn store(connection: &Connection, insert: &mut Prepared<'_>) -> Result<()> {
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

/// The models that a statement answers.
struct Models<'p, E: Storable> {
    rows: Rows<'p>,
    /// For each column of the entity, where it is in a row, and its type. Known from the first row on: a statement is prepared anew by its first
    /// step if the schema has changed.
    columns: Vec<(usize, ArrayType)>,
    entity: PhantomData<E>,
}

impl<'p, E: Storable> Models<'p, E> {
    fn of(prepared: &'p mut Prepared<'_>) -> Self {
        Self { rows: prepared.raw_query(), columns: Vec::new(), entity: PhantomData }
    }

    fn next(&mut self) -> Result<Option<E::Model>> {
        let Some(row) = self.rows.next().map_err(classify)? else { return Ok(None) };
        if self.columns.is_empty() {
            self.columns = columns::<E>(row.as_ref())?;
        }
        let model = E::model_of(|position, put| match self.columns.get(position) {
            Some((at, wanted)) => decode::read(row.get_ref(*at).map_err(classify)?, wanted, put),
            None => Ok(()),
        });
        model.map(Some)
    }
}

fn columns<E: Storable>(prepared: &Prepared<'_>) -> Result<Vec<(usize, ArrayType)>> {
    let place = |(place, column): (usize, E::Column)| {
        let is_here = |at: &usize| prepared.column_name(*at).is_ok_and(|name| name == column.as_str());
        let at = Some(place).filter(is_here).or_else(|| (0..prepared.column_count()).find(is_here));
        let missing = || Error::new(ErrorKind::Corrupt, "what is stored lacks a column of the model");
        Ok((at.ok_or_else(missing)?, E::Model::get_value_type(column)))
    };
    E::Column::iter().enumerate().map(place).collect()
}
