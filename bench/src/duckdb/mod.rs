//! DuckDB by duckdb-rs row by row, and by Arrow's columns.

pub mod limit;
pub mod rows;

use duckdb::{Config, Connection};

use crate::{Result, place::Place};

const SCAN: &str = "SELECT log_id, timestamp, source_id, raw_text, ingestion_time, config_version FROM raw_logs ORDER BY log_id";

/// With the memory and the threads that larder gives it. UUIDs arrive as their bytes, which is the fastest.
fn connect(place: &Place) -> Result<Connection> {
    let threads = std::thread::available_parallelism()?.get().min(4);
    let config = Config::default().with("memory_limit", "25%")?.threads(i64::try_from(threads)?)?;
    let connection = Connection::open_with_flags(place.file(), config)?;
    connection.execute_batch("SET arrow_lossless_conversion = true")?;
    Ok(connection)
}
