//! DuckDB as an [`Engine`].

use duckdb::Connection;
use sea_orm::{Statement, Value, sea_query::ArrayType};

use super::{
    decode, duplicate,
    error::classify,
    lease::{Lease, Leased},
    pool::Pool,
    run,
};
use crate::{
    backend::sql::Engine,
    capability::Capabilities,
    context::{Access, Patience},
    dialect::Dialect,
    entity::Storable,
    error::Result,
    transaction::{AccessMode, Isolation, TxOptions},
};

pub(crate) struct DuckDbEngine {
    pool: Pool,
    capabilities: Capabilities,
}

impl DuckDbEngine {
    pub(super) fn new(pool: Pool, in_memory: bool) -> Self {
        let several = pool.size() > 1;
        let capabilities = Capabilities {
            durable: !in_memory,
            schema: true,
            check_constraints: true,
            reads_beside_writer: several,
            concurrent_writers: several,
            isolation: &[Isolation::RepeatableRead],
            locking: false,
            savepoints: false,
            referential_actions: false,
            unsigned: true,
            sql: true,
        };
        Self { pool, capabilities }
    }

    /// Runs a statement, in a transaction of its own where it is not inside one. Its answer is complete before it is committed, and so
    /// is not lost to what may go wrong after that.
    async fn run<T: Send + 'static>(
        &self,
        lease: &mut Lease,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let commits_alone = lease.commits_alone();
        let call = move |leased: &mut Leased| {
            if !commits_alone {
                return work(leased.connection()?);
            }
            leased.begin(BEGIN)?;
            match work(leased.connection()?) {
                Ok(answer) => leased.commit().map(|()| answer),
                Err(error) => {
                    if let Err(error) = leased.rollback() {
                        tracing::warn!(%error, "rollback failed, the connection is closed instead");
                    }
                    Err(error)
                }
            }
        };
        lease.call(call).await
    }
}

const BEGIN: &str = "BEGIN TRANSACTION";

impl Engine for DuckDbEngine {
    type Lease = Lease;

    fn dialect(&self) -> Dialect {
        Dialect::DuckDb
    }

    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn reads(&self, value_type: &ArrayType) -> bool {
        decode::reads(value_type)
    }

    /// DuckDB sets no limit; planning a statement takes some forty microseconds a value.
    fn bind_limit(&self) -> usize {
        8_000
    }

    /// Already two rows are faster appended than inserted.
    fn appends_from(&self) -> Option<usize> {
        Some(2)
    }

    async fn acquire(&self, access: Access, patience: Patience) -> Result<Lease> {
        Ok(Lease::new(self.pool.acquire(patience).await?, access))
    }

    async fn begin(&self, lease: &mut Lease, options: &TxOptions) -> Result<()> {
        let begin = match options.access_mode() {
            AccessMode::ReadOnly => "BEGIN TRANSACTION READ ONLY",
            AccessMode::ReadWrite => BEGIN,
        };
        lease.call(move |leased| leased.begin(begin)).await
    }

    async fn commit(&self, lease: &mut Lease) -> Result<()> {
        lease.call_to_its_end(Leased::commit).await
    }

    async fn rollback(&self, lease: &mut Lease) -> Result<()> {
        lease.call_to_its_end(Leased::rollback).await
    }

    async fn command(&self, lease: &mut Lease, sql: String) -> Result<()> {
        lease.call(move |leased| leased.connection()?.execute_batch(&sql).map_err(classify)).await
    }

    async fn execute(&self, lease: &mut Lease, statement: Statement) -> Result<u64> {
        self.run(lease, move |connection| run::execute(connection, statement)).await
    }

    async fn fetch<E: Storable>(&self, lease: &mut Lease, statement: Statement) -> Result<Vec<E::Model>> {
        self.run(lease, move |connection| run::fetch::<E>(connection, statement)).await
    }

    async fn number(&self, lease: &mut Lease, statement: Statement) -> Result<i64> {
        self.run(lease, move |connection| run::number(connection, statement)).await
    }

    async fn append<E: Storable>(&self, lease: &mut Lease, columns: Vec<E::Column>, rows: Vec<Vec<Value>>) -> Result<()> {
        self.run(lease, move |connection| run::append::<E>(connection, &columns, &rows)).await
    }

    async fn violated_by<E: Storable>(&self, rows: Vec<Vec<Value>>) -> Option<String> {
        let instance = self.pool.instance()?;
        let find = move || duplicate::violated::<E>(&instance.connect()?, &rows);
        tokio::task::spawn_blocking(find).await.ok()?.ok()?
    }

    async fn close(&self) {
        self.pool.close().await;
    }
}
