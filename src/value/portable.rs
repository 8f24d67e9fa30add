//! The portable form of a value, and what has none.

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, SubsecRound, Timelike, Utc};
use sea_orm::sea_query::ArrayType;
use sea_orm::{Value, prelude::Decimal, sea_query::OptionEnum};
use serde_json::Value as Json;

use crate::{
    clock::to_microseconds,
    error::{Error, ErrorKind, Result},
};

/// The first time that can be stored: the beginning of the year 1.
pub(crate) const EARLIEST: DateTime<Utc> = match DateTime::from_timestamp(-62_135_596_800, 0) {
    Some(time) => time,
    None => DateTime::<Utc>::MIN_UTC,
};

/// The portable form of `value`: times in UTC and microseconds, everything else unchanged.
///
/// Refuses what some backend would change or cannot hold: Postgres has no NUL in text and no leap seconds, SQLite stores NaN as
/// NULL, and SQLite's times are text that sorts only with four-digit years. JSON comes out of all of them through `serde_json`.
/// SQLite forgets the sign of zero, so nobody keeps it. All of this holds of every element of a list.
pub(crate) fn portable(value: Value) -> Result<Value> {
    let refuse = |what| Err(Error::new(ErrorKind::InvalidInput, what));
    let fits = |date: NaiveDate| (1..=9999).contains(&date.year());
    let in_range = |time: NaiveDateTime| fits(time.date()) && !is_leap(time.time());
    match &value {
        Value::Float(Some(n)) if n.is_nan() => return refuse("a number that is not one (NaN)"),
        Value::Double(Some(n)) if n.is_nan() => return refuse("a number that is not one (NaN)"),
        Value::String(_) | Value::Enum(_) | Value::Char(_) if has_nul(&value) => return refuse("text with a NUL character"),
        Value::Json(_) if has_nul(&value) => return refuse("JSON with a NUL character"),
        Value::Json(Some(json)) if is_deeper(json, MAX_DEPTH) => return refuse("JSON that is nested deeper than 127 times"),
        Value::ChronoDate(Some(date)) if !fits(*date) => return refuse("a date outside the years 1 to 9999"),
        Value::ChronoTime(Some(time)) if is_leap(*time) => return refuse("a leap second"),
        Value::ChronoDateTime(Some(time)) if !in_range(*time) => return refuse(OUT_OF_RANGE),
        Value::ChronoDateTimeUtc(Some(time)) if !in_range(time.naive_utc()) => return refuse(OUT_OF_RANGE),
        Value::ChronoDateTimeWithTimeZone(Some(time)) if !in_range(time.naive_utc()) => return refuse(OUT_OF_RANGE),
        Value::ChronoDateTimeLocal(Some(time)) if !in_range(time.naive_utc()) => return refuse(OUT_OF_RANGE),
        _ => {}
    }
    Ok(match value {
        Value::Float(Some(n)) => Value::Float(Some(n + 0.0)),
        Value::Double(Some(n)) => Value::Double(Some(n + 0.0)),
        Value::ChronoTime(Some(time)) => Value::ChronoTime(Some(time.trunc_subsecs(6))),
        Value::ChronoDateTime(Some(time)) => Value::ChronoDateTime(Some(time.trunc_subsecs(6))),
        Value::ChronoDateTimeUtc(Some(time)) => Value::ChronoDateTimeUtc(Some(to_microseconds(time))),
        Value::ChronoDateTimeLocal(Some(time)) => Value::ChronoDateTimeLocal(Some(time.trunc_subsecs(6))),
        Value::ChronoDateTimeWithTimeZone(Some(time)) => {
            Value::ChronoDateTimeWithTimeZone(Some(to_microseconds(time.with_timezone(&Utc)).fixed_offset()))
        }
        Value::Array(element_type, Some(elements)) => {
            let elements = elements.into_iter().map(portable).collect::<Result<Vec<_>>>()?;
            Value::Array(element_type, Some(Box::new(elements)))
        }
        other => other,
    })
}

/// Refuses a decimal with more digits, before or after the point, than its column has: engines would round it without a word.
pub(crate) fn check_digits(value: &Value, digits: impl FnOnce() -> (u32, u32)) -> Result<()> {
    match value {
        Value::Decimal(Some(number)) => check_decimal(number, digits()),
        Value::Array(ArrayType::Decimal, Some(elements)) => {
            let digits = digits();
            elements.iter().try_for_each(|element| match element {
                Value::Decimal(Some(number)) => check_decimal(number, digits),
                _ => Ok(()),
            })
        }
        _ => Ok(()),
    }
}

fn check_decimal(number: &Decimal, (whole, fraction): (u32, u32)) -> Result<()> {
    let is_long = number.normalize().scale() > fraction;
    let is_large = 10_i128.checked_pow(whole).is_some_and(|limit| number.trunc().mantissa().abs() >= limit);
    if is_long || is_large {
        return Err(Error::new(ErrorKind::InvalidInput, "a decimal with more digits than its column has"));
    }
    Ok(())
}

const OUT_OF_RANGE: &str = "a time outside the years 1 to 9999, or a leap second";

/// Leap seconds are those with more than a second of nanoseconds.
fn is_leap(time: NaiveTime) -> bool {
    time.nanosecond() >= 1_000_000_000
}

/// Whether a value is or contains text with a NUL character.
pub(crate) fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(Some(text)) => text.contains('\0'),
        Value::Enum(OptionEnum::Some(text)) => text.value.contains('\0'),
        Value::Char(Some(character)) => *character == '\0',
        Value::Json(Some(json)) => is_nul_in(json),
        Value::Array(_, Some(elements)) => elements.iter().any(has_nul),
        _ => false,
    }
}

fn is_nul_in(json: &Json) -> bool {
    match json {
        Json::String(text) => text.contains('\0'),
        Json::Array(items) => items.iter().any(is_nul_in),
        Json::Object(fields) => fields.iter().any(|(name, value)| name.contains('\0') || is_nul_in(value)),
        _ => false,
    }
}

/// How deep JSON may be nested for `serde_json` to read it.
const MAX_DEPTH: usize = 127;

fn is_deeper(json: &Json, deepest: usize) -> bool {
    let deeper = |inner: &Json| is_deeper(inner, deepest.saturating_sub(1));
    match json {
        Json::Array(items) => deepest == 0 || items.iter().any(deeper),
        Json::Object(fields) => deepest == 0 || fields.values().any(deeper),
        _ => false,
    }
}
