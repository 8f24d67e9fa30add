//! [`SqlText`], SQL as text with values beside it.

use std::fmt;

use sea_orm::{Statement, Value, sea_query::Values};

use super::{
    scan,
    statement::{Render, SqlStatement},
};
#[cfg(feature = "duckdb-linked")]
use crate::backend::sql::duckdb;
use crate::{dialect::Dialect, error::Result};

/// One statement of SQL text. Its values are never part of the text: they are named `$1`, `$2` and so on, on every engine, and
/// bound in this order.
///
/// ```
/// use larder::SqlText;
///
/// let statement = SqlText::new("SELECT name FROM person WHERE age >= $1 AND name <> $2").bind(18).bind("Ann");
/// ```
///
/// Text of several statements, a statement that begins or ends a transaction or changes its connection (as [`Sql`](crate::Sql)
/// says), a comment inside a comment, and a value too few or too many, is [`InvalidInput`](crate::ErrorKind::InvalidInput). Words
/// that begin a statement tell whether it reads: one that begins with `SELECT` and writes by a function belongs in
/// [`execute`](crate::Sql::execute). The text itself is the caller's: whatever comes from outside belongs into values.
#[derive(Clone)]
pub struct SqlText {
    sql: String,
    values: Vec<Value>,
}

impl SqlText {
    /// A statement that has no values yet.
    #[must_use]
    pub fn new(sql: impl Into<String>) -> Self {
        Self { sql: sql.into(), values: Vec::new() }
    }

    /// The value of the next placeholder.
    #[must_use]
    pub fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }
}

impl Render for SqlText {
    fn render(&self, dialect: Dialect) -> Statement {
        let sql = match dialect {
            #[cfg(feature = "duckdb-linked")]
            Dialect::DuckDb => scan::with_placeholders(&self.sql, |number| {
                let value = number.checked_sub(1).and_then(|at| self.values.get(at));
                value.and_then(duckdb::cast_of)
            }),
            _ => self.sql.clone(),
        };
        Statement { sql, values: Some(Values(self.values.clone())), db_backend: dialect.sea_orm() }
    }

    fn only_reads(&self, dialect: Dialect) -> Result<bool> {
        scan::only_reads(&self.sql, Some(self.values.len()), dialect)
    }
}

impl SqlStatement for SqlText {}

/// Without the values.
impl fmt::Debug for SqlText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlText").field("sql", &self.sql).field("values", &self.values.len()).finish()
    }
}
