//! Which steps have been applied, as SeaORM's migrator records it.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

pub(crate) const TABLE: &str = "larder_migrations";

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "larder_migrations")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub version: String,
    /// Seconds since 1970.
    pub applied_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
