use larder::Dialect;
use larder_entity::{fiber, fiber_membership as membership, raw_log};
use sea_orm::sea_query::{ColumnDef, ForeignKey, ForeignKeyAction, Index, Table};

use super::dialect::{cascading, in_byte_order};
use crate::step::{Change, Step};

/// The tables of fibers and of which line belongs to which.
pub const FIBERS: Step = Step { name: "m0002_fibers", up, down };

fn up(dialect: Dialect) -> Vec<Change> {
    use fiber::Column as Fiber;
    use membership::Column as Membership;

    let fibers = Table::create()
        .table(fiber::Entity)
        .col(ColumnDef::new(Fiber::FiberId).uuid().not_null().primary_key())
        .col(in_byte_order(dialect, ColumnDef::new(Fiber::FiberType).string().not_null()))
        .col(ColumnDef::new(Fiber::ConfigVersion).big_integer().not_null())
        .col(ColumnDef::new(Fiber::Attributes).json())
        .col(ColumnDef::new(Fiber::FirstActivity).timestamp_with_time_zone().not_null())
        .col(ColumnDef::new(Fiber::LastActivity).timestamp_with_time_zone().not_null())
        .col(ColumnDef::new(Fiber::Closed).boolean().not_null().default(false))
        .to_owned();
    let by_type = Index::create().name("idx_fibers_type").table(fiber::Entity).col(Fiber::FiberType).to_owned();
    let mut memberships = Table::create()
        .table(membership::Entity)
        .col(ColumnDef::new(Membership::LogId).uuid().not_null())
        .col(ColumnDef::new(Membership::FiberId).uuid().not_null())
        .col(ColumnDef::new(Membership::ConfigVersion).big_integer().not_null())
        .primary_key(Index::create().col(Membership::LogId).col(Membership::FiberId))
        .to_owned();
    let of_log = ForeignKey::create()
        .name("fk_memberships_log")
        .from(membership::Entity, Membership::LogId)
        .to(raw_log::Entity, raw_log::Column::LogId)
        .on_delete(ForeignKeyAction::Cascade)
        .to_owned();
    let of_fiber = ForeignKey::create()
        .name("fk_memberships_fiber")
        .from(membership::Entity, Membership::FiberId)
        .to(fiber::Entity, Fiber::FiberId)
        .on_delete(ForeignKeyAction::Cascade)
        .to_owned();
    cascading(dialect, &mut memberships, vec![of_log, of_fiber]);
    let by_fiber = Index::create().name("idx_memberships_fiber").table(membership::Entity).col(Membership::FiberId).to_owned();
    vec![
        Change::CreateTable(fibers),
        Change::CreateIndex(by_type),
        Change::CreateTable(memberships),
        Change::CreateIndex(by_fiber),
    ]
}

fn down(_: Dialect) -> Vec<Change> {
    vec![
        Change::DropTable(Table::drop().table(membership::Entity).to_owned()),
        Change::DropTable(Table::drop().table(fiber::Entity).to_owned()),
    ]
}
