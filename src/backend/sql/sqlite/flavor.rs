//! Statements on SQLite's connections.

use sea_orm::{QueryResult, Statement, sea_query::ArrayType};
use sea_query_sqlx::SqlxValues;
use sqlx::{AssertSqlSafe, Executor, Sqlite, SqliteConnection, error::DatabaseError};

use super::error;
use crate::{
    backend::sql::sqlx::Flavor,
    dialect::Dialect,
    error::Error,
    transaction::{AccessMode, Locking, TxOptions},
};

/// SQLite as sqlx drives it.
pub(crate) struct SqliteFlavor;

impl Flavor for SqliteFlavor {
    type Db = Sqlite;

    const DIALECT: Dialect = Dialect::Sqlite;
    /// `SQLITE_MAX_VARIABLE_NUMBER` of the bundled library.
    const BIND_LIMIT: usize = 32_766;

    fn reads(value_type: &ArrayType) -> bool {
        // Decimals would be kept as floating-point numbers.
        !matches!(value_type, ArrayType::BigUnsigned | ArrayType::Decimal)
    }

    fn begin(options: &TxOptions) -> Vec<String> {
        let begin = match (options.access_mode(), options.locking_mode()) {
            // SQLite has no read-only transactions; this makes every write on the connection fail.
            (AccessMode::ReadOnly, _) => return vec!["PRAGMA query_only = ON".into(), "BEGIN DEFERRED".into()],
            (_, Some(Locking::Deferred)) => "BEGIN DEFERRED",
            (_, Some(Locking::Exclusive)) => "BEGIN EXCLUSIVE",
            (_, Some(Locking::Immediate) | None) => "BEGIN IMMEDIATE",
        };
        vec![begin.into()]
    }

    fn after(options: &TxOptions) -> Option<&'static str> {
        (options.access_mode() == AccessMode::ReadOnly).then_some("PRAGMA query_only = OFF")
    }

    fn classify(error: &dyn DatabaseError) -> Error {
        error::classify(error)
    }

    async fn run(connection: &mut SqliteConnection, sql: String) -> sqlx::Result<()> {
        connection.execute(AssertSqlSafe(sql)).await.map(drop)
    }

    async fn execute(connection: &mut SqliteConnection, statement: Statement) -> sqlx::Result<u64> {
        let done = match statement.values {
            Some(values) => sqlx::query_with(AssertSqlSafe(statement.sql), SqlxValues(values)).execute(connection).await?,
            None => connection.execute(AssertSqlSafe(statement.sql)).await?,
        };
        Ok(done.rows_affected())
    }

    async fn fetch(connection: &mut SqliteConnection, statement: Statement) -> sqlx::Result<Vec<QueryResult>> {
        let values = SqlxValues(statement.values.unwrap_or(sea_orm::Values(Vec::new())));
        let rows = sqlx::query_with(AssertSqlSafe(statement.sql), values).fetch_all(connection).await?;
        Ok(rows.into_iter().map(QueryResult::from).collect())
    }
}
