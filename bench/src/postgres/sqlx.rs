//! sqlx on Postgres.

use std::hint::black_box;

use async_trait::async_trait;
use sqlx::{
    AssertSqlSafe, ConnectOptions, PgPool, Postgres,
    postgres::{PgArguments, PgConnectOptions, PgPoolOptions},
    query::Query,
};

use super::{FIND, INSERT, SCAN, UPDATE, UPDATE_ARRAYS};
use crate::{
    Result,
    client::Client,
    groups::{Group, GroupBy},
    missing,
    place::{Engine, Place},
    record::Model,
    sqlx_line::{self, Line},
};

const ROWS_A_STATEMENT: usize = 5000;
/// The way to insert many rows that sqlx's documentation recommends: an array for each column.
const INSERT_ARRAYS: &str = "INSERT INTO raw_logs (log_id, timestamp, source_id, raw_text, ingestion_time, config_version) \
    SELECT * FROM UNNEST($1::UUID[], $2::TIMESTAMPTZ[], $3::TEXT[], $4::TEXT[], $5::TIMESTAMPTZ[], $6::BIGINT[])";

struct SqlxClient {
    pool: PgPool,
}

pub async fn open(place: &Place) -> Result<Box<dyn Client>> {
    let connect = place.url.parse::<PgConnectOptions>()?.disable_statement_logging();
    let pool = PgPoolOptions::new().max_connections(10).test_before_acquire(false).connect_with(connect).await?;
    Ok(Box::new(SqlxClient { pool }))
}

fn bind<'q>(query: Query<'q, Postgres, PgArguments>, record: &'q Model) -> Query<'q, Postgres, PgArguments> {
    let query = query.bind(record.log_id).bind(record.timestamp).bind(&record.source_id);
    query.bind(&record.raw_text).bind(record.ingestion_time).bind(record.config_version)
}

fn bind_arrays<'q>(query: Query<'q, Postgres, PgArguments>, records: &'q [Model]) -> Query<'q, Postgres, PgArguments> {
    query
        .bind(records.iter().map(|record| record.log_id).collect::<Vec<_>>())
        .bind(records.iter().map(|record| record.timestamp).collect::<Vec<_>>())
        .bind(records.iter().map(|record| record.source_id.as_str()).collect::<Vec<_>>())
        .bind(records.iter().map(|record| record.raw_text.as_str()).collect::<Vec<_>>())
        .bind(records.iter().map(|record| record.ingestion_time).collect::<Vec<_>>())
        .bind(records.iter().map(|record| record.config_version).collect::<Vec<_>>())
}

#[async_trait]
impl Client for SqlxClient {
    async fn another(&mut self) -> Result<Box<dyn Client>> {
        Ok(Box::new(Self { pool: self.pool.clone() }))
    }

    async fn create_batch(&mut self, records: &[Model]) -> Result<()> {
        let mut transaction = self.pool.begin().await?;
        for records in records.chunks(ROWS_A_STATEMENT) {
            bind_arrays(sqlx::query(INSERT_ARRAYS), records).execute(&mut *transaction).await?;
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
            let select = sqlx::query_as::<_, Line>(FIND).bind(record.log_id);
            last = black_box(select.fetch_optional(&self.pool).await?);
        }
        last.map(|Line(model)| model).ok_or_else(missing)
    }

    async fn update_each(&mut self, records: &[Model]) -> Result<()> {
        for record in records {
            bind(sqlx::query(UPDATE), record).execute(&self.pool).await?;
        }
        Ok(())
    }

    async fn update_batch(&mut self, records: &[Model]) -> Result<()> {
        let mut transaction = self.pool.begin().await?;
        for records in records.chunks(ROWS_A_STATEMENT) {
            bind_arrays(sqlx::query(UPDATE_ARRAYS), records).execute(&mut *transaction).await?;
        }
        Ok(transaction.commit().await?)
    }

    async fn scan(&mut self) -> Result<(usize, Model)> {
        let mut lines: Vec<Line> = black_box(sqlx::query_as(SCAN).fetch_all(&self.pool).await?);
        let Line(last) = lines.pop().ok_or_else(missing)?;
        Ok((lines.len() + 1, last))
    }

    async fn group(&mut self, by: GroupBy) -> Result<Vec<Group>> {
        sqlx_line::groups(by, sqlx::query(AssertSqlSafe(by.sql(Engine::Postgres))).fetch_all(&self.pool).await?)
    }

    async fn close(&mut self) -> Result<()> {
        self.pool.close().await;
        Ok(())
    }
}
