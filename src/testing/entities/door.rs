//! Two ways to the same ancestor: one cascades, the other asks for nothing.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "door")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub place: String,
    pub number: i32,
    pub place_id: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::street::Entity",
        from = "(Column::Place, Column::Number)",
        to = "(super::street::Column::Place, super::street::Column::Number)",
        on_update = "Cascade",
        on_delete = "Cascade"
    )]
    Street,
    #[sea_orm(belongs_to = "super::place::Entity", from = "Column::PlaceId", to = "super::place::Column::Id")]
    Place,
}

impl ActiveModelBehavior for ActiveModel {}
