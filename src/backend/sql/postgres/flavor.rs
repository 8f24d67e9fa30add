//! Statements on Postgres' connections.

use sea_orm::{QueryResult, Statement, sea_query::ArrayType};
use sea_query_sqlx::SqlxValues;
use sqlx::{AssertSqlSafe, Executor, PgConnection, Postgres, error::DatabaseError};

use super::error;
use crate::{
    backend::sql::sqlx::Flavor,
    dialect::Dialect,
    error::Error,
    transaction::{AccessMode, Isolation, TxOptions},
};

/// Postgres as sqlx drives it.
pub(crate) struct PostgresFlavor;

impl Flavor for PostgresFlavor {
    type Db = Postgres;

    const DIALECT: Dialect = Dialect::Postgres;
    /// The protocol counts the values of a statement in 16 bits.
    const BIND_LIMIT: usize = 65_535;

    fn reads(value_type: &ArrayType) -> bool {
        use ArrayType as T;
        !matches!(value_type, T::TinyInt | T::TinyUnsigned | T::SmallUnsigned | T::BigUnsigned)
    }

    fn begin(options: &TxOptions) -> Vec<String> {
        let isolation = match options.isolation_level() {
            None => "",
            Some(Isolation::ReadCommitted) => " ISOLATION LEVEL READ COMMITTED",
            Some(Isolation::RepeatableRead) => " ISOLATION LEVEL REPEATABLE READ",
            Some(Isolation::Serializable) => " ISOLATION LEVEL SERIALIZABLE",
        };
        let access = match options.access_mode() {
            // As the server is set up: a replica, for one, can begin nothing else than reading.
            AccessMode::ReadWrite => "",
            AccessMode::ReadOnly => " READ ONLY",
        };
        vec![format!("BEGIN{isolation}{access}")]
    }

    fn after(_: &TxOptions) -> Option<&'static str> {
        None
    }

    fn classify(error: &dyn DatabaseError) -> Error {
        error::classify(error)
    }

    async fn run(connection: &mut PgConnection, sql: String) -> sqlx::Result<()> {
        connection.execute(AssertSqlSafe(sql)).await.map(drop)
    }

    async fn execute(connection: &mut PgConnection, statement: Statement) -> sqlx::Result<u64> {
        let done = match statement.values {
            Some(values) => sqlx::query_with(AssertSqlSafe(statement.sql), SqlxValues(values)).execute(connection).await?,
            None => connection.execute(AssertSqlSafe(statement.sql)).await?,
        };
        Ok(done.rows_affected())
    }

    async fn fetch(connection: &mut PgConnection, statement: Statement) -> sqlx::Result<Vec<QueryResult>> {
        let values = SqlxValues(statement.values.unwrap_or(sea_orm::Values(Vec::new())));
        let rows = sqlx::query_with(AssertSqlSafe(statement.sql), values).fetch_all(connection).await?;
        Ok(rows.into_iter().map(QueryResult::from).collect())
    }
}
