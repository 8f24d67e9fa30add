//! DuckDB as an [`Engine`].

use std::sync::Arc;

use duckdb::{Connection, arrow::record_batch::RecordBatch};
use sea_orm::{Statement, Value, sea_query::ArrayType};

use super::{
    append::{self, AppendTarget},
    catalog,
    catalog_queries::CATALOG,
    checkout::DuckDbCheckout,
    duplicate,
    effect::{self, Effect, effect_of},
    encode,
    error::classify,
    guard::DuckDbGuard,
    pool::DuckDbPool,
    run,
};
use crate::{
    backend::sql::engine::{StatementKind, is_known},
    backend::sql::{Catalog, ChunkSender, Engine, EngineProfile, statement::source_of},
    backend::{Decoder, Models, Rows},
    context::Access,
    dialect::Dialect,
    error::{Error, ErrorKind, Result},
    limits::Limits,
    row::Row,
    table::Table,
    transaction::{AccessMode, AcquireMode, TxOptions},
};

pub(crate) struct DuckDbEngine {
    pool: DuckDbPool,
    profile: EngineProfile,
    /// Whether statements may attach other databases.
    attaches: bool,
}

impl DuckDbEngine {
    pub(super) fn new(pool: DuckDbPool, in_memory: bool, attaches: bool) -> Self {
        let capabilities = super::capabilities(in_memory, pool.admission().size() > 1);
        let profile = EngineProfile {
            // DuckDB sets no limit; planning a statement takes some forty microseconds a value, which the appender does not take.
            bind_limit: 8_000,
            stages: true,
            // Of one row there is nothing to gain.
            appends_from: Some(2),
            // An update that returns something deletes the row and inserts another, which anything that refers to it refuses.
            returns_updates: false,
            asks_for_single_models: true,
            ..EngineProfile::new("duckdb", Dialect::DuckDb, capabilities, CATALOG)
        };
        Self { pool, profile, attaches }
    }

    /// Runs a statement, in a transaction of its own where it is not inside one. Its answer is complete before it is committed,
    /// and so is not lost to what may go wrong after that.
    async fn run<T: Send + 'static>(
        &self,
        guard: &mut DuckDbGuard,
        effect: Effect,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let commits_alone = guard.commits_alone();
        let call = move |checkout: &mut DuckDbCheckout| {
            if !commits_alone {
                return checkout.with_effect(effect, work);
            }
            checkout.begin(BEGIN)?;
            match checkout.with_effect(effect, work) {
                Ok(answer) => checkout.commit().map(|()| answer),
                Err(error) => {
                    if let Err(error) = checkout.rollback() {
                        tracing::warn!(%error, "rollback failed, the connection is closed instead");
                    }
                    Err(error)
                }
            }
        };
        guard.call(call).await
    }
}

const BEGIN: &str = "BEGIN TRANSACTION";

impl Engine for DuckDbEngine {
    type ConnectionGuard = DuckDbGuard;
    type Target = Arc<AppendTarget>;
    type Encoded = RecordBatch;

    fn profile(&self) -> &EngineProfile {
        &self.profile
    }

    fn reads(&self, value_type: &ArrayType) -> bool {
        is_known(value_type)
    }

    fn check(&self, statement: &Statement) -> Result<()> {
        if !self.attaches && effect::attaches(&statement.sql) {
            let message = "a statement that attaches or detaches a database, without `external_access=true` in the URL";
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        Ok(())
    }

    async fn catalog(&self, guard: &mut DuckDbGuard, table: &Arc<Table>, _: bool) -> Result<Arc<Catalog>> {
        if let Some(known) = guard.known_catalog(table.identity) {
            return Ok(known);
        }
        let table = table.clone();
        let lookup = move |checkout: &mut DuckDbCheckout| {
            let changes_of_schema = checkout.changes_of_schema();
            let columns = catalog::columns(checkout.connection()?, &table)?;
            // Of a table that is not there, nothing is known. What cannot be used is refused without failing the transaction.
            let found = catalog::catalog(&table, &columns);
            if let (Ok(found), false) = (&found, columns.is_empty()) {
                checkout.remember(table.identity, found, changes_of_schema);
            }
            Ok(found)
        };
        guard.call(lookup).await?
    }

    async fn acquire(&self, access: Access, mode: AcquireMode, _: StatementKind) -> Result<DuckDbGuard> {
        Ok(DuckDbGuard::new(self.pool.acquire(mode).await?, access))
    }

    async fn begin(&self, guard: &mut DuckDbGuard, options: &TxOptions, _: &Limits) -> Result<()> {
        let begin = match options.access_mode() {
            AccessMode::ReadOnly => "BEGIN TRANSACTION READ ONLY",
            AccessMode::ReadWrite => BEGIN,
        };
        guard.call(move |checkout| checkout.begin(begin)).await
    }

    async fn commit(&self, guard: &mut DuckDbGuard) -> Result<()> {
        guard.call_to_its_end(DuckDbCheckout::commit).await
    }

    /// What another transaction has inserted, nobody sees before it commits.
    async fn claim(&self, guard: &mut DuckDbGuard, key: &str) -> Result<()> {
        guard.claim(key, self.pool.admission().acquire_timeout()).await
    }

    async fn rollback(&self, guard: &mut DuckDbGuard) -> Result<()> {
        guard.call_to_its_end(DuckDbCheckout::rollback).await
    }

    async fn command(&self, guard: &mut DuckDbGuard, sql: String) -> Result<()> {
        guard.call(move |checkout| checkout.connection()?.execute_batch(&sql).map_err(classify)).await
    }

    async fn execute(&self, guard: &mut DuckDbGuard, statement: Statement, kind: StatementKind) -> Result<u64> {
        let effect = effect_of(&statement, kind);
        self.run(guard, effect, move |connection| run::execute(connection, statement)).await
    }

    async fn fetch(
        &self,
        guard: &mut DuckDbGuard,
        statement: Statement,
        kind: StatementKind,
        decoder: &Arc<dyn Decoder>,
    ) -> Result<Box<dyn Models>> {
        let (effect, decoder) = (effect_of(&statement, kind), decoder.clone());
        self.run(guard, effect, move |connection| run::fetch(connection, statement, &decoder)).await
    }

    async fn number(&self, guard: &mut DuckDbGuard, statement: Statement) -> Result<i64> {
        self.run(guard, Effect::Rows, move |connection| run::number(connection, statement)).await
    }

    async fn stream(
        &self,
        guard: &mut DuckDbGuard,
        statement: Statement,
        decoder: Arc<dyn Decoder>,
        sender: ChunkSender,
    ) -> Result<()> {
        guard.call(move |checkout| run::stream(checkout.connection()?, statement, &decoder, &sender)).await
    }

    async fn rows(
        &self,
        guard: &mut DuckDbGuard,
        statement: Statement,
        types: Option<Vec<ArrayType>>,
        kind: StatementKind,
    ) -> Result<Vec<Row>> {
        let effect = effect_of(&statement, kind);
        self.run(guard, effect, move |connection| run::rows(connection, statement, types)).await
    }

    async fn stage(&self, guard: &mut DuckDbGuard, table: &Arc<Table>, columns: &[usize], rows: Vec<Vec<Value>>) -> Result<()> {
        let (table, columns) = (table.clone(), columns.to_vec());
        self.run(guard, Effect::Rows, move |connection| append::stage(connection, &table, &columns, &rows)).await
    }

    async fn unstage(&self, guard: &mut DuckDbGuard, table: &Arc<Table>) -> Result<()> {
        self.command(guard, format!("DROP TABLE temp.{}", source_of(table))).await
    }

    async fn target(
        &self,
        _: &mut DuckDbGuard,
        table: &Arc<Table>,
        named: &[usize],
        _: String,
    ) -> Result<Option<Arc<AppendTarget>>> {
        Ok(Some(Arc::new(AppendTarget::of(table, named))))
    }

    fn encode(target: &Arc<AppendTarget>, rows: &dyn Rows) -> Result<RecordBatch> {
        encode::batch(&target.columns, rows)
    }

    async fn append(&self, guard: &mut DuckDbGuard, target: &Arc<AppendTarget>, rows: Vec<RecordBatch>) -> Result<()> {
        let target = target.clone();
        self.run(guard, Effect::Rows, move |connection| append::append(connection, &target, rows)).await
    }

    async fn violated_by(&self, table: &Arc<Table>, rows: Vec<Vec<Value>>) -> Option<String> {
        let mut guard = self.acquire(Access::Read, AcquireMode::NoWait, StatementKind::Read).await.ok()?;
        let table = table.clone();
        guard.call(move |checkout| duplicate::violated(checkout.connection()?, &table, &rows)).await.ok()?
    }

    async fn close(&self) {
        self.pool.close().await;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{
        super::{instance::Instance, settings::DuckDbSettings},
        *,
    };

    fn engine(place: &str) -> Result<DuckDbEngine> {
        let (path, settings) = DuckDbSettings::parse(&format!("duckdb:{place}?lock_configuration=false"))?;
        let instance = Instance::open(path.as_deref(), settings)?;
        Ok(DuckDbEngine::new(DuckDbPool::new(instance, 4, Duration::from_secs(10)), false, false))
    }

    async fn commands(engine: &DuckDbEngine, commands: &[&str]) -> Result<()> {
        let mut guard = engine.acquire(Access::Read, AcquireMode::Wait, StatementKind::Any).await?;
        for command in commands {
            engine.command(&mut guard, (*command).to_owned()).await?;
        }
        Ok(())
    }

    async fn count(engine: &DuckDbEngine) -> Result<i64> {
        let mut guard = engine.acquire(Access::Read, AcquireMode::Wait, StatementKind::Any).await?;
        let statement = Statement::from_string(Dialect::DuckDb.sea_orm(), "SELECT count(*) FROM t");
        engine.number(&mut guard, statement).await
    }

    async fn insert(engine: &DuckDbEngine) -> Result<u64> {
        let mut guard = engine.acquire(Access::Write, AcquireMode::Wait, StatementKind::Any).await?;
        let statement = Statement::from_string(Dialect::DuckDb.sea_orm(), "INSERT INTO t VALUES (1)");
        engine.execute(&mut guard, statement, StatementKind::Any).await
    }

    /// A commit that took effect is a success, whatever fails after it; and the file is opened again for the next call.
    #[tokio::test]
    async fn a_commit_with_a_complaint_is_a_commit() -> std::result::Result<(), Box<dyn std::error::Error>> {
        let directory = tempfile::tempdir()?;
        let engine = engine(&directory.path().join("a.duckdb").display().to_string())?;
        commands(
            &engine,
            &[
                "CREATE TABLE t (a INTEGER)",
                "SET auto_checkpoint_skip_wal_threshold = 1000000000",
                "SET checkpoint_threshold = '1B'",
                "SET debug_checkpoint_abort = 'before_header_non_fatal'",
            ],
        )
        .await?;
        let before = engine.pool.instance().map(|instance| Arc::downgrade(&instance));
        assert_eq!(insert(&engine).await?, 1);
        assert_eq!(count(&engine).await?, 1);
        // It is another one by now: there was something to complain about.
        assert!(before.is_some_and(|before| before.upgrade().is_none()));
        Ok(())
    }

    /// When the engine gives up in a commit, nobody knows what became of it; the file is opened again for the next call.
    #[tokio::test]
    async fn an_instance_that_is_given_up_is_opened_again() -> std::result::Result<(), Box<dyn std::error::Error>> {
        let directory = tempfile::tempdir()?;
        let place = directory.path().join("a.duckdb").display().to_string();
        let (engine, idle) = (engine(&place)?, engine(&place)?);
        commands(&engine, &["CREATE TABLE t (a INTEGER)", "SET debug_force_commit_failure = true"]).await?;
        assert_eq!(count(&idle).await?, 0);
        let refused = insert(&engine).await;
        assert_eq!(refused.as_ref().map_err(Error::kind), Err(ErrorKind::Contention));
        assert_eq!(count(&engine).await?, 0);

        commands(&engine, &["SET debug_force_commit_revert_failure = true"]).await?;
        let held = engine.acquire(Access::Read, AcquireMode::Wait, StatementKind::Any).await?;
        let lost = insert(&engine).await;
        assert_eq!(lost.as_ref().map_err(Error::kind), Err(ErrorKind::CommitUnknown));
        // Not while somebody holds the old one; that another store keeps it for later does not count.
        assert_eq!(count(&engine).await.as_ref().map_err(Error::kind), Err(ErrorKind::EngineDown));
        drop(held);
        assert_eq!(count(&engine).await?, 0);
        assert_eq!(insert(&engine).await?, 1);
        assert_eq!(count(&idle).await?, 1);
        Ok(())
    }

    /// A call that panics costs its connection, and nobody else anything.
    #[tokio::test]
    async fn a_panic_is_an_error() -> std::result::Result<(), Box<dyn std::error::Error>> {
        let directory = tempfile::tempdir()?;
        let engine = engine(&directory.path().join("a.duckdb").display().to_string())?;
        commands(&engine, &["CREATE TABLE t (a INTEGER)"]).await?;
        for _ in 0..9 {
            let mut guard = engine.acquire(Access::Write, AcquireMode::Wait, StatementKind::Any).await?;
            engine.begin(&mut guard, &TxOptions::new(), &Limits::default()).await?;
            engine.command(&mut guard, "INSERT INTO t VALUES (1)".to_owned()).await?;
            let panicked = guard.call(|_| -> Result<()> { std::panic::resume_unwind(Box::new(())) }).await;
            assert_eq!(panicked.as_ref().map_err(Error::kind), Err(ErrorKind::Internal));
            assert!(engine.commit(&mut guard).await.is_err());
        }
        assert_eq!(insert(&engine).await?, 1);
        assert_eq!(count(&engine).await?, 1);
        Ok(())
    }
}
