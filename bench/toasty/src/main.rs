//! Toasty on the work that larder is measured with, in a process of its own.
//!
//! ```text
//! larder-bench-toasty create|create-batch|find|scan URL STORED ROWS ROUNDS
//! ```
//!
//! `STORED` rows are there for what reads, and `ROWS` of them are asked for, or written. Each round's time is a line of JSON.

#![allow(clippy::print_stdout, reason = "it answers on its output")]

#[path = "../../src/data.rs"]
mod data;

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use toasty::Db;
use uuid::Uuid;

use crate::data::line;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

const ROWS_A_STATEMENT: usize = 1000;

#[derive(Clone, Debug, PartialEq, toasty::Model)]
#[table = "toasty_raw_logs"]
struct Record {
    #[key]
    log_id: Uuid,
    timestamp: Timestamp,
    source_id: String,
    raw_text: String,
    ingestion_time: Timestamp,
    config_version: i64,
}

fn record(number: u64) -> Result<Record> {
    let line = line(number);
    Ok(Record {
        log_id: Uuid::from_bytes(line.id),
        timestamp: Timestamp::from_microsecond(line.timestamp)?,
        source_id: line.source,
        raw_text: line.text,
        ingestion_time: Timestamp::from_microsecond(line.ingestion_time)?,
        config_version: line.config_version,
    })
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [operation, url, stored, rows, rounds] = &arguments[..] else { return Err("see the first lines of the source".into()) };
    let (stored, rows) = (stored.parse::<u64>()?, rows.parse::<u64>()?);
    for round in 0..rounds.parse::<u64>()? {
        let is_file = url.starts_with("sqlite:");
        let place = if is_file { format!("{url}.{round}") } else { url.clone() };
        let mut db = open(&place, is_file).await?;
        let time = match operation.as_str() {
            "create" => create(&mut db, &all(rows)?).await?,
            "create-batch" => create_batch(&mut db, &all(rows)?).await?,
            "find" => {
                create_batch(&mut db, &all(stored)?).await?;
                let wanted = all(rows.min(stored))?;
                find(&mut db, &wanted[..1]).await?;
                find(&mut db, &wanted).await?
            }
            "scan" => {
                create_batch(&mut db, &all(stored)?).await?;
                scan(&mut db, stored).await?;
                scan(&mut db, stored).await?
            }
            _ => return Err("no such operation".into()),
        };
        println!("{}", serde_json::json!({ "nanoseconds": u64::try_from(time.as_nanos())? }));
    }
    Ok(())
}

fn all(rows: u64) -> Result<Vec<Record>> {
    (0..rows).map(record).collect()
}

/// A new table, on one connection, with SQLite set as it is for the others.
async fn open(url: &str, is_file: bool) -> Result<Db> {
    let mut db = Db::builder().models(toasty::models!(Record)).max_pool_size(1).connect(url).await?;
    if is_file {
        toasty::sql::query("PRAGMA journal_mode = WAL").exec(&mut db).await?;
        for setting in ["PRAGMA synchronous = NORMAL", "PRAGMA foreign_keys = ON"] {
            toasty::sql::statement(setting).exec(&mut db).await?;
        }
    } else {
        toasty::sql::statement("DROP TABLE IF EXISTS toasty_raw_logs").exec(&mut db).await?;
    }
    db.push_schema().await?;
    Ok(db)
}

async fn create(db: &mut Db, records: &[Record]) -> Result<Duration> {
    let start = Instant::now();
    for record in records {
        black_box(new(record.clone()).exec(db).await?);
    }
    Ok(start.elapsed())
}

fn new(record: Record) -> <Record as toasty::schema::Model>::Create {
    Record::create()
        .log_id(record.log_id)
        .timestamp(record.timestamp)
        .source_id(record.source_id)
        .raw_text(record.raw_text)
        .ingestion_time(record.ingestion_time)
        .config_version(record.config_version)
}

async fn create_batch(db: &mut Db, records: &[Record]) -> Result<Duration> {
    let start = Instant::now();
    let mut transaction = db.transaction().await?;
    for records in records.chunks(ROWS_A_STATEMENT) {
        let many = records.iter().fold(Record::create_many(), |many, record| many.item(new(record.clone())));
        many.exec(&mut transaction).await?;
    }
    transaction.commit().await?;
    Ok(start.elapsed())
}

async fn find(db: &mut Db, wanted: &[Record]) -> Result<Duration> {
    let start = Instant::now();
    let mut last = None;
    for record in wanted {
        last = Some(black_box(Record::get_by_log_id(db, record.log_id).await?));
    }
    let time = start.elapsed();
    if last.as_ref() == wanted.last() { Ok(time) } else { Err("a record is not as it was stored".into()) }
}

async fn scan(db: &mut Db, stored: u64) -> Result<Duration> {
    let start = Instant::now();
    let records = black_box(Record::all().exec(db).await?);
    let time = start.elapsed();
    if records.len() as u64 == stored { Ok(time) } else { Err("not every record was read".into()) }
}
