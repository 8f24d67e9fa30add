//! Renders statements as SQL. sea-query panics on a statement that it cannot render for a database; here it is an error.

use std::panic::{AssertUnwindSafe, catch_unwind};

use sea_orm::{
    Statement,
    sea_query::{ColumnType, TableCreateStatement},
};

use super::statement::Render;
use crate::{
    dialect::Dialect,
    error::{Error, ErrorKind, Result},
    value::has_nul,
};

/// Writes a statement.
///
/// # Errors
/// [`Unsupported`](ErrorKind::Unsupported) if it cannot be written for the database.
pub(super) fn render(statement: &impl Render, dialect: Dialect) -> Result<Statement> {
    let written = catch_unwind(AssertUnwindSafe(|| statement.render(dialect)));
    written.map_err(|_| Error::new(ErrorKind::Unsupported, "a statement that cannot be written for this database"))
}

/// Refuses a NUL character in the text of a statement, names included, and in its values. Engines take a NUL for the end of a
/// text, or refuse it only when they meet it.
pub(super) fn check_nul(statement: &Statement) -> Result<()> {
    let refused = |message| Err(Error::new(ErrorKind::InvalidInput, message));
    if statement.sql.contains('\0') {
        return refused("a statement with a NUL character");
    }
    match statement.values.iter().flat_map(|values| &values.0).any(has_nul) {
        true => refused("text with a NUL character"),
        false => Ok(()),
    }
}

/// Refuses a new table with a column of a type that SQLite does not have.
pub(super) fn check_table(table: &TableCreateStatement, dialect: Dialect) -> Result<()> {
    use ColumnType as C;
    let is_missing = |column: &C| {
        matches!(
            column,
            C::Array(_)
                | C::Vector(_)
                | C::Interval(..)
                | C::Cidr
                | C::Inet
                | C::MacAddr
                | C::Year
                | C::Bit(_)
                | C::VarBit(_)
                | C::LTree
        )
    };
    let missing = table.get_columns().iter().find(|column| column.get_column_type().is_some_and(is_missing));
    match missing.filter(|_| dialect == Dialect::Sqlite) {
        Some(column) => {
            let error = Error::new(ErrorKind::Unsupported, "a column of a type that SQLite does not have");
            Err(error.in_column(&column.get_column_name()))
        }
        None => Ok(()),
    }
}
