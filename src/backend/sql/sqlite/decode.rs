//! Values out of SQLite's, by the type that is wanted.

use chrono::{Datelike, Local};
use rusqlite::types::ValueRef;
use sea_orm::sea_query::ArrayType;
use uuid::Uuid;

use super::times;
use crate::{
    error::{Error, ErrorKind, Result},
    value::{Put, enum_of, null_of},
};

/// The type that a value is read as when none is asked for: it has one of its own, whatever its column's.
fn type_of(value: ValueRef<'_>) -> ArrayType {
    match value {
        ValueRef::Integer(_) => ArrayType::BigInt,
        ValueRef::Real(_) => ArrayType::Double,
        ValueRef::Null | ValueRef::Text(_) => ArrayType::String,
        ValueRef::Blob(_) => ArrayType::Bytes,
    }
}

/// Gives away a value in a type. `None`: in its own.
pub(super) fn read(stored: ValueRef<'_>, wanted: Option<&ArrayType>, put: Put<'_>) -> Result<()> {
    let Some(wanted) = wanted else { return read(stored, Some(&type_of(stored)), put) };
    if matches!(stored, ValueRef::Null) {
        return put(null_of(wanted));
    }
    let misfit = || Err(Error::new(ErrorKind::Corrupt, "a stored value does not fit the model"));
    read_what_is_there(stored, wanted, put).unwrap_or_else(misfit)
}

/// None if it does not fit.
fn read_what_is_there(stored: ValueRef<'_>, wanted: &ArrayType, put: Put<'_>) -> Option<Result<()>> {
    use ArrayType as T;
    Some(match wanted {
        T::Bool => put((integer(stored)? != 0).into()),
        T::TinyInt => put(i8::try_from(integer(stored)?).ok()?.into()),
        T::SmallInt => put(i16::try_from(integer(stored)?).ok()?.into()),
        T::Int => put(i32::try_from(integer(stored)?).ok()?.into()),
        T::BigInt => put(integer(stored)?.into()),
        T::TinyUnsigned => put(u8::try_from(integer(stored)?).ok()?.into()),
        T::SmallUnsigned => put(u16::try_from(integer(stored)?).ok()?.into()),
        T::Unsigned => put(u32::try_from(integer(stored)?).ok()?.into()),
        T::Float => put(single(stored)?.into()),
        T::Double => put(real(stored)?.into()),
        T::String => put(text(stored)?.into()),
        T::Enum(name) => put(enum_of(name, Some(text(stored)?.to_owned()))),
        T::Char => put(text(stored)?.chars().next()?.into()),
        // SQLite does not compare text by its bytes with a blob: a filter with the bytes would not find the row.
        T::Bytes => put(blob(stored)?.into()),
        // Bytes are JSON in a form of SQLite's own, or none, to the functions that look into documents.
        T::Json => put(serde_json::from_str::<serde_json::Value>(text(stored)?).ok()?.into()),
        T::Uuid => put(Uuid::from_slice(blob(stored)?).ok()?.into()),
        T::ChronoDate => put(times::date(text(stored)?.as_bytes()).filter(|date| date.year() > 0)?.into()),
        T::ChronoTime => put(times::time_of_day(text(stored)?.as_bytes())?.into()),
        T::ChronoDateTime => put(times::naive(stored)?.into()),
        T::ChronoDateTimeUtc => put(times::instant(stored)?.to_utc().into()),
        T::ChronoDateTimeLocal => put(times::instant(stored)?.with_timezone(&Local).into()),
        T::ChronoDateTimeWithTimeZone => put(times::instant(stored)?.into()),
        _ => return None,
    })
}

fn integer(stored: ValueRef<'_>) -> Option<i64> {
    if let ValueRef::Integer(number) = stored { Some(number) } else { None }
}

fn real(stored: ValueRef<'_>) -> Option<f64> {
    match stored {
        ValueRef::Real(number) => Some(number),
        // What a column that prefers whole numbers makes of one.
        ValueRef::Integer(number) => {
            let real = number as f64;
            (real as i128 == i128::from(number)).then_some(real)
        }
        _ => None,
    }
}

/// A number that `f32` holds exactly. Any other would be rounded, and a filter with the rounded number would not find the row.
fn single(stored: ValueRef<'_>) -> Option<f32> {
    let real = real(stored)?;
    let single = real as f32;
    (f64::from(single) == real).then_some(single)
}

fn text(stored: ValueRef<'_>) -> Option<&str> {
    if let ValueRef::Text(bytes) = stored { str::from_utf8(bytes).ok() } else { None }
}

fn blob(stored: ValueRef<'_>) -> Option<&[u8]> {
    if let ValueRef::Blob(bytes) = stored { Some(bytes) } else { None }
}
