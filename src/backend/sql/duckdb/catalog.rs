//! What DuckDB's catalog says of an entity's table.

use std::sync::Arc;

use duckdb::{Connection, params};
use sea_orm::{
    ColumnTrait, IdenStatic, Iterable, ModelTrait,
    sea_query::{ArrayType, Expr},
};

use super::{
    error::classify,
    fit::{self, Session},
};
use crate::{
    backend::sql::{
        Catalog,
        catalog::{Described, Form, Keeps, TextOrder},
    },
    entity::{Storable, decimal_digits},
    error::Result,
};

/// The columns of the tables and views that the name may lead to, those first that it leads to first. The collations are not told; `COLLATE` in the text that
/// the table is made by tells that there may be one. The text of a view does not tell what those of its tables are.
const COLUMNS: &str = "
    SELECT found.column_name, found.data_type, found.is_generated, found.place, t.sql IS NULL,
        t.sql IS NULL OR contains(lower(t.sql), 'collate') OR current_setting('default_collation') NOT IN ('', 'binary'),
        coalesce((SELECT value FROM duckdb_settings() WHERE name = 'TimeZone'), 'UTC') IN ('UTC', 'Etc/UTC'), found.is_nullable
    FROM (
        SELECT *, CASE
            WHEN $2::VARCHAR IS NULL AND database_name = 'temp' THEN 0
            WHEN $2::VARCHAR IS NULL AND database_name = current_database() AND schema_name = current_schema() THEN 1
            WHEN lower(schema_name) = lower($2::VARCHAR) AND database_name = current_database() THEN 2
            WHEN lower(database_name) = lower($2::VARCHAR) AND schema_name = 'main' THEN 3
        END AS place
        FROM duckdb_columns() WHERE lower(table_name) = lower($1::VARCHAR)
    ) AS found
    LEFT JOIN duckdb_tables() AS t ON t.database_oid = found.database_oid AND t.table_oid = found.table_oid
    WHERE found.place IS NOT NULL
    ORDER BY found.place, found.column_index";

/// A column as DuckDB describes it.
pub(super) struct Found {
    name: String,
    data_type: String,
    is_generated: bool,
    is_of_view: bool,
    is_nullable: bool,
    session: Session,
}

/// The columns of an entity's table; none if it is not there. Blocks.
pub(super) fn columns<E: Storable>(connection: &Connection) -> Result<Vec<Found>> {
    let (table, schema) = (E::default().table_name().to_owned(), E::default().schema_name().map(str::to_owned));
    let mut statement = connection.prepare(COLUMNS).map_err(classify)?;
    let found = statement.query_map(params![table, schema], |row| {
        let session = Session { folds: row.get(5)?, is_in_utc: row.get(6)? };
        let (name, data_type) = (row.get(0)?, row.get(1)?);
        let (is_generated, is_of_view, is_nullable) = (row.get(2)?, row.get(4)?, row.get(7)?);
        Ok((row.get::<_, i32>(3)?, Found { name, data_type, is_generated, is_of_view, is_nullable, session }))
    });
    let found = found.and_then(Iterator::collect::<duckdb::Result<Vec<_>>>).map_err(classify)?;
    let first = found.first().map(|(place, _)| *place);
    Ok(found.into_iter().filter(|(place, _)| Some(*place) == first).map(|(_, column)| column).collect())
}

/// What follows from the columns for an entity.
///
/// # Errors
/// [`Unsupported`](crate::ErrorKind::Unsupported), which names the column, if one is of a type that holds no values of the model's, or compares them otherwise.
pub(super) fn catalog<E: Storable>(columns: &[Found]) -> Result<Arc<Catalog>> {
    let described = |column: E::Column| {
        // A column that is not there is for the statement to complain about.
        let named = |found: &&Found| found.name.eq_ignore_ascii_case(column.as_str());
        let Some(found) = columns.iter().find(named) else { return Ok(Described::default()) };
        let wanted = E::Model::get_value_type(column);
        let described = match has_casts(&column, &wanted) {
            // The entity's own casts make of it what the model wants.
            true => Described::default(),
            false => {
                let fitting = fit::described(&wanted, decimal_digits(&column), &found.data_type, found.session);
                fitting.map_err(|error| error.in_column(column.as_str()))?
            }
        };
        let is_nullable = found.is_nullable && !column.def().is_null();
        Ok(Described { is_generated: found.is_generated, is_nullable, ..described })
    };
    let described = E::Column::iter().map(described).collect::<Result<Vec<_>>>()?;
    let is_rewritten = columns.iter().any(|found| found.is_of_view);
    if !is_rewritten && described.iter().all(is_plain) {
        return Ok(Catalog::plain());
    }
    Ok(Arc::new(Catalog::new(described, is_rewritten)))
}

fn is_plain(column: &Described) -> bool {
    !column.is_generated
        && !column.is_nullable
        && matches!(column.keeps, Keeps::All)
        && column.text == TextOrder::Bytes
        && column.form == Form::Own
}

/// Whether an entity casts what it reads or writes. An enum's cast is none: enums are text.
fn has_casts(column: &impl ColumnTrait, wanted: &ArrayType) -> bool {
    if let ArrayType::Enum(_) = wanted {
        return false;
    }
    let plain = Expr::val("");
    let casts = |cast: Expr| cast != plain && !matches!(cast, Expr::AsEnum(_, inner) if *inner == plain);
    casts(column.select_as(plain.clone())) || casts(column.save_as(plain.clone()))
}
