//! An entry of a service's log, with as many indexes as such tables have: twelve.

use chrono::TimeDelta;
use sea_orm::{
    entity::prelude::*,
    sea_query::{Index, IndexCreateStatement},
};
use serde::{Deserialize, Serialize};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "log_entries")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(indexed)]
    pub timestamp: DateTimeUtc,
    #[sea_orm(indexed)]
    pub received_at: DateTimeUtc,
    #[sea_orm(indexed)]
    pub facility: i32,
    #[sea_orm(indexed)]
    pub severity: i32,
    pub version: i32,
    #[sea_orm(indexed)]
    pub hostname: String,
    #[sea_orm(indexed)]
    pub app_name: String,
    #[sea_orm(indexed)]
    pub proc_id: String,
    #[sea_orm(indexed)]
    pub msg_id: String,
    #[sea_orm(column_type = "Text")]
    pub message: String,
    pub structured_data: Json,
}

impl ActiveModelBehavior for ActiveModel {}

/// Those beside the eight of single columns.
pub fn indexes() -> [IndexCreateStatement; 4] {
    let by_time =
        |name: &str, column: Column| Index::create().name(name).table(Entity).col(column).col(Column::Timestamp).to_owned();
    [
        by_time("idx_log_entries_severity_time", Column::Severity),
        by_time("idx_log_entries_facility_time", Column::Facility),
        by_time("idx_log_entries_host_time", Column::Hostname),
        by_time("idx_log_entries_app_time", Column::AppName),
    ]
}

/// An entry whose id is left to the engine.
pub fn entry(number: u32) -> Model {
    let timestamp = DateTimeUtc::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::milliseconds(number.into());
    Model {
        id: 0,
        timestamp,
        received_at: timestamp + TimeDelta::milliseconds(2),
        facility: 16,
        severity: (number % 8).cast_signed(),
        version: 1,
        hostname: format!("host-{}", number % 10),
        app_name: format!("app-{}", number % 5),
        proc_id: (1000 + number).to_string(),
        msg_id: "benchmark".to_owned(),
        message: format!("Benchmark message number {number}"),
        structured_data: serde_json::json!({ "id": number.to_string(), "type": "benchmark", "value": f64::from(number) * 1.5 }),
    }
}
