//! A reference that is refused, and one that cascades.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "letter")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub sender: i64,
    pub answers: Option<i64>,
    pub about: Option<Uuid>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(belongs_to = "super::person::Entity", from = "Column::Sender", to = "super::person::Column::Id")]
    Sender,
    #[sea_orm(belongs_to = "Entity", from = "Column::Answers", to = "Column::Id", on_delete = "Cascade")]
    Answers,
    #[sea_orm(belongs_to = "super::note::Entity", from = "Column::About", to = "super::note::Column::Id", on_delete = "SetNull")]
    About,
}

impl Related<super::person::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Sender.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}
