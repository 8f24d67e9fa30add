//! A line of a log, as it was received.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::ConfigVersion;

/// A stored log line.
#[sea_orm::compact_model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "raw_logs")]
pub struct Model {
    /// The line's id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub log_id: Uuid,
    /// When the line was logged.
    #[sea_orm(indexed)]
    pub timestamp: DateTimeUtc,
    /// Where the line came from.
    #[sea_orm(indexed)]
    pub source_id: String,
    /// The line itself.
    #[sea_orm(column_type = "Text")]
    pub raw_text: String,
    /// When the line was stored; the engine's time if it is left out.
    #[sea_orm(default_expr = "Expr::current_timestamp()")]
    pub ingestion_time: Option<DateTimeUtc>,
    /// The configuration it was read with.
    pub config_version: ConfigVersion,
}

/// What log lines are related to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// The fibers a line belongs to.
    #[sea_orm(has_many = "super::fiber_membership::Entity")]
    Membership,
}

impl Related<super::fiber_membership::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Membership.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}
