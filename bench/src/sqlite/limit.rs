//! SQLite by hand: rusqlite on the calling thread, with statements that are prepared once.

use std::hint::black_box;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use rusqlite::{CachedStatement, Connection, Row, params};
use uuid::Uuid;

use super::{INSERT, UPDATE};
use crate::{
    Result,
    client::Client,
    groups::{Group, GroupBy},
    missing,
    place::{Engine, Place},
    record::{COLUMNS, Model},
};

struct SqliteLimit {
    place: Place,
    connection: Connection,
}

pub fn open(place: &Place) -> Result<Box<dyn Client>> {
    Ok(Box::new(SqliteLimit { place: place.clone(), connection: connect(place)? }))
}

pub fn connect(place: &Place) -> Result<Connection> {
    let connection = Connection::open(place.file())?;
    connection.execute_batch(&format!(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = {}; PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 5000",
        place.synchronous()
    ))?;
    Ok(connection)
}

pub fn insert(connection: &Connection) -> Result<CachedStatement<'_>> {
    Ok(connection.prepare_cached(INSERT)?)
}

pub fn execute(insert: &mut CachedStatement<'_>, record: &Model) -> Result<()> {
    insert.execute(params![
        record.log_id.as_bytes().as_slice(),
        record.timestamp.to_rfc3339(),
        record.source_id,
        record.raw_text,
        record.ingestion_time.to_rfc3339(),
        record.config_version
    ])?;
    Ok(())
}

fn decode(row: &Row<'_>) -> Result<Model> {
    let time = |column| -> Result<DateTime<Utc>> { Ok(DateTime::parse_from_rfc3339(row.get_ref(column)?.as_str()?)?.to_utc()) };
    Ok(Model {
        log_id: Uuid::from_slice(row.get_ref(0)?.as_blob()?)?,
        timestamp: time(1)?,
        source_id: row.get(2)?,
        raw_text: row.get(3)?,
        ingestion_time: time(4)?,
        config_version: row.get(5)?,
    })
}

#[async_trait]
impl Client for SqliteLimit {
    async fn another(&mut self) -> Result<Box<dyn Client>> {
        open(&self.place)
    }

    async fn create_batch(&mut self, records: &[Model]) -> Result<()> {
        let transaction = self.connection.transaction()?;
        let mut statement = insert(&transaction)?;
        for record in records {
            execute(&mut statement, record)?;
        }
        drop(statement);
        Ok(transaction.commit()?)
    }

    async fn create_each(&mut self, records: &[Model]) -> Result<()> {
        let mut statement = insert(&self.connection)?;
        records.iter().try_for_each(|record| execute(&mut statement, record))
    }

    async fn find_each(&mut self, records: &[Model]) -> Result<Model> {
        let mut select = self.connection.prepare_cached(&format!("SELECT {COLUMNS} FROM raw_logs WHERE log_id = ?"))?;
        let mut last = None;
        for record in records {
            let mut rows = select.query([record.log_id.as_bytes().as_slice()])?;
            last = black_box(rows.next()?.map(decode).transpose()?);
        }
        last.ok_or_else(missing)
    }

    async fn update_each(&mut self, records: &[Model]) -> Result<()> {
        let mut update = self.connection.prepare_cached(UPDATE)?;
        records.iter().try_for_each(|record| execute(&mut update, record))
    }

    async fn update_batch(&mut self, records: &[Model]) -> Result<()> {
        let transaction = self.connection.transaction()?;
        let mut update = transaction.prepare_cached(UPDATE)?;
        records.iter().try_for_each(|record| execute(&mut update, record))?;
        drop(update);
        Ok(transaction.commit()?)
    }

    async fn group(&mut self, by: GroupBy) -> Result<Vec<Group>> {
        let mut select = self.connection.prepare_cached(&by.sql(Engine::Sqlite))?;
        let group = |row: &Row<'_>| {
            let key = if by == GroupBy::Source { row.get(0)? } else { row.get::<_, i64>(0)?.to_string() };
            Ok(Group { key, count: row.get(1)?, sum: row.get(2)?, average: row.get(3)? })
        };
        Ok(select.query_map([], group)?.collect::<rusqlite::Result<_>>()?)
    }

    async fn scan(&mut self) -> Result<(usize, Model)> {
        let mut select = self.connection.prepare_cached(&format!("SELECT {COLUMNS} FROM raw_logs ORDER BY log_id"))?;
        let mut rows = select.query([])?;
        let mut models = Vec::new();
        while let Some(row) = rows.next()? {
            models.push(decode(row)?);
        }
        let mut models = black_box(models);
        Ok((models.len(), models.pop().ok_or_else(missing)?))
    }
}
