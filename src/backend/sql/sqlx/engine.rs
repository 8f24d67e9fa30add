//! An [`Engine`] on a pool of sqlx.

use std::{sync::Arc, time::Duration};

use sea_orm::{Statement, sea_query::ArrayType};
use tokio::sync::Mutex;

use super::{
    flavor::Flavor,
    guard::{CLEANUP_TIMEOUT, SqlxGuard},
    pools::Pools,
    read::decoded,
};
use crate::{
    backend::{
        Decoder, Models, Rows,
        sql::{Catalog, ChunkSender, Engine, EngineProfile, bindable::refuse_unbindable, engine::StatementKind},
    },
    capability::Capabilities,
    clock::within,
    context::Access,
    error::{Error, ErrorKind, Result, unreadable},
    limits::Limits,
    row::Row,
    table::Table,
    transaction::{AcquireMode, TxOptions},
};

const NO_ANSWER: &str = "no answer to a rollback";

/// The code of a prepared statement that the server does not have, or no longer. The statement has not run.
pub(crate) const STATEMENT_MISSING: &str = "26000";

pub(crate) struct SqlxEngine<F: Flavor> {
    pub(super) pools: Pools<F>,
    pub(super) gate: F::Gate,
    pub(super) profile: EngineProfile,
    pub(super) acquire_timeout: Duration,
    /// Whose turn it is to write, where only one can. Waiting here is fair and holds no connection.
    pub(super) writer: Arc<Mutex<()>>,
    catalogs: F::CatalogCache,
}

impl<F: Flavor> SqlxEngine<F> {
    pub(crate) fn new(pools: Pools<F>, gate: F::Gate, mut capabilities: Capabilities) -> Self {
        let options = pools.first().options();
        let acquire_timeout = options.get_acquire_timeout();
        // One connection does one thing at a time, whatever the database could do.
        let several = options.get_max_connections() > 1;
        capabilities.reads_beside_writer &= several;
        capabilities.concurrent_writers &= several;
        // The database may have made others of the rows.
        let profile = EngineProfile { appends_as_given: false, ..F::profile(capabilities) };
        Self { pools, gate, acquire_timeout, writer: Arc::default(), catalogs: F::CatalogCache::default(), profile }
    }

    /// Looks at the schema anew after an error that tells of a change.
    fn noted<T>(&self, answer: Result<T>) -> Result<T> {
        answer.inspect_err(|error| {
            if F::tells_of_change(error) {
                F::forget(&self.catalogs);
            }
        })
    }
}

impl<F: Flavor> SqlxEngine<F> {
    /// Notes that a statement may leave something on the connection, which nobody else is to have then. That of a database in
    /// memory is the database, and has to be kept.
    fn note(&self, guard: &mut SqlxGuard<F>, kind: StatementKind) -> Result<()> {
        match (kind, self.profile.capabilities.durable) {
            (StatementKind::Lasting, true) => guard.is_last_user(),
            (StatementKind::Lasting, false) => {
                let message =
                    "a statement that may leave something on its connection, which is the database and cannot be closed";
                return Err(Error::new(ErrorKind::Unsupported, message));
            }
            _ => {}
        }
        Ok(())
    }
}

impl<F: Flavor> Engine for SqlxEngine<F> {
    type ConnectionGuard = SqlxGuard<F>;
    type Target = F::Target;
    type Encoded = F::Encoded;

    fn profile(&self) -> &EngineProfile {
        &self.profile
    }

    fn check_probe(&self, answer: i64) -> Result<()> {
        F::check_probe(answer, &self.gate)
    }

    fn reads(&self, value_type: &ArrayType) -> bool {
        F::reads(value_type)
    }

    fn check(&self, statement: &Statement) -> Result<()> {
        refuse_unbindable(statement, self.profile.dialect, self.profile.bind_limit)
    }

    async fn catalog(&self, guard: &mut SqlxGuard<F>, table: &Arc<Table>, _: bool) -> Result<Arc<Catalog>> {
        if let Some(known) = F::known(table, &self.catalogs).or_else(|| guard.known(table, F::CATALOG_AGE?)) {
            return Ok(known);
        }
        let catalog = F::catalog(guard.connection()?, table, &self.catalogs).await;
        guard.done();
        let catalog = catalog?;
        if F::CATALOG_AGE.is_some() {
            guard.learn(table, &catalog);
        }
        Ok(catalog)
    }

    async fn begin_to_write(&self, guard: &mut SqlxGuard<F>, table: &Arc<Table>) -> Result<()> {
        let statement = if guard.writes_late() { F::begin_to_write(table) } else { None };
        let Some(statement) = statement else { return Ok(()) };
        match guard.run(statement).await {
            Err(error) if error.kind() == ErrorKind::Contention => Err(error),
            // The statement that is about to run says what else is wrong.
            _ => Ok(()),
        }
    }

    async fn acquire(&self, access: Access, mode: AcquireMode, _: StatementKind) -> Result<SqlxGuard<F>> {
        if self.pools.is_closed() {
            return Err(Error::new(ErrorKind::Closed, ""));
        }
        let turn = self.turn(access, mode).await?;
        let is_replaced = self.pools.first().options().get_min_connections() > 0;
        let (connection, runtime) = self.connection(mode).await?;
        let mut guard = SqlxGuard::new(connection, runtime, is_replaced, turn);
        if !F::stops_with_connection(&self.gate) {
            guard.can_be_stopped(self.pools.first()).await?;
        }
        Ok(guard)
    }

    async fn begin(&self, guard: &mut SqlxGuard<F>, options: &TxOptions, limits: &Limits) -> Result<()> {
        let known = F::before_begin(&self.gate, options, guard.connection()?).await;
        guard.answered(known)?;
        guard.begin(F::begin(&self.gate, options, limits.remaining()), options).await?;
        self.limit(guard, limits).await
    }

    async fn limit(&self, guard: &mut SqlxGuard<F>, limits: &Limits) -> Result<()> {
        if limits.are_none() {
            return Ok(());
        }
        guard.has_limits();
        guard.can_be_stopped(self.pools.first()).await
    }

    async fn commit(&self, guard: &mut SqlxGuard<F>) -> Result<()> {
        guard.commit().await
    }

    async fn rollback(&self, guard: &mut SqlxGuard<F>) -> Result<()> {
        // A server that does not answer is not waited for: the connection is closed.
        within(CLEANUP_TIMEOUT, guard.roll_back(), ErrorKind::Connection, NO_ANSWER).await?
    }

    async fn command(&self, guard: &mut SqlxGuard<F>, sql: String) -> Result<()> {
        guard.run(sql).await
    }

    async fn undo(&self, guard: &mut SqlxGuard<F>, sql: String) -> Result<()> {
        within(CLEANUP_TIMEOUT, guard.run(sql), ErrorKind::Connection, NO_ANSWER).await?
    }

    async fn execute(&self, guard: &mut SqlxGuard<F>, statement: Statement, kind: StatementKind) -> Result<u64> {
        self.note(guard, kind)?;
        let changes_schema = F::changes_schema(&statement.sql);
        let changed = F::execute(guard.connection()?, statement).await;
        if changes_schema {
            F::forget(&self.catalogs);
            guard.forget();
        }
        self.noted(guard.answered(changed))
    }

    async fn fetch(
        &self,
        guard: &mut SqlxGuard<F>,
        statement: Statement,
        kind: StatementKind,
        decoder: &Arc<dyn Decoder>,
    ) -> Result<Box<dyn Models>> {
        self.note(guard, kind)?;
        let mut read = Self::read_models(guard.connection()?, &statement, decoder).await;
        if let Err(error) = read {
            read = match F::prepare_anew(guard.connection()?, error).await {
                Ok(()) => Self::read_models(guard.connection()?, &statement, decoder).await,
                Err(error) => Err(error),
            };
        }
        self.noted(guard.answered(read).flatten())
    }

    async fn number(&self, guard: &mut SqlxGuard<F>, statement: Statement) -> Result<i64> {
        let rows = F::fetch(guard.connection()?, statement).await;
        let rows = guard.answered(rows)?;
        let missing = || Error::new(ErrorKind::Internal, "the engine returned no number");
        rows.first().ok_or_else(missing)?.try_get_by_index(0).map_err(unreadable)
    }

    async fn stream(
        &self,
        guard: &mut SqlxGuard<F>,
        statement: Statement,
        decoder: Arc<dyn Decoder>,
        sender: ChunkSender,
    ) -> Result<()> {
        self.send(guard, &statement, &decoder, &sender).await
    }

    async fn rows(
        &self,
        guard: &mut SqlxGuard<F>,
        statement: Statement,
        types: Option<Vec<ArrayType>>,
        kind: StatementKind,
    ) -> Result<Vec<Row>> {
        self.note(guard, kind)?;
        let rows = F::fetch(guard.connection()?, statement).await;
        let rows = self.noted(guard.answered(rows))?;
        decoded::<F>(&rows, types).await
    }

    async fn target(
        &self,
        guard: &mut SqlxGuard<F>,
        table: &Arc<Table>,
        named: &[usize],
        _: String,
    ) -> Result<Option<F::Target>> {
        let target = F::target(guard.connection()?, table, named).await;
        guard.done();
        target
    }

    fn encode(target: &F::Target, rows: &dyn Rows) -> Result<F::Encoded> {
        F::encode(target, rows)
    }

    async fn append(&self, guard: &mut SqlxGuard<F>, target: &F::Target, rows: Vec<F::Encoded>) -> Result<()> {
        self.noted(guard.append(target, rows).await)
    }

    fn is_of_document(&self, error: &Error) -> bool {
        F::is_of_document(error)
    }

    async fn close(&self) {
        self.pools.close().await;
    }
}
