//! sqlx on SQLite.

use std::hint::black_box;

use async_trait::async_trait;
use sqlx::{
    AssertSqlSafe, ConnectOptions, Sqlite, SqlitePool,
    query::Query,
    sqlite::{SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::{INSERT, UPDATE};
use crate::{
    Result,
    client::Client,
    groups::{Group, GroupBy},
    missing,
    place::{Engine, Place},
    record::Model,
    sqlx_line::{self, Line},
};

const ROWS_A_STATEMENT: usize = 1000;

struct SqlxClient {
    pool: SqlitePool,
}

pub async fn open(place: &Place) -> Result<Box<dyn Client>> {
    let synchronous = if place.synchronous() == "FULL" { SqliteSynchronous::Full } else { SqliteSynchronous::Normal };
    let connect = SqliteConnectOptions::new().filename(place.file()).journal_mode(SqliteJournalMode::Wal);
    let connect = connect.synchronous(synchronous).foreign_keys(true).disable_statement_logging();
    let pool = SqlitePoolOptions::new().max_connections(10).test_before_acquire(false).connect_with(connect).await?;
    Ok(Box::new(SqlxClient { pool }))
}

fn bind<'q>(query: Query<'q, Sqlite, SqliteArguments>, record: &Model) -> Query<'q, Sqlite, SqliteArguments> {
    let query = query.bind(record.log_id).bind(record.timestamp).bind(record.source_id.clone());
    query.bind(record.raw_text.clone()).bind(record.ingestion_time).bind(record.config_version)
}

#[async_trait]
impl Client for SqlxClient {
    async fn another(&mut self) -> Result<Box<dyn Client>> {
        Ok(Box::new(Self { pool: self.pool.clone() }))
    }

    async fn create_batch(&mut self, records: &[Model]) -> Result<()> {
        let mut transaction = self.pool.begin().await?;
        for records in records.chunks(ROWS_A_STATEMENT) {
            let sql = format!("{INSERT}{}", ", (?, ?, ?, ?, ?, ?)".repeat(records.len() - 1));
            let query = records.iter().fold(sqlx::query(AssertSqlSafe(sql)), bind);
            query.execute(&mut *transaction).await?;
        }
        Ok(transaction.commit().await?)
    }

    async fn create_each(&mut self, records: &[Model]) -> Result<()> {
        for record in records {
            bind(sqlx::query(INSERT), record).execute(&self.pool).await?;
        }
        Ok(())
    }

    async fn find_each(&mut self, records: &[Model]) -> Result<Model> {
        let mut last = None;
        for record in records {
            let select = sqlx::query_as::<_, Line>("SELECT * FROM raw_logs WHERE log_id = ?").bind(record.log_id);
            last = black_box(select.fetch_optional(&self.pool).await?);
        }
        last.map(|Line(model)| model).ok_or_else(missing)
    }

    async fn update_batch(&mut self, records: &[Model]) -> Result<()> {
        let mut transaction = self.pool.begin().await?;
        for record in records {
            bind(sqlx::query(UPDATE), record).execute(&mut *transaction).await?;
        }
        Ok(transaction.commit().await?)
    }

    async fn scan(&mut self) -> Result<(usize, Model)> {
        let mut lines: Vec<Line> =
            black_box(sqlx::query_as("SELECT * FROM raw_logs ORDER BY log_id").fetch_all(&self.pool).await?);
        let Line(last) = lines.pop().ok_or_else(missing)?;
        Ok((lines.len() + 1, last))
    }

    async fn group(&mut self, by: GroupBy) -> Result<Vec<Group>> {
        sqlx_line::groups(by, sqlx::query(AssertSqlSafe(by.sql(Engine::Sqlite))).fetch_all(&self.pool).await?)
    }

    async fn close(&mut self) -> Result<()> {
        self.pool.close().await;
        Ok(())
    }
}
