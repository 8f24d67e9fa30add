//! What differs between the databases of sqlx.

use std::{future::Future, time::Duration};

use futures_util::stream::BoxStream;
use sea_orm::{QueryResult, Statement, sea_query::ArrayType};
use sqlx::{Database, Pool, error::DatabaseError};

use super::decode::read;
use crate::{
    backend::sql::engine::Rows,
    dialect::Dialect,
    entity::{Put, Storable},
    error::{Error, Result},
    transaction::TxOptions,
};

/// The connection of a flavor.
pub(crate) type Connection<F> = <<F as Flavor>::Db as Database>::Connection;

/// One database of sqlx.
pub(crate) trait Flavor: Sized + Send + Sync + 'static {
    type Db: Database;

    /// Columns of a table, as the database's bulk path has to know them.
    type Target: Send + Sync;

    /// Rows as the database's bulk path takes them.
    type Encoded: Send + 'static;

    const DIALECT: Dialect;
    const BIND_LIMIT: usize;

    /// Whether SeaORM reads values of this type from this database.
    fn reads(value_type: &ArrayType) -> bool;

    /// The statements that begin a transaction, which has so long at most.
    fn begin(options: &TxOptions, remaining: Option<Duration>) -> Vec<String>;

    /// How statements of a connection are stopped.
    type Stopper: Send + Sync;

    fn stopper(
        connection: &mut Connection<Self>,
        pool: &Pool<Self::Db>,
    ) -> impl Future<Output = sqlx::Result<Self::Stopper>> + Send;

    /// Stops the statement that runs on the connection, if one does, and those after it until [`go_on`](Self::go_on).
    fn stop(stopper: &Self::Stopper) -> impl Future<Output = sqlx::Result<()>> + Send;

    fn go_on(_stopper: &Self::Stopper) {}

    /// Why no connection can be made, if none can.
    fn refusal(_pool: &Pool<Self::Db>) -> impl Future<Output = Option<sqlx::Error>> + Send {
        async { None }
    }

    /// Whether an error, in a transaction that only reads or in another, says that a new connection may fare better.
    fn is_outdated(_error: &Error, _only_reads: bool) -> bool {
        false
    }

    /// What has to be undone on the connection after a transaction with these options has ended.
    fn after(options: &TxOptions) -> Option<&'static str>;

    fn classify(error: &dyn DatabaseError) -> Error;

    /// Runs statements without values.
    fn run(connection: &mut Connection<Self>, sql: String) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// Runs a statement and answers how many rows it changed.
    fn execute(connection: &mut Connection<Self>, statement: Statement) -> impl Future<Output = sqlx::Result<u64>> + Send;

    fn fetch(
        connection: &mut Connection<Self>,
        statement: Statement,
    ) -> impl Future<Output = sqlx::Result<Vec<QueryResult>>> + Send;

    /// From how many rows on [`append`](Self::append) is the way to store them; none if it never is.
    const APPENDS_FROM: Option<usize> = None;

    /// Where rows go that name these columns, if the database's bulk path leads there.
    fn target<E: Storable>(
        connection: &mut Connection<Self>,
        named: &[usize],
    ) -> impl Future<Output = Result<Option<Self::Target>>> + Send;

    fn encode(target: &Self::Target, rows: &dyn Rows) -> Result<Self::Encoded>;

    /// Stores rows by the database's own bulk path. A connection on which this did not come to its end is of no more use.
    fn append(
        connection: &mut Connection<Self>,
        target: &Self::Target,
        rows: Vec<Self::Encoded>,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Whether an insert can replace what is there, and says which it did.
    const UPSERTS: bool;

    /// The statements to read a statement's rows in parts, in a transaction: one to begin with, and one for each part of so many rows,
    /// which is not to be kept prepared. None if [`stream`](Self::stream) does it.
    fn cursor(statement: &Statement, rows: usize) -> Option<(Statement, String)>;

    /// Runs a statement whose result differs from one time to another.
    fn fetch_afresh(
        connection: &mut Connection<Self>,
        sql: String,
    ) -> impl Future<Output = sqlx::Result<Vec<QueryResult>>> + Send;

    /// Reads rows as they are asked for. Dropping the stream stops the engine.
    fn stream(connection: &mut Connection<Self>, statement: Statement) -> BoxStream<'_, sqlx::Result<QueryResult>>;

    /// Whether a column has the same type in every row of an answer, and one whose values [`read_fitting`](Self::read_fitting) reads.
    fn fits(_row: &QueryResult, _at: usize, _wanted: &ArrayType) -> bool {
        false
    }

    /// Gives away the value of a column that [`fits`](Self::fits).
    fn read_fitting(row: &QueryResult, at: usize, wanted: &ArrayType, put: Put<'_>) -> Result<()> {
        read(row, at, wanted, put)
    }

    /// The names of a row's columns, and what the types of its values come to. None for a type that is not read.
    fn types(row: &QueryResult) -> Vec<(String, Option<ArrayType>)>;
}
