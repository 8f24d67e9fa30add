//! Values out of rows. They are read here and not by sqlx, which looks at the type of each anew, panics at times that chrono does
//! not hold, rounds numbers, and takes 24:00 for midnight.

use std::panic::{AssertUnwindSafe, catch_unwind};

use chrono::Local;
use sea_orm::{QueryResult, Value, sea_query::ArrayType};
use sqlx::{
    Column as _, Row as _, ValueRef as _,
    postgres::{PgTypeInfo, PgTypeKind, PgValueFormat},
};

use super::{
    kind::{Kind, kind},
    wire::{self, corrupt},
};
use crate::{
    error::{Error, ErrorKind, Result},
    value::{Put, enum_of, null_of},
};

/// Whether the values of a column, in every row of the same answer, are of a type that [`read`] reads.
pub(super) fn fits(row: &QueryResult, at: usize, wanted: &ArrayType) -> bool {
    let column = row.try_as_pg_row().and_then(|row| row.columns().get(at));
    column.is_some_and(|column| is_read_as(kind(column.type_info()), wanted))
}

/// Whether values of a kind can be read as values of a type.
pub(super) fn is_read_as(kind: Kind, wanted: &ArrayType) -> bool {
    use ArrayType as T;
    match wanted {
        T::Bool => kind == Kind::Bool,
        T::TinyInt | T::SmallInt | T::Int | T::BigInt | T::TinyUnsigned | T::SmallUnsigned | T::Unsigned => kind == Kind::Integer,
        T::Float | T::Double => kind == Kind::Float,
        T::Decimal => kind == Kind::Numeric,
        T::String | T::Char => kind == Kind::Text,
        T::Enum(_) => matches!(kind, Kind::Text | Kind::Enum),
        T::Bytes => kind == Kind::Bytes,
        T::Uuid => kind == Kind::Uuid,
        T::Json => kind == Kind::Json,
        T::ChronoDate => kind == Kind::Date,
        T::ChronoTime => kind == Kind::Time,
        T::ChronoDateTime => kind == Kind::Timestamp,
        T::ChronoDateTimeUtc | T::ChronoDateTimeLocal | T::ChronoDateTimeWithTimeZone => kind == Kind::Instant,
        _ => false,
    }
}

/// Gives away the value of a column that [`fits`].
pub(super) fn read(row: &QueryResult, at: usize, wanted: &ArrayType, put: Put<'_>) -> Result<()> {
    match bytes(row, at)? {
        Some(bytes) => value(bytes, wanted, put),
        None => put(null_of(wanted)),
    }
}

fn bytes(row: &QueryResult, at: usize) -> Result<Option<&[u8]>> {
    let internal = |what| Error::new(ErrorKind::Internal, what);
    let row = row.try_as_pg_row().ok_or_else(|| internal("a row of another engine"))?;
    let raw = row.try_get_raw(at).map_err(|error| internal("a column that is not there").with_source(error))?;
    match raw.format() {
        _ if raw.is_null() => Ok(None),
        PgValueFormat::Binary => raw.as_bytes().map(Some).map_err(|_| internal("a value without bytes")),
        PgValueFormat::Text => Err(internal("a value in the format of text")),
    }
}

fn value(bytes: &[u8], wanted: &ArrayType, put: Put<'_>) -> Result<()> {
    use ArrayType as T;
    let unfit = |_| corrupt("a number that the model's type cannot hold");
    put(match wanted {
        T::Bool => wire::bool(bytes)?.into(),
        T::TinyInt => i8::try_from(wire::integer(bytes)?).map_err(unfit)?.into(),
        T::TinyUnsigned => u8::try_from(wire::integer(bytes)?).map_err(unfit)?.into(),
        T::SmallUnsigned => u16::try_from(wire::integer(bytes)?).map_err(unfit)?.into(),
        T::Unsigned => u32::try_from(wire::integer(bytes)?).map_err(unfit)?.into(),
        T::SmallInt => i16::try_from(wire::integer(bytes)?).map_err(unfit)?.into(),
        T::Int => i32::try_from(wire::integer(bytes)?).map_err(unfit)?.into(),
        T::BigInt => wire::integer(bytes)?.into(),
        T::Float => wire::single(bytes)?.into(),
        T::Double => wire::double(bytes)?.into(),
        T::Decimal => wire::decimal(bytes)?.into(),
        T::String => wire::text(bytes)?.into(),
        T::Enum(name) => enum_of(name, Some(wire::text(bytes)?.to_owned())),
        T::Char => wire::character(bytes)?.into(),
        T::Bytes => bytes.into(),
        T::Uuid => wire::uuid(bytes)?.into(),
        T::Json => wire::json(bytes)?.into(),
        T::ChronoDate => wire::date(bytes)?.into(),
        T::ChronoTime => wire::time(bytes)?.into(),
        T::ChronoDateTime => wire::instant(bytes)?.naive_utc().into(),
        T::ChronoDateTimeUtc => wire::instant(bytes)?.into(),
        T::ChronoDateTimeLocal => Value::from(wire::instant(bytes)?.with_timezone(&Local)),
        T::ChronoDateTimeWithTimeZone => wire::instant(bytes)?.fixed_offset().into(),
        _ => return Err(Error::new(ErrorKind::Internal, "a column that was not looked at")),
    })
}

/// Reads a row by SeaORM, for types of the application's own. SeaORM decodes by sqlx: what that would panic at or change is
/// refused before, and what the application's own decoders panic at is an error like any other.
pub(super) fn read_foreign<M>(
    row: &QueryResult,
    is_decimal: impl Fn(&str) -> bool,
    read: impl FnOnce(&QueryResult) -> Result<M>,
) -> Result<M> {
    let columns = row.try_as_pg_row().map(|row| row.columns()).unwrap_or_default();
    for (at, column) in columns.iter().enumerate() {
        let checked = bytes(row, at)
            .and_then(|bytes| bytes.map_or(Ok(()), |bytes| check(bytes, column.type_info(), is_decimal(column.name()))));
        checked.map_err(|error| error.in_column(column.name()))?;
    }
    catch_unwind(AssertUnwindSafe(|| read(row))).unwrap_or_else(|_| Err(corrupt("a decoder of the model's panicked")))
}

/// Refuses a value that sqlx would panic at or change, wherever it is in another.
fn check(bytes: &[u8], info: &PgTypeInfo, is_decimal: bool) -> Result<()> {
    match (kind(info), info.kind()) {
        (Kind::Date, _) => wire::date(bytes).map(drop),
        (Kind::Time, _) => wire::time(bytes).map(drop),
        (Kind::Timestamp | Kind::Instant, _) => wire::instant(bytes).map(drop),
        (Kind::Numeric, _) if is_decimal => wire::decimal(bytes).map(drop),
        (_, PgTypeKind::Domain(inner)) => check(bytes, inner, is_decimal),
        (_, PgTypeKind::Array(element)) => {
            wire::elements(bytes)?.into_iter().try_for_each(|bytes| check(bytes, element, is_decimal))
        }
        (_, PgTypeKind::Composite(fields)) => {
            let values = wire::fields(bytes)?;
            fields
                .iter()
                .zip(values)
                .try_for_each(|((_, info), bytes)| bytes.map_or(Ok(()), |bytes| check(bytes, info, is_decimal)))
        }
        (_, PgTypeKind::Range(bound)) => wire::bounds(bytes)?.into_iter().try_for_each(|bytes| check(bytes, bound, is_decimal)),
        _ => Ok(()),
    }
}
