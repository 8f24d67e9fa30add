//! DuckDB by hand: columns of Arrow's, in and out.

use std::{collections::HashMap, hint::black_box, sync::Arc};

use async_trait::async_trait;
use chrono::DateTime;
use duckdb::{
    Connection,
    arrow::{
        array::{
            Array, ArrayRef, AsArray, FixedSizeBinaryArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
        },
        datatypes::{DataType, Field, Int64Type, Schema, TimeUnit, TimestampMicrosecondType},
    },
};
use uuid::Uuid;

use super::{SCAN, connect};
use crate::{Result, client::Client, missing, place::Place, record::Model};

/// Four of DuckDB's vectors.
const ROWS_A_BATCH: usize = 8192;

struct DuckDbLimit {
    connection: Connection,
}

pub fn open(place: &Place) -> Result<Box<dyn Client>> {
    Ok(Box::new(DuckDbLimit { connection: connect(place)? }))
}

fn schema() -> Schema {
    let instant = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let uuid = HashMap::from([("ARROW:extension:name".to_owned(), "arrow.uuid".to_owned())]);
    Schema::new(vec![
        Field::new("log_id", DataType::FixedSizeBinary(16), false).with_metadata(uuid),
        Field::new("timestamp", instant.clone(), false),
        Field::new("source_id", DataType::Utf8, false),
        Field::new("raw_text", DataType::Utf8, false),
        Field::new("ingestion_time", instant, false),
        Field::new("config_version", DataType::Int64, false),
    ])
}

fn encode(schema: &Arc<Schema>, records: &[Model]) -> Result<RecordBatch> {
    let times = records.iter().map(|record| record.timestamp.timestamp_micros());
    let ingestion_times = records.iter().map(|record| record.ingestion_time.timestamp_micros());
    let columns: Vec<ArrayRef> = vec![
        Arc::new(FixedSizeBinaryArray::try_from_iter(records.iter().map(|record| record.log_id.into_bytes()))?),
        Arc::new(TimestampMicrosecondArray::from_iter_values(times).with_timezone("UTC")),
        Arc::new(StringArray::from_iter_values(records.iter().map(|record| &record.source_id))),
        Arc::new(StringArray::from_iter_values(records.iter().map(|record| &record.raw_text))),
        Arc::new(TimestampMicrosecondArray::from_iter_values(ingestion_times).with_timezone("UTC")),
        Arc::new(Int64Array::from_iter_values(records.iter().map(|record| record.config_version))),
    ];
    Ok(RecordBatch::try_new(schema.clone(), columns)?)
}

fn decode(batch: &RecordBatch, models: &mut Vec<Model>) -> Result<()> {
    let [ids, times, sources, texts, ingestion_times, versions] = batch.columns() else { return Err(missing()) };
    let ids: &FixedSizeBinaryArray = ids.as_any().downcast_ref().ok_or_else(missing)?;
    let (times, ingestion_times) =
        (times.as_primitive::<TimestampMicrosecondType>(), ingestion_times.as_primitive::<TimestampMicrosecondType>());
    let (sources, texts, versions) = (sources.as_string::<i32>(), texts.as_string::<i32>(), versions.as_primitive::<Int64Type>());
    for row in 0..batch.num_rows() {
        models.push(Model {
            log_id: Uuid::from_slice(ids.value(row))?,
            timestamp: DateTime::from_timestamp_micros(times.value(row)).ok_or_else(missing)?,
            source_id: sources.value(row).to_owned(),
            raw_text: texts.value(row).to_owned(),
            ingestion_time: DateTime::from_timestamp_micros(ingestion_times.value(row)).ok_or_else(missing)?,
            config_version: versions.value(row),
        });
    }
    Ok(())
}

#[async_trait]
impl Client for DuckDbLimit {
    async fn another(&mut self) -> Result<Box<dyn Client>> {
        Ok(Box::new(Self { connection: self.connection.try_clone()? }))
    }

    async fn create_batch(&mut self, records: &[Model]) -> Result<()> {
        self.connection.execute_batch("BEGIN")?;
        let mut appender = self.connection.appender("raw_logs")?;
        let schema = Arc::new(schema());
        for records in records.chunks(ROWS_A_BATCH) {
            appender.append_record_batch(encode(&schema, records)?)?;
        }
        appender.flush()?;
        drop(appender);
        Ok(self.connection.execute_batch("COMMIT")?)
    }

    async fn scan(&mut self) -> Result<(usize, Model)> {
        let mut select = self.connection.prepare(SCAN)?;
        let mut models = Vec::new();
        for batch in select.stream_arrow([])? {
            decode(&batch?, &mut models)?;
        }
        let mut models = black_box(models);
        Ok((models.len(), models.pop().ok_or_else(missing)?))
    }
}
