//! Values out of columns whose type is known to fit. sqlx asks each value for its type otherwise, a sixth of what reading a row takes.

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use sea_orm::{QueryResult, Value, sea_query::ArrayType};
use sqlx::{Column as _, Decode, Postgres, Row as _, Type, postgres::PgRow};
use uuid::Uuid;

use crate::{
    entity::Put,
    error::{Error, ErrorKind, Result},
};

/// The types that are read here, as sqlx reads them.
macro_rules! for_type {
    ($wanted:expr, $read:ident, $otherwise:expr) => {
        match $wanted {
            ArrayType::Bool => $read!(Bool, bool),
            ArrayType::SmallInt => $read!(SmallInt, i16),
            ArrayType::Int => $read!(Int, i32),
            ArrayType::BigInt => $read!(BigInt, i64),
            ArrayType::Float => $read!(Float, f32),
            ArrayType::Double => $read!(Double, f64),
            ArrayType::String => $read!(String, String),
            ArrayType::Bytes => $read!(Bytes, Vec<u8>),
            ArrayType::Uuid => $read!(Uuid, Uuid),
            ArrayType::ChronoDate => $read!(ChronoDate, NaiveDate),
            ArrayType::ChronoTime => $read!(ChronoTime, NaiveTime),
            ArrayType::ChronoDateTime => $read!(ChronoDateTime, NaiveDateTime),
            ArrayType::ChronoDateTimeUtc => $read!(ChronoDateTimeUtc, DateTime<Utc>),
            ArrayType::ChronoDateTimeWithTimeZone => $read!(ChronoDateTimeWithTimeZone, DateTime<FixedOffset>),
            _ => $otherwise,
        }
    };
}

/// Whether the values of a column, in every row of the same answer, are of a type that [`read`] reads.
pub(super) fn fits(row: &QueryResult, at: usize, wanted: &ArrayType) -> bool {
    let Some(column) = row.try_as_pg_row().and_then(|row| row.columns().get(at)) else { return false };
    macro_rules! is_compatible {
        ($variant:ident, $type:ty) => {
            <$type as Type<Postgres>>::compatible(column.type_info())
        };
    }
    for_type!(wanted, is_compatible, false)
}

/// Gives away the value of a column that [`fits`].
pub(super) fn read(row: &QueryResult, at: usize, wanted: &ArrayType, put: Put<'_>) -> Result<()> {
    let misfit = || Error::new(ErrorKind::Internal, "a column that was not looked at");
    let row = row.try_as_pg_row().ok_or_else(misfit)?;
    macro_rules! put_decoded {
        ($variant:ident, $type:ty) => {
            put(Value::$variant(decoded::<$type>(row, at)?))
        };
    }
    for_type!(wanted, put_decoded, Err(misfit()))
}

fn decoded<'r, T: Decode<'r, Postgres>>(row: &'r PgRow, at: usize) -> Result<Option<T>> {
    row.try_get_unchecked(at)
        .map_err(|error| Error::new(ErrorKind::Corrupt, "what is stored does not fit the model").with_source(error))
}
