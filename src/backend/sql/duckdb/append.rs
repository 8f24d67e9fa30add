//! Rows into tables by DuckDB's appender. All of this blocks.

use std::sync::Arc;

use duckdb::{Appender, Connection, arrow::record_batch::RecordBatch};
use sea_orm::{
    Value,
    sea_query::{Expr, Query},
};

use super::{
    encode::{self, AppendColumn},
    error::classify,
    run::named,
};
use crate::{backend::sql::statement::source_of, dialect::Dialect, error::Result, sql::statement::Render as _, table::Table};

/// Columns of a table that rows are appended to.
pub(crate) struct AppendTarget {
    table: Arc<Table>,
    pub(super) columns: Vec<AppendColumn>,
}

impl AppendTarget {
    /// The columns of a table at these positions.
    pub(super) fn of(table: &Arc<Table>, positions: &[usize]) -> Self {
        Self { table: table.clone(), columns: columns(table, positions) }
    }

    fn names(&self) -> Vec<&str> {
        names(&self.columns)
    }
}

fn columns(table: &Table, positions: &[usize]) -> Vec<AppendColumn> {
    let column = |position: &usize| {
        let column = table.columns.get(*position)?;
        Some(AppendColumn {
            name: column.name().to_owned(),
            value_type: column.value_type.clone(),
            is_list: column.is_list(),
            position: *position,
        })
    };
    positions.iter().filter_map(column).collect()
}

fn names(columns: &[AppendColumn]) -> Vec<&str> {
    columns.iter().map(|column| column.name.as_str()).collect()
}

/// Stores rows by the appender. Nothing is sure to be there before it returns, and after an error anything may be: in a
/// transaction, which is then rolled back, that comes to nothing.
pub(super) fn append(connection: &Connection, target: &AppendTarget, rows: Vec<RecordBatch>) -> Result<()> {
    let appender = match target.table.schema() {
        Some(schema) => connection.appender_with_columns_to_db(target.table.name(), schema, &target.names()),
        None => connection.appender_with_columns(target.table.name(), &target.names()),
    };
    fill(appender.map_err(classify)?, rows).map_err(|error| named(&target.table, error))
}

/// Makes a table of the connection's own with these columns of a table, and stores rows in it.
pub(super) fn stage(connection: &Connection, of: &Table, positions: &[usize], rows: &[Vec<Value>]) -> Result<()> {
    let columns = columns(of, positions);
    let mut select = Query::select();
    let named = of.columns.iter().enumerate().filter(|(position, _)| positions.contains(position));
    let none = Expr::cust("1 = 0");
    for (_, column) in named {
        select.expr_as(column.select_as(Expr::col(column.iden())), column.iden());
    }
    select.from(of.table_ref()).and_where(none);
    let table = source_of(of);
    let create = format!("CREATE TEMP TABLE {table} AS {}", select.render(Dialect::DuckDb).sql);
    connection.execute_batch(&create).map_err(classify)?;
    let appender = connection.appender_with_columns_to_catalog_and_db(table, "temp", "main", &names(&columns));
    fill(appender.map_err(classify)?, vec![encode::batch(&columns, &rows)?])
}

fn fill(mut appender: Appender<'_>, rows: Vec<RecordBatch>) -> Result<()> {
    rows.into_iter().try_for_each(|rows| appender.append_record_batch(rows)).map_err(classify)?;
    // Dropping it would do the same and keep the error to itself.
    appender.flush().map_err(classify)
}
