//! Postgres by hand: tokio-postgres with statements that are prepared once, and COPY in its binary format.

use std::{hint::black_box, pin::pin};

use async_trait::async_trait;
use futures::TryStreamExt;
use tokio_postgres::{NoTls, Row, binary_copy::BinaryCopyInWriter, types::ToSql, types::Type};

use super::{FIND, INSERT, SCAN, UPDATE, UPDATE_ARRAYS};
use crate::{
    Result,
    client::Client,
    groups::{Group, GroupBy},
    missing,
    place::{Engine, Place},
    record::{COLUMNS, Model},
};

struct PostgresLimit {
    place: Place,
    client: tokio_postgres::Client,
}

pub async fn open(place: &Place) -> Result<Box<dyn Client>> {
    let (client, connection) = tokio_postgres::connect(&place.url, NoTls).await?;
    // It ends with the client, and the client's calls say what is wrong with it.
    tokio::spawn(connection);
    Ok(Box::new(PostgresLimit { place: place.clone(), client }))
}

fn values(record: &Model) -> [&(dyn ToSql + Sync); 6] {
    [&record.log_id, &record.timestamp, &record.source_id, &record.raw_text, &record.ingestion_time, &record.config_version]
}

fn decode(row: &Row) -> Result<Model> {
    Ok(Model {
        log_id: row.try_get(0)?,
        timestamp: row.try_get(1)?,
        source_id: row.try_get(2)?,
        raw_text: row.try_get(3)?,
        ingestion_time: row.try_get(4)?,
        config_version: row.try_get(5)?,
    })
}

#[async_trait]
impl Client for PostgresLimit {
    async fn another(&mut self) -> Result<Box<dyn Client>> {
        open(&self.place).await
    }

    async fn create_batch(&mut self, records: &[Model]) -> Result<()> {
        let sink = self.client.copy_in(&format!("COPY raw_logs ({COLUMNS}) FROM STDIN BINARY")).await?;
        let types = [Type::UUID, Type::TIMESTAMPTZ, Type::TEXT, Type::TEXT, Type::TIMESTAMPTZ, Type::INT8];
        let mut writer = pin!(BinaryCopyInWriter::new(sink, &types));
        for record in records {
            writer.as_mut().write(&values(record)).await?;
        }
        writer.finish().await?;
        Ok(())
    }

    async fn create_each(&mut self, records: &[Model]) -> Result<()> {
        let insert = self.client.prepare(INSERT).await?;
        for record in records {
            self.client.execute(&insert, &values(record)).await?;
        }
        Ok(())
    }

    async fn find_each(&mut self, records: &[Model]) -> Result<Model> {
        let select = self.client.prepare(FIND).await?;
        let mut last = None;
        for record in records {
            let row = self.client.query_opt(&select, &[&record.log_id]).await?;
            last = black_box(row.as_ref().map(decode).transpose()?);
        }
        last.ok_or_else(missing)
    }

    async fn update_each(&mut self, records: &[Model]) -> Result<()> {
        let update = self.client.prepare(UPDATE).await?;
        for record in records {
            self.client.execute(&update, &values(record)).await?;
        }
        Ok(())
    }

    async fn update_batch(&mut self, records: &[Model]) -> Result<()> {
        let ids: Vec<_> = records.iter().map(|record| record.log_id).collect();
        let timestamps: Vec<_> = records.iter().map(|record| record.timestamp).collect();
        let sources: Vec<_> = records.iter().map(|record| record.source_id.as_str()).collect();
        let texts: Vec<_> = records.iter().map(|record| record.raw_text.as_str()).collect();
        let times: Vec<_> = records.iter().map(|record| record.ingestion_time).collect();
        let versions: Vec<_> = records.iter().map(|record| record.config_version).collect();
        let values: [&(dyn ToSql + Sync); 6] = [&ids, &timestamps, &sources, &texts, &times, &versions];
        self.client.execute(UPDATE_ARRAYS, &values).await?;
        Ok(())
    }

    async fn group(&mut self, by: GroupBy) -> Result<Vec<Group>> {
        let select = self.client.prepare(&by.sql(Engine::Postgres)).await?;
        let group = |row: &Row| {
            let key = if by == GroupBy::Source { row.try_get(0)? } else { row.try_get::<_, i64>(0)?.to_string() };
            Ok(Group { key, count: row.try_get(1)?, sum: row.try_get(2)?, average: row.try_get(3)? })
        };
        self.client.query(&select, &[]).await?.iter().map(group).collect()
    }

    async fn scan(&mut self) -> Result<(usize, Model)> {
        let mut rows = pin!(self.client.query_raw(SCAN, std::iter::empty::<&(dyn ToSql + Sync)>()).await?);
        let mut models = Vec::new();
        while let Some(row) = rows.try_next().await? {
            models.push(decode(&row)?);
        }
        let mut models = black_box(models);
        Ok((models.len(), models.pop().ok_or_else(missing)?))
    }
}
