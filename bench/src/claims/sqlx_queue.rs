//! sqlx, with the statement that the engine has for it.

use async_trait::async_trait;
use sqlx::{
    ConnectOptions, PgPool, SqlitePool,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::{Model, Queue, WORKERS, limit_queue};
use crate::{
    Result,
    place::{Engine, Place},
};

type Row = (i64, i32, chrono::DateTime<chrono::Utc>, Option<String>, String);

fn model((id, state, due, worker, payload): Row) -> Model {
    Model { id, state, due, worker, payload }
}

struct PgQueue(PgPool);

struct SqliteQueue(SqlitePool);

pub async fn open(place: &Place) -> Result<Vec<Box<dyn Queue>>> {
    if place.engine == Engine::Postgres {
        let connect = place.url.parse::<PgConnectOptions>()?.disable_statement_logging();
        let pool = PgPoolOptions::new().max_connections(10).test_before_acquire(false).connect_with(connect).await?;
        return Ok((0..WORKERS).map(|_| Box::new(PgQueue(pool.clone())) as Box<dyn Queue>).collect());
    }
    let connect = SqliteConnectOptions::new().filename(place.file()).journal_mode(SqliteJournalMode::Wal);
    let connect = connect.synchronous(SqliteSynchronous::Normal).foreign_keys(true).disable_statement_logging();
    let pool = SqlitePoolOptions::new().max_connections(10).test_before_acquire(false).connect_with(connect).await?;
    Ok((0..WORKERS).map(|_| Box::new(SqliteQueue(pool.clone())) as Box<dyn Queue>).collect())
}

#[async_trait]
impl Queue for PgQueue {
    async fn claim(&mut self, worker: &str) -> Result<Option<Model>> {
        let claim = sqlx::query_as::<_, Row>(limit_queue::POSTGRES).bind(worker);
        Ok(claim.fetch_optional(&self.0).await?.map(model))
    }
}

#[async_trait]
impl Queue for SqliteQueue {
    async fn claim(&mut self, worker: &str) -> Result<Option<Model>> {
        let claim = sqlx::query_as::<_, Row>(limit_queue::SQLITE).bind(worker);
        Ok(claim.fetch_optional(&self.0).await?.map(model))
    }
}
