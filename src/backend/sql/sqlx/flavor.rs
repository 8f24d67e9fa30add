//! What differs between the databases of sqlx.

use std::{future::Future, sync::Arc, time::Duration};

use futures_util::stream::BoxStream;
use sea_orm::{QueryResult, Statement, sea_query::ArrayType};
use sqlx::{Database, Pool};

use super::error::DatabaseErrors;
use crate::{
    backend::{
        Rows,
        sql::{Catalog, EngineProfile},
    },
    capability::Capabilities,
    error::{Error, Result},
    table::Table,
    transaction::TxOptions,
    value::Put,
};

/// The connection of a flavor.
pub(crate) type FlavorConnection<F> = <<F as Flavor>::Db as Database>::Connection;

/// One database of sqlx.
pub(crate) trait Flavor: Sized + Send + Sync + 'static {
    type Db: Database;

    /// Columns of a table, as the database's bulk path has to know them.
    type Target: Send + Sync;

    /// Rows as the database's bulk path takes them.
    type Encoded: Send + 'static;

    /// What the database was asked of tables.
    type CatalogCache: Default + Send + Sync;

    /// What its errors mean.
    type Errors: DatabaseErrors;

    /// What the database is like.
    fn profile(capabilities: Capabilities) -> EngineProfile;

    /// Refuses a database that answered the probe with this number.
    fn check_probe(_answer: i64, _gate: &Self::Gate) -> Result<()> {
        Ok(())
    }

    /// Whether a connection works only while somebody drives the runtime in which it was made.
    const BELONGS_TO_RUNTIME: bool;

    /// How long what a guard was told of a table is good in its transaction. `None` if it has to be asked each time.
    const CATALOG_AGE: Option<Duration> = None;

    /// What the database said of an entity's table, if that is still good.
    fn known(_table: &Table, _catalogs: &Self::CatalogCache) -> Option<Arc<Catalog>> {
        None
    }

    /// What the database says of an entity's table.
    fn catalog(
        _connection: &mut FlavorConnection<Self>,
        _table: &Arc<Table>,
        _catalogs: &Self::CatalogCache,
    ) -> impl Future<Output = Result<Arc<Catalog>>> + Send {
        async { Ok(Catalog::plain()) }
    }

    /// The statement that takes the right to write to the table of an entity and changes nothing, where a transaction may have to
    /// wait for it.
    fn begin_to_write(_table: &Table) -> Option<String> {
        None
    }

    /// Forgets what the database was asked: the schema may have changed.
    fn forget(_catalogs: &Self::CatalogCache) {}

    /// Whether a statement may change the schema.
    fn changes_schema(_sql: &str) -> bool {
        false
    }

    /// Whether an error says that a stored document cannot be looked into, and not in which column it is.
    fn is_of_document(_error: &Error) -> bool {
        false
    }

    /// Whether an error says that the schema may have changed.
    fn tells_of_change(_error: &Error) -> bool {
        false
    }

    /// Whether SeaORM reads values of this type from this database.
    fn reads(value_type: &ArrayType) -> bool;

    /// The statements that begin a transaction, which has so long at most.
    fn begin(gate: &Self::Gate, options: &TxOptions, remaining: Option<Duration>) -> Vec<String>;

    /// Asks the database what has to be known before the first transaction begins.
    fn before_begin(
        _gate: &Self::Gate,
        _options: &TxOptions,
        _connection: &mut FlavorConnection<Self>,
    ) -> impl Future<Output = sqlx::Result<()>> + Send {
        async { Ok(()) }
    }

    /// How statements of a connection are stopped.
    type Stopper: Send + Sync;

    fn stopper(
        connection: &mut FlavorConnection<Self>,
        pool: &Pool<Self::Db>,
    ) -> impl Future<Output = sqlx::Result<Self::Stopper>> + Send;

    /// Whether the end of a connection stops the statement that runs on it. If not, each guard learns before its first statement
    /// how to stop one.
    fn stops_with_connection(_gate: &Self::Gate) -> bool {
        false
    }

    /// Stops the statement that runs on the connection, if one does, and those after it until [`go_on`](Self::go_on).
    fn stop(stopper: &Self::Stopper) -> impl Future<Output = sqlx::Result<()>> + Send;

    fn go_on(_stopper: &Self::Stopper) {}

    /// What has to run before the commit of a transaction with limits, so that they do not stop the commit itself.
    fn before_commit(_stopper: &Self::Stopper) -> Option<&'static str> {
        None
    }

    /// What an error of a commit means.
    fn of_commit(error: Error) -> Error {
        error
    }

    /// What the store knows of the way to its database.
    type Gate: Send + Sync;

    /// Refuses a way to the database that cannot be used. Asked before a connection is taken.
    fn check(_gate: &Self::Gate, _pool: &Pool<Self::Db>) -> impl Future<Output = Result<()>> + Send {
        async { Ok(()) }
    }

    /// Why no connection can be made, if none can.
    fn refusal(_gate: &Self::Gate, _pool: &Pool<Self::Db>) -> impl Future<Output = Option<sqlx::Error>> + Send {
        async { None }
    }

    /// Whether an error, in a transaction that only reads or in another, says that a new connection may fare better.
    fn is_outdated(_error: &Error, _only_reads: bool) -> bool {
        false
    }

    /// What has to be undone on the connection after a transaction with these options has ended.
    fn after(options: &TxOptions) -> Option<&'static str>;

    /// Runs statements without values.
    fn run(connection: &mut FlavorConnection<Self>, sql: String) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// Sees to it that statements are prepared anew, if an error says that the database has forgotten those that were prepared,
    /// and the statement that met it can be run again. Else returns the error.
    fn prepare_anew(
        _connection: &mut FlavorConnection<Self>,
        error: sqlx::Error,
    ) -> impl Future<Output = sqlx::Result<()>> + Send {
        async { Err(error) }
    }

    /// Runs a statement and answers how many rows it changed.
    fn execute(connection: &mut FlavorConnection<Self>, statement: Statement) -> impl Future<Output = sqlx::Result<u64>> + Send;

    fn fetch(
        connection: &mut FlavorConnection<Self>,
        statement: Statement,
    ) -> impl Future<Output = sqlx::Result<Vec<QueryResult>>> + Send;

    /// Where rows go that name these columns, if the database's bulk path leads there.
    fn target(
        connection: &mut FlavorConnection<Self>,
        table: &Table,
        named: &[usize],
    ) -> impl Future<Output = Result<Option<Self::Target>>> + Send;

    fn encode(target: &Self::Target, rows: &dyn Rows) -> Result<Self::Encoded>;

    /// Stores rows by the database's own bulk path. A connection on which this did not come to its end is of no more use.
    fn append(
        connection: &mut FlavorConnection<Self>,
        target: &Self::Target,
        rows: Vec<Self::Encoded>,
    ) -> impl Future<Output = Result<()>> + Send;

    /// The statements to read a statement's rows in parts, in a transaction: one to begin with, and one for each part of so many
    /// rows, which is not to be kept prepared. Returns `None` if [`stream`](Self::stream) does it.
    fn cursor(statement: &Statement, rows: usize) -> Option<(Statement, String)>;

    /// Runs a statement whose result differs from one time to another.
    fn fetch_afresh(
        connection: &mut FlavorConnection<Self>,
        sql: String,
    ) -> impl Future<Output = sqlx::Result<Vec<QueryResult>>> + Send;

    /// Reads rows as they are asked for. Dropping the stream stops the engine.
    fn stream<'c>(connection: &'c mut FlavorConnection<Self>, statement: &Statement) -> BoxStream<'c, sqlx::Result<QueryResult>>;

    /// Whether a column has the same type in every row of an answer, and one whose values [`read_fitting`](Self::read_fitting)
    /// reads.
    fn fits(_row: &QueryResult, _at: usize, _wanted: &ArrayType) -> bool {
        false
    }

    /// Gives away the value of a column that [`fits`](Self::fits); in a type of its own, if none is wanted.
    fn read_fitting(row: &QueryResult, at: usize, wanted: Option<&ArrayType>, put: Put<'_>) -> Result<()>;

    /// Reads a row by SeaORM. `is_decimal` says which columns are to become a `Decimal`.
    fn read_foreign<M>(
        row: &QueryResult,
        _is_decimal: impl Fn(&str) -> bool,
        read: impl FnOnce(&QueryResult) -> Result<M>,
    ) -> Result<M> {
        read(row)
    }

    /// The names of a row's columns, and the types of its values. The type is `None` if values of it are not read.
    fn types(row: &QueryResult) -> Vec<(String, Option<ArrayType>)>;
}
