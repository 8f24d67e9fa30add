//! Statements on Postgres' connections.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    mem,
    sync::Arc,
    time::Duration,
};

use futures_util::{StreamExt, TryStreamExt, stream::BoxStream};
use sea_orm::{QueryResult, Statement, Value, Values, sea_query::ArrayType};
use sea_query_sqlx::SqlxValues;
use sqlx::{
    AssertSqlSafe, Column, ConnectOptions as _, Connection as _, Executor, PgConnection, PgPool, Postgres, Row, TypeInfo,
    postgres::PgArgumentBuffer,
};

use super::{
    catalog::PostgresCatalogCache,
    catalog_queries::CATALOG,
    copy, decode,
    error::{self, PostgresErrors},
    gate::Gate,
    lossless::LONGEST_NAME,
    prepared::{self, prepared},
};
use crate::{
    backend::{
        Rows,
        sql::{
            Catalog, EngineProfile,
            sqlx::{Flavor, all_rows},
        },
    },
    capability::Capabilities,
    dialect::Dialect,
    error::{Error, ErrorKind, Result},
    table::Table,
    transaction::{AccessMode, Isolation, TxOptions},
    value::Put,
};

/// A statement's text and values. sqlx keeps statements prepared by their text alone, with the types of the values that came
/// first: values of other types would be sent as if they were of those. So the types are made part of the text.
fn typed(statement: &Statement) -> (String, SqlxValues) {
    let values = statement.values.iter().flat_map(|values| &values.0);
    // Postgres has no whole number of eight bits, and the driver would send a character.
    let sent = |value: &Value| match value {
        Value::TinyInt(number) => Value::SmallInt(number.map(Into::into)),
        other => other.clone(),
    };
    let values = Values(values.map(sent).collect());
    let mut types = DefaultHasher::new();
    for value in &values.0 {
        mem::discriminant(value).hash(&mut types);
        if let Value::Array(element_type, _) = value {
            mem::discriminant(element_type).hash(&mut types);
        }
    }
    (format!("{} /* {:x} */", statement.sql, types.finish()), SqlxValues(values))
}

/// A process of a server's.
pub(crate) struct Stopper {
    pool: PgPool,
    process: i32,
    /// When it was seen, and when its server began: another server, or this one later, may have a process of the same number.
    seen: String,
    server: String,
    /// Whether a commit waits for another server.
    waits_for_standby: bool,
}

/// Postgres as sqlx drives it.
pub(crate) struct PostgresFlavor;

impl Flavor for PostgresFlavor {
    type Db = Postgres;
    type Target = copy::CopyTarget;
    type Encoded = PgArgumentBuffer;
    type CatalogCache = PostgresCatalogCache;
    type Errors = PostgresErrors;

    const BELONGS_TO_RUNTIME: bool = true;

    fn profile(capabilities: Capabilities) -> EngineProfile {
        EngineProfile {
            probe: "SELECT CASE WHEN pg_is_in_recovery() THEN 1 WHEN current_setting('default_transaction_read_only') = 'on' \
                    THEN 2 ELSE 0 END::bigint",
            // The protocol counts the values of a statement in 16 bits.
            bind_limit: 65_535,
            longest_name: LONGEST_NAME,
            // Every find compares, and every insert may be changed on its way.
            asks_for_single_models: true,
            upserts_at_once: true,
            // By itself, a copy takes four round trips more than a statement that commits alone.
            appends_from: Some(500),
            ..EngineProfile::new("postgres", Dialect::Postgres, capabilities, CATALOG)
        }
    }

    fn check_probe(answer: i64, gate: &Gate) -> Result<()> {
        let read_only = |message| Err(Error::new(ErrorKind::ReadOnly, message));
        match answer {
            1 if !gate.session.target.may_only_read() => {
                read_only("the server is a standby: it can be read, and refuses every write")
            }
            2 if !gate.session.target.may_only_read() => {
                read_only("`default_transaction_read_only` is on: the server refuses every write")
            }
            _ => Ok(()),
        }
    }

    fn known(table: &Table, catalogs: &PostgresCatalogCache) -> Option<Arc<Catalog>> {
        catalogs.get(table)
    }

    async fn catalog(connection: &mut PgConnection, table: &Arc<Table>, catalogs: &PostgresCatalogCache) -> Result<Arc<Catalog>> {
        catalogs.look_up(connection, table).await
    }

    fn forget(catalogs: &PostgresCatalogCache) {
        catalogs.forget();
    }

    /// What changes rows alone is not the schema's.
    fn changes_schema(sql: &str) -> bool {
        const ROWS: [&str; 6] = ["INSERT", "UPDATE", "DELETE", "MERGE", "SELECT", "WITH"];
        let first = sql.split_whitespace().next().unwrap_or_default();
        !ROWS.iter().any(|word| word.eq_ignore_ascii_case(first))
    }

    fn tells_of_change(error: &Error) -> bool {
        // An outdated plan, names and types that are not as they were, values that do not fit.
        let class = error.code().and_then(|code| code.get(..2));
        error.kind() == ErrorKind::Corrupt || matches!(class, Some("0A" | "22" | "42"))
    }

    fn is_of_document(error: &Error) -> bool {
        error.kind() == ErrorKind::Corrupt && error.code() == Some(error::UNTRANSLATABLE)
    }

    fn reads(value_type: &ArrayType) -> bool {
        *value_type != ArrayType::BigUnsigned
    }

    const CATALOG_AGE: Option<Duration> = Some(super::catalog::MAX_AGE);

    async fn before_begin(gate: &Gate, options: &TxOptions, connection: &mut PgConnection) -> sqlx::Result<()> {
        if options.least_isolation().is_some() { gate.learn_isolation(connection).await } else { Ok(()) }
    }

    fn begin(gate: &Gate, options: &TxOptions, remaining: Option<Duration>) -> Vec<String> {
        let isolation = match options.least_isolation() {
            None => "",
            // As the server is set up, which is more.
            Some(_) if options.isolation_level().is_none() && gate.is_serializable() => "",
            Some(Isolation::ReadCommitted) => " ISOLATION LEVEL READ COMMITTED",
            Some(Isolation::RepeatableRead) => " ISOLATION LEVEL REPEATABLE READ",
            Some(Isolation::Serializable) => " ISOLATION LEVEL SERIALIZABLE",
        };
        let access = match options.access_mode() {
            // As the server is set up: a replica, for one, can begin nothing else than reading.
            AccessMode::ReadWrite => "",
            AccessMode::ReadOnly => " READ ONLY",
        };
        // The server stops by itself what nobody is left to stop, a little later; a limit that it has, and that is earlier,
        // stays.
        let millis = |remaining: Duration| remaining.saturating_add(Duration::from_secs(1)).as_millis().min(i32::MAX as u128);
        let limit = |remaining| {
            let known = "NULLIF(extract(epoch FROM current_setting('statement_timeout')::interval) * 1000, 0)";
            format!("; SELECT set_config('statement_timeout', LEAST({known}, {})::bigint::text, true)", millis(remaining))
        };
        let limit = remaining.map(limit);
        vec![format!("BEGIN{isolation}{access}{}", limit.unwrap_or_default())]
    }

    type Stopper = Stopper;
    type Gate = Gate;

    async fn check(gate: &Gate, pool: &PgPool) -> Result<()> {
        gate.check(pool).await
    }

    async fn stopper(connection: &mut PgConnection, pool: &PgPool) -> sqlx::Result<Stopper> {
        let question = "SELECT pg_backend_pid(), clock_timestamp()::text, pg_postmaster_start_time()::text, \
                        current_setting('synchronous_standby_names') <> ''";
        let asked = prepared!(connection, sqlx::query_as(question).fetch_one(&mut *connection));
        let (process, seen, server, waits_for_standby) = asked?;
        Ok(Stopper { pool: pool.clone(), process, seen, server, waits_for_standby })
    }

    fn stops_with_connection(gate: &Gate) -> bool {
        gate.session.ends_with_client
    }

    /// By a connection of its own: those of the pool may all be busy. It may come to another server than the one that the process
    /// is of.
    async fn stop(stopper: &Stopper) -> sqlx::Result<()> {
        let mut connection = stopper.pool.connect_options().connect().await?;
        let cancel = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity \
                      WHERE pid = $1 AND backend_start <= $2::timestamptz AND pg_postmaster_start_time() = $3::timestamptz";
        let cancel = sqlx::query(cancel).persistent(false).bind(stopper.process).bind(&stopper.seen).bind(&stopper.server);
        let is_found = cancel.fetch_optional(&mut connection).await?.is_some();
        connection.close().await?;
        if is_found { Ok(()) } else { Err(sqlx::Error::RowNotFound) }
    }

    /// A commit that waits for a standby is not undone by being stopped, only no longer waited for: its time limit ends before.
    /// What is deferred to the commit is done within the limit.
    fn before_commit(stopper: &Stopper) -> Option<&'static str> {
        stopper.waits_for_standby.then_some("SET CONSTRAINTS ALL IMMEDIATE; SET LOCAL statement_timeout = 0")
    }

    async fn refusal(gate: &Gate, pool: &PgPool) -> Option<sqlx::Error> {
        let looked = async {
            let mut connection = pool.connect_options().connect().await?;
            gate.session.prepare(&mut connection).await?;
            drop(connection.close().await);
            Ok::<_, sqlx::Error>(())
        };
        looked.await.err()
    }

    /// A server that has become a replica: somewhere else there may be the one that has not. Or a statement that a change of the
    /// schema outdated: it is refused for as long as the connection keeps it prepared.
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

    async fn run(connection: &mut PgConnection, sql: String) -> sqlx::Result<()> {
        connection.execute(AssertSqlSafe(sql)).await.map(drop)
    }

    async fn prepare_anew(connection: &mut PgConnection, error: sqlx::Error) -> sqlx::Result<()> {
        prepared::prepare_anew(connection, error).await
    }

    async fn execute(connection: &mut PgConnection, statement: Statement) -> sqlx::Result<u64> {
        let run = || {
            let (sql, values) = typed(&statement);
            sqlx::query_with(AssertSqlSafe(sql), values)
        };
        let done = match statement.values {
            Some(_) => prepared!(connection, run().execute(&mut *connection))?,
            // Not as a simple query, which could be several statements.
            None => sqlx::query(AssertSqlSafe(statement.sql)).persistent(false).execute(connection).await?,
        };
        Ok(done.rows_affected())
    }

    async fn fetch(connection: &mut PgConnection, statement: Statement) -> sqlx::Result<Vec<QueryResult>> {
        let run = || {
            let (sql, values) = typed(&statement);
            sqlx::query_with(AssertSqlSafe(sql), values)
        };
        prepared!(connection, all_rows(run().fetch(&mut *connection)))
    }

    async fn target(connection: &mut PgConnection, table: &Table, named: &[usize]) -> Result<Option<copy::CopyTarget>> {
        copy::CopyTarget::of(connection, table, named).await
    }

    fn encode(target: &copy::CopyTarget, rows: &dyn Rows) -> Result<PgArgumentBuffer> {
        target.encode(rows)
    }

    async fn append(connection: &mut PgConnection, target: &copy::CopyTarget, rows: Vec<PgArgumentBuffer>) -> Result<()> {
        target.append(connection, rows).await
    }

    /// A cursor of the server's: what is not asked for any more is not sent, and need not be read to get at what comes after it.
    fn cursor(statement: &Statement, rows: usize) -> Option<(Statement, String)> {
        let declare = format!("DECLARE larder_stream NO SCROLL CURSOR FOR {}", statement.sql);
        let declare = Statement { sql: declare, values: statement.values.clone(), db_backend: statement.db_backend };
        Some((declare, format!("FETCH {rows} FROM larder_stream")))
    }

    async fn fetch_afresh(connection: &mut PgConnection, sql: String) -> sqlx::Result<Vec<QueryResult>> {
        all_rows(sqlx::query(AssertSqlSafe(sql)).persistent(false).fetch(connection)).await
    }

    fn stream<'c>(connection: &'c mut PgConnection, statement: &Statement) -> BoxStream<'c, sqlx::Result<QueryResult>> {
        let (sql, values) = typed(statement);
        sqlx::query_with(AssertSqlSafe(sql), values).fetch(connection).map_ok(QueryResult::from).boxed()
    }

    fn fits(row: &QueryResult, at: usize, wanted: &ArrayType) -> bool {
        decode::fits(row, at, wanted)
    }

    fn read_fitting(row: &QueryResult, at: usize, wanted: Option<&ArrayType>, put: Put<'_>) -> Result<()> {
        let untyped = || Error::new(ErrorKind::Internal, "a column without a type");
        decode::read(row, at, wanted.ok_or_else(untyped)?, put)
    }

    fn read_foreign<M>(
        row: &QueryResult,
        is_decimal: impl Fn(&str) -> bool,
        read: impl FnOnce(&QueryResult) -> Result<M>,
    ) -> Result<M> {
        decode::read_foreign(row, is_decimal, read)
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
