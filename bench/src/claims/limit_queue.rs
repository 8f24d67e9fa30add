//! By hand: one statement that is prepared once, a connection for each worker.

use async_trait::async_trait;
use chrono::DateTime;
use rusqlite::Connection;
use tokio_postgres::{Client, NoTls, Statement};

use super::{COLUMNS, Model, Queue, WORKERS};
use crate::{
    Result,
    place::{Engine, Place},
    sqlite,
};

/// Rows that others have locked are passed over.
pub const POSTGRES: &str = "WITH next AS (SELECT id FROM bench_job WHERE state = 0 ORDER BY due, id LIMIT 1 FOR UPDATE SKIP LOCKED) \
     UPDATE bench_job SET state = 1, worker = $1 FROM next WHERE bench_job.id = next.id \
     RETURNING bench_job.id, state, due, worker, payload";

pub const SQLITE: &str = "UPDATE bench_job SET state = 1, worker = ? \
     WHERE id = (SELECT id FROM bench_job WHERE state = 0 ORDER BY due, id LIMIT 1) RETURNING id, state, due, worker, payload";

struct TokioPostgresQueue {
    client: Client,
    claim: Statement,
}

struct RusqliteQueue(Connection);

pub async fn open(place: &Place) -> Result<Vec<Box<dyn Queue>>> {
    debug_assert!(SQLITE.ends_with(COLUMNS));
    let mut queues: Vec<Box<dyn Queue>> = Vec::new();
    for _ in 0..WORKERS {
        if place.engine == Engine::Sqlite {
            queues.push(Box::new(RusqliteQueue(sqlite::limit::connect(place)?)));
            continue;
        }
        let (client, connection) = tokio_postgres::connect(&place.url, NoTls).await?;
        // It ends with the client, and the client's calls say what is wrong with it.
        tokio::spawn(connection);
        let claim = client.prepare(POSTGRES).await?;
        queues.push(Box::new(TokioPostgresQueue { client, claim }));
    }
    Ok(queues)
}

#[async_trait]
impl Queue for TokioPostgresQueue {
    async fn claim(&mut self, worker: &str) -> Result<Option<Model>> {
        let Some(row) = self.client.query_opt(&self.claim, &[&worker]).await? else { return Ok(None) };
        let (id, state, due) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        Ok(Some(Model { id, state, due, worker: row.try_get(3)?, payload: row.try_get(4)? }))
    }
}

#[async_trait]
impl Queue for RusqliteQueue {
    async fn claim(&mut self, worker: &str) -> Result<Option<Model>> {
        let mut claim = self.0.prepare_cached(SQLITE)?;
        let mut rows = claim.query([worker])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let due = DateTime::parse_from_rfc3339(row.get_ref(2)?.as_str()?)?.to_utc();
        let model = Model { id: row.get(0)?, state: row.get(1)?, due, worker: row.get(3)?, payload: row.get(4)? };
        // A statement that answers rows ends when they have been read.
        while rows.next()?.is_some() {}
        Ok(Some(model))
    }
}
