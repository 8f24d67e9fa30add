use larder::Dialect;
use larder_entity::raw_log::{Column, Entity};
use sea_orm::sea_query::{ColumnDef, Index, Table};

use super::dialect::{in_byte_order, now};
use crate::step::{Change, Step};

/// The table of log lines.
pub const RAW_LOGS: Step = Step { name: "m0001_raw_logs", up, down };

fn up(dialect: Dialect) -> Vec<Change> {
    let table = Table::create()
        .table(Entity)
        .col(ColumnDef::new(Column::LogId).uuid().not_null().primary_key())
        .col(ColumnDef::new(Column::Timestamp).timestamp_with_time_zone().not_null())
        .col(in_byte_order(dialect, ColumnDef::new(Column::SourceId).string().not_null()))
        .col(ColumnDef::new(Column::RawText).text().not_null())
        .col(ColumnDef::new(Column::IngestionTime).timestamp_with_time_zone().not_null().default(now(dialect)))
        .col(ColumnDef::new(Column::ConfigVersion).big_integer().not_null())
        .to_owned();
    let by_time = Index::create().name("idx_raw_logs_timestamp").table(Entity).col(Column::Timestamp).to_owned();
    let by_source = Index::create().name("idx_raw_logs_source").table(Entity).col(Column::SourceId).to_owned();
    vec![Change::CreateTable(table), Change::CreateIndex(by_time), Change::CreateIndex(by_source)]
}

fn down(_: Dialect) -> Vec<Change> {
    vec![Change::DropTable(Table::drop().table(Entity).to_owned())]
}
