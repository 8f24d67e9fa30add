//! larder, on any engine, through `Arc<dyn Storage>`.

use std::{hint::black_box, sync::Arc};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use larder::{Aggregate, Aggregation, Cx, Filter, Query, ReaderExt as _, Storage, Store, TimeBucket};
use uuid::Uuid;

use crate::{
    Result,
    client::Client,
    groups::{Group, GroupBy},
    missing,
    place::Place,
    record::{COLUMN, Entity, Model},
};

pub type Records = Arc<dyn Storage<Model, Uuid>>;

struct LarderClient {
    store: Store,
    records: Records,
    streams: bool,
}

/// Scans by `stream`, or by `query`.
pub async fn open(place: &Place, streams: bool) -> Result<Box<dyn Client>> {
    let (store, records) = place.repository::<Entity>().await?;
    Ok(Box::new(LarderClient { store, records, streams }))
}

#[async_trait]
impl Client for LarderClient {
    async fn another(&mut self) -> Result<Box<dyn Client>> {
        Ok(Box::new(Self { store: self.store.clone(), records: self.records.clone(), streams: self.streams }))
    }

    async fn create_batch(&mut self, records: &[Model]) -> Result<()> {
        self.records.create_batch(&Cx::new(), records).await?;
        Ok(())
    }

    async fn create_each(&mut self, records: &[Model]) -> Result<()> {
        for record in records {
            black_box(self.records.create(&Cx::new(), record).await?);
        }
        Ok(())
    }

    async fn find_each(&mut self, records: &[Model]) -> Result<Model> {
        let mut last = None;
        for record in records {
            last = black_box(self.records.find(&Cx::new(), &record.log_id).await?);
        }
        last.ok_or_else(missing)
    }

    async fn update_each(&mut self, records: &[Model]) -> Result<()> {
        for record in records {
            black_box(self.records.update(&Cx::new(), record).await?);
        }
        Ok(())
    }

    async fn update_batch(&mut self, records: &[Model]) -> Result<()> {
        black_box(self.records.update_many(&Cx::new(), records).await?);
        Ok(())
    }

    async fn scan(&mut self) -> Result<(usize, Model)> {
        if !self.streams {
            let mut models = black_box(self.records.query(&Cx::new(), &Query::new()).await?);
            return Ok((models.len(), models.pop().ok_or_else(missing)?));
        }
        let mut stream = self.records.stream(&Cx::new(), &Query::new()).await?;
        let (mut count, mut last) = (0, None);
        while let Some(model) = stream.try_next().await? {
            (count, last) = (count + 1, black_box(Some(model)));
        }
        Ok((count, last.ok_or_else(missing)?))
    }

    async fn group(&mut self, by: GroupBy) -> Result<Vec<Group>> {
        let values = Aggregation::new().and(Aggregate::count()).and(Aggregate::sum(COLUMN.config_version));
        let values = values.and(Aggregate::average(COLUMN.config_version));
        let (cx, all) = (Cx::new(), Filter::all());
        match by {
            GroupBy::Source => {
                let groups = self.records.aggregate_as(&cx, &all, &values.group_by(COLUMN.source_id)).await?;
                Ok(groups.into_iter().map(|(key, count, sum, average)| Group { key, count, sum, average }).collect())
            }
            GroupBy::Hour => {
                let by_hour = values.group_by_time(COLUMN.timestamp, TimeBucket::hours(1));
                let groups: Vec<(DateTime<Utc>, i64, i64, f64)> = self.records.aggregate_as(&cx, &all, &by_hour).await?;
                let key = |time: DateTime<Utc>| time.timestamp().to_string();
                Ok(groups.into_iter().map(|(time, count, sum, average)| Group { key: key(time), count, sum, average }).collect())
            }
        }
    }

    async fn close(&mut self) -> Result<()> {
        self.store.close().await;
        Ok(())
    }
}
