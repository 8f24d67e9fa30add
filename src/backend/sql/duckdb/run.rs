//! Running statements on a connection. All of this blocks.

use std::{
    io,
    sync::{Arc, mpsc::sync_channel},
    thread,
};

use duckdb::{
    Connection, Error as DuckError, Statement as Prepared,
    arrow::{
        array::{Array, ArrayRef, StructArray},
        datatypes::Field,
    },
    core::LogicalTypeId,
    params_from_iter,
    types::Value as Parameter,
};
use sea_orm::{
    Statement, Value,
    sea_query::{ArrayType, Values},
};

use super::{decode, encode, error::classify};
use crate::{
    backend::{
        Decoder, Models,
        sql::{ChunkSender, blocking},
    },
    error::{Error, ErrorKind, Result},
    row::Row,
    table::{Table, TableColumn},
};

/// Longer statements are not kept prepared: hardly one is like another.
const MAX_CACHED_LENGTH: usize = 4096;

/// Runs a statement and answers how many rows it changed.
pub(super) fn execute(connection: &Connection, statement: Statement) -> Result<u64> {
    run(connection, statement, |prepared, changed| {
        // Of rows that are returned as well, DuckDB does not say how many were changed.
        let is_counted = prepared.column_name(0).is_ok_and(|name| name == "Count");
        Ok(if changed == 0 && !is_counted { prepared.row_count() as u64 } else { changed })
    })
}

/// Runs a statement that answers the columns of a table, in any order.
pub(super) fn fetch(connection: &Connection, statement: Statement, decoder: &Arc<dyn Decoder>) -> Result<Box<dyn Models>> {
    run(connection, statement, |prepared, _| {
        let mut models = decoder.models();
        let ids = decode::ids(prepared);
        let batches = std::iter::from_fn(|| prepared.step().map_err(classify).transpose());
        convert_beside(batches, |batch| read(&batch, &ids, decoder.table(), &mut *models))?;
        Ok(models)
    })
    .map_err(|error| named(decoder.table(), error))
}

/// Runs a statement that answers one number.
pub(super) fn number(connection: &Connection, statement: Statement) -> Result<i64> {
    run(connection, statement, |prepared, _| {
        let missing = || Error::new(ErrorKind::Internal, "the engine returned no number");
        let batch = prepared.step().map_err(classify)?.ok_or_else(missing)?;
        let column = batch.columns().first().ok_or_else(missing)?;
        match decode::column(column, LogicalTypeId::Bigint, &ArrayType::BigInt)?.first() {
            Some(Value::BigInt(Some(number))) => Ok(*number),
            _ => Err(missing()),
        }
    })
}

/// Runs a statement and gives its models away as they are read.
pub(super) fn stream(
    connection: &Connection,
    statement: Statement,
    decoder: &Arc<dyn Decoder>,
    sender: &ChunkSender,
) -> Result<()> {
    let mut prepared = connection.prepare(&statement.sql).map_err(classify)?;
    let ids = decode::ids(&prepared);
    let parameters = parameters(statement.values)?;
    let batches = prepared.stream_arrow(params_from_iter(parameters)).map_err(classify)?;
    convert_beside(batches.map(|batch| batch.map(StructArray::from).map_err(classify)), |batch| {
        let mut models = decoder.models();
        read(&batch, &ids, decoder.table(), &mut *models)?;
        sender.send_blocking(models)
    })
}

/// Converts batches, from the second on by a thread of its own while the next are read.
fn convert_beside(
    mut batches: impl Iterator<Item = Result<StructArray>>,
    mut convert: impl FnMut(StructArray) -> Result<()> + Send,
) -> Result<()> {
    let Some(first) = batches.next() else { return Ok(()) };
    convert(first?)?;
    let Some(second) = batches.next() else { return Ok(()) };
    thread::scope(|scope| {
        let (sender, read) = sync_channel(1);
        let converting = thread::Builder::new().spawn_scoped(scope, move || read.into_iter().try_for_each(convert));
        let converting = converting.map_err(no_thread)?;
        let ended = |_| Error::new(ErrorKind::Internal, "a conversion that ended");
        let sent = std::iter::once(second).chain(batches).try_for_each(|batch| sender.send(batch?).map_err(ended));
        drop(sender);
        converting.join().unwrap_or_else(|_| Err(blocking::panicked())).and(sent)
    })
}

fn no_thread(error: io::Error) -> Error {
    Error::new(ErrorKind::ResourceExhausted, "no thread to convert rows on").with_source(error)
}

/// Runs a statement and answers its rows.
pub(super) fn rows(connection: &Connection, statement: Statement, types: Option<Vec<ArrayType>>) -> Result<Vec<Row>> {
    run(connection, statement, |prepared, _| {
        let mut rows = Vec::new();
        let ids = decode::ids(prepared);
        while let Some(batch) = prepared.step().map_err(classify)? {
            let names: Arc<[String]> = batch.fields().iter().map(|field| field.name().clone()).collect();
            let fields = batch.fields().iter().zip(batch.columns()).enumerate();
            let column = |(at, (field, array)): (usize, (&Arc<Field>, &ArrayRef))| {
                let id = id_at(&ids, at);
                let known = match &types {
                    Some(types) => types.get(at).cloned(),
                    None => decode::type_of(field, id),
                };
                let unknown = || Error::new(ErrorKind::Unsupported, "a column of a type that is not read; cast it to another");
                let values = known.ok_or_else(unknown).and_then(|known| decode::column(array, id, &known));
                values.map(Vec::into_iter).map_err(|error| error.in_column(field.name()))
            };
            let mut columns = fields.map(column).collect::<Result<Vec<_>>>()?;
            for _ in 0..batch.len() {
                rows.push(Row { names: names.clone(), values: columns.iter_mut().filter_map(Iterator::next).collect() });
            }
        }
        Ok(rows)
    })
}

fn run<T>(connection: &Connection, statement: Statement, answer: impl FnOnce(&Prepared<'_>, u64) -> Result<T>) -> Result<T> {
    let Statement { sql, values, .. } = statement;
    // A change of the schema may be several statements, of which preparing runs all but the last: those are not to be kept.
    let is_kept = values.is_some() && sql.len() <= MAX_CACHED_LENGTH;
    let parameters = parameters(values)?;
    let execute = |prepared: &mut Prepared<'_>| -> Result<T> {
        let changed = prepared.execute(params_from_iter(parameters)).map_err(|error| unread(connection, &sql, error))?;
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

/// The error of a statement. Where the library refuses the type of a column, its name is looked up.
fn unread(connection: &Connection, sql: &str, error: DuckError) -> Error {
    let position = match &error {
        DuckError::FromSqlConversionFailure(position, ..) => Some(*position),
        _ => None,
    };
    let name = position.and_then(|position| {
        let mut described = connection.prepare(&format!("DESCRIBE {sql}")).ok()?;
        let nulls = vec![Parameter::Null; described.parameter_count()];
        let names = described.query_map(params_from_iter(nulls), |row| row.get::<_, String>(0)).ok()?;
        names.flatten().nth(position)
    });
    let error = classify(error);
    match name {
        Some(name) => error.in_column(&name),
        None => error,
    }
}

fn parameters(values: Option<Values>) -> Result<Vec<Parameter>> {
    values.into_iter().flat_map(|values| values.0).map(encode::parameter).collect()
}

/// DuckDB's type of a column. Of a stream that is not known before it is read in all cases.
fn id_at(ids: &[LogicalTypeId], position: usize) -> LogicalTypeId {
    ids.get(position).copied().unwrap_or(LogicalTypeId::Invalid)
}

/// Reads the models of a batch: the table's columns by their names.
fn read(batch: &StructArray, ids: &[LogicalTypeId], table: &Table, models: &mut dyn Models) -> Result<()> {
    let missing = || Error::new(ErrorKind::Corrupt, "what is stored lacks a column of the model");
    let fields = batch.fields();
    let column = |column: &TableColumn| {
        let position = fields.iter().position(|field: &Arc<Field>| field.name() == column.name());
        let found = position.and_then(|position| Some((batch.columns().get(position)?, id_at(ids, position))));
        let reader = found.ok_or_else(missing).and_then(|(array, id)| decode::reader(array, id, &column.value_type));
        reader.map_err(|error| error.in_column(column.name()))
    };
    let columns = table.columns.iter().map(column).collect::<Result<Vec<_>>>()?;
    for row in 0..batch.len() {
        models.push(&mut |position, put| columns.get(position).map_or(Ok(()), |read| read(row, put)))?;
    }
    Ok(())
}

/// Names the table of a duplicate, of which DuckDB names the column alone.
pub(super) fn named(table: &Table, error: Error) -> Error {
    match error.constraint() {
        Some(column) if error.kind() == ErrorKind::Duplicate => {
            let constraint = format!("{}.{column}", table.name());
            error.with_constraint(Some(constraint))
        }
        _ => error,
    }
}
