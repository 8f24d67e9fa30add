//! [`Around`], a layer that does something around each operation.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use futures_util::{FutureExt as _, TryFutureExt as _, future::BoxFuture};

use super::Layer;
use crate::{
    backend::{Access, Answer, Backend, Decoder, Parts, Read, Selection, SqlRequest, TableBackend, Write},
    capability::Capabilities,
    clock::Clock,
    context::Cx,
    dialect::Dialect,
    error::Result,
    health::Health,
    recovery::Recovery,
    repository::Transactional,
    statement_counts::StatementCounts,
    table::{Table, TableName},
    transaction::{AccessMode, StoreId, TxOptions},
};

/// Something that is done around each operation of a store: before it, after it, instead of it, or several times.
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use larder::{Cx, Result, layer::{Around, Call}, backend::Answer};
///
/// /// Counts the operations that fail.
/// #[derive(Clone, Default)]
/// struct Failures(std::sync::Arc<AtomicU64>);
///
/// #[async_trait::async_trait]
/// impl Around for Failures {
///     async fn around(&self, cx: &Cx, call: Call<'_>) -> Result<Answer> {
///         let answer = call.run(cx).await;
///         if answer.is_err() {
///             self.0.fetch_add(1, Ordering::Relaxed);
///         }
///         answer
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<()> {
/// let failures = Failures::default();
/// let store = larder::open("memory:").await?.layer(&failures);
/// store.close().await;
/// assert!(store.has_committed(&Cx::new(), "order 4711").await.is_err());
/// assert_eq!(failures.0.load(Ordering::Relaxed), 1);
/// # Ok(()) }
/// ```
///
/// An operation is a call of the contract, a statement of [`Sql`](crate::Sql), the begin of a transaction,
/// [`Store::has_committed`](crate::Store::has_committed), [`Store::tables`](crate::Store::tables) or
/// [`Store::describe`](crate::Store::describe). The commit of a transaction, [`Store::health`](crate::Store::health)
/// and [`Store::close`](crate::Store::close) are not operations: a layer does not see them. An operation of many models may be
/// several calls: when a batch is refused, parts of it are tried again in a transaction that is rolled back, to find the model.
///
/// Each repository has a clone of the layer, so what it counts has to be shared by its clones.
#[async_trait]
pub trait Around: Clone + Send + Sync + 'static {
    /// Does one operation: runs the call, and answers its answer, or another one of the same form.
    ///
    /// # Dropping the future
    /// Drops the call. What the call promises of that is kept if the future holds nothing else.
    async fn around(&self, cx: &Cx, call: Call<'_>) -> Result<Answer>;
}

impl<A: Around> Layer for A {
    fn wrap(&self, backend: Arc<dyn Backend>) -> Arc<dyn Backend> {
        Arc::new(Wrapped { around: self.clone(), inner: backend })
    }
}

/// An operation, and the backend that does it.
#[derive(Clone)]
pub struct Call<'a> {
    backend: &'a Arc<dyn Backend>,
    operation: Operation<'a>,
}

#[derive(Clone)]
enum Operation<'a> {
    Read(&'a OfTable, Read, &'a Arc<dyn Decoder>),
    Write(&'a OfTable, Write<'a>, &'a Arc<dyn Decoder>),
    Stream(&'a OfTable, Selection, Arc<dyn Decoder>),
    Sql(SqlRequest),
    Begin(TxOptions),
    HasCommitted(&'a str),
    Tables,
    Describe(&'a TableName),
}

/// A table of the backend that is wrapped.
struct OfTable {
    table: Arc<Table>,
    inner: Arc<dyn TableBackend>,
}

impl Call<'_> {
    /// Runs the operation. It can be run again.
    ///
    /// # Errors
    /// Those of the operation.
    pub fn run<'c>(&'c self, cx: &'c Cx) -> BoxFuture<'c, Result<Answer>> {
        match &self.operation {
            Operation::Read(of, read, decoder) => of.inner.read(cx, read.clone(), decoder),
            Operation::Write(of, write, decoder) => of.inner.write(cx, write.clone(), decoder),
            Operation::Stream(of, selection, decoder) => {
                of.inner.stream(cx, selection.clone(), decoder.clone()).map_ok(Answer::Parts).boxed()
            }
            Operation::Sql(request) => self.backend.sql(cx, request.clone()),
            Operation::Begin(options) => self.backend.begin(cx, *options).map_ok(Answer::Begun).boxed(),
            Operation::HasCommitted(key) => self.backend.has_committed(cx, key).map_ok(Answer::HasCommitted).boxed(),
            Operation::Tables => self.backend.tables(cx).map_ok(Answer::Tables).boxed(),
            Operation::Describe(table) => self.backend.describe(cx, table).map_ok(Answer::Described).boxed(),
        }
    }

    /// The backend that does it: that of the layer within, or of the store.
    #[must_use]
    pub fn backend(&self) -> &Arc<dyn Backend> {
        self.backend
    }

    /// What it is called in spans and metrics: the name of the [`Read`] or [`Write`], or `stream`, `sql`, `begin`,
    /// `has_committed`, `tables`, `describe`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match &self.operation {
            Operation::Read(_, read, _) => read.name(),
            Operation::Write(_, write, _) => write.name(),
            Operation::Stream(..) => "stream",
            Operation::Sql(_) => "sql",
            Operation::Begin(_) => "begin",
            Operation::HasCommitted(_) => "has_committed",
            Operation::Tables => "tables",
            Operation::Describe(_) => "describe",
        }
    }

    /// The table that it is about. Returns `None` for SQL, for transactions and for the catalog.
    #[must_use]
    pub fn table(&self) -> Option<&Arc<Table>> {
        match &self.operation {
            Operation::Read(of, ..) | Operation::Write(of, ..) | Operation::Stream(of, ..) => Some(&of.table),
            _ => None,
        }
    }

    /// Whether it may write.
    #[must_use]
    pub fn access(&self) -> Access {
        match &self.operation {
            Operation::Write(..) => Access::Write,
            Operation::Read(_, read, _) => read.access(),
            Operation::Sql(request) => request.access,
            Operation::Begin(options) if options.access_mode() != AccessMode::ReadOnly => Access::Write,
            _ => Access::Read,
        }
    }

    /// What is written to a table. Returns `None` for any other operation.
    #[must_use]
    pub fn write(&self) -> Option<&Write<'_>> {
        if let Operation::Write(_, write, _) = &self.operation { Some(write) } else { None }
    }

    /// Whether it begins a transaction.
    #[must_use]
    pub fn is_begin(&self) -> bool {
        matches!(self.operation, Operation::Begin(_))
    }

    /// Whether its answer is a stream, which goes on after it.
    #[must_use]
    pub fn is_stream(&self) -> bool {
        matches!(self.operation, Operation::Stream(..))
    }
}

impl fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let table = self.table().map(|table| table.full_name());
        f.debug_struct("Call").field("name", &self.name()).field("table", &table).finish_non_exhaustive()
    }
}

/// A backend with something around its operations.
struct Wrapped<A> {
    around: A,
    inner: Arc<dyn Backend>,
}

impl<A: Around> Wrapped<A> {
    fn call<'a>(&'a self, cx: &'a Cx, operation: Operation<'a>) -> BoxFuture<'a, Result<Answer>> {
        self.around.around(cx, Call { backend: &self.inner, operation })
    }
}

#[async_trait]
impl<A: Around> Backend for Wrapped<A> {
    fn id(&self) -> StoreId {
        self.inner.id()
    }

    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn dialect(&self) -> Result<Dialect> {
        self.inner.dialect()
    }

    fn clock(&self) -> &Arc<dyn Clock> {
        self.inner.clock()
    }

    fn statement_counts(&self) -> Option<StatementCounts> {
        self.inner.statement_counts()
    }

    fn recovery(&self) -> Recovery {
        self.inner.recovery()
    }

    fn table(&self, table: Arc<Table>) -> Arc<dyn TableBackend> {
        let of = OfTable { inner: self.inner.table(table.clone()), table };
        Arc::new(WrappedTable { around: self.around.clone(), backend: self.inner.clone(), of })
    }

    async fn tables(&self, cx: &Cx) -> Result<Vec<TableName>> {
        self.call(cx, Operation::Tables).await.and_then(Answer::tables)
    }

    async fn describe(&self, cx: &Cx, table: &TableName) -> Result<Arc<Table>> {
        self.call(cx, Operation::Describe(table)).await.and_then(Answer::described)
    }

    async fn sql(&self, cx: &Cx, request: SqlRequest) -> Result<Answer> {
        self.call(cx, Operation::Sql(request)).await
    }

    async fn health(&self, cx: &Cx) -> Health {
        self.inner.health(cx).await
    }

    async fn has_committed(&self, cx: &Cx, key: &str) -> Result<bool> {
        self.call(cx, Operation::HasCommitted(key)).await.and_then(Answer::has_committed)
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}

#[async_trait]
impl<A: Around> Transactional for Wrapped<A> {
    fn is_joined_by(&self, cx: &Cx) -> bool {
        self.inner.is_joined_by(cx)
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn begin(&self, cx: &Cx, options: TxOptions) -> Result<Cx> {
        self.call(cx, Operation::Begin(options)).await.and_then(Answer::begun)
    }
}

/// What a backend with something around its operations does for one table.
struct WrappedTable<A> {
    around: A,
    backend: Arc<dyn Backend>,
    of: OfTable,
}

impl<A: Around> WrappedTable<A> {
    fn call<'a>(&'a self, cx: &'a Cx, operation: Operation<'a>) -> BoxFuture<'a, Result<Answer>> {
        self.around.around(cx, Call { backend: &self.backend, operation })
    }
}

#[async_trait]
impl<A: Around> TableBackend for WrappedTable<A> {
    fn check(&self) -> Result<()> {
        self.of.inner.check()
    }

    fn read<'a>(&'a self, cx: &'a Cx, read: Read, decoder: &'a Arc<dyn Decoder>) -> BoxFuture<'a, Result<Answer>> {
        self.call(cx, Operation::Read(&self.of, read, decoder))
    }

    fn write<'a>(&'a self, cx: &'a Cx, write: Write<'a>, decoder: &'a Arc<dyn Decoder>) -> BoxFuture<'a, Result<Answer>> {
        self.call(cx, Operation::Write(&self.of, write, decoder))
    }

    async fn stream(&self, cx: &Cx, selection: Selection, decoder: Arc<dyn Decoder>) -> Result<Option<Parts>> {
        self.call(cx, Operation::Stream(&self.of, selection, decoder)).await.and_then(Answer::parts)
    }
}
