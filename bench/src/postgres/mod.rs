//! Postgres by the libraries that know it, and by hand.

pub mod diesel;
pub mod limit;
pub mod sqlx;

const INSERT: &str = "INSERT INTO raw_logs (log_id, timestamp, source_id, raw_text, ingestion_time, config_version) VALUES ($1, $2, $3, $4, $5, $6)";
const FIND: &str =
    "SELECT log_id, timestamp, source_id, raw_text, ingestion_time, config_version FROM raw_logs WHERE log_id = $1";
const SCAN: &str = "SELECT log_id, timestamp, source_id, raw_text, ingestion_time, config_version FROM raw_logs ORDER BY log_id";
const UPDATE: &str = "UPDATE raw_logs SET timestamp = $2, source_id = $3, raw_text = $4, ingestion_time = $5, config_version = $6 \
                      WHERE log_id = $1";
/// Many records by an array for each column.
const UPDATE_ARRAYS: &str = "UPDATE raw_logs SET timestamp = n.timestamp, source_id = n.source_id, raw_text = n.raw_text, \
     ingestion_time = n.ingestion_time, config_version = n.config_version FROM UNNEST($1::UUID[], $2::TIMESTAMPTZ[], $3::TEXT[], \
     $4::TEXT[], $5::TIMESTAMPTZ[], $6::BIGINT[]) AS n(log_id, timestamp, source_id, raw_text, ingestion_time, config_version) \
     WHERE raw_logs.log_id = n.log_id";
