//! A record out of a row of sqlx's, on SQLite and Postgres.

use chrono::{DateTime, Utc};
use sqlx::{ColumnIndex, Decode, FromRow, Row, Type};
use uuid::Uuid;

use crate::{
    Result,
    groups::{Group, GroupBy},
    record::Model,
};

pub struct Line(pub Model);

impl<'r, R: Row> FromRow<'r, R> for Line
where
    usize: ColumnIndex<R>,
    Uuid: Decode<'r, R::Database> + Type<R::Database>,
    DateTime<Utc>: Decode<'r, R::Database> + Type<R::Database>,
    String: Decode<'r, R::Database> + Type<R::Database>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
{
    fn from_row(row: &'r R) -> sqlx::Result<Self> {
        Ok(Self(Model {
            log_id: row.try_get(0)?,
            timestamp: row.try_get(1)?,
            source_id: row.try_get(2)?,
            raw_text: row.try_get(3)?,
            ingestion_time: row.try_get(4)?,
            config_version: row.try_get(5)?,
        }))
    }
}

/// Groups, as the engine's own SQL answers them.
pub fn groups<R: Row>(by: GroupBy, rows: Vec<R>) -> Result<Vec<Group>>
where
    usize: ColumnIndex<R>,
    String: for<'r> Decode<'r, R::Database> + Type<R::Database>,
    i64: for<'r> Decode<'r, R::Database> + Type<R::Database>,
    f64: for<'r> Decode<'r, R::Database> + Type<R::Database>,
{
    let group = |row: &R| {
        let key = if by == GroupBy::Source { row.try_get(0)? } else { row.try_get::<i64, _>(0)?.to_string() };
        Ok(Group { key, count: row.try_get(1)?, sum: row.try_get(2)?, average: row.try_get(3)? })
    };
    rows.iter().map(group).collect()
}
