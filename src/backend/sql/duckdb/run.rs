//! Running statements on a connection. All of this blocks.

use std::sync::Arc;

use duckdb::{
    Appender, Connection, Statement as Prepared,
    arrow::{
        array::{Array, ArrayRef, StructArray},
        datatypes::Field,
    },
    params_from_iter,
    types::Value as Parameter,
};
use sea_orm::{
    IdenStatic, Iterable, ModelTrait, Statement, Value,
    sea_query::{ArrayType, Query, Values},
};

use super::{
    decode,
    encode::{self, Column},
    error::classify,
};
use crate::{
    backend::sql::{Sink, statement::SOURCE},
    dialect::Dialect,
    entity::{Storable, decimal_digits, unreadable},
    error::{Error, ErrorKind, Result},
    row::Row,
    sql::Written as _,
};

/// Longer statements are not kept prepared: hardly one is like another.
const LONGEST_KEPT: usize = 4096;

/// Rows that are made into columns at a time.
const ROWS_AT_ONCE: usize = 8192;

/// Runs a statement and answers how many rows it changed.
pub(super) fn execute(connection: &Connection, statement: Statement) -> Result<u64> {
    run(connection, statement, |prepared, changed| {
        // Of rows that are returned as well, DuckDB does not say how many were changed.
        let is_counted = prepared.column_name(0).is_ok_and(|name| name == "Count");
        Ok(if changed == 0 && !is_counted { prepared.row_count() as u64 } else { changed })
    })
}

/// Runs a statement that answers the columns of an entity, in any order.
pub(super) fn fetch<E: Storable>(connection: &Connection, statement: Statement) -> Result<Vec<E::Model>> {
    run(connection, statement, |prepared, _| {
        let mut models = Vec::new();
        while let Some(batch) = prepared.step().map_err(classify)? {
            read::<E>(&batch, &mut models)?;
        }
        Ok(models)
    })
    .map_err(named::<E>)
}

/// Runs a statement that answers one number.
pub(super) fn number(connection: &Connection, statement: Statement) -> Result<i64> {
    run(connection, statement, |prepared, _| {
        let missing = || Error::new(ErrorKind::Internal, "the engine returned no number");
        let batch = prepared.step().map_err(classify)?.ok_or_else(missing)?;
        let column = batch.columns().first().ok_or_else(missing)?;
        match decode::column(column, &ArrayType::BigInt)?.first() {
            Some(Value::BigInt(Some(number))) => Ok(*number),
            _ => Err(missing()),
        }
    })
}

/// Runs a statement and gives its models away as they are read.
pub(super) fn stream<E: Storable>(connection: &Connection, statement: Statement, sink: &Sink<E::Model>) -> Result<()> {
    let mut prepared = connection.prepare(&statement.sql).map_err(classify)?;
    let parameters = parameters(statement.values)?;
    for batch in prepared.stream_arrow(params_from_iter(parameters)).map_err(classify)? {
        let mut models = Vec::new();
        read::<E>(&batch.map_err(classify)?.into(), &mut models)?;
        sink.send_blocking(models)?;
    }
    Ok(())
}

/// Runs a statement and answers its rows.
pub(super) fn rows(connection: &Connection, statement: Statement, types: Option<Vec<ArrayType>>) -> Result<Vec<Row>> {
    run(connection, statement, |prepared, _| {
        let mut rows = Vec::new();
        while let Some(batch) = prepared.step().map_err(classify)? {
            let names: Arc<[String]> = batch.fields().iter().map(|field| field.name().clone()).collect();
            let fields = batch.fields().iter().zip(batch.columns()).enumerate();
            let column = |(at, (field, array)): (usize, (&Arc<Field>, &ArrayRef))| {
                let known = match &types {
                    Some(types) => types.get(at).cloned(),
                    None => decode::type_of(field),
                };
                let unknown = || {
                    let message = format!("column `{}` is of a type that is not read; cast it to another", field.name());
                    Error::new(ErrorKind::Unsupported, message)
                };
                decode::column(array, &known.ok_or_else(unknown)?).map(Vec::into_iter)
            };
            let mut columns = fields.map(column).collect::<Result<Vec<_>>>()?;
            for _ in 0..batch.len() {
                rows.push(Row { names: names.clone(), values: columns.iter_mut().filter_map(Iterator::next).collect() });
            }
        }
        Ok(rows)
    })
}

/// Stores rows by the appender. Nothing is sure to be there before it returns, and after an error anything may be: in a transaction, which is
/// then rolled back, that comes to nothing.
pub(super) fn append<E: Storable>(connection: &Connection, columns: &[E::Column], rows: &[Vec<Value>]) -> Result<()> {
    let columns = append_columns::<E>(columns);
    let (entity, table) = (E::default(), E::default().table_name());
    let appender = match entity.schema_name() {
        Some(schema) => connection.appender_with_columns_to_db(table, schema, &names(&columns)),
        None => connection.appender_with_columns(table, &names(&columns)),
    };
    fill(appender.map_err(classify)?, &columns, rows).map_err(named::<E>)
}

/// Makes a table of the connection's own with these columns of the entity's, and stores rows in it.
pub(super) fn stage<E: Storable>(connection: &Connection, columns: &[E::Column], rows: &[Vec<Value>]) -> Result<()> {
    let mut select = Query::select();
    select.columns(columns.iter().copied()).from(E::default().table_ref()).limit(0);
    let create = format!("CREATE TEMP TABLE {SOURCE} AS {}", select.written_in(Dialect::DuckDb).sql.replace("$1", "0"));
    connection.execute_batch(&create).map_err(classify)?;
    let columns = append_columns::<E>(columns);
    let appender = connection.appender_with_columns_to_catalog_and_db(SOURCE, "temp", "main", &names(&columns));
    fill(appender.map_err(classify)?, &columns, rows)
}

fn append_columns<E: Storable>(columns: &[E::Column]) -> Vec<Column> {
    let all: Vec<_> = E::Column::iter().map(|column| column.as_str()).collect();
    let column = |column: &E::Column| Column {
        name: column.as_str().to_owned(),
        value_type: E::Model::get_value_type(*column),
        scale: decimal_digits(column).1,
        position: all.iter().position(|name| *name == column.as_str()).unwrap_or(usize::MAX),
    };
    columns.iter().map(column).collect()
}

fn names(columns: &[Column]) -> Vec<&str> {
    columns.iter().map(|column| column.name.as_str()).collect()
}

fn fill(mut appender: Appender<'_>, columns: &[Column], rows: &[Vec<Value>]) -> Result<()> {
    for rows in rows.chunks(ROWS_AT_ONCE) {
        appender.append_record_batch(encode::batch(columns, rows)?).map_err(classify)?;
    }
    // Dropping it would do the same and keep the error to itself.
    appender.flush().map_err(classify)
}

fn run<T>(connection: &Connection, statement: Statement, answer: impl FnOnce(&Prepared<'_>, u64) -> Result<T>) -> Result<T> {
    let Statement { sql, values, .. } = statement;
    // A change of the schema may be several statements, of which preparing runs all but the last: those are not to be kept.
    let is_kept = values.is_some() && sql.len() <= LONGEST_KEPT;
    let parameters = parameters(values)?;
    let execute = |prepared: &mut Prepared<'_>| -> Result<T> {
        let changed = prepared.execute(params_from_iter(parameters)).map_err(classify)?;
        answer(prepared, changed as u64)
    };
    if is_kept {
        let mut prepared = connection.prepare_cached(&sql).map_err(classify)?;
        let answer = execute(&mut prepared);
        // A statement that is kept keeps its last answer as well.
        if answer.is_err() || prepared.row_count() > 1 {
            prepared.discard();
        }
        answer
    } else {
        execute(&mut connection.prepare(&sql).map_err(classify)?)
    }
}

fn parameters(values: Option<Values>) -> Result<Vec<Parameter>> {
    values.into_iter().flat_map(|values| values.0).map(encode::parameter).collect()
}

/// Reads the models of a batch: the entity's columns by their names.
fn read<E: Storable>(batch: &StructArray, models: &mut Vec<E::Model>) -> Result<()> {
    let missing = || Error::new(ErrorKind::Corrupt, "what is stored lacks a column of the model");
    let fields = batch.fields();
    let column = |column: E::Column| {
        let position = fields.iter().position(|field: &Arc<Field>| field.name() == column.as_str());
        let array = position.and_then(|position| batch.columns().get(position)).ok_or_else(missing)?;
        decode::column(array, &E::Model::get_value_type(column)).map(Vec::into_iter)
    };
    let mut columns = E::Column::iter().map(column).collect::<Result<Vec<_>>>()?;
    models.reserve(batch.len());
    for _ in 0..batch.len() {
        let values = columns.iter_mut().filter_map(Iterator::next).collect();
        models.push(E::model_of(values).map_err(unreadable)?);
    }
    Ok(())
}

/// Names the table of a duplicate, of which DuckDB names the column alone.
fn named<E: Storable>(error: Error) -> Error {
    match error.constraint() {
        Some(column) if error.kind() == ErrorKind::Duplicate => {
            let constraint = format!("{}.{column}", E::default().table_name());
            error.with_constraint(Some(constraint))
        }
        _ => error,
    }
}
