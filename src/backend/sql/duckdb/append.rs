//! Rows into tables by DuckDB's appender. All of this blocks.

use duckdb::{Appender, Connection, arrow::record_batch::RecordBatch};
use sea_orm::{
    IdenStatic, Iterable, ModelTrait, Value,
    sea_query::{Expr, Query},
};

use super::{
    encode::{self, Column},
    error::classify,
    run::named,
};
use crate::{
    backend::sql::statement::source_of,
    dialect::Dialect,
    entity::Storable,
    error::{Error, Result},
    sql::Written as _,
};

/// Columns of a table that rows are appended to.
pub(crate) struct Target {
    table: &'static str,
    schema: Option<String>,
    pub(super) columns: Vec<Column>,
    named: fn(Error) -> Error,
}

impl Target {
    /// The columns of an entity at these positions.
    pub(super) fn of<E: Storable>(positions: &[usize]) -> Self {
        let entity = E::default();
        Self {
            table: entity.table_name(),
            schema: entity.schema_name().map(str::to_owned),
            columns: columns::<E>(positions),
            named: named::<E>,
        }
    }

    fn names(&self) -> Vec<&str> {
        names(&self.columns)
    }
}

fn columns<E: Storable>(positions: &[usize]) -> Vec<Column> {
    let all: Vec<_> = E::Column::iter().collect();
    let column = |position: &usize| {
        let column = all.get(*position)?;
        Some(Column { name: column.as_str().to_owned(), value_type: E::Model::get_value_type(*column), position: *position })
    };
    positions.iter().filter_map(column).collect()
}

fn names(columns: &[Column]) -> Vec<&str> {
    columns.iter().map(|column| column.name.as_str()).collect()
}

/// Stores rows by the appender. Nothing is sure to be there before it returns, and after an error anything may be: in a transaction, which is
/// then rolled back, that comes to nothing.
pub(super) fn append(connection: &Connection, target: &Target, rows: Vec<RecordBatch>) -> Result<()> {
    let appender = match &target.schema {
        Some(schema) => connection.appender_with_columns_to_db(target.table, schema, &target.names()),
        None => connection.appender_with_columns(target.table, &target.names()),
    };
    fill(appender.map_err(classify)?, rows).map_err(target.named)
}

/// Makes a table of the connection's own with these columns of the entity's, and stores rows in it.
pub(super) fn stage<E: Storable>(connection: &Connection, positions: &[usize], rows: &[Vec<Value>]) -> Result<()> {
    let columns = columns::<E>(positions);
    let mut select = Query::select();
    let named = E::Column::iter().enumerate().filter(|(position, _)| positions.contains(position));
    let none = Expr::cust("1 = 0");
    select.columns(named.map(|(_, column)| column)).from(E::default().table_ref()).and_where(none);
    let table = source_of::<E>();
    let create = format!("CREATE TEMP TABLE {table} AS {}", select.written_in(Dialect::DuckDb).sql);
    connection.execute_batch(&create).map_err(classify)?;
    let appender = connection.appender_with_columns_to_catalog_and_db(table, "temp", "main", &names(&columns));
    fill(appender.map_err(classify)?, vec![encode::batch(&columns, &rows)?])
}

fn fill(mut appender: Appender<'_>, rows: Vec<RecordBatch>) -> Result<()> {
    rows.into_iter().try_for_each(|rows| appender.append_record_batch(rows)).map_err(classify)?;
    // Dropping it would do the same and keep the error to itself.
    appender.flush().map_err(classify)
}
