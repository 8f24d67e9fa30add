//! [`DiskStore`], a store that only appends.

use std::{
    collections::BTreeMap,
    fmt,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use futures_util::FutureExt as _;
use tokio::{sync::Semaphore, task::AbortHandle};

use super::{open_table::OpenTable, segment_name::SegmentName, table::DiskTable, table_segments::SegmentOptions};
use crate::{
    backend::{
        Answer, Backend, SqlRequest, TableBackend,
        file::{Findings, Folder},
    },
    capability::Capabilities,
    clock::Clock,
    context::{Cx, RUNNING},
    coop::off_thread,
    dialect::Dialect,
    error::{Error, ErrorKind, Result},
    health::Health,
    recovery::Recovery,
    repository::Transactional,
    statement_counts::StatementCounts,
    table::{Table, TableName},
    transaction::{Isolation, StoreId, Transactions, TxOptions},
};

/// A store that only appends.
#[derive(Clone)]
pub(crate) struct DiskStore(pub(super) Arc<DiskStoreInner>);

pub(super) struct DiskStoreInner {
    pub(super) transactions: Transactions,
    pub(super) folder: Folder,
    pub(super) options: SegmentOptions,
    pub(super) interval: Duration,
    pub(super) time: Option<String>,
    pub(super) findings: Findings,
    /// How many segments were opened to read them.
    pub(super) opened: AtomicU64,
    pub(super) is_closed: AtomicBool,
    tables: Mutex<BTreeMap<TableName, Arc<OpenTable>>>,
    /// One for each thread that may make segments.
    pub(super) workers: Arc<Semaphore>,
    /// The task that closes segments after the interval.
    pub(super) ticker: Mutex<Option<AbortHandle>>,
}

impl DiskStore {
    pub(super) fn new(
        transactions: Transactions,
        folder: Folder,
        options: SegmentOptions,
        interval: Duration,
        time: Option<String>,
    ) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self(Arc::new(DiskStoreInner {
            transactions,
            folder,
            options,
            interval,
            time,
            findings: Findings::default(),
            opened: AtomicU64::new(0),
            is_closed: AtomicBool::new(false),
            tables: Mutex::new(BTreeMap::new()),
            workers: Arc::new(Semaphore::new(cores)),
            ticker: Mutex::new(None),
        }))
    }

    fn capabilities() -> Capabilities {
        Capabilities {
            durable: true,
            schema: false,
            check_constraints: false,
            reads_beside_writer: true,
            concurrent_writers: true,
            isolation: &[Isolation::Serializable],
            locking: false,
            savepoints: false,
            row_locks: false,
            referential_actions: false,
            unsigned: true,
            decimals: true,
            arrays: true,
            unenforced_keys: true,
            sql: false,
            catalog: false,
        }
    }

    /// Closes the segments of all tables that have rows, and waits until they are done.
    pub(crate) async fn flush(&self) -> Result<()> {
        self.0.flush().await
    }

    /// How many rows are in no segment.
    pub(crate) fn pending(&self) -> u64 {
        self.0.open_tables().iter().map(|table| table.segments.pending()).sum()
    }

    /// The segments of a table that was used, with the path of its folder, in the order in which they were begun.
    pub(crate) fn segments(&self, table: &TableName) -> Option<(PathBuf, Vec<SegmentName>)> {
        let open = self.0.tables().get(table).cloned()?;
        Some((open.segments.folder().to_owned(), open.segments.segments()))
    }

    /// How many segments were opened to read them.
    pub(crate) fn opened(&self) -> u64 {
        self.0.opened.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for DiskStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DiskStore").field("pending", &self.pending()).finish_non_exhaustive()
    }
}

impl DiskStoreInner {
    fn tables(&self) -> MutexGuard<'_, BTreeMap<TableName, Arc<OpenTable>>> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn open_tables(&self) -> Vec<Arc<OpenTable>> {
        self.tables().values().cloned().collect()
    }

    pub(super) fn check_open(&self) -> Result<()> {
        match self.is_closed.load(Ordering::Acquire) {
            true => Err(Error::new(ErrorKind::Closed, "")),
            false => Ok(()),
        }
    }

    /// Opens the files of a table, if they are not open. Blocks.
    pub(super) fn open_table(&self, table: &Arc<Table>) -> Result<Arc<OpenTable>> {
        self.check_open()?;
        let mut tables = self.tables();
        if let Some(open) = tables.get(&table.key) {
            if !open.table.has_rows_of(table) {
                let message = "the table is that of another entity, which has other columns";
                return Err(Error::new(ErrorKind::Unsupported, message));
            }
            return Ok(open.clone());
        }
        let now = self.transactions.clock().now().timestamp_millis();
        let open = OpenTable::open(table, &self.folder, &self.options, self.time.as_deref(), &self.findings, now)?;
        let open = Arc::new(open);
        tables.insert(table.key.clone(), open.clone());
        Ok(open)
    }
}

impl Drop for DiskStoreInner {
    fn drop(&mut self) {
        if let Some(task) = self.ticker.get_mut().unwrap_or_else(PoisonError::into_inner) {
            task.abort();
        }
    }
}

#[async_trait]
impl Backend for DiskStore {
    fn id(&self) -> StoreId {
        self.0.transactions.id()
    }

    fn name(&self) -> &'static str {
        "disk"
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

    fn recovery(&self) -> Recovery {
        self.0.findings.report()
    }

    fn table(&self, table: Arc<Table>) -> Arc<dyn TableBackend> {
        Arc::new(DiskTable::new(self.clone(), table))
    }

    async fn sql(&self, _: &Cx, _: SqlRequest) -> Result<Answer> {
        Err(no_sql())
    }

    /// Whether the folder is there.
    async fn health(&self, cx: &Cx) -> Health {
        let inner = self.0.clone();
        let look = move || inner.check_open().and_then(|()| inner.folder.check());
        let looked = cx.limits().bound(RUNNING, off_thread(look).map(Result::flatten).boxed()).await;
        self.0.transactions.health(looked)
    }

    async fn has_committed(&self, _: &Cx, _: &str) -> Result<bool> {
        Err(Error::new(ErrorKind::Unsupported, "an append-only store keeps no idempotency keys"))
    }

    /// Refuses further work, makes segments of all rows, and leaves the folder to others.
    async fn close(&self) {
        if self.0.is_closed.swap(true, Ordering::AcqRel) {
            return;
        }
        if let Err(error) = self.0.flush().await {
            tracing::warn!(%error, "rows stay in a spool; whoever opens the store makes segments of them");
        }
        self.0.folder.unlock();
    }
}

fn no_sql() -> Error {
    Error::new(ErrorKind::Unsupported, "an append-only store runs no SQL")
}

#[async_trait]
impl Transactional for DiskStore {
    fn is_joined_by(&self, cx: &Cx) -> bool {
        self.0.transactions.are_joined_by(cx)
    }

    fn capabilities(&self) -> Capabilities {
        Self::capabilities()
    }

    async fn begin(&self, _: &Cx, _: TxOptions) -> Result<Cx> {
        Err(Error::new(ErrorKind::Unsupported, "an append-only store has no transactions; each operation is stored as a whole"))
    }
}
