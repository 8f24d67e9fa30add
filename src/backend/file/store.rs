//! [`FileStore`], a store in files that people can read.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use futures_util::FutureExt as _;

use super::{deep_stack::on_deep_stack, shared::Shared, stored_files::StoredFiles};
use crate::{
    backend::{
        Answer, Backend, SqlRequest, TableBackend, Tables, TablesBackend, TablesSource, TablesWriter, admission::Admission,
        turns::Turn,
    },
    capability::Capabilities,
    clock::Clock,
    context::{Access, Cx, RUNNING, WAITING},
    coop::off_thread,
    dialect::Dialect,
    error::{Error, ErrorKind, Result},
    health::Health,
    recovery::Recovery,
    repository::Transactional,
    statement_counts::StatementCounts,
    table::Table,
    transaction::{AcquireMode, Isolation, StoreId, Transactions, TxOptions},
};

/// A store in files. Its rows are in memory as well.
#[derive(Clone)]
pub(crate) struct FileStore(Arc<FileStoreInner>);

pub(super) struct FileStoreInner {
    pub(super) transactions: Transactions,
    pub(super) shared: Shared,
    pub(super) files: Mutex<StoredFiles>,
    /// Lets in the one transaction, or the one operation, that may write.
    pub(super) admission: Admission,
}

impl FileStoreInner {
    fn files(&self) -> MutexGuard<'_, StoredFiles> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FileStore {
    pub(super) fn new(inner: FileStoreInner) -> Self {
        Self(Arc::new(inner))
    }

    fn capabilities() -> Capabilities {
        Capabilities {
            durable: true,
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
            catalog: false,
        }
    }
}

#[async_trait]
impl Backend for FileStore {
    fn id(&self) -> StoreId {
        self.0.transactions.id()
    }

    fn name(&self) -> &'static str {
        "file"
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
        self.0.shared.findings.report()
    }

    fn table(&self, table: Arc<Table>) -> Arc<dyn TableBackend> {
        Arc::new(TablesBackend::new(self.clone(), table))
    }

    async fn sql(&self, _: &Cx, _: SqlRequest) -> Result<Answer> {
        Err(no_sql())
    }

    /// Whether the folder is there, and the files of the last commit are in their places.
    async fn health(&self, cx: &Cx) -> Health {
        let inner = self.0.clone();
        let look = move || inner.admission.check_open().and_then(|()| inner.files().check());
        let looked = cx.limits().bound(RUNNING, off_thread(look).map(Result::flatten).boxed()).await;
        self.0.transactions.health(looked)
    }

    async fn has_committed(&self, cx: &Cx, key: &str) -> Result<bool> {
        self.finds_key(cx, key).await
    }

    /// Refuses further work, waits for the writer that is busy, and leaves the folder to others.
    async fn close(&self) {
        self.0.admission.close().await;
        let inner = self.0.clone();
        if let Err(error) = off_thread(move || inner.files().close()).await {
            tracing::warn!(%error, "a store in files was not closed in order");
        }
    }
}

fn no_sql() -> Error {
    Error::new(ErrorKind::Unsupported, "a store in files runs no SQL")
}

#[async_trait]
impl Transactional for FileStore {
    fn is_joined_by(&self, cx: &Cx) -> bool {
        self.0.transactions.are_joined_by(cx)
    }

    fn capabilities(&self) -> Capabilities {
        Self::capabilities()
    }

    async fn begin(&self, cx: &Cx, options: TxOptions) -> Result<Cx> {
        self.0.transactions.begin(self, cx, options).await
    }
}

#[async_trait]
impl TablesSource for FileStore {
    type Writer = FileWriter;

    fn transactions(&self) -> &Transactions {
        &self.0.transactions
    }

    fn define(&self, table: &Arc<Table>) -> Result<()> {
        self.0.shared.define(table)
    }

    fn committed(&self) -> Result<Tables> {
        self.0.admission.check_open()?;
        Ok(self.0.shared.begin())
    }

    fn is_current(&self, table: Option<&Table>) -> bool {
        self.0.shared.is_current(table)
    }

    async fn make_current(&self, cx: &Cx, table: Option<&Table>) -> Result<()> {
        self.0.admission.check_open()?;
        let inner = self.0.clone();
        let refresh = move || on_deep_stack(|| inner.files().refresh(&inner.shared));
        cx.limits().bound(RUNNING, off_thread(refresh).map(Result::flatten).boxed()).await?;
        self.0.shared.committed().check(table)
    }

    fn complete(&self, tables: &mut Tables, access: Access) -> Result<()> {
        self.0.shared.complete(tables, access)
    }

    async fn writer(&self, cx: &Cx, mode: AcquireMode) -> Result<FileWriter> {
        let turn = cx.limits().bound(WAITING, self.0.admission.enter(Access::Write, mode)).await?;
        if !self.is_current(None) {
            self.make_current(cx, None).await?;
        }
        Ok(FileWriter { store: self.clone(), turn })
    }
}

/// The turn to write.
pub(crate) struct FileWriter {
    store: FileStore,
    turn: Turn,
}

#[async_trait]
impl TablesWriter for FileWriter {
    /// Runs on a thread that may block, to its end, even if the future is dropped; nobody else writes until then.
    async fn commit(self, tables: Tables) -> Result<()> {
        let work = move || {
            let Self { store, turn } = self;
            let committed = on_deep_stack(|| store.0.files().commit(&store.0.shared, tables));
            drop(turn);
            committed.flatten()
        };
        off_thread(work).await?
    }
}
