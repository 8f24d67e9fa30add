//! A group of log lines that belong together.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::ConfigVersion;

/// A stored fiber.
#[sea_orm::compact_model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "fibers")]
pub struct Model {
    /// The fiber's id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub fiber_id: Uuid,
    /// What kind of group it is.
    #[sea_orm(indexed)]
    pub fiber_type: String,
    /// The configuration it was made with.
    pub config_version: ConfigVersion,
    /// What its lines have in common.
    pub attributes: Option<Json>,
    /// The time of its first line.
    pub first_activity: DateTimeUtc,
    /// The time of its last line.
    pub last_activity: DateTimeUtc,
    /// Whether no further lines are expected.
    #[sea_orm(default_value = false)]
    pub closed: bool,
}

/// What fibers are related to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// The lines of a fiber.
    #[sea_orm(has_many = "super::fiber_membership::Entity")]
    Membership,
}

impl Related<super::fiber_membership::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Membership.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}
