//! SQLite by the libraries that know it, and by hand.

pub mod diesel;
pub mod limit;
pub mod shared_commits;
pub mod sqlx;

const INSERT: &str =
    "INSERT INTO raw_logs (log_id, timestamp, source_id, raw_text, ingestion_time, config_version) VALUES (?, ?, ?, ?, ?, ?)";
const UPDATE: &str = "UPDATE raw_logs SET timestamp = ?2, source_id = ?3, raw_text = ?4, ingestion_time = ?5, config_version = ?6 WHERE log_id = ?1";
