//! Lists, as columns and in a document.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

#[sea_orm::compact_model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "tagged")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i32,
    pub words: Vec<String>,
    pub numbers: Option<Vec<i64>>,
    pub small: Vec<i32>,
    pub tokens: Option<Vec<Uuid>>,
    pub flags: Option<Vec<bool>>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
