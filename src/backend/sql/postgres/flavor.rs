//! Statements on Postgres' connections.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    mem,
    time::Duration,
};

use futures_util::{StreamExt, TryStreamExt, stream::BoxStream};
use sea_orm::{QueryResult, Statement, Values, sea_query::ArrayType};
use sea_query_sqlx::SqlxValues;
use sqlx::{
    AssertSqlSafe, Column, ConnectOptions as _, Connection as _, Executor, PgConnection, PgPool, Postgres, Row, TypeInfo,
    error::DatabaseError, postgres::PgArgumentBuffer,
};

use super::{copy, decode, error};
use crate::{
    backend::sql::{engine::Rows, sqlx::Flavor},
    dialect::Dialect,
    entity::{Put, Storable},
    error::{Error, ErrorKind, Result},
    transaction::{AccessMode, Isolation, TxOptions},
};

/// A statement's text and values. sqlx keeps statements prepared by their text alone, with the types of the values that came first: values of
/// other types would be sent as if they were of those. So the types are made part of the text.
fn typed(statement: Statement) -> (String, SqlxValues) {
    let values = statement.values.unwrap_or(Values(Vec::new()));
    let mut types = DefaultHasher::new();
    values.0.iter().for_each(|value| mem::discriminant(value).hash(&mut types));
    (format!("{} /* {:x} */", statement.sql, types.finish()), SqlxValues(values))
}

/// A process of the server's.
pub(crate) struct Stopper {
    pool: PgPool,
    backend: i32,
}

/// Postgres as sqlx drives it.
pub(crate) struct PostgresFlavor;

impl Flavor for PostgresFlavor {
    type Db = Postgres;
    type Target = copy::Target;
    type Encoded = PgArgumentBuffer;

    const DIALECT: Dialect = Dialect::Postgres;
    /// The protocol counts the values of a statement in 16 bits.
    const BIND_LIMIT: usize = 65_535;

    fn reads(value_type: &ArrayType) -> bool {
        use ArrayType as T;
        !matches!(value_type, T::TinyInt | T::TinyUnsigned | T::SmallUnsigned | T::Unsigned | T::BigUnsigned)
    }

    fn begin(options: &TxOptions, remaining: Option<Duration>) -> Vec<String> {
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
        // The server stops by itself what nobody is left to stop, a little later; a limit that it has, and that is earlier, stays.
        let millis = |remaining: Duration| remaining.saturating_add(Duration::from_secs(1)).as_millis().min(i32::MAX as u128);
        let limit = |remaining| {
            let known = "NULLIF(extract(epoch FROM current_setting('statement_timeout')::interval) * 1000, 0)";
            format!("; SELECT set_config('statement_timeout', LEAST({known}, {})::bigint::text, true)", millis(remaining))
        };
        let limit = remaining.map(limit);
        vec![format!("BEGIN{isolation}{access}{}", limit.unwrap_or_default())]
    }

    type Stopper = Stopper;

    async fn stopper(connection: &mut PgConnection, pool: &PgPool) -> sqlx::Result<Stopper> {
        let backend = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(connection).await?;
        Ok(Stopper { pool: pool.clone(), backend })
    }

    /// By a connection of its own: those of the pool may all be busy.
    async fn stop(stopper: &Stopper) -> sqlx::Result<()> {
        let mut connection = stopper.pool.connect_options().connect().await?;
        sqlx::query("SELECT pg_cancel_backend($1)").bind(stopper.backend).execute(&mut connection).await?;
        connection.close().await
    }

    async fn refusal(pool: &PgPool) -> Option<sqlx::Error> {
        match pool.connect_options().connect().await {
            Ok(connection) => {
                drop(connection.close().await);
                None
            }
            Err(error) => Some(error),
        }
    }

    /// A server that has become a replica: somewhere else there may be the one that has not. Or a statement that a change of the schema outdated: it is
    /// refused for as long as the connection keeps it prepared.
    fn is_outdated(error: &Error, only_reads: bool) -> bool {
        match error.kind() {
            ErrorKind::ReadOnly => !only_reads,
            ErrorKind::Contention => error.code() == Some("0A000"),
            _ => false,
        }
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
            Some(_) => {
                let (sql, values) = typed(statement);
                sqlx::query_with(AssertSqlSafe(sql), values).execute(connection).await?
            }
            None => connection.execute(AssertSqlSafe(statement.sql)).await?,
        };
        Ok(done.rows_affected())
    }

    async fn fetch(connection: &mut PgConnection, statement: Statement) -> sqlx::Result<Vec<QueryResult>> {
        let (sql, values) = typed(statement);
        let rows = sqlx::query_with(AssertSqlSafe(sql), values).fetch_all(connection).await?;
        Ok(rows.into_iter().map(QueryResult::from).collect())
    }

    /// By itself, a copy takes four round trips more than a statement that commits alone.
    const APPENDS_FROM: Option<usize> = Some(500);

    async fn target<E: Storable>(connection: &mut PgConnection, named: &[usize]) -> Result<Option<copy::Target>> {
        copy::Target::of::<E>(connection, named).await
    }

    fn encode(target: &copy::Target, rows: &dyn Rows) -> Result<PgArgumentBuffer> {
        target.encode(rows)
    }

    async fn append(connection: &mut PgConnection, target: &copy::Target, rows: Vec<PgArgumentBuffer>) -> Result<()> {
        target.append(connection, rows).await
    }

    const UPSERTS: bool = true;

    /// A cursor of the server's: what is not asked for any more is not sent, and need not be read to get at what comes after it.
    fn cursor(statement: &Statement, rows: usize) -> Option<(Statement, String)> {
        let declare = format!("DECLARE larder_stream NO SCROLL CURSOR FOR {}", statement.sql);
        let declare = Statement { sql: declare, values: statement.values.clone(), db_backend: statement.db_backend };
        Some((declare, format!("FETCH {rows} FROM larder_stream")))
    }

    async fn fetch_afresh(connection: &mut PgConnection, sql: String) -> sqlx::Result<Vec<QueryResult>> {
        let rows = sqlx::query(AssertSqlSafe(sql)).persistent(false).fetch_all(connection).await?;
        Ok(rows.into_iter().map(QueryResult::from).collect())
    }

    fn stream(connection: &mut PgConnection, statement: Statement) -> BoxStream<'_, sqlx::Result<QueryResult>> {
        let (sql, values) = typed(statement);
        sqlx::query_with(AssertSqlSafe(sql), values).fetch(connection).map_ok(QueryResult::from).boxed()
    }

    fn fits(row: &QueryResult, at: usize, wanted: &ArrayType) -> bool {
        decode::fits(row, at, wanted)
    }

    fn read_fitting(row: &QueryResult, at: usize, wanted: &ArrayType, put: Put<'_>) -> Result<()> {
        decode::read(row, at, wanted, put)
    }

    fn types(row: &QueryResult) -> Vec<(String, Option<ArrayType>)> {
        use ArrayType as T;
        let Some(row) = row.try_as_pg_row() else { return Vec::new() };
        let value_type = |name: &str| match name {
            "BOOL" => Some(T::Bool),
            "INT2" => Some(T::SmallInt),
            "INT4" => Some(T::Int),
            "INT8" => Some(T::BigInt),
            "FLOAT4" => Some(T::Float),
            "FLOAT8" => Some(T::Double),
            "NUMERIC" => Some(T::Decimal),
            "TEXT" | "VARCHAR" | "CHAR" | "NAME" | "UNKNOWN" => Some(T::String),
            "BYTEA" => Some(T::Bytes),
            "UUID" => Some(T::Uuid),
            "JSON" | "JSONB" => Some(T::Json),
            "DATE" => Some(T::ChronoDate),
            "TIME" => Some(T::ChronoTime),
            "TIMESTAMP" => Some(T::ChronoDateTime),
            "TIMESTAMPTZ" => Some(T::ChronoDateTimeUtc),
            _ => None,
        };
        row.columns().iter().map(|column| (column.name().to_owned(), value_type(column.type_info().name()))).collect()
    }
}
