//! SQLite as an [`Engine`].

use std::sync::Arc;

use sea_orm::{Statement, Value, sea_query::ArrayType};

use super::{
    bind::are_large,
    connection::Connection,
    described, facts,
    group::Group,
    lease::{Lease, Pace},
    pool::Pool,
    prepared, profile, reads, run,
};
use crate::{
    backend::{
        Decoder, Models, Rows,
        sql::{
            Catalog, Engine, EngineProfile, Sink, WholeInsert,
            bindable::refuse_unbindable,
            engine::{Effort, nested_acquire},
        },
    },
    capability::Capabilities,
    context::{Access, Patience},
    coop::off_thread,
    error::Result,
    limits::Limits,
    row::Row,
    store::StatementCounts,
    table::Table,
    transaction::TxOptions,
};

/// The statement that inserts a row, and the columns that it names by their positions.
pub(crate) struct Target {
    insert: Arc<str>,
    named: Vec<usize>,
}

pub(crate) struct SqliteEngine {
    pool: Arc<Pool>,
    group: Arc<Group>,
    profile: EngineProfile,
}

impl SqliteEngine {
    pub(super) fn new(pool: Pool, mut capabilities: Capabilities) -> Self {
        // One connection does one thing at a time, whatever the database could do; and without a log, a commit waits for those
        // who read.
        capabilities.reads_beside_writer &= pool.size() > 1 && pool.settings().writes_ahead();
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

    /// The effort that a statement really takes: a long text takes long to prepare. So do large values to store, which a
    /// transaction cannot begin anew.
    fn effort(lease: &Lease, statement: &Statement, effort: Effort) -> Effort {
        let values = || statement.values.as_ref().map_or(&[][..], |values| &values.0);
        match effort {
            Effort::Read if statement.sql.len() > prepared::LONGEST => Effort::Any,
            Effort::Insert if lease.in_transaction() && are_large(values()) => Effort::Any,
            effort => effort,
        }
    }

    /// Runs a statement, where and how its effort allows.
    async fn run<T: Send + 'static>(
        &self,
        lease: &mut Lease,
        effort: Effort,
        work: impl FnMut(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        if lease.is_of_group() {
            return self.group.write(&self.pool, work).await;
        }
        let pace = match effort {
            Effort::Read => Pace::BriefOrAgain,
            Effort::Insert if lease.in_transaction() && self.pool.settings().writes_ahead() => Pace::Brief,
            Effort::Insert | Effort::OneModel if !lease.in_transaction() => return lease.run_alone(self.syncs(), work).await,
            _ => Pace::Blocking,
        };
        lease.run_single(pace, work).await
    }
}

impl Engine for SqliteEngine {
    type Lease = Lease;
    type Target = Target;
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

    async fn catalog(&self, lease: &mut Lease, table: &Arc<Table>, compares_forms: bool) -> Result<Arc<Catalog>> {
        if lease.is_of_group() {
            // What the statement meets is up to the others.
            let mut other = Lease::new(self.pool.acquire(Access::Read, Patience::Timeout).await?, Access::Read);
            return other.catalog(&self.pool, table, compares_forms).await;
        }
        lease.catalog(&self.pool, table, compares_forms).await
    }

    async fn begin_to_write(&self, lease: &mut Lease, table: &Arc<Table>) -> Result<()> {
        if lease.is_of_group() {
            return Ok(());
        }
        let table = table.clone();
        lease.run(Pace::Brief, move |connection| described::begin_to_write(connection, &table)).await
    }

    fn note_foreign_write(&self, lease: &mut Lease) {
        lease.note_foreign_write();
    }

    async fn missed(&self, lease: &mut Lease, table: &Arc<Table>) -> Result<()> {
        if described::uuid_id(table).is_none() {
            return Ok(());
        }
        let table = table.clone();
        let refuse = move |connection: &Connection| described::refuse_text_ids(connection, &table);
        if lease.is_of_group() {
            let mut other = Lease::new(self.pool.acquire(Access::Read, Patience::Timeout).await?, Access::Read);
            return other.run(Pace::BriefOrAgain, refuse).await;
        }
        lease.run(Pace::BriefOrAgain, refuse).await
    }

    async fn acquire(&self, access: Access, patience: Patience, effort: Effort) -> Result<Lease> {
        if patience == Patience::None && !self.profile.capabilities.reads_beside_writer {
            return Err(nested_acquire());
        }
        let is_single_write = access == Access::Write && matches!(effort, Effort::Insert | Effort::OneModel);
        if is_single_write && patience == Patience::Timeout && self.syncs() {
            self.pool.check_open()?;
            return Ok(Lease::of_group());
        }
        Ok(Lease::new(self.pool.acquire(access, patience).await?, access))
    }

    async fn begin(&self, lease: &mut Lease, options: &TxOptions, _: &Limits) -> Result<()> {
        lease.begin(options).await
    }

    /// Whatever runs is stopped when its future is dropped.
    async fn limit(&self, _: &mut Lease, _: &Limits) -> Result<()> {
        Ok(())
    }

    async fn look_at_place(&self) -> Result<()> {
        let settings = self.pool.settings().clone();
        off_thread(move || settings.look_at_file()).await?
    }

    async fn commit(&self, lease: &mut Lease) -> Result<()> {
        self.pool.settings().check_file()?;
        lease.end("COMMIT", self.syncs()).await
    }

    async fn rollback(&self, lease: &mut Lease) -> Result<()> {
        lease.end("ROLLBACK", self.syncs()).await
    }

    async fn command(&self, lease: &mut Lease, sql: String) -> Result<()> {
        lease.command(sql).await
    }

    async fn execute(&self, lease: &mut Lease, statement: Statement, effort: Effort) -> Result<u64> {
        let effort = Self::effort(lease, &statement, effort);
        self.run(lease, effort, move |connection| run::execute(connection, &statement)).await
    }

    async fn fetch(
        &self,
        lease: &mut Lease,
        statement: Statement,
        effort: Effort,
        decoder: &Arc<dyn Decoder>,
    ) -> Result<Box<dyn Models>> {
        let (real_effort, decoder) = (Self::effort(lease, &statement, effort), decoder.clone());
        let fetch = move |connection: &Connection| match effort {
            Effort::Insert => run::insert_returning(connection, &statement, &decoder),
            Effort::OneModel => run::changed(connection, &decoder, || run::fetch(connection, &statement, &decoder)),
            Effort::Read | Effort::Any | Effort::Lasting => run::fetch(connection, &statement, &decoder),
        };
        self.run(lease, real_effort, fetch).await
    }

    async fn insert(
        &self,
        lease: &mut Lease,
        row: Statement,
        insert: Arc<WholeInsert>,
        decoder: &Arc<dyn Decoder>,
    ) -> Result<Option<Box<dyn Models>>> {
        let (effort, decoder) = (Self::effort(lease, &row, Effort::Insert), decoder.clone());
        self.run(lease, effort, move |connection| run::insert(connection, &row, &insert, &decoder)).await
    }

    async fn number(&self, lease: &mut Lease, statement: Statement) -> Result<i64> {
        let effort = Self::effort(lease, &statement, Effort::Read);
        self.run(lease, effort, move |connection| run::number(connection, &statement)).await
    }

    async fn stream(&self, lease: &mut Lease, statement: Statement, decoder: Arc<dyn Decoder>, sink: Sink) -> Result<()> {
        lease.run(Pace::Blocking, move |connection| run::stream(connection, &statement, &decoder, &sink)).await
    }

    async fn rows(
        &self,
        lease: &mut Lease,
        statement: Statement,
        types: Option<Vec<ArrayType>>,
        effort: Effort,
    ) -> Result<Vec<Row>> {
        let effort = Self::effort(lease, &statement, effort);
        self.run(lease, effort, move |connection| run::rows(connection, &statement, types.as_deref())).await
    }

    async fn keeps(&self, lease: &mut Lease, table: &Arc<Table>, _: Arc<WholeInsert>) -> Result<bool> {
        let table = table.clone();
        lease.run(Pace::Brief, move |connection| described::keeps(connection, &table)).await
    }

    async fn target(&self, _: &mut Lease, _: &Arc<Table>, named: &[usize], insert: String) -> Result<Option<Target>> {
        Ok(Some(Target { insert: insert.into(), named: named.to_vec() }))
    }

    /// The values of the rows, one after another.
    fn encode(target: &Target, rows: &dyn Rows) -> Result<Vec<Value>> {
        let mut values = Vec::with_capacity(rows.len() * target.named.len());
        for row in 0..rows.len() {
            for column in &target.named {
                values.push(rows.value(row, *column)?);
            }
        }
        Ok(values)
    }

    async fn append(&self, lease: &mut Lease, target: &Target, rows: Vec<Vec<Value>>) -> Result<()> {
        let (insert, columns) = (target.insert.clone(), target.named.len());
        let append =
            move |connection: &Connection| rows.iter().try_for_each(|values| run::append(connection, &insert, values, columns));
        lease.run(Pace::Blocking, append).await
    }

    fn statement_counts(&self) -> StatementCounts {
        self.pool.settings().counts.now()
    }

    async fn close(&self) {
        self.pool.close().await;
    }
}
