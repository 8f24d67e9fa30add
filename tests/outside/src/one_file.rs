//! [`OneFile`], a store whose models are in memory and in one file, which each commit writes anew.

use std::{
    fmt,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use larder::{
    Capabilities, Clock, Cx, Dialect, Error, ErrorKind, Health, Isolation, Result, StatementCounts, Store, Transactional,
    TxOptions,
    backend::{
        AcquireMode, Answer, Backend, SqlRequest, StoreId, Table, TableBackend, Tables, TablesBackend, TablesSource,
        TablesWriter, Transactions,
    },
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::file::{self, Rows};

/// A backend that keeps all models in one file. One transaction writes at a time, and is on the disk when it has committed.
#[derive(Clone)]
pub struct OneFile(Arc<Inner>);

struct Inner {
    path: PathBuf,
    transactions: Transactions,
    committed: Mutex<Tables>,
    /// Rows of the file whose tables the store was opened without. They stay as they are.
    others: Rows,
    writer: Arc<Semaphore>,
    /// How long a writer waits for its turn.
    timeout: Duration,
    closed: AtomicBool,
}

impl OneFile {
    /// Opens a store in a file, or in a new one. Tables that have rows in the file are named here: a table of which rows came later
    /// would be missing in the copies of transactions that are open. Without it, such a table is `Unsupported`, and its rows stay.
    pub fn open(path: PathBuf, stored: &[Arc<Table>], clock: Arc<dyn Clock>, timeout: Duration) -> Result<Store> {
        let (mut tables, mut others) = (Tables::new(), file::read(&path)?);
        stored.iter().try_for_each(|table| tables.define(table))?;
        for table in tables.definitions() {
            tables.load(&table, others.remove(&table.full_name()).unwrap_or_default())?;
        }
        let committed = Mutex::new(tables);
        let (transactions, closed) = (Transactions::new(clock, Duration::from_secs(60)), AtomicBool::new(false));
        let writer = Arc::new(Semaphore::new(1));
        let backend = Self(Arc::new(Inner { path, transactions, committed, others, writer, timeout, closed }));
        Ok(Store::from_backend(Arc::new(backend)))
    }

    fn lock(&self) -> MutexGuard<'_, Tables> {
        self.0.committed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn require_open(&self) -> Result<()> {
        match self.0.closed.load(Ordering::SeqCst) {
            true => Err(Error::new(ErrorKind::Closed, "")),
            false => Ok(()),
        }
    }
}

#[async_trait]
impl TablesSource for OneFile {
    type Writer = OneFileWriter;

    fn transactions(&self) -> &Transactions {
        &self.0.transactions
    }

    fn define(&self, table: &Arc<Table>) -> Result<()> {
        match self.0.others.contains_key(&table.full_name()) {
            true => Err(Error::new(ErrorKind::Unsupported, "the file has rows of this table: open the store with it")),
            false => self.lock().define(table),
        }
    }

    fn committed(&self) -> Result<Tables> {
        self.require_open()?;
        Ok(self.lock().clone())
    }

    async fn writer(&self, cx: &Cx, mode: AcquireMode) -> Result<OneFileWriter> {
        let error = |kind| Error::new(kind, "another transaction is writing");
        self.require_open()?;
        let writer = self.0.writer.clone();
        let turn = match mode {
            AcquireMode::NoWait => writer.try_acquire_owned().map_err(|_| error(ErrorKind::NestedAcquire))?,
            AcquireMode::Wait => {
                let turn = async {
                    let turn = timeout(self.0.timeout, writer.acquire_owned()).await;
                    turn.map_err(|_| error(ErrorKind::PoolTimeout))?.map_err(|_| error(ErrorKind::Closed))
                };
                cx.bound("while it waited for its turn to write", turn).await?
            }
        };
        self.require_open()?;
        Ok(OneFileWriter { store: self.clone(), turn })
    }
}

/// The turn to write.
#[derive(Debug)]
pub struct OneFileWriter {
    store: OneFile,
    turn: OwnedSemaphorePermit,
}

#[async_trait]
impl TablesWriter for OneFileWriter {
    /// Runs on a thread that may block, to its end, even if the future is dropped; nobody else writes until then.
    async fn commit(self, tables: Tables) -> Result<()> {
        let work = move || {
            let Self { store, turn } = self;
            let replaced = file::replace(&store.0.path, &tables, &store.0.others);
            if replaced.as_ref().err().is_none_or(|error| error.kind() == ErrorKind::CommitUnknown) {
                *store.lock() = tables;
            }
            drop(turn);
            replaced
        };
        let ended = |error| Error::new(ErrorKind::CommitUnknown, "the runtime ended").with_source(error);
        tokio::task::spawn_blocking(work).await.map_err(ended)?
    }
}

#[async_trait]
impl Backend for OneFile {
    fn id(&self) -> StoreId {
        self.0.transactions.id()
    }

    fn name(&self) -> &'static str {
        "one file"
    }

    fn dialect(&self) -> Result<Dialect> {
        Err(Error::new(ErrorKind::Unsupported, "the store runs no SQL"))
    }

    fn clock(&self) -> &Arc<dyn Clock> {
        self.0.transactions.clock()
    }

    fn statement_counts(&self) -> Option<StatementCounts> {
        None
    }

    fn table(&self, table: Arc<Table>) -> Arc<dyn TableBackend> {
        Arc::new(TablesBackend::new(self.clone(), table))
    }

    async fn sql(&self, _: &Cx, _: SqlRequest) -> Result<Answer> {
        Err(Error::new(ErrorKind::Unsupported, "the store runs no SQL"))
    }

    async fn health(&self, _: &Cx) -> Health {
        self.0.transactions.health(self.require_open())
    }

    async fn has_committed(&self, cx: &Cx, key: &str) -> Result<bool> {
        self.finds_key(cx, key).await
    }

    async fn close(&self) {
        self.0.closed.store(true, Ordering::SeqCst);
        drop(self.0.writer.acquire().await);
    }
}

#[async_trait]
impl Transactional for OneFile {
    fn is_joined_by(&self, cx: &Cx) -> bool {
        self.0.transactions.are_joined_by(cx)
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::NONE;
        capabilities.durable = true;
        capabilities.reads_beside_writer = true;
        capabilities.isolation = &[Isolation::Serializable];
        capabilities.savepoints = true;
        capabilities.referential_actions = true;
        capabilities.unsigned = true;
        capabilities.decimals = true;
        capabilities
    }

    async fn begin(&self, cx: &Cx, options: TxOptions) -> Result<Cx> {
        self.0.transactions.begin(self, cx, options).await
    }
}

impl fmt::Debug for OneFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OneFile").field("path", &self.0.path).finish_non_exhaustive()
    }
}
