//! An id that the engine generates, unique constraints, and a default.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

#[sea_orm::compact_model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "person")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(unique)]
    pub email: String,
    #[sea_orm(unique_key = "seat")]
    pub row: Option<i32>,
    #[sea_orm(unique_key = "seat")]
    pub place: Option<i32>,
    #[sea_orm(default_value = 3)]
    pub level: Option<i64>,
    #[sea_orm(default_expr = "Expr::current_timestamp()")]
    pub joined: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
