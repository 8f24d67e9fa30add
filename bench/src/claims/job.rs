//! The jobs that are claimed.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "bench_job")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    pub state: i32,
    pub due: DateTimeUtc,
    pub worker: Option<String>,
    pub payload: String,
}

impl ActiveModelBehavior for ActiveModel {}
