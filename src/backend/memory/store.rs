//! What the repositories of one memory store share.

use std::{
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;

use super::{constraint::Tables, repository::MemoryTable, state::MemoryState, transaction::MemoryTransaction};
use crate::{
    backend::{
        Answer, Backend, SqlRequest, TableBackend,
        turns::{Turn, Turns},
    },
    capability::Capabilities,
    clock::{Clock, within},
    context::{Access, AcquireMode, Cx, Entry, WAITING},
    dialect::Dialect,
    error::{Error, ErrorKind, Result},
    health::Health,
    idempotency::{self, is_already_committed, recorded},
    repository::Transactional,
    store::StatementCounts,
    table::Table,
    transaction::{AccessMode, Isolation, Monitor, StoreId, Transaction, TxOptions},
};

#[derive(Clone)]
pub(crate) struct MemoryStore(Arc<MemoryStoreInner>);

struct MemoryStoreInner {
    id: StoreId,
    clock: Arc<dyn Clock>,
    /// How long a writer waits for its turn.
    timeout: Duration,
    committed: RwLock<MemoryState>,
    tables: RwLock<Arc<Tables>>,
    /// Held by the one transaction, or the one operation, that may write.
    writer: Arc<Turns>,
    closed: AtomicBool,
    monitor: Arc<Monitor>,
}

impl MemoryStore {
    pub(crate) fn new(clock: Arc<dyn Clock>, timeout: Duration, long: Duration) -> Self {
        let monitor = Monitor::new(clock.clone(), long);
        let store = Self(Arc::new(MemoryStoreInner {
            id: StoreId::next(),
            clock,
            timeout,
            committed: RwLock::default(),
            tables: RwLock::default(),
            writer: Turns::new(1),
            closed: AtomicBool::new(false),
            monitor,
        }));
        store.add_table(&idempotency::table());
        store
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
            referential_actions: true,
            unsigned: true,
            decimals: true,
            sql: false,
        }
    }

    /// Makes the constraints of a table known, and says whether its rows are those of the entity. Tables come into being with
    /// their first row.
    pub(super) fn add_table(&self, table: &Arc<Table>) -> bool {
        let mut tables = self.0.tables.write().unwrap_or_else(PoisonError::into_inner);
        let is_own = tables.get(&table.key).is_none_or(|known| known.has_rows_of(table));
        if is_own {
            Arc::make_mut(&mut tables).insert(table.key.clone(), table.clone());
        }
        is_own
    }

    pub(super) fn tables(&self) -> Arc<Tables> {
        self.0.tables.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The last committed state.
    pub(super) fn committed(&self) -> MemoryState {
        self.0.committed.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn commit(&self, state: MemoryState) {
        *self.0.committed.write().unwrap_or_else(PoisonError::into_inner) = state;
    }

    /// Waits for the turn to write.
    pub(super) async fn writer(&self, mode: AcquireMode) -> Result<Turn> {
        self.refuse_if_closed()?;
        let turn = match (self.0.writer.try_take(Access::Write), mode) {
            (Some(turn), _) => turn,
            (None, AcquireMode::NoWait) => {
                return Err(Error::new(ErrorKind::NestedAcquire, "the surrounding transaction is writing and only one can"));
            }
            (None, AcquireMode::Wait) => {
                let turn = self.0.writer.take(Access::Write);
                within(self.0.timeout, turn, ErrorKind::PoolTimeout, "another transaction kept writing").await?
            }
        };
        self.refuse_if_closed()?;
        Ok(turn)
    }

    /// Writes the context's key, if it has one, as part of what is written.
    pub(super) fn record(&self, cx: &Cx, state: &mut MemoryState) -> Result<()> {
        let Some(key) = cx.key_for(Access::Write) else { return Ok(()) };
        let row = idempotency::row(key, self.clock().now())?;
        recorded(state.insert(&idempotency::table(), row)).map(drop)
    }

    pub(super) fn refuse_if_closed(&self) -> Result<()> {
        match self.0.closed.load(Ordering::SeqCst) {
            true => Err(Error::new(ErrorKind::Closed, "")),
            false => Ok(()),
        }
    }
}

#[async_trait]
impl Backend for MemoryStore {
    fn id(&self) -> StoreId {
        self.0.id
    }

    fn name(&self) -> &'static str {
        "memory"
    }

    fn dialect(&self) -> Result<Dialect> {
        Err(no_sql())
    }

    fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.clock
    }

    /// There are no statements.
    fn statement_counts(&self) -> StatementCounts {
        StatementCounts::default()
    }

    fn table(&self, table: Arc<Table>) -> Arc<dyn TableBackend> {
        Arc::new(MemoryTable::new(self.clone(), table))
    }

    async fn sql(&self, _: &Cx, _: SqlRequest) -> Result<Answer> {
        Err(no_sql())
    }

    /// It is there, unless it was closed.
    async fn health(&self, _: &Cx) -> Health {
        Health::new(self.refuse_if_closed(), self.0.monitor.look())
    }

    async fn has_committed(&self, cx: &Cx, key: &str) -> Result<bool> {
        let cx = &cx.with_idempotency_key(key);
        let Entry::Alone(mode) = cx.enter::<MemoryTransaction>(self.id(), Access::Read)? else {
            return Err(Error::new(ErrorKind::InvalidInput, "asked inside a transaction of the same store"));
        };
        let _turn = cx.limits().bound(WAITING, self.writer(mode)).await?;
        match self.record(cx, &mut self.committed()) {
            Ok(()) => Ok(false),
            Err(error) if is_already_committed(&error) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Refuses further work and waits for the writer that is busy.
    async fn close(&self) {
        self.0.closed.store(true, Ordering::SeqCst);
        self.0.writer.all_back().await;
    }
}

fn no_sql() -> Error {
    Error::new(ErrorKind::Unsupported, "the memory backend runs no SQL")
}

#[async_trait]
impl Transactional for MemoryStore {
    fn is_joined_by(&self, cx: &Cx) -> bool {
        cx.joins(self.id())
    }

    fn capabilities(&self) -> Capabilities {
        self.capabilities()
    }

    async fn begin(&self, cx: &Cx, options: TxOptions) -> Result<Cx> {
        let cx = &cx.to_begin(self.id(), &options)?;
        options.check(&self.capabilities())?;
        let read_only = options.access_mode() == AccessMode::ReadOnly;
        let access = if read_only { Access::Read } else { Access::Write };
        // A sandbox may stand beside those of other stores.
        let entered = if options.is_sandbox() { Access::Read } else { access };
        let level = match cx.enter::<MemoryTransaction>(self.id(), entered)? {
            Entry::Joined(outer, transaction) => {
                let level = cx.limits().bound(WAITING, transaction.clone().nest(&outer, &options)).await?;
                if cx.key_for(access).is_some() {
                    let mut step = cx.limits().bound(WAITING, transaction.step(level.id())).await?;
                    let recorded = step.work().and_then(MemoryTransaction::state_mut).and_then(|state| self.record(cx, state));
                    step.finish(recorded)?;
                }
                level
            }
            Entry::Alone(mode) => {
                let writer = match read_only {
                    true => None,
                    false => Some(cx.limits().bound(WAITING, self.writer(mode)).await?),
                };
                self.refuse_if_closed()?;
                let mut open = MemoryTransaction::new(self.clone(), writer);
                // The key that a sandbox is given is left to what runs in it.
                if !read_only && !options.is_sandbox() {
                    self.record(cx, open.state_mut()?)?;
                }
                Transaction::begun(self.id(), options, open, self.0.monitor.clone())
            }
        };
        Ok(cx.inside(level))
    }
}
