//! What the repositories of one SQL store share: how a statement finds its connection.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use sea_orm::{Statement, sea_query::Values};

use super::{
    EngineProfile, SqlTable,
    engine::{Engine, StatementKind},
    held::Held,
    transaction::SqlTransaction,
};
use crate::{
    backend::{Answer, Backend, SqlRequest, TableBackend, Wanted},
    capability::Capabilities,
    clock::{Clock, this_runtime},
    context::{Access, Cx, RUNNING, WAITING},
    dialect::Dialect,
    error::Result,
    health::Health,
    repository::Transactional,
    statement_counts::StatementCounts,
    table::{Table, TableName},
    transaction::{AcquireMode, Entry, StoreId, TransactionSource, Transactions, TxOptions},
    value::portable,
};

pub(crate) struct SqlStore<G: Engine>(Arc<SqlStoreInner<G>>);

struct SqlStoreInner<G> {
    engine: Arc<G>,
    transactions: Transactions,
}

impl<G: Engine> Clone for SqlStore<G> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<G: Engine> SqlStore<G> {
    /// A store on an engine. A transaction that is open for longer than `long` is a complaint.
    pub(crate) fn new(engine: G, clock: Arc<dyn Clock>, long: Duration) -> Self {
        Self(Arc::new(SqlStoreInner { engine: Arc::new(engine), transactions: Transactions::new(clock, long) }))
    }

    pub(super) fn shared_engine(&self) -> Arc<G> {
        self.0.engine.clone()
    }

    pub(super) fn engine(&self) -> &G {
        &self.0.engine
    }

    pub(super) fn capabilities(&self) -> Capabilities {
        self.engine().profile().capabilities
    }

    /// Asks the engine something, on a connection like any other.
    async fn answer(&self, cx: &Cx) -> Result<()> {
        this_runtime()?;
        cx.limits().bound(WAITING, self.engine().check_location()).await?;
        let EngineProfile { probe, dialect, .. } = *self.engine().profile();
        let ask = Statement { sql: probe.to_owned(), values: Some(Values(Vec::new())), db_backend: dialect.sea_orm() };
        let answer = self.number(cx, ask).await?;
        self.engine().check_probe(answer)
    }

    /// How a call takes part in the context's unit of work.
    pub(super) fn enter(&self, cx: &Cx, access: Access) -> Result<Entry> {
        // Whatever follows may need one: to wait, or to run a call that blocks.
        this_runtime()?;
        self.0.transactions.enter(cx, access)
    }

    pub(super) async fn number(&self, cx: &Cx, statement: Statement) -> Result<i64> {
        self.engine().check(&statement)?;
        let entry = self.enter(cx, Access::Read)?;
        let mut held = self.hold(cx, &entry, Access::Read, StatementKind::Read).await?;
        let number = cx.limits().bound(RUNNING, self.engine().number(held.guard()?, statement)).await;
        held.finish(number).await
    }

    /// A statement that a caller wrote, with its values in their portable form.
    fn checked(&self, mut statement: Statement) -> Result<Statement> {
        let values = statement.values.map(|values| values.0.into_iter().map(portable).collect::<Result<_>>().map(Values));
        statement.values = values.transpose()?;
        self.engine().check(&statement).map(|()| statement)
    }

    /// The connection for a statement that a caller wrote, of which the engine is told.
    async fn hold_foreign<'a>(&self, cx: &Cx, entry: &'a Entry, access: Access, kind: StatementKind) -> Result<Held<'a, G>> {
        let mut held = self.hold(cx, entry, access, kind).await?;
        if access == Access::Write {
            self.engine().note_foreign_write(held.guard()?);
        }
        Ok(held)
    }

    /// The connection for one statement.
    pub(super) async fn hold<'a>(&self, cx: &Cx, entry: &'a Entry, access: Access, kind: StatementKind) -> Result<Held<'a, G>> {
        match entry {
            Entry::Joined(joined) => {
                let mut step = joined.step(cx).await?;
                match self.prepare(cx, access, step.work::<SqlTransaction<G>>()?.guard()).await {
                    Ok(()) => Ok(Held::Joined(step)),
                    Err(error) => step.finish(Err(error)),
                }
            }
            // A read that is given up leaves nothing behind, and ends with its future.
            Entry::Alone(mode) if cx.key_for(access).is_none() && (cx.limits().are_none() || kind == StatementKind::Read) => {
                let acquire = self.engine().acquire(access, *mode, kind);
                Ok(Held::Alone(access, cx.limits().bound(WAITING, acquire).await?))
            }
            // A write that is given up on its way is rolled back for certain.
            Entry::Alone(mode) => self.own(cx, access, *mode).await,
        }
    }

    /// Prepares the connection of a transaction for a statement.
    async fn prepare(&self, cx: &Cx, access: Access, guard: &mut G::ConnectionGuard) -> Result<()> {
        cx.limits().bound(WAITING, self.engine().limit(guard, cx.limits())).await?;
        self.write_key(cx, access, guard).await
    }

    /// The connection for several statements that take effect together.
    pub(super) async fn hold_together<'a>(&self, cx: &Cx, entry: &'a Entry) -> Result<Held<'a, G>> {
        match entry {
            Entry::Joined(..) => self.hold(cx, entry, Access::Write, StatementKind::Any).await,
            Entry::Alone(mode) => self.own(cx, Access::Write, *mode).await,
        }
    }

    async fn own<'a>(&self, cx: &Cx, access: Access, mode: AcquireMode) -> Result<Held<'a, G>> {
        let options = TxOptions::of_one_operation();
        let options = if access == Access::Read { options.read_only() } else { options };
        let own = self.begun(cx, &options, access, mode).await?;
        Ok(Held::Own(own, access, cx.limits().clone()))
    }

    /// Begins a transaction, with the key of the context.
    pub(super) async fn begun(
        &self,
        cx: &Cx,
        options: &TxOptions,
        access: Access,
        mode: AcquireMode,
    ) -> Result<SqlTransaction<G>> {
        let mut open = self.open(cx, options, access, mode).await?;
        self.write_key(cx, access, open.guard()).await?;
        Ok(open)
    }
}

#[async_trait]
impl<G: Engine> Backend for SqlStore<G> {
    fn id(&self) -> StoreId {
        self.0.transactions.id()
    }

    fn name(&self) -> &'static str {
        self.engine().profile().name
    }

    fn dialect(&self) -> Result<Dialect> {
        Ok(self.engine().profile().dialect)
    }

    fn clock(&self) -> &Arc<dyn Clock> {
        self.0.transactions.clock()
    }

    fn statement_counts(&self) -> Option<StatementCounts> {
        self.engine().statement_counts()
    }

    fn table(&self, table: Arc<Table>) -> Arc<dyn TableBackend> {
        Arc::new(SqlTable::new(self.clone(), table))
    }

    async fn tables(&self, cx: &Cx) -> Result<Vec<TableName>> {
        self.table_names(cx).await
    }

    async fn describe(&self, cx: &Cx, table: &TableName) -> Result<Arc<Table>> {
        self.described(cx, table).await.map(Arc::new)
    }

    async fn sql(&self, cx: &Cx, request: SqlRequest) -> Result<Answer> {
        let SqlRequest { statement, access, leaves, wanted } = request;
        let (entry, statement, kind) = (self.enter(cx, access)?, self.checked(statement)?, StatementKind::of(leaves));
        let mut held = self.hold_foreign(cx, &entry, access, kind).await?;
        let guard = held.guard()?;
        let answered = async {
            match &wanted {
                Wanted::Number => self.engine().execute(guard, statement, kind).await.map(Answer::Number),
                Wanted::Models(decoder) => self.engine().fetch(guard, statement, kind, decoder).await.map(Answer::Models),
                Wanted::Rows => self.engine().rows(guard, statement, None, kind).await.map(Answer::Rows),
            }
        };
        let answered = cx.limits().bound(RUNNING, answered).await;
        held.finish(answered).await
    }

    async fn health(&self, cx: &Cx) -> Health {
        self.0.transactions.health(self.answer(cx).await)
    }

    async fn has_committed(&self, cx: &Cx, key: &str) -> Result<bool> {
        self.finds_commit(cx, key).await
    }

    async fn close(&self) {
        self.engine().close().await;
    }
}

#[async_trait]
impl<G: Engine> Transactional for SqlStore<G> {
    fn is_joined_by(&self, cx: &Cx) -> bool {
        self.0.transactions.are_joined_by(cx)
    }

    fn capabilities(&self) -> Capabilities {
        self.capabilities()
    }

    async fn begin(&self, cx: &Cx, options: TxOptions) -> Result<Cx> {
        this_runtime()?;
        self.0.transactions.begin(self, cx, options).await
    }
}

#[async_trait]
impl<G: Engine> TransactionSource for SqlStore<G> {
    type Open = SqlTransaction<G>;

    async fn open(&self, cx: &Cx, options: &TxOptions, access: Access, mode: AcquireMode) -> Result<SqlTransaction<G>> {
        let limits = cx.limits();
        let guard = limits.bound(WAITING, self.engine().acquire(access, mode, StatementKind::Any)).await?;
        limits.bound(RUNNING, SqlTransaction::begin(self.0.engine.clone(), guard, options, limits)).await
    }

    async fn record(&self, cx: &Cx, open: &mut SqlTransaction<G>) -> Result<()> {
        self.write_key(cx, Access::Write, open.guard()).await
    }
}
