//! What the repositories of one memory store share.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use async_trait::async_trait;

use crate::{
    backend::{
        Answer, Backend, SqlRequest, TableBackend, Tables, TablesBackend, TablesSource, TablesWriter, admission::Admission,
        turns::Turn,
    },
    capability::Capabilities,
    clock::Clock,
    context::{Access, Cx, WAITING},
    dialect::Dialect,
    error::{Error, ErrorKind, Result},
    health::Health,
    repository::Transactional,
    statement_counts::StatementCounts,
    table::{Table, TableName},
    transaction::{AcquireMode, Isolation, StoreId, Transactions, TxOptions},
};

#[derive(Clone)]
pub(crate) struct MemoryStore(Arc<MemoryStoreInner>);

struct MemoryStoreInner {
    transactions: Transactions,
    committed: RwLock<Tables>,
    /// Lets in the one transaction, or the one operation, that may write.
    admission: Admission,
}

impl MemoryStore {
    pub(crate) fn new(clock: Arc<dyn Clock>, timeout: Duration, long: Duration) -> Self {
        Self(Arc::new(MemoryStoreInner {
            transactions: Transactions::new(clock, long),
            committed: RwLock::default(),
            admission: Admission::new(1, timeout),
        }))
    }

    pub(super) fn capabilities(&self) -> Capabilities {
        Capabilities {
            durable: false,
            schema: false,
            check_constraints: false,
            reads_beside_writer: true,
            concurrent_writers: false,
            isolation: &[Isolation::Serializable],
            locking: false,
            savepoints: true,
            row_locks: true,
            referential_actions: true,
            unsigned: true,
            decimals: true,
            arrays: true,
            unenforced_keys: false,
            sql: false,
            catalog: true,
        }
    }
}

#[async_trait]
impl Backend for MemoryStore {
    fn id(&self) -> StoreId {
        self.0.transactions.id()
    }

    fn name(&self) -> &'static str {
        "memory"
    }

    fn dialect(&self) -> Result<Dialect> {
        Err(no_sql())
    }

    fn clock(&self) -> &Arc<dyn Clock> {
        self.0.transactions.clock()
    }

    /// There are no statements.
    fn statement_counts(&self) -> Option<StatementCounts> {
        None
    }

    fn table(&self, table: Arc<Table>) -> Arc<dyn TableBackend> {
        Arc::new(TablesBackend::new(self.clone(), table))
    }

    /// Those that repositories were made for.
    async fn tables(&self, _: &Cx) -> Result<Vec<TableName>> {
        Ok(self.committed()?.names())
    }

    async fn describe(&self, _: &Cx, table: &TableName) -> Result<Arc<Table>> {
        self.committed()?.describe(table)
    }

    async fn sql(&self, _: &Cx, _: SqlRequest) -> Result<Answer> {
        Err(no_sql())
    }

    /// It is there, unless it was closed.
    async fn health(&self, _: &Cx) -> Health {
        self.0.transactions.health(self.0.admission.check_open())
    }

    async fn has_committed(&self, cx: &Cx, key: &str) -> Result<bool> {
        self.finds_key(cx, key).await
    }

    /// Refuses further work and waits for the writer that is busy.
    async fn close(&self) {
        self.0.admission.close().await;
    }
}

fn no_sql() -> Error {
    Error::new(ErrorKind::Unsupported, "the memory backend runs no SQL")
}

#[async_trait]
impl Transactional for MemoryStore {
    fn is_joined_by(&self, cx: &Cx) -> bool {
        self.0.transactions.are_joined_by(cx)
    }

    fn capabilities(&self) -> Capabilities {
        self.capabilities()
    }

    async fn begin(&self, cx: &Cx, options: TxOptions) -> Result<Cx> {
        self.0.transactions.begin(self, cx, options).await
    }
}

#[async_trait]
impl TablesSource for MemoryStore {
    type Writer = MemoryWriter;

    fn transactions(&self) -> &Transactions {
        &self.0.transactions
    }

    fn define(&self, table: &Arc<Table>) -> Result<()> {
        self.0.committed.read().unwrap_or_else(PoisonError::into_inner).define(table)
    }

    fn committed(&self) -> Result<Tables> {
        self.0.admission.check_open()?;
        Ok(self.0.committed.read().unwrap_or_else(PoisonError::into_inner).clone())
    }

    async fn writer(&self, cx: &Cx, mode: AcquireMode) -> Result<MemoryWriter> {
        let turn = cx.limits().bound(WAITING, self.0.admission.enter(Access::Write, mode)).await?;
        Ok(MemoryWriter { store: self.clone(), _turn: turn })
    }
}

/// The turn to write.
pub(crate) struct MemoryWriter {
    store: MemoryStore,
    _turn: Turn,
}

#[async_trait]
impl TablesWriter for MemoryWriter {
    async fn commit(self, tables: Tables) -> Result<()> {
        *self.store.0.committed.write().unwrap_or_else(PoisonError::into_inner) = tables;
        Ok(())
    }
}
