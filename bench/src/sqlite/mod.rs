//! SQLite by the libraries that know it, and by hand.

pub mod diesel;
pub mod limit;
pub mod shared_commits;
pub mod sqlx;

const INSERT: &str =
    "INSERT INTO raw_logs (log_id, timestamp, source_id, raw_text, ingestion_time, config_version) VALUES (?, ?, ?, ?, ?, ?)";
