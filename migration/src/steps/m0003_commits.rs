use larder::Dialect;
use sea_orm::sea_query::{Alias, ColumnDef, Table};

use super::dialect::in_byte_order;
use crate::step::{Change, Step};

/// The table of idempotency keys, see `larder::Cx::with_idempotency_key`.
pub const COMMITS: Step = Step { name: "m0003_commits", up, down };

const TABLE: &str = "larder_commits";

fn up(dialect: Dialect) -> Vec<Change> {
    let table = Table::create()
        .table(Alias::new(TABLE))
        .col(in_byte_order(dialect, ColumnDef::new("key").string().not_null().primary_key()))
        .col(ColumnDef::new("begun_at").timestamp_with_time_zone().not_null())
        .to_owned();
    vec![Change::CreateTable(table)]
}

fn down(_: Dialect) -> Vec<Change> {
    vec![Change::DropTable(Table::drop().table(Alias::new(TABLE)).to_owned())]
}
