//! An [`Engine`] on a pool of sqlx.

use std::{sync::Arc, time::Duration};

use futures_util::StreamExt;
use sea_orm::{FromQueryResult, QueryResult, Statement, Value, sea_query::ArrayType};
use sqlx::{Connection as _, Pool, pool::PoolConnection};
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::{
    decode,
    error::classify,
    flavor::{Connection, Flavor},
    lease::Lease,
};
use crate::{
    backend::sql::{Engine, Sink, engine::nested_acquire},
    capability::Capabilities,
    clock::within,
    context::{Access, Patience},
    dialect::Dialect,
    entity::{Storable, unreadable},
    error::{Error, ErrorKind, Result},
    row::Row,
    stream::CHUNK,
    transaction::TxOptions,
};

pub(crate) struct SqlxEngine<F: Flavor> {
    pool: Pool<F::Db>,
    capabilities: Capabilities,
    acquire_timeout: Duration,
    /// Whose turn it is to write, where only one can. Waiting here is fair and holds no connection.
    writer: Arc<Mutex<()>>,
    /// Keeps a database in memory alive while the pool has no connection.
    anchor: std::sync::Mutex<Option<Connection<F>>>,
}

impl<F: Flavor> SqlxEngine<F> {
    pub(crate) fn new(pool: Pool<F::Db>, mut capabilities: Capabilities, anchor: Option<Connection<F>>) -> Self {
        let acquire_timeout = pool.options().get_acquire_timeout();
        // One connection does one thing at a time, whatever the database could do.
        let several = pool.options().get_max_connections() > 1;
        capabilities.reads_beside_writer &= several;
        capabilities.concurrent_writers &= several;
        Self { pool, capabilities, acquire_timeout, writer: Arc::default(), anchor: std::sync::Mutex::new(anchor) }
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
        self.pool.acquire().await.map_err(classify::<F>)
    }
}

impl<F: Flavor> Engine for SqlxEngine<F> {
    type Lease = Lease<F>;

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
        refuse_unbindable::<F>(statement)
    }

    async fn acquire(&self, access: Access, patience: Patience) -> Result<Lease<F>> {
        if self.pool.is_closed() {
            return Err(Error::new(ErrorKind::Closed, ""));
        }
        let turn = self.turn(access, patience).await?;
        Ok(Lease::new(self.connection(patience).await?, turn))
    }

    async fn begin(&self, lease: &mut Lease<F>, options: &TxOptions) -> Result<()> {
        lease.begin(F::begin(options), F::after(options)).await
    }

    async fn commit(&self, lease: &mut Lease<F>) -> Result<()> {
        lease.end("COMMIT").await
    }

    async fn rollback(&self, lease: &mut Lease<F>) -> Result<()> {
        lease.end("ROLLBACK").await
    }

    async fn command(&self, lease: &mut Lease<F>, sql: String) -> Result<()> {
        lease.run(sql).await
    }

    async fn execute(&self, lease: &mut Lease<F>, statement: Statement) -> Result<u64> {
        F::execute(lease.connection()?, statement).await.map_err(classify::<F>)
    }

    async fn fetch<E: Storable>(&self, lease: &mut Lease<F>, statement: Statement) -> Result<Vec<E::Model>> {
        let rows = F::fetch(lease.connection()?, statement).await.map_err(classify::<F>)?;
        models::<E>(&rows)
    }

    async fn number(&self, lease: &mut Lease<F>, statement: Statement) -> Result<i64> {
        let rows = F::fetch(lease.connection()?, statement).await.map_err(classify::<F>)?;
        let missing = || Error::new(ErrorKind::Internal, "the engine returned no number");
        rows.first().ok_or_else(missing)?.try_get_by_index(0).map_err(unreadable)
    }

    async fn stream<E: Storable>(&self, lease: &mut Lease<F>, statement: Statement, sink: Sink<E::Model>) -> Result<()> {
        if let Some((declare, fetch)) = F::cursor(&statement, CHUNK) {
            lease.begin(vec!["BEGIN READ ONLY".to_owned()], None).await?;
            F::execute(lease.connection()?, declare).await.map_err(classify::<F>)?;
            loop {
                let rows = F::fetch_afresh(lease.connection()?, fetch.clone()).await.map_err(classify::<F>)?;
                if rows.is_empty() {
                    return lease.end("COMMIT").await;
                }
                sink.send(models::<E>(&rows)?).await?;
            }
        }
        let mut parts = F::stream(lease.connection()?, statement).ready_chunks(CHUNK);
        while let Some(part) = parts.next().await {
            let rows = part.into_iter().collect::<sqlx::Result<Vec<_>>>().map_err(classify::<F>)?;
            sink.send(models::<E>(&rows)?).await?;
        }
        Ok(())
    }

    async fn rows(&self, lease: &mut Lease<F>, statement: Statement, types: Option<Vec<ArrayType>>) -> Result<Vec<Row>> {
        let rows = F::fetch(lease.connection()?, statement).await.map_err(classify::<F>)?;
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
            let values = value_types.iter().enumerate().map(|(at, wanted)| decode::value(row, at, wanted));
            answer.push(Row { names: names.clone(), values: values.collect::<Result<_>>()? });
        }
        Ok(answer)
    }

    fn upserts(&self) -> bool {
        F::UPSERTS
    }

    async fn close(&self) {
        self.pool.close().await;
        let anchor = self.anchor.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(anchor) = anchor
            && let Err(error) = anchor.close().await
        {
            tracing::warn!(%error, "the last connection could not be closed in order");
        }
    }
}

fn models<E: Storable>(rows: &[QueryResult]) -> Result<Vec<E::Model>> {
    rows.iter().map(|row| E::Model::from_query_result(row, "").map_err(unreadable)).collect()
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

/// Refuses more values than a statement can carry, and values that the binding to sqlx would panic on. On Postgres there are none of
/// those.
fn refuse_unbindable<F: Flavor>(statement: &Statement) -> Result<()> {
    let mut values = statement.values.iter().flat_map(|values| &values.0);
    if statement.values.as_ref().is_some_and(|values| values.0.len() > F::BIND_LIMIT) {
        return Err(Error::new(ErrorKind::InvalidInput, "more values than one statement can carry"));
    }
    match values.find(|value| !is_bindable::<F>(value)) {
        None => Ok(()),
        Some(Value::BigUnsigned(_)) => Err(Error::new(ErrorKind::InvalidInput, "an unsigned number above i64::MAX")),
        Some(_) => Err(Error::new(ErrorKind::Unsupported, "a value of a type this backend does not store")),
    }
}

fn is_bindable<F: Flavor>(value: &Value) -> bool {
    if let Value::BigUnsigned(Some(number)) = value {
        return i64::try_from(*number).is_ok();
    }
    if F::DIALECT == Dialect::Postgres {
        return true;
    }
    matches!(
        value,
        Value::Bool(_)
            | Value::TinyInt(_)
            | Value::SmallInt(_)
            | Value::Int(_)
            | Value::BigInt(_)
            | Value::TinyUnsigned(_)
            | Value::SmallUnsigned(_)
            | Value::Unsigned(_)
            | Value::BigUnsigned(_)
            | Value::Float(_)
            | Value::Double(_)
            | Value::String(_)
            | Value::Enum(_)
            | Value::Char(_)
            | Value::Bytes(_)
            | Value::Json(_)
            | Value::Uuid(_)
            | Value::ChronoDate(_)
            | Value::ChronoTime(_)
            | Value::ChronoDateTime(_)
            | Value::ChronoDateTimeUtc(_)
            | Value::ChronoDateTimeLocal(_)
            | Value::ChronoDateTimeWithTimeZone(_)
    )
}
