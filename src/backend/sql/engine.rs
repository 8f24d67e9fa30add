//! The part of a SQL backend that talks to one database library.

use std::future::Future;

use sea_orm::{Statement, Value, sea_query::ArrayType};

use super::Sink;
use crate::{
    capability::Capabilities,
    context::{Access, Patience},
    dialect::Dialect,
    entity::Storable,
    error::{Error, ErrorKind, Result},
    row::Row,
    transaction::TxOptions,
};

/// Runs statements on connections.
///
/// A [`Lease`](Self::Lease) is a connection for as long as it is held. Dropping one must never give a connection back that may
/// still be inside a transaction: it is rolled back first, without making the caller wait, or closed.
///
/// Errors are classified by the engine's codes. A future that is dropped leaves the lease as it is; what was sent may still run.
pub(crate) trait Engine: Send + Sync + 'static {
    type Lease: Send + 'static;

    /// The dialect statements are written in.
    fn dialect(&self) -> Dialect;

    fn capabilities(&self) -> Capabilities;

    /// Whether values of this type can be read back, once they are stored.
    fn reads(&self, value_type: &ArrayType) -> bool;

    /// The most values one statement can carry.
    fn bind_limit(&self) -> usize;

    /// Refuses a statement that cannot be sent.
    fn check(&self, _statement: &Statement) -> Result<()> {
        Ok(())
    }

    fn acquire(&self, access: Access, patience: Patience) -> impl Future<Output = Result<Self::Lease>> + Send;

    fn begin(&self, lease: &mut Self::Lease, options: &TxOptions) -> impl Future<Output = Result<()>> + Send;

    fn commit(&self, lease: &mut Self::Lease) -> impl Future<Output = Result<()>> + Send;

    fn rollback(&self, lease: &mut Self::Lease) -> impl Future<Output = Result<()>> + Send;

    /// Runs a statement without values, such as `SAVEPOINT`.
    fn command(&self, lease: &mut Self::Lease, sql: String) -> impl Future<Output = Result<()>> + Send;

    /// Runs a statement and answers how many rows it changed.
    fn execute(&self, lease: &mut Self::Lease, statement: Statement) -> impl Future<Output = Result<u64>> + Send;

    /// Runs a statement that answers the columns of an entity.
    fn fetch<E: Storable>(
        &self,
        lease: &mut Self::Lease,
        statement: Statement,
    ) -> impl Future<Output = Result<Vec<E::Model>>> + Send;

    /// Runs a statement that answers one number.
    fn number(&self, lease: &mut Self::Lease, statement: Statement) -> impl Future<Output = Result<i64>> + Send;

    /// Runs a statement that answers the columns of an entity, and gives its models away in parts, as they are read. Ends with an error when
    /// nobody takes them any more. Outside a transaction.
    fn stream<E: Storable>(
        &self,
        lease: &mut Self::Lease,
        statement: Statement,
        sink: Sink<E::Model>,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Runs a statement and answers its rows, with values of these types, or of those that the engine says they are of.
    fn rows(
        &self,
        lease: &mut Self::Lease,
        statement: Statement,
        types: Option<Vec<ArrayType>>,
    ) -> impl Future<Output = Result<Vec<Row>>> + Send;

    /// Whether an insert can replace what is there, and says which it did, as on Postgres. If not, that takes two statements, between
    /// which no other transaction may write the same rows.
    fn upserts(&self) -> bool {
        false
    }

    /// Whether rows for a statement are better put into a table of their own first.
    fn stages(&self) -> bool {
        false
    }

    /// Puts rows into a table of the connection's own, in the transaction that the lease is in.
    fn stage<E: Storable>(
        &self,
        _lease: &mut Self::Lease,
        _columns: Vec<E::Column>,
        _rows: Vec<Vec<Value>>,
    ) -> impl Future<Output = Result<()>> + Send {
        async { Err(Error::new(ErrorKind::Unsupported, "the engine has no tables of a connection's own")) }
    }

    /// Drops the table that [`stage`](Self::stage) made.
    fn unstage(&self, _lease: &mut Self::Lease) -> impl Future<Output = Result<()>> + Send {
        async { Ok(()) }
    }

    /// Whether an update that returns the model costs no more than one that does not, and does nothing else.
    fn returns_updates(&self) -> bool {
        true
    }

    /// From how many rows on [`append`](Self::append) is the way to store them; none if it never is.
    fn appends_from(&self) -> Option<usize> {
        None
    }

    /// Stores rows that name the same columns by the engine's own bulk path, in the transaction that the lease is in. On an error some of
    /// them may be there, and the transaction has to be rolled back.
    fn append<E: Storable>(
        &self,
        _lease: &mut Self::Lease,
        _columns: Vec<E::Column>,
        _rows: Vec<Vec<Value>>,
    ) -> impl Future<Output = Result<()>> + Send {
        async { Err(Error::new(ErrorKind::Unsupported, "the engine has no bulk path")) }
    }

    /// The columns, with their table, of the unique constraint that storing these rows violates, where the engine's error does not tell.
    fn violated_by<E: Storable>(&self, _rows: Vec<Vec<Value>>) -> impl Future<Output = Option<String>> + Send {
        async { None }
    }

    /// Waits for the connections in use and closes all.
    fn close(&self) -> impl Future<Output = ()> + Send;
}

/// No second connection is free at once, for a task that holds one already.
pub(super) fn nested_acquire() -> Error {
    Error::new(ErrorKind::NestedAcquire, "the surrounding transaction may be what keeps a second connection from being free")
}
