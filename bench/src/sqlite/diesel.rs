//! Diesel on SQLite. It writes times in its own way, and has a file of its own.

use std::hint::black_box;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::{connection::SimpleConnection, prelude::*};
use uuid::Uuid;

use crate::{Result, client::Client, missing, place::Place, record::Model};

const ROWS_A_STATEMENT: usize = 1000;

diesel::table! {
    raw_logs (log_id) {
        log_id -> Binary,
        timestamp -> TimestamptzSqlite,
        source_id -> Text,
        raw_text -> Text,
        ingestion_time -> TimestamptzSqlite,
        config_version -> BigInt,
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = raw_logs, check_for_backend(diesel::sqlite::Sqlite))]
struct Stored {
    #[diesel(deserialize_as = Vec<u8>)]
    log_id: Uuid,
    timestamp: DateTime<Utc>,
    source_id: String,
    raw_text: String,
    ingestion_time: DateTime<Utc>,
    config_version: i64,
}

/// Without values that are left to the engine, so that many fit into one statement.
#[derive(Insertable)]
#[diesel(table_name = raw_logs, treat_none_as_default_value = false)]
struct New<'a> {
    log_id: &'a [u8],
    timestamp: DateTime<Utc>,
    source_id: &'a str,
    raw_text: &'a str,
    ingestion_time: DateTime<Utc>,
    config_version: i64,
}

fn new(record: &Model) -> New<'_> {
    New {
        log_id: record.log_id.as_bytes(),
        timestamp: record.timestamp,
        source_id: &record.source_id,
        raw_text: &record.raw_text,
        ingestion_time: record.ingestion_time,
        config_version: record.config_version,
    }
}

impl From<Stored> for Model {
    fn from(stored: Stored) -> Self {
        let Stored { log_id, timestamp, source_id, raw_text, ingestion_time, config_version } = stored;
        Self { log_id, timestamp, source_id, raw_text, ingestion_time, config_version }
    }
}

struct DieselClient {
    place: Place,
    connection: SqliteConnection,
}

pub fn open(place: &Place) -> Result<Box<dyn Client>> {
    let mut connection = SqliteConnection::establish(&place.file().display().to_string())?;
    connection.batch_execute(&format!(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = {}; PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 5000",
        place.synchronous()
    ))?;
    Ok(Box::new(DieselClient { place: place.clone(), connection }))
}

#[async_trait]
impl Client for DieselClient {
    async fn another(&mut self) -> Result<Box<dyn Client>> {
        open(&self.place)
    }

    async fn create_batch(&mut self, records: &[Model]) -> Result<()> {
        self.connection.transaction(|connection| {
            for records in records.chunks(ROWS_A_STATEMENT) {
                let rows: Vec<_> = records.iter().map(new).collect();
                diesel::insert_into(raw_logs::table).values(&rows).execute(connection)?;
            }
            Ok(())
        })
    }

    async fn create_each(&mut self, records: &[Model]) -> Result<()> {
        for record in records {
            diesel::insert_into(raw_logs::table).values(&new(record)).execute(&mut self.connection)?;
        }
        Ok(())
    }

    async fn find_each(&mut self, records: &[Model]) -> Result<Model> {
        let mut last = None;
        for record in records {
            let found = raw_logs::table.find(record.log_id.as_bytes().as_slice()).select(Stored::as_select());
            last = black_box(found.first(&mut self.connection).optional()?);
        }
        last.map(Model::from).ok_or_else(missing)
    }

    async fn scan(&mut self) -> Result<(usize, Model)> {
        let mut stored: Vec<Stored> =
            black_box(raw_logs::table.select(Stored::as_select()).order(raw_logs::log_id).load(&mut self.connection)?);
        Ok((stored.len(), stored.pop().ok_or_else(missing)?.into()))
    }

    fn blocks(&self) -> bool {
        true
    }
}
