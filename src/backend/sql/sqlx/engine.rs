//! An [`Engine`] on a pool of sqlx.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, TryStreamExt, future::join};
use sea_orm::{QueryResult, Statement, sea_query::ArrayType};
use sqlx::{Pool, pool::PoolConnection};
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::{
    decode::{self, Models},
    error::classify,
    flavor::Flavor,
    lease::{CLEANING, Lease},
};
use crate::{
    backend::sql::{
        Engine, Sink,
        bindable::refuse_unbindable,
        engine::{Effort, Rows, nested_acquire},
    },
    capability::Capabilities,
    clock::within,
    context::{Access, Patience},
    dialect::Dialect,
    entity::{Storable, unreadable},
    error::{Error, ErrorKind, Result},
    limits::Limits,
    row::Row,
    stream::CHUNK,
    transaction::TxOptions,
};

const NO_ANSWER: &str = "no answer to a rollback";

/// How long a server is asked why it lets nobody in.
const ASKING: Duration = Duration::from_secs(1);

pub(crate) struct SqlxEngine<F: Flavor> {
    pool: Pool<F::Db>,
    capabilities: Capabilities,
    acquire_timeout: Duration,
    /// Whose turn it is to write, where only one can. Waiting here is fair and holds no connection.
    writer: Arc<Mutex<()>>,
}

impl<F: Flavor> SqlxEngine<F> {
    pub(crate) fn new(pool: Pool<F::Db>, mut capabilities: Capabilities) -> Self {
        let acquire_timeout = pool.options().get_acquire_timeout();
        // One connection does one thing at a time, whatever the database could do.
        let several = pool.options().get_max_connections() > 1;
        capabilities.reads_beside_writer &= several;
        capabilities.concurrent_writers &= several;
        Self { pool, capabilities, acquire_timeout, writer: Arc::default() }
    }

    async fn turn(&self, access: Access, patience: Patience) -> Result<Option<OwnedMutexGuard<()>>> {
        match (access == Access::Write && !self.capabilities.concurrent_writers, patience) {
            (false, _) => Ok(None),
            (true, Patience::None) => self.writer.clone().try_lock_owned().map(Some).map_err(|_| nested_acquire()),
            (true, Patience::Timeout) => {
                let turn = self.writer.clone().lock_owned();
                within(self.acquire_timeout, turn, ErrorKind::PoolTimeout, "another transaction kept writing").await.map(Some)
            }
        }
    }

    async fn connection(&self, patience: Patience) -> Result<PoolConnection<F::Db>> {
        if patience == Patience::None {
            if !self.capabilities.reads_beside_writer {
                return Err(nested_acquire());
            }
            let is_full = self.pool.size() >= self.pool.options().get_max_connections();
            match self.pool.try_acquire() {
                Some(connection) => return Ok(connection),
                None if is_full => return Err(nested_acquire()),
                None => {}
            }
        }
        match self.pool.acquire().await {
            // The pool knows why none could be made, and does not tell.
            Err(sqlx::Error::PoolTimedOut) if self.pool.size() < self.pool.options().get_max_connections() => {
                let refused = within(ASKING, F::refusal(&self.pool), ErrorKind::PoolTimeout, "").await;
                Err(classify::<F>(refused.ok().flatten().unwrap_or(sqlx::Error::PoolTimedOut)))
            }
            acquired => acquired.map_err(classify::<F>),
        }
    }
}

impl<F: Flavor> Engine for SqlxEngine<F> {
    type Lease = Lease<F>;
    type Target = F::Target;
    type Encoded = F::Encoded;

    fn dialect(&self) -> Dialect {
        F::DIALECT
    }

    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn reads(&self, value_type: &ArrayType) -> bool {
        F::reads(value_type)
    }

    fn bind_limit(&self) -> usize {
        F::BIND_LIMIT
    }

    fn check(&self, statement: &Statement) -> Result<()> {
        refuse_unbindable(statement, F::DIALECT, F::BIND_LIMIT)
    }

    async fn acquire(&self, access: Access, patience: Patience, _: Effort) -> Result<Lease<F>> {
        if self.pool.is_closed() {
            return Err(Error::new(ErrorKind::Closed, ""));
        }
        let turn = self.turn(access, patience).await?;
        Ok(Lease::new(self.connection(patience).await?, turn))
    }

    async fn begin(&self, lease: &mut Lease<F>, options: &TxOptions, limits: &Limits) -> Result<()> {
        lease.begin(F::begin(options, limits.remaining()), options).await?;
        self.limit(lease, limits).await
    }

    async fn limit(&self, lease: &mut Lease<F>, limits: &Limits) -> Result<()> {
        if limits.are_none() { Ok(()) } else { lease.can_be_stopped(&self.pool).await }
    }

    async fn commit(&self, lease: &mut Lease<F>) -> Result<()> {
        lease.end("COMMIT").await
    }

    async fn rollback(&self, lease: &mut Lease<F>) -> Result<()> {
        // A server that does not answer is not waited for: the connection is closed.
        within(CLEANING, lease.end("ROLLBACK"), ErrorKind::Connection, NO_ANSWER).await?
    }

    async fn command(&self, lease: &mut Lease<F>, sql: String) -> Result<()> {
        lease.run(sql).await
    }

    async fn undo(&self, lease: &mut Lease<F>, sql: String) -> Result<()> {
        within(CLEANING, lease.run(sql), ErrorKind::Connection, NO_ANSWER).await?
    }

    async fn execute(&self, lease: &mut Lease<F>, statement: Statement, _: Effort) -> Result<u64> {
        let changed = F::execute(lease.connection()?, statement).await;
        lease.answered(changed)
    }

    async fn fetch<E: Storable>(&self, lease: &mut Lease<F>, statement: Statement, _: Effort) -> Result<Vec<E::Model>> {
        // Each is read while the next are on their way.
        let mut rows = F::stream(lease.connection()?, statement);
        let (mut reader, mut models) = (Models::<E, F>::new(), Vec::new());
        let read = loop {
            match rows.try_next().await {
                Ok(Some(row)) => models.push(reader.read(&row)?),
                Ok(None) => break Ok(models),
                Err(error) => break Err(error),
            }
        };
        drop(rows);
        lease.answered(read)
    }

    async fn number(&self, lease: &mut Lease<F>, statement: Statement) -> Result<i64> {
        let rows = F::fetch(lease.connection()?, statement).await;
        let rows = lease.answered(rows)?;
        let missing = || Error::new(ErrorKind::Internal, "the engine returned no number");
        rows.first().ok_or_else(missing)?.try_get_by_index(0).map_err(unreadable)
    }

    async fn stream<E: Storable>(&self, lease: &mut Lease<F>, statement: Statement, sink: Sink<E::Model>) -> Result<()> {
        let mut reader = Models::<E, F>::new();
        if let Some((declare, fetch)) = F::cursor(&statement, CHUNK) {
            lease.begin(vec!["BEGIN READ ONLY".to_owned()], &TxOptions::new().read_only()).await?;
            F::execute(lease.connection()?, declare).await.map_err(classify::<F>)?;
            let rows = F::fetch_afresh(lease.connection()?, fetch.clone()).await;
            let mut rows = lease.answered(rows)?;
            while !rows.is_empty() {
                // Each part is read and taken while the server looks for the next.
                let next = F::fetch_afresh(lease.connection()?, fetch.clone());
                let read = async { sink.send(rows.iter().map(|row| reader.read(row)).collect::<Result<_>>()?).await };
                let (next, taken) = join(next, read).await;
                let next = lease.answered(next);
                taken?;
                rows = next?;
            }
            return lease.end("COMMIT").await;
        }
        let mut parts = F::stream(lease.connection()?, statement).ready_chunks(CHUNK);
        while let Some(part) = parts.next().await {
            let rows = part.into_iter().map(|row| reader.read(&row.map_err(classify::<F>)?));
            sink.send(rows.collect::<Result<_>>()?).await?;
        }
        drop(parts);
        lease.answered(Ok(()))
    }

    async fn rows(
        &self,
        lease: &mut Lease<F>,
        statement: Statement,
        types: Option<Vec<ArrayType>>,
        _: Effort,
    ) -> Result<Vec<Row>> {
        let rows = F::fetch(lease.connection()?, statement).await;
        let rows = lease.answered(rows)?;
        let mut names: Arc<[String]> = Arc::new([]);
        let mut answer = Vec::with_capacity(rows.len());
        for row in &rows {
            if names.is_empty() {
                names = row.column_names().into();
            }
            let value_types = match &types {
                Some(types) => types.clone(),
                None => known_types::<F>(row)?,
            };
            let mut values = Vec::with_capacity(value_types.len());
            for (at, wanted) in value_types.iter().enumerate() {
                decode::read(row, at, wanted, &mut |value| {
                    values.push(value);
                    Ok(())
                })?;
            }
            answer.push(Row { names: names.clone(), values });
        }
        Ok(answer)
    }

    fn upserts(&self) -> bool {
        F::UPSERTS
    }

    fn appends_from(&self) -> Option<usize> {
        F::APPENDS_FROM
    }

    /// The server may have made others of the rows.
    fn appends_as_given(&self) -> bool {
        false
    }

    async fn target<E: Storable>(&self, lease: &mut Lease<F>, named: &[usize], _: String) -> Result<Option<F::Target>> {
        let target = F::target::<E>(lease.connection()?, named).await;
        lease.done();
        target
    }

    fn encode(target: &F::Target, rows: &dyn Rows) -> Result<F::Encoded> {
        F::encode(target, rows)
    }

    async fn append(&self, lease: &mut Lease<F>, target: &F::Target, rows: Vec<F::Encoded>) -> Result<()> {
        lease.append(target, rows).await
    }

    async fn close(&self) {
        self.pool.close().await;
    }
}

/// The types of a row's values, as far as they are read.
fn known_types<F: Flavor>(row: &QueryResult) -> Result<Vec<ArrayType>> {
    let known = |(name, value_type): (String, Option<ArrayType>)| {
        value_type.ok_or_else(|| {
            let message = format!("column `{name}` is of a type that is not read; cast it to another");
            Error::new(ErrorKind::Unsupported, message)
        })
    };
    F::types(row).into_iter().map(known).collect()
}
