//! Twelve columns of many types.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use super::Fingerprint;

#[sea_orm::compact_model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "sample")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub small: i32,
    pub large: i64,
    pub hash: Fingerprint,
    pub real: f64,
    pub flag: bool,
    #[sea_orm(column_type = "Text")]
    pub text: String,
    pub bytes: Vec<u8>,
    pub at: DateTimeUtc,
    pub local: Option<DateTimeWithTimeZone>,
    pub day: Option<Date>,
    #[sea_orm(column_type = "Json")]
    pub json: Option<Json>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
