//! duckdb-rs row by row: its row appender, and its rows.

use std::hint::black_box;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use duckdb::{
    Connection, Row, params,
    types::{TimeUnit, Value, ValueRef},
};
use uuid::Uuid;

use super::{SCAN, connect};
use crate::{
    Result,
    client::Client,
    groups::{Group, GroupBy},
    missing,
    place::{Engine, Place},
    record::Model,
};

struct DuckDbRows {
    connection: Connection,
}

pub fn open(place: &Place) -> Result<Box<dyn Client>> {
    Ok(Box::new(DuckDbRows { connection: connect(place)? }))
}

fn time(time: DateTime<Utc>) -> Value {
    Value::Timestamp(TimeUnit::Microsecond, time.timestamp_micros())
}

fn decode(row: &Row<'_>) -> Result<Model> {
    let time = |column| match row.get_ref(column)? {
        ValueRef::Timestamp(unit, value) => DateTime::from_timestamp_micros(unit.to_micros(value)).ok_or_else(missing),
        _ => Err(missing()),
    };
    let log_id = match row.get_ref(0)? {
        ValueRef::Blob(bytes) => Uuid::from_slice(bytes)?,
        text => Uuid::try_parse(text.as_str()?)?,
    };
    Ok(Model {
        log_id,
        timestamp: time(1)?,
        source_id: row.get(2)?,
        raw_text: row.get(3)?,
        ingestion_time: time(4)?,
        config_version: row.get(5)?,
    })
}

#[async_trait]
impl Client for DuckDbRows {
    async fn another(&mut self) -> Result<Box<dyn Client>> {
        Ok(Box::new(Self { connection: self.connection.try_clone()? }))
    }

    async fn create_batch(&mut self, records: &[Model]) -> Result<()> {
        self.connection.execute_batch("BEGIN")?;
        let mut appender = self.connection.appender("raw_logs")?;
        for record in records {
            appender.append_row(params![
                record.log_id.to_string(),
                time(record.timestamp),
                record.source_id,
                record.raw_text,
                time(record.ingestion_time),
                record.config_version
            ])?;
        }
        appender.flush()?;
        drop(appender);
        Ok(self.connection.execute_batch("COMMIT")?)
    }

    async fn group(&mut self, by: GroupBy) -> Result<Vec<Group>> {
        let mut select = self.connection.prepare_cached(&by.sql(Engine::DuckDb))?;
        let group = |row: &Row<'_>| {
            let key = if by == GroupBy::Source { row.get(0)? } else { row.get::<_, i64>(0)?.to_string() };
            Ok(Group { key, count: row.get(1)?, sum: row.get(2)?, average: row.get(3)? })
        };
        Ok(select.query_map([], group)?.collect::<duckdb::Result<_>>()?)
    }

    async fn scan(&mut self) -> Result<(usize, Model)> {
        let mut select = self.connection.prepare(SCAN)?;
        let mut rows = select.query([])?;
        let mut models = Vec::new();
        while let Some(row) = rows.next()? {
            models.push(decode(row)?);
        }
        let mut models = black_box(models);
        Ok((models.len(), models.pop().ok_or_else(missing)?))
    }
}
