//! A column of every kind, most of which may be null: to be filtered and sorted by.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum, Serialize, Deserialize)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::None)", rename_all = "snake_case")]
pub enum Status {
    New,
    Done,
    Broken,
}

#[sea_orm::compact_model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "item")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i32,
    pub name: String,
    pub nick: Option<String>,
    pub status: Option<Status>,
    pub small: i32,
    pub large: Option<i64>,
    pub real: Option<f64>,
    pub single: Option<f32>,
    pub flag: Option<bool>,
    pub bytes: Option<Vec<u8>>,
    pub token: Option<Uuid>,
    pub day: Option<Date>,
    pub hour: Option<Time>,
    pub local: Option<DateTime>,
    pub at: DateTimeUtc,
    pub due: Option<DateTimeWithTimeZone>,
    #[sea_orm(column_type = "Json")]
    pub json: Option<Json>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
