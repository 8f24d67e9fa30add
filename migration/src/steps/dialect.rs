//! Where the dialects differ.

use larder::Dialect;
use sea_orm::sea_query::{ColumnDef, Expr, ForeignKeyCreateStatement, SimpleExpr, TableCreateStatement};

/// The engine's current time, in the form larder stores times in.
pub(super) fn now(dialect: Dialect) -> SimpleExpr {
    match dialect {
        // `CURRENT_TIMESTAMP` has no fractions of a second there, and another form than the times it is compared with.
        Dialect::Sqlite => Expr::cust("(strftime('%Y-%m-%dT%H:%M:%f000+00:00', 'now'))"),
        _ => Expr::current_timestamp(),
    }
}

/// Adds references that take along what refers to a deleted model. DuckDB has none of those, and its plain ones would refuse what
/// these allow; there the table goes without.
pub(super) fn cascading(dialect: Dialect, table: &mut TableCreateStatement, references: Vec<ForeignKeyCreateStatement>) {
    if dialect != Dialect::DuckDb {
        for mut reference in references {
            table.foreign_key(&mut reference);
        }
    }
}

/// A column of text whose indexes are in the order of bytes, in which larder compares text. Postgres' follow the language of the
/// database.
pub(super) fn in_byte_order(dialect: Dialect, column: &mut ColumnDef) -> &mut ColumnDef {
    if dialect == Dialect::Postgres { column.extra(r#"COLLATE "C""#) } else { column }
}
