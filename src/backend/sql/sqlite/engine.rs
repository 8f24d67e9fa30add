//! SQLite as an [`Engine`].

use std::sync::Arc;

use sea_orm::{Statement, Value, sea_query::ArrayType};

use super::{
    bind::are_large,
    connection::SqliteConnection,
    described, facts,
    group_commit::GroupCommit,
    guard::{ExecutionMode, SqliteGuard},
    pool::SqlitePool,
    prepared_budget, profile, reads, run,
};
use crate::{
    backend::{
        Decoder, Models, Rows,
        admission::nested_acquire,
        sql::{Catalog, ChunkSender, Engine, EngineProfile, WholeInsert, bindable::refuse_unbindable, engine::StatementKind},
    },
    capability::Capabilities,
    context::Access,
    coop::off_thread,
    error::Result,
    limits::Limits,
    row::Row,
    statement_counts::StatementCounts,
    table::Table,
    transaction::{AcquireMode, TxOptions},
};

/// The statement that inserts a row, and the columns that it names by their positions.
pub(crate) struct InsertTarget {
    insert: Arc<str>,
    named: Vec<usize>,
}

pub(crate) struct SqliteEngine {
    pool: Arc<SqlitePool>,
    group: Arc<GroupCommit>,
    profile: EngineProfile,
}

impl SqliteEngine {
    pub(super) fn new(pool: SqlitePool, mut capabilities: Capabilities) -> Self {
        // One connection does one thing at a time, whatever the database could do; and without a log, a commit waits for those
        // who read.
        capabilities.reads_beside_writer &= pool.admission().size() > 1 && pool.settings().writes_ahead();
        let profile = EngineProfile {
            skips_returning: true,
            // A statement for many rows has to be prepared for that many.
            appends_from: Some(2),
            ..profile(capabilities)
        };
        Self { pool: Arc::new(pool), group: Arc::default(), profile }
    }

    /// Whether a commit waits for the disk.
    fn syncs(&self) -> bool {
        self.pool.settings().syncs()
    }

    /// The kind that a statement is run as: a long text takes long to prepare. So do large values to store, which a
    /// transaction cannot begin anew.
    fn kind(guard: &SqliteGuard, statement: &Statement, kind: StatementKind) -> StatementKind {
        let values = || statement.values.as_ref().map_or(&[][..], |values| &values.0);
        match kind {
            StatementKind::Read if statement.sql.len() > prepared_budget::MAX_STATEMENT_LENGTH => StatementKind::Any,
            StatementKind::Insert if guard.in_transaction() && are_large(values()) => StatementKind::Any,
            kind => kind,
        }
    }

    /// Runs a statement, where and how its kind allows.
    async fn run<T: Send + 'static>(
        &self,
        guard: &mut SqliteGuard,
        kind: StatementKind,
        work: impl FnMut(&SqliteConnection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        if guard.is_of_group() {
            return self.group.write(&self.pool, work).await;
        }
        let mode = match kind {
            StatementKind::Read => ExecutionMode::BriefOrAgain,
            StatementKind::Insert if guard.in_transaction() && self.pool.settings().writes_ahead() => ExecutionMode::Brief,
            StatementKind::Insert | StatementKind::OneModel if !guard.in_transaction() => {
                return guard.run_alone(self.syncs(), work).await;
            }
            _ => ExecutionMode::Blocking,
        };
        guard.run_single(mode, work).await
    }
}

impl Engine for SqliteEngine {
    type ConnectionGuard = SqliteGuard;
    type Target = InsertTarget;
    type Encoded = Vec<Value>;

    fn profile(&self) -> &EngineProfile {
        &self.profile
    }

    fn reads(&self, value_type: &ArrayType) -> bool {
        reads(value_type)
    }

    fn check(&self, statement: &Statement) -> Result<()> {
        refuse_unbindable(statement, self.profile.dialect, self.profile.bind_limit)
    }

    fn has_forms(&self, value_type: &ArrayType) -> bool {
        facts::has_forms(value_type)
    }

    async fn catalog(&self, guard: &mut SqliteGuard, table: &Arc<Table>, compares_forms: bool) -> Result<Arc<Catalog>> {
        if guard.is_of_group() {
            // What the statement meets is up to the others.
            let mut other = SqliteGuard::new(self.pool.acquire(Access::Read, AcquireMode::Wait).await?, Access::Read);
            return other.catalog(&self.pool, table, compares_forms).await;
        }
        guard.catalog(&self.pool, table, compares_forms).await
    }

    async fn begin_to_write(&self, guard: &mut SqliteGuard, table: &Arc<Table>) -> Result<()> {
        if guard.is_of_group() {
            return Ok(());
        }
        let table = table.clone();
        guard.run(ExecutionMode::Brief, move |connection| described::begin_to_write(connection, &table)).await
    }

    fn note_foreign_write(&self, guard: &mut SqliteGuard) {
        guard.note_foreign_write();
    }

    async fn missed(&self, guard: &mut SqliteGuard, table: &Arc<Table>) -> Result<()> {
        if described::uuid_id(table).is_none() {
            return Ok(());
        }
        let table = table.clone();
        let refuse = move |connection: &SqliteConnection| described::refuse_text_ids(connection, &table);
        if guard.is_of_group() {
            let mut other = SqliteGuard::new(self.pool.acquire(Access::Read, AcquireMode::Wait).await?, Access::Read);
            return other.run(ExecutionMode::BriefOrAgain, refuse).await;
        }
        guard.run(ExecutionMode::BriefOrAgain, refuse).await
    }

    async fn acquire(&self, access: Access, mode: AcquireMode, kind: StatementKind) -> Result<SqliteGuard> {
        if mode == AcquireMode::NoWait && !self.profile.capabilities.reads_beside_writer {
            return Err(nested_acquire());
        }
        let is_single_write = access == Access::Write && matches!(kind, StatementKind::Insert | StatementKind::OneModel);
        if is_single_write && mode == AcquireMode::Wait && self.syncs() {
            self.pool.check_open()?;
            return Ok(SqliteGuard::of_group());
        }
        Ok(SqliteGuard::new(self.pool.acquire(access, mode).await?, access))
    }

    async fn begin(&self, guard: &mut SqliteGuard, options: &TxOptions, _: &Limits) -> Result<()> {
        guard.begin(options).await
    }

    /// Whatever runs is stopped when its future is dropped.
    async fn limit(&self, _: &mut SqliteGuard, _: &Limits) -> Result<()> {
        Ok(())
    }

    async fn check_location(&self) -> Result<()> {
        let settings = self.pool.settings().clone();
        off_thread(move || settings.look_at_file()).await?
    }

    async fn commit(&self, guard: &mut SqliteGuard) -> Result<()> {
        self.pool.settings().check_file()?;
        guard.end("COMMIT", self.syncs()).await
    }

    async fn rollback(&self, guard: &mut SqliteGuard) -> Result<()> {
        guard.end("ROLLBACK", self.syncs()).await
    }

    async fn command(&self, guard: &mut SqliteGuard, sql: String) -> Result<()> {
        guard.command(sql).await
    }

    async fn execute(&self, guard: &mut SqliteGuard, statement: Statement, kind: StatementKind) -> Result<u64> {
        let kind = Self::kind(guard, &statement, kind);
        self.run(guard, kind, move |connection| run::execute(connection, &statement)).await
    }

    async fn fetch(
        &self,
        guard: &mut SqliteGuard,
        statement: Statement,
        kind: StatementKind,
        decoder: &Arc<dyn Decoder>,
    ) -> Result<Box<dyn Models>> {
        let (real_effort, decoder) = (Self::kind(guard, &statement, kind), decoder.clone());
        let fetch = move |connection: &SqliteConnection| match kind {
            StatementKind::Insert => run::insert_returning(connection, &statement, &decoder),
            StatementKind::OneModel => run::changed(connection, &decoder, || run::fetch(connection, &statement, &decoder)),
            StatementKind::Read | StatementKind::Any | StatementKind::Lasting => run::fetch(connection, &statement, &decoder),
        };
        self.run(guard, real_effort, fetch).await
    }

    async fn insert(
        &self,
        guard: &mut SqliteGuard,
        row: Statement,
        insert: Arc<WholeInsert>,
        decoder: &Arc<dyn Decoder>,
    ) -> Result<Option<Box<dyn Models>>> {
        let (kind, decoder) = (Self::kind(guard, &row, StatementKind::Insert), decoder.clone());
        self.run(guard, kind, move |connection| run::insert(connection, &row, &insert, &decoder)).await
    }

    async fn number(&self, guard: &mut SqliteGuard, statement: Statement) -> Result<i64> {
        let kind = Self::kind(guard, &statement, StatementKind::Read);
        self.run(guard, kind, move |connection| run::number(connection, &statement)).await
    }

    async fn stream(
        &self,
        guard: &mut SqliteGuard,
        statement: Statement,
        decoder: Arc<dyn Decoder>,
        sender: ChunkSender,
    ) -> Result<()> {
        guard.run(ExecutionMode::Blocking, move |connection| run::stream(connection, &statement, &decoder, &sender)).await
    }

    async fn rows(
        &self,
        guard: &mut SqliteGuard,
        statement: Statement,
        types: Option<Vec<ArrayType>>,
        kind: StatementKind,
    ) -> Result<Vec<Row>> {
        let kind = Self::kind(guard, &statement, kind);
        self.run(guard, kind, move |connection| run::rows(connection, &statement, types.as_deref())).await
    }

    async fn can_skip_returning(&self, guard: &mut SqliteGuard, table: &Arc<Table>, _: Arc<WholeInsert>) -> Result<bool> {
        let table = table.clone();
        guard.run(ExecutionMode::Brief, move |connection| described::stores_rows_as_given(connection, &table)).await
    }

    async fn target(&self, _: &mut SqliteGuard, _: &Arc<Table>, named: &[usize], insert: String) -> Result<Option<InsertTarget>> {
        Ok(Some(InsertTarget { insert: insert.into(), named: named.to_vec() }))
    }

    /// The values of the rows, one after another.
    fn encode(target: &InsertTarget, rows: &dyn Rows) -> Result<Vec<Value>> {
        let mut values = Vec::with_capacity(rows.len() * target.named.len());
        for row in 0..rows.len() {
            for column in &target.named {
                values.push(rows.value(row, *column)?);
            }
        }
        Ok(values)
    }

    async fn append(&self, guard: &mut SqliteGuard, target: &InsertTarget, rows: Vec<Vec<Value>>) -> Result<()> {
        let (insert, columns) = (target.insert.clone(), target.named.len());
        let append = move |connection: &SqliteConnection| {
            rows.iter().try_for_each(|values| run::append(connection, &insert, values, columns))
        };
        guard.run(ExecutionMode::Blocking, append).await
    }

    fn statement_counts(&self) -> Option<StatementCounts> {
        Some(self.pool.settings().counts.now())
    }

    async fn close(&self) {
        self.pool.close().await;
    }
}
