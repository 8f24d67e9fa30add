//! What is left to Postgres' writer of SQL, corrected on its way.

use std::fmt::{self, Write};

use sea_orm::sea_query::{QueryBuilder, SqlWriter, Value};

use super::dialect::DuckDb;

/// Passes on what Postgres' writer writes, but for values, which are written as everywhere, and types that DuckDB calls
/// otherwise, or takes for others: a decimal without digits would have three after the point.
pub(super) struct Corrected<'a, W> {
    sql: &'a mut W,
    in_quotes: bool,
}

impl<'a, W> Corrected<'a, W> {
    pub(super) fn new(sql: &'a mut W) -> Self {
        Self { sql, in_quotes: false }
    }
}

impl<W: SqlWriter> Write for Corrected<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.in_quotes ^= text == "\"";
        self.sql.write_str(match text {
            name if self.in_quotes => name,
            "bytea" => "blob",
            "jsonb" => "json",
            "decimal" => "decimal(38, 18)",
            other => other,
        })
    }
}

impl<W: SqlWriter> SqlWriter for Corrected<'_, W> {
    fn push_param<T: QueryBuilder>(&mut self, value: Value, _: &T) {
        DuckDb::default().prepare_value(value, self.sql);
    }

    fn as_writer(&mut self) -> &mut dyn Write {
        self
    }
}

impl<W: SqlWriter> fmt::Display for Corrected<'_, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sql.to_string())
    }
}
