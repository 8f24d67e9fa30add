//! Values out of SQLite's, by the type that is wanted.

use chrono::{DateTime, FixedOffset, Local, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use rusqlite::types::ValueRef;
use sea_orm::sea_query::ArrayType;
use uuid::Uuid;

use crate::{
    entity::Put,
    error::{Error, ErrorKind, Result},
    value::{enum_of, null_of},
};

/// The type that a value is read as when none is asked for: it has one of its own, whatever its column's.
pub(super) fn type_of(value: ValueRef<'_>) -> ArrayType {
    match value {
        ValueRef::Integer(_) => ArrayType::BigInt,
        ValueRef::Real(_) => ArrayType::Double,
        ValueRef::Null | ValueRef::Text(_) => ArrayType::String,
        ValueRef::Blob(_) => ArrayType::Bytes,
    }
}

/// Gives away a value in a type.
pub(super) fn read(stored: ValueRef<'_>, wanted: &ArrayType, put: Put<'_>) -> Result<()> {
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
        T::Float => put((real(stored)? as f32).into()),
        T::Double => put(real(stored)?.into()),
        T::String => put(text(stored)?.into()),
        T::Enum(name) => put(enum_of(name, Some(text(stored)?.to_owned()))),
        T::Char => put(text(stored)?.chars().next()?.into()),
        T::Bytes => put(bytes(stored)?.into()),
        T::Json => put(serde_json::from_slice::<serde_json::Value>(bytes(stored)?).ok()?.into()),
        T::Uuid => put(Uuid::from_slice(bytes(stored)?).ok()?.into()),
        T::ChronoDate => put(NaiveDate::parse_from_str(text(stored)?, "%F").ok()?.into()),
        T::ChronoTime => put(time_of_day(text(stored)?)?.into()),
        T::ChronoDateTime => put(instant(stored)?.naive_local().into()),
        T::ChronoDateTimeUtc => put(instant(stored)?.to_utc().into()),
        T::ChronoDateTimeLocal => put(instant(stored)?.with_timezone(&Local).into()),
        T::ChronoDateTimeWithTimeZone => put(instant(stored)?.into()),
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
        ValueRef::Integer(number) => Some(number as f64),
        _ => None,
    }
}

fn text(stored: ValueRef<'_>) -> Option<&str> {
    if let ValueRef::Text(bytes) = stored { str::from_utf8(bytes).ok() } else { None }
}

fn bytes(stored: ValueRef<'_>) -> Option<&[u8]> {
    if let ValueRef::Text(bytes) | ValueRef::Blob(bytes) = stored { Some(bytes) } else { None }
}

/// A time in the form that is written, which a scan spends much of its time on: twice as fast as by what reads any form.
fn written_instant(text: &[u8]) -> Option<DateTime<Utc>> {
    let (time, fraction) = text.strip_suffix(b"+00:00")?.split_at_checked(19)?;
    let &[y1, y2, y3, y4, b'-', mo1, mo2, b'-', d1, d2, b'T', h1, h2, b':', mi1, mi2, b':', s1, s2] = time else { return None };
    let nanos = match fraction {
        [] => 0,
        [b'.', digits @ ..] if !digits.is_empty() => {
            number(digits)? * 10_u32.checked_pow(9_u32.checked_sub(u32::try_from(digits.len()).ok()?)?)?
        }
        _ => return None,
    };
    let date = NaiveDate::from_ymd_opt(number(&[y1, y2, y3, y4])?.try_into().ok()?, number(&[mo1, mo2])?, number(&[d1, d2])?)?;
    let time = date.and_hms_nano_opt(number(&[h1, h2])?, number(&[mi1, mi2])?, number(&[s1, s2])?, nanos)?;
    Some(time.and_utc())
}

/// A number of at most nine digits.
fn number(digits: &[u8]) -> Option<u32> {
    let digit = |digit: &u8| digit.is_ascii_digit().then(|| u32::from(digit - b'0'));
    digits.iter().take(9).try_fold(0, |number, next| Some(number * 10 + digit(next)?))
}

/// A time with its time zone, or in UTC. Besides the form that is written, those that sqlx reads: text as SQLite's own functions take it
/// (<https://www.sqlite.org/lang_datefunc.html>), seconds since 1970, and days of the Julian calendar.
fn instant(stored: ValueRef<'_>) -> Option<DateTime<FixedOffset>> {
    let text = match stored {
        ValueRef::Text(bytes) => match written_instant(bytes) {
            Some(time) => return Some(time.fixed_offset()),
            None => text(stored)?,
        },
        ValueRef::Integer(seconds) => return DateTime::from_timestamp(seconds, 0).map(|time| time.fixed_offset()),
        ValueRef::Real(days) => {
            let seconds = (days - 2_440_587.5) * 86_400.0;
            let nanos = (seconds.fract() * 1e9).abs() as u32;
            return DateTime::from_timestamp(seconds.trunc() as i64, nanos).map(|time| time.fixed_offset());
        }
        _ => return None,
    };
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time);
    }
    let text = text.replacen('T', " ", 1);
    let zoned = ["%F %T%.f%:z", "%F %R%:z"].iter().find_map(|format| DateTime::parse_from_str(&text, format).ok());
    let plain = text.strip_suffix('Z').unwrap_or(&text);
    let in_utc = || ["%F %T%.f", "%F %R"].iter().find_map(|format| NaiveDateTime::parse_from_str(plain, format).ok());
    zoned.or_else(|| in_utc().map(|time| time.and_utc().fixed_offset()))
}

fn time_of_day(text: &str) -> Option<NaiveTime> {
    let text = text.strip_suffix('Z').unwrap_or(text);
    ["%T%.f", "%R", "%T%.f%:z", "%R%:z"].iter().find_map(|format| NaiveTime::parse_from_str(text, format).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read the short way is what is read the long way.
    #[test]
    fn a_time_as_it_is_written_is_the_time() {
        for text in [
            "2026-01-01T00:00:00+00:00",
            "0001-12-31T23:59:59.5+00:00",
            "9999-02-28T23:59:59.999+00:00",
            "2024-02-29T01:02:03.000001+00:00",
            "1969-12-31T23:59:59.123456789+00:00",
        ] {
            let expected = DateTime::parse_from_rfc3339(text).ok().map(|time| time.to_utc());
            assert!(expected.is_some() && written_instant(text.as_bytes()) == expected, "{text}");
        }
        for text in [
            "",
            "+00:00",
            "2026-01-01T00:00:00Z",
            "2026-01-01T00:00:00.+00:00",
            "2026-01-01T00:00:00.1234567891+00:00",
            "2026-02-29T00:00:00+00:00",
            "2026-01-01T24:00:00+00:00",
            "2026-01-01T00:00:0x+00:00",
            "2026-01-01 00:00:00+00:00",
            "2026-01-01T00:00:00+01:00",
        ] {
            assert_eq!(written_instant(text.as_bytes()), None, "{text}");
        }
    }
}
