//! Which log line belongs to which fiber.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::ConfigVersion;

/// A stored membership.
#[sea_orm::compact_model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "fiber_memberships")]
pub struct Model {
    /// The line.
    #[sea_orm(primary_key, auto_increment = false)]
    pub log_id: Uuid,
    /// The fiber it belongs to.
    #[sea_orm(primary_key, auto_increment = false, indexed)]
    pub fiber_id: Uuid,
    /// The configuration that put it there.
    pub config_version: ConfigVersion,
}

/// What memberships point at.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// The line.
    #[sea_orm(
        belongs_to = "super::raw_log::Entity",
        from = "Column::LogId",
        to = "super::raw_log::Column::LogId",
        on_delete = "Cascade"
    )]
    RawLog,
    /// The fiber.
    #[sea_orm(
        belongs_to = "super::fiber::Entity",
        from = "Column::FiberId",
        to = "super::fiber::Column::FiberId",
        on_delete = "Cascade"
    )]
    Fiber,
}

impl Related<super::raw_log::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::RawLog.def()
    }
}

impl Related<super::fiber::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Fiber.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}
