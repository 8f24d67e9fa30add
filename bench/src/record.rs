//! What is stored: a line of a log, as an entity of SeaORM's.

use std::ops::Range;

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::data::{Line, line};

/// The model of every library that takes one of SeaORM's.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "raw_logs")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub log_id: Uuid,
    pub timestamp: DateTimeUtc,
    pub source_id: String,
    #[sea_orm(column_type = "Text")]
    pub raw_text: String,
    pub ingestion_time: DateTimeUtc,
    pub config_version: i64,
}

impl ActiveModelBehavior for ActiveModel {}

/// The columns of the table, in its order.
pub const COLUMNS: &str = "log_id, timestamp, source_id, raw_text, ingestion_time, config_version";

pub fn numbered(numbers: Range<u64>) -> Vec<Model> {
    numbers.map(|number| Model::from(line(number))).collect()
}

impl From<Line> for Model {
    fn from(line: Line) -> Self {
        let time = |micros| DateTimeUtc::from_timestamp_micros(micros).unwrap_or_default();
        Self {
            log_id: Uuid::from_bytes(line.id),
            timestamp: time(line.timestamp),
            source_id: line.source,
            raw_text: line.text,
            ingestion_time: time(line.ingestion_time),
            config_version: line.config_version,
        }
    }
}
