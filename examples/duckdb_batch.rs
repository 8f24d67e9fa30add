//! How long `create_batch` takes on DuckDB, beside a loop that is written by hand on DuckDB's own Arrow appender.
//!
//! ```text
//! cargo run --release --features duckdb --example duckdb_batch [-- ROWS [ROUNDS]]
//! ```
//!
//! Both store the same lines, in one transaction, into new files with the same table and primary key, in turn. The loop builds
//! Arrow's columns straight from the models. Both have the same settings.

#![allow(clippy::print_stdout, reason = "a program for a terminal")]

use std::{
    collections::HashMap,
    error::Error,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use duckdb::{
    Config, Connection,
    arrow::{
        array::{ArrayRef, FixedSizeBinaryArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray},
        datatypes::{DataType, Field, Schema, TimeUnit},
    },
};
use larder::{Cx, Storage, new_id};
use larder_entity::{ConfigVersion, raw_log};
use larder_migration::Migrations;
use uuid::Uuid;

type Logs = Arc<dyn Storage<raw_log::Model, Uuid>>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut numbers = std::env::args().skip(1).map(|number| number.parse::<usize>());
    let rows = numbers.next().transpose()?.unwrap_or(100_000);
    let rounds = numbers.next().transpose()?.unwrap_or(7);
    let models = models(rows);
    let (mut by_hand, mut by_larder) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        let directory = tempfile::tempdir()?;
        let path = |name: &str| directory.path().join(name);
        // Who comes first changes.
        for is_by_hand in [round % 2 == 0, round % 2 != 0] {
            let file = path(if is_by_hand { "hand.duckdb" } else { "larder.duckdb" });
            let url = format!("duckdb:{}", file.display());
            let store = larder::open(&url).await?;
            Migrations::default().up(&store, None).await?;
            if is_by_hand {
                store.close().await;
                by_hand.push(append_by_hand(&file, &models)?);
            } else {
                let logs: Logs = store.repository::<raw_log::Entity>();
                let start = Instant::now();
                logs.create_batch(&Cx::new(), &models).await?;
                by_larder.push(start.elapsed());
                assert_eq!(logs.count(&Cx::new(), &larder::Filter::all()).await?, rows as u64);
                store.close().await;
            }
        }
    }
    let (by_hand, by_larder) = (median(by_hand), median(by_larder));
    let rate = |time: Duration| rows as f64 / time.as_secs_f64();
    println!("{rows} rows, median of {rounds} rounds");
    println!("Arrow appender by hand  {by_hand:>10.1?} {:>9.0} rows/s", rate(by_hand));
    println!("larder create_batch     {by_larder:>10.1?} {:>9.0} rows/s", rate(by_larder));
    println!("ratio                   {:>10.2}", by_larder.as_secs_f64() / by_hand.as_secs_f64());
    Ok(())
}

fn models(rows: usize) -> Vec<raw_log::Model> {
    let start = chrono::DateTime::UNIX_EPOCH + chrono::TimeDelta::days(20_000);
    let model = |i: usize| {
        let timestamp = start + chrono::TimeDelta::milliseconds(i as i64);
        raw_log::Model {
            log_id: new_id(),
            timestamp,
            source_id: format!("svc-{}", i % 17),
            raw_text: format!("level=info request={i} took={}ms worker={} status=200 bytes={}", i % 97, i % 13, i * 7 % 4096),
            ingestion_time: Some(timestamp),
            config_version: ConfigVersion(42),
        }
    };
    (0..rows).map(model).collect()
}

fn append_by_hand(file: &Path, models: &[raw_log::Model]) -> Result<Duration, Box<dyn Error>> {
    let config = Config::default().with("memory_limit", "25%")?.threads(threads())?;
    let connection = Connection::open_with_flags(file, config)?;
    let start = Instant::now();
    connection.execute_batch("BEGIN")?;
    let mut appender = connection.appender("raw_logs")?;
    for models in models.chunks(8_192) {
        appender.append_record_batch(batch(models)?)?;
    }
    appender.flush()?;
    drop(appender);
    connection.execute_batch("COMMIT")?;
    Ok(start.elapsed())
}

/// As many as larder gives it.
fn threads() -> i64 {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().min(4) as i64)
}

fn batch(models: &[raw_log::Model]) -> Result<RecordBatch, Box<dyn Error>> {
    let instant = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let uuid = HashMap::from([("ARROW:extension:name".to_owned(), "arrow.uuid".to_owned())]);
    let schema = Schema::new(vec![
        Field::new("log_id", DataType::FixedSizeBinary(16), false).with_metadata(uuid),
        Field::new("timestamp", instant.clone(), false),
        Field::new("source_id", DataType::Utf8, false),
        Field::new("raw_text", DataType::Utf8, false),
        Field::new("ingestion_time", instant, true),
        Field::new("config_version", DataType::Int64, false),
    ]);
    let micros = |time: chrono::DateTime<chrono::Utc>| time.timestamp_micros();
    let ids = models.iter().map(|model| model.log_id.into_bytes());
    let times = models.iter().map(|model| micros(model.timestamp));
    let ingestion_times = models.iter().map(|model| model.ingestion_time.map(micros));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(FixedSizeBinaryArray::try_from_iter(ids)?),
        Arc::new(TimestampMicrosecondArray::from_iter_values(times).with_timezone("UTC")),
        Arc::new(StringArray::from_iter_values(models.iter().map(|model| &model.source_id))),
        Arc::new(StringArray::from_iter_values(models.iter().map(|model| &model.raw_text))),
        Arc::new(TimestampMicrosecondArray::from_iter(ingestion_times).with_timezone("UTC")),
        Arc::new(Int64Array::from_iter_values(models.iter().map(|model| model.config_version.0.cast_signed()))),
    ];
    Ok(RecordBatch::try_new(Arc::new(schema), columns)?)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
