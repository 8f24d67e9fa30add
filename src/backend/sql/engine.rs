//! The part of a SQL backend that talks to one database library.

use std::{future::Future, sync::Arc};

use sea_orm::{Statement, Value, sea_query::ArrayType};

use super::{Catalog, ChunkSender, EngineProfile, WholeInsert};
use crate::{
    backend::Leaves,
    backend::{Decoder, Models, Rows},
    context::Access,
    error::{Error, ErrorKind, Result},
    limits::Limits,
    row::Row,
    statement_counts::StatementCounts,
    table::Table,
    transaction::{AcquireMode, TxOptions},
};

/// What a statement may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StatementKind {
    /// A read of any number of rows.
    Read,
    /// An insert of one model.
    Insert,
    /// An update or a delete of one model. The rows that refer to it may have to be searched for.
    OneModel,
    /// Any statement.
    Any,
    /// Any statement, after which the connection may keep state. The connection is not used again.
    Lasting,
}

impl StatementKind {
    /// The kind of a statement that a caller wrote.
    pub(crate) fn of(leaves: Leaves) -> Self {
        match leaves {
            Leaves::Nothing => Self::Any,
            Leaves::Something => Self::Lasting,
        }
    }
}

/// Runs statements on connections.
///
/// A [`ConnectionGuard`](Self::ConnectionGuard) is a connection for as long as it is held. Dropping one must never give a
/// connection back that may still be inside a transaction: it is rolled back first, without making the caller wait, or closed.
///
/// Errors are classified by the engine's codes. A future that is dropped leaves the guard as it is; what was sent may still run.
pub(crate) trait Engine: Send + Sync + 'static {
    type ConnectionGuard: Send + 'static;

    /// Columns of a table, as the engine's bulk path has to know them.
    type Target: Send + Sync;

    /// Rows as the engine's bulk path takes them.
    type Encoded: Send + 'static;

    /// The properties of the engine.
    fn profile(&self) -> &EngineProfile;

    /// Refuses a store that answered the probe with this number.
    fn check_probe(&self, _answer: i64) -> Result<()> {
        Ok(())
    }

    /// Whether values of this type can be read back, once they are stored.
    fn reads(&self, value_type: &ArrayType) -> bool;

    /// Refuses a statement that cannot be sent.
    fn check(&self, _statement: &Statement) -> Result<()> {
        Ok(())
    }

    /// Whether values of a type may be stored in several forms. To find out which there are, all rows of a table may have to be
    /// read.
    fn has_forms(&self, _value_type: &ArrayType) -> bool {
        false
    }

    /// What the catalog says about a table. `guard` may be inside a transaction. An engine that has looked it up before may
    /// answer from memory, as long as it notices the changes that can be made in the meantime.
    ///
    /// The forms of the values are described only if the statement that follows `compares_forms`; those of the ids always.
    fn catalog(
        &self,
        _lease: &mut Self::ConnectionGuard,
        _table: &Arc<Table>,
        _compares_forms: bool,
    ) -> impl Future<Output = Result<Arc<Catalog>>> + Send {
        async { Ok(Catalog::plain()) }
    }

    /// Takes the right to write to a table before the first statement of a transaction that was begun without it: one that has
    /// read may not be able to wait for it any more.
    fn begin_to_write(&self, _lease: &mut Self::ConnectionGuard, _table: &Arc<Table>) -> impl Future<Output = Result<()>> + Send {
        async { Ok(()) }
    }

    /// Notes that the application runs a statement of its own next, which may change rows, in whatever form, or the schema.
    fn note_foreign_write(&self, _lease: &mut Self::ConnectionGuard) {}

    /// Refuses to say that a model is not there that was not found by its id, if it may be there under the same id in another
    /// form.
    fn missed(&self, _lease: &mut Self::ConnectionGuard, _table: &Arc<Table>) -> impl Future<Output = Result<()>> + Send {
        async { Ok(()) }
    }

    /// A connection for statements of a kind. One for a single write is good for one statement only.
    fn acquire(
        &self,
        access: Access,
        mode: AcquireMode,
        kind: StatementKind,
    ) -> impl Future<Output = Result<Self::ConnectionGuard>> + Send;

    /// Opens a transaction. The limits are the caller's to keep; the engine may help to stop what exceeds them.
    fn begin(
        &self,
        guard: &mut Self::ConnectionGuard,
        options: &TxOptions,
        limits: &Limits,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Sees to it that what runs next, in the transaction that the guard is in, really stops when its future is dropped because
    /// it reached its limits.
    fn limit(&self, _lease: &mut Self::ConnectionGuard, _limits: &Limits) -> impl Future<Output = Result<()>> + Send {
        async { Ok(()) }
    }

    fn commit(&self, guard: &mut Self::ConnectionGuard) -> impl Future<Output = Result<()>> + Send;

    fn rollback(&self, guard: &mut Self::ConnectionGuard) -> impl Future<Output = Result<()>> + Send;

    /// Runs a statement without values, such as `SAVEPOINT`.
    fn command(&self, guard: &mut Self::ConnectionGuard, sql: String) -> impl Future<Output = Result<()>> + Send;

    /// Rolls back to a savepoint, by a statement without values. An engine that may never answer is not waited for without end.
    fn undo(&self, guard: &mut Self::ConnectionGuard, sql: String) -> impl Future<Output = Result<()>> + Send {
        self.command(guard, sql)
    }

    /// Runs a statement and answers how many rows it changed.
    fn execute(
        &self,
        guard: &mut Self::ConnectionGuard,
        statement: Statement,
        kind: StatementKind,
    ) -> impl Future<Output = Result<u64>> + Send;

    /// Runs a statement that answers the columns of a table, in any order.
    fn fetch(
        &self,
        guard: &mut Self::ConnectionGuard,
        statement: Statement,
        kind: StatementKind,
        decoder: &Arc<dyn Decoder>,
    ) -> impl Future<Output = Result<Box<dyn Models>>> + Send;

    /// Stores a row that names every column, and returns its model. Returns `None` if the model is stored as it was given.
    fn insert(
        &self,
        _lease: &mut Self::ConnectionGuard,
        _row: Statement,
        _insert: Arc<WholeInsert>,
        _decoder: &Arc<dyn Decoder>,
    ) -> impl Future<Output = Result<Option<Box<dyn Models>>>> + Send {
        async { Err(Error::new(ErrorKind::Unsupported, "the engine cannot tell what it stores as it is given")) }
    }

    /// Runs a statement that answers one number.
    fn number(&self, guard: &mut Self::ConnectionGuard, statement: Statement) -> impl Future<Output = Result<i64>> + Send;

    /// Runs a statement that answers the columns of a table, and gives its models away in parts, as they are read. Ends with an
    /// error when nobody takes them any more. Outside a transaction.
    fn stream(
        &self,
        guard: &mut Self::ConnectionGuard,
        statement: Statement,
        decoder: Arc<dyn Decoder>,
        sender: ChunkSender,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Runs a statement and answers its rows, with values of these types, or of those that the engine says they are of.
    fn rows(
        &self,
        guard: &mut Self::ConnectionGuard,
        statement: Statement,
        types: Option<Vec<ArrayType>>,
        kind: StatementKind,
    ) -> impl Future<Output = Result<Vec<Row>>> + Send;

    /// Puts rows into a table of the connection's own, with these columns by their positions, in the transaction that the guard
    /// is in.
    fn stage(
        &self,
        _lease: &mut Self::ConnectionGuard,
        _table: &Arc<Table>,
        _columns: &[usize],
        _rows: Vec<Vec<Value>>,
    ) -> impl Future<Output = Result<()>> + Send {
        async { Err(Error::new(ErrorKind::Unsupported, "the engine has no tables of a connection's own")) }
    }

    /// Drops the table that [`stage`](Self::stage) made.
    fn unstage(&self, _lease: &mut Self::ConnectionGuard, _table: &Arc<Table>) -> impl Future<Output = Result<()>> + Send {
        async { Ok(()) }
    }

    /// Where rows go that name these columns, by their positions, and that `insert` would insert one of. Returns `None` if the
    /// engine's bulk path cannot write there.
    fn target(
        &self,
        guard: &mut Self::ConnectionGuard,
        table: &Arc<Table>,
        named: &[usize],
        insert: String,
    ) -> impl Future<Output = Result<Option<Self::Target>>> + Send;

    /// Makes rows into what goes to a target. Takes as long as there are rows.
    fn encode(target: &Self::Target, rows: &dyn Rows) -> Result<Self::Encoded>;

    /// Whether rows that name every column do stay as they are, in the transaction that the guard is in. Asked where
    /// [`insert`](Self::insert) is the way to store one.
    fn can_skip_returning(
        &self,
        _lease: &mut Self::ConnectionGuard,
        _table: &Arc<Table>,
        _insert: Arc<WholeInsert>,
    ) -> impl Future<Output = Result<bool>> + Send {
        async { Ok(true) }
    }

    /// Stores rows by the engine's own bulk path, in the transaction that the guard is in. On an error some of them may be there,
    /// and the transaction has to be rolled back.
    fn append(
        &self,
        guard: &mut Self::ConnectionGuard,
        target: &Self::Target,
        rows: Vec<Self::Encoded>,
    ) -> impl Future<Output = Result<()>> + Send;

    /// The columns, with their table, of the unique constraint that storing these rows violates, where the engine's error does
    /// not tell.
    fn violated_by(&self, _table: &Arc<Table>, _rows: Vec<Vec<Value>>) -> impl Future<Output = Option<String>> + Send {
        async { None }
    }

    /// Waits until no other transaction has this key that is to be written next, where the engine would not wait by itself; none
    /// gets it until the guard has really done with its own.
    fn claim(&self, _lease: &mut Self::ConnectionGuard, _key: &str) -> impl Future<Output = Result<()>> + Send {
        async { Ok(()) }
    }

    /// Whether an error says that a stored document cannot be looked into, and not in which column it is.
    fn is_of_document(&self, _error: &Error) -> bool {
        false
    }

    /// Fails if the store's file is not the one that was opened any more.
    fn check_location(&self) -> impl Future<Output = Result<()>> + Send {
        async { Ok(()) }
    }

    /// How often statements were prepared, and found prepared. Returns `None` if the engine does not count them.
    fn statement_counts(&self) -> Option<StatementCounts> {
        None
    }

    /// Waits until all connections have been given back, and closes them.
    fn close(&self) -> impl Future<Output = ()> + Send;
}

/// Whether values of a type are known by what they are, wherever they are read from.
#[cfg(any(feature = "duckdb-linked", feature = "_sqlx"))]
pub(super) fn is_known(value_type: &ArrayType) -> bool {
    use ArrayType as T;
    matches!(
        value_type,
        T::Bool
            | T::TinyInt
            | T::SmallInt
            | T::Int
            | T::BigInt
            | T::TinyUnsigned
            | T::SmallUnsigned
            | T::Unsigned
            | T::BigUnsigned
            | T::Float
            | T::Double
            | T::String
            | T::Enum(_)
            | T::Char
            | T::Bytes
            | T::Json
            | T::Uuid
            | T::Decimal
            | T::ChronoDate
            | T::ChronoTime
            | T::ChronoDateTime
            | T::ChronoDateTimeUtc
            | T::ChronoDateTimeLocal
            | T::ChronoDateTimeWithTimeZone
    )
}
