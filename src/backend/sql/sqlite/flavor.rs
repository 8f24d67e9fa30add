//! Statements on SQLite's connections.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::{StreamExt, TryStreamExt, stream::BoxStream};
use sea_orm::{QueryResult, Statement, Value, Values, sea_query::ArrayType};
use sea_query_sqlx::SqlxValues;
use sqlx::{AssertSqlSafe, Column, Executor, Row, Sqlite, SqliteConnection, SqlitePool, TypeInfo, ValueRef};

use super::{
    decode,
    error::SqlxSqliteErrors,
    file::FileIdentity,
    forms, profile, reads,
    sqlx_catalog::{self, SqlxCatalogCache},
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
    error::{Error, ErrorKind, Result},
    table::Table,
    transaction::{AccessMode, Locking, TxOptions},
    value::Put,
};

/// Values to be bound. Times are text, and compare only if they are all of one time zone.
fn bound(values: Option<Values>) -> SqlxValues {
    let in_utc = |value| match value {
        Value::ChronoDateTimeLocal(time) => Value::ChronoDateTimeUtc(time.map(|time| time.to_utc())),
        other => other,
    };
    SqlxValues(Values(values.into_iter().flat_map(|values| values.0).map(in_utc).collect()))
}

/// How many instructions SQLite runs before it asks whether to go on.
const INTERRUPT_CHECK_INSTRUCTIONS: i32 = 2_500;

/// Whether a statement is one that SQLite counts the changed rows of.
fn changes_rows(sql: &str) -> bool {
    let is_change = |word: &str| ["INSERT", "UPDATE", "DELETE", "REPLACE"].iter().any(|change| word.eq_ignore_ascii_case(change));
    let mut words = without_comments(sql).split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty());
    match words.next() {
        Some(first) if first.eq_ignore_ascii_case("WITH") => words.any(is_change),
        Some(first) => is_change(first),
        None => false,
    }
}

/// A statement from its first word on.
fn without_comments(sql: &str) -> &str {
    let mut rest = sql.trim_start();
    loop {
        let end = match (rest.strip_prefix("--"), rest.strip_prefix("/*")) {
            (Some(comment), _) => comment.split_once('\n'),
            (_, Some(comment)) => comment.split_once("*/"),
            _ => return rest,
        };
        rest = end.map_or("", |(_, after)| after.trim_start());
    }
}

/// SQLite as sqlx drives it.
pub(crate) struct SqliteFlavor;

impl Flavor for SqliteFlavor {
    type Db = Sqlite;
    // There is no bulk path.
    type Target = Infallible;
    type Encoded = Infallible;
    type CatalogCache = SqlxCatalogCache;
    type Errors = SqlxSqliteErrors;

    /// Each connection has a thread of its own.
    const BELONGS_TO_RUNTIME: bool = false;

    fn profile(capabilities: Capabilities) -> EngineProfile {
        EngineProfile { asks_for_single_models: true, ..profile(capabilities) }
    }

    async fn catalog(connection: &mut SqliteConnection, table: &Arc<Table>, catalogs: &SqlxCatalogCache) -> Result<Arc<Catalog>> {
        sqlx_catalog::catalog(connection, table, catalogs).await
    }

    fn begin_to_write(table: &Table) -> Option<String> {
        Some(forms::begin_to_write(table))
    }

    fn forget(catalogs: &SqlxCatalogCache) {
        catalogs.forget();
    }

    fn fits(_: &QueryResult, _: usize, wanted: &ArrayType) -> bool {
        reads(wanted)
    }

    fn read_fitting(row: &QueryResult, at: usize, wanted: Option<&ArrayType>, put: Put<'_>) -> Result<()> {
        let missing = || Error::new(ErrorKind::Internal, "a row of another database");
        decode::read(sqlx_catalog::stored(row.try_as_sqlite_row().ok_or_else(missing)?, at)?, wanted, put)
    }

    fn reads(value_type: &ArrayType) -> bool {
        reads(value_type)
    }

    /// The file, if the database is in one.
    type Gate = Option<FileIdentity>;
    type Stopper = Arc<AtomicBool>;

    /// The pool makes connections without a word, so that the file is looked at each time.
    async fn check(file: &Option<FileIdentity>, _: &SqlitePool) -> Result<()> {
        file.as_ref().map_or(Ok(()), FileIdentity::note_opened)
    }

    /// SQLite says so of a commit outside of any transaction: somebody else has ended it, and in which way is not known.
    fn of_commit(error: Error) -> Error {
        if error.code() != Some("1") {
            return error;
        }
        Error::new(ErrorKind::CommitUnknown, "the transaction had ended before its commit").with_source(error)
    }

    async fn stopper(connection: &mut SqliteConnection, _: &SqlitePool) -> sqlx::Result<Arc<AtomicBool>> {
        let is_stopped = Arc::new(AtomicBool::new(false));
        let asked = is_stopped.clone();
        // It stays where it is until the next takes its place: another user of the connection is not stopped by it.
        connection
            .lock_handle()
            .await?
            .set_progress_handler(INTERRUPT_CHECK_INSTRUCTIONS, move || !asked.load(Ordering::Relaxed));
        Ok(is_stopped)
    }

    /// What ends a transaction takes too few instructions to be stopped as well.
    async fn stop(stopper: &Arc<AtomicBool>) -> sqlx::Result<()> {
        stopper.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn go_on(stopper: &Arc<AtomicBool>) {
        stopper.store(false, Ordering::Relaxed);
    }

    async fn target(_: &mut SqliteConnection, _: &Table, _: &[usize]) -> Result<Option<Infallible>> {
        Ok(None)
    }

    fn encode(target: &Infallible, _: &dyn Rows) -> Result<Infallible> {
        match *target {}
    }

    async fn append(_: &mut SqliteConnection, target: &Infallible, _: Vec<Infallible>) -> Result<()> {
        match *target {}
    }

    fn begin(_: &Option<FileIdentity>, options: &TxOptions, _: Option<Duration>) -> Vec<String> {
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

    async fn run(connection: &mut SqliteConnection, sql: String) -> sqlx::Result<()> {
        connection.execute(AssertSqlSafe(sql)).await.map(drop)
    }

    async fn execute(connection: &mut SqliteConnection, statement: Statement) -> sqlx::Result<u64> {
        let changes = changes_rows(&statement.sql);
        let done = match statement.values {
            Some(values) => sqlx::query_with(AssertSqlSafe(statement.sql), bound(Some(values))).execute(connection).await?,
            None => connection.execute(AssertSqlSafe(statement.sql)).await?,
        };
        // Of any other statement, SQLite answers the number of the one before.
        Ok(if changes { done.rows_affected() } else { 0 })
    }

    async fn fetch(connection: &mut SqliteConnection, statement: Statement) -> sqlx::Result<Vec<QueryResult>> {
        let values = bound(statement.values);
        all_rows(sqlx::query_with(AssertSqlSafe(statement.sql), values).fetch(connection)).await
    }

    fn cursor(_: &Statement, _: usize) -> Option<(Statement, String)> {
        None
    }

    async fn fetch_afresh(connection: &mut SqliteConnection, sql: String) -> sqlx::Result<Vec<QueryResult>> {
        all_rows(connection.fetch(AssertSqlSafe(sql))).await
    }

    /// sqlx's thread for the connection reads some fifty rows ahead, and no more until they are taken.
    fn stream<'c>(connection: &'c mut SqliteConnection, statement: &Statement) -> BoxStream<'c, sqlx::Result<QueryResult>> {
        let values = bound(statement.values.clone());
        sqlx::query_with(AssertSqlSafe(statement.sql.clone()), values).fetch(connection).map_ok(QueryResult::from).boxed()
    }

    /// A value has a type of its own, whatever its column's.
    fn types(row: &QueryResult) -> Vec<(String, Option<ArrayType>)> {
        let Some(row) = row.try_as_sqlite_row() else { return Vec::new() };
        let value_type = |at: usize| {
            let value = row.try_get_raw(at).ok()?;
            if value.is_null() {
                return Some(ArrayType::String);
            }
            match value.type_info().name() {
                "INTEGER" => Some(ArrayType::BigInt),
                "REAL" => Some(ArrayType::Double),
                "TEXT" => Some(ArrayType::String),
                "BLOB" => Some(ArrayType::Bytes),
                _ => None,
            }
        };
        row.columns().iter().map(|column| (column.name().to_owned(), value_type(column.ordinal()))).collect()
    }
}
