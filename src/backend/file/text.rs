//! Values that are text in a file, and what they are read from.

use std::{borrow::Cow, str::FromStr};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use chrono::{DateTime, Local, NaiveDate, NaiveDateTime, NaiveTime, SecondsFormat, Utc};
use sea_orm::{Value, prelude::Decimal, sea_query::ArrayType};
use uuid::Uuid;

use crate::value::{enum_of, instant_of, integer, text_of};

/// The text of a value that is text in a file. Returns `None` for a number, a document, a list, and where there is no value.
pub(super) fn shown(value: &Value) -> Option<Cow<'_, str>> {
    let time = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::AutoSi, true);
    if let Some(text) = text_of(value) {
        return Some(Cow::Borrowed(text));
    }
    Some(Cow::Owned(match value {
        Value::Char(character) => (*character)?.to_string(),
        Value::Bytes(bytes) => BASE64_STANDARD.encode(bytes.as_ref()?),
        Value::Uuid(id) => (*id)?.to_string(),
        Value::Decimal(number) => (*number)?.to_string(),
        Value::ChronoDate(date) => (*date)?.to_string(),
        Value::ChronoTime(time) => (*time)?.to_string(),
        Value::ChronoDateTime(time) => format!("{:?}", (*time)?),
        value => time(instant_of(value)?),
    }))
}

/// A text for every value that an id can have.
pub(super) fn of(value: &Value) -> String {
    match value {
        Value::Bool(Some(flag)) => flag.to_string(),
        Value::BigUnsigned(Some(number)) => number.to_string(),
        Value::Float(Some(number)) => number.to_string(),
        Value::Double(Some(number)) => number.to_string(),
        value => match integer(value) {
            Some(number) => number.to_string(),
            None => shown(value).unwrap_or_default().into_owned(),
        },
    }
}

/// Whether values of a type are text in a file.
pub(super) fn is_for(value_type: &ArrayType) -> bool {
    use ArrayType as T;
    matches!(
        value_type,
        T::String
            | T::Enum(_)
            | T::Char
            | T::Bytes
            | T::Uuid
            | T::Decimal
            | T::ChronoDate
            | T::ChronoTime
            | T::ChronoDateTime
            | T::ChronoDateTimeUtc
            | T::ChronoDateTimeLocal
            | T::ChronoDateTimeWithTimeZone
    )
}

/// The value of a type that a text is of. Returns `None` if it is of none.
pub(super) fn read(value_type: &ArrayType, text: &str) -> Option<Value> {
    use ArrayType as T;
    let instant = || DateTime::parse_from_rfc3339(text).ok();
    Some(match value_type {
        T::String => text.into(),
        T::Enum(name) => enum_of(name, Some(text.to_owned())),
        T::Char => {
            let mut characters = text.chars();
            characters.next().filter(|_| characters.next().is_none())?.into()
        }
        T::Bytes => BASE64_STANDARD.decode(text).ok()?.into(),
        T::Uuid => Uuid::parse_str(text).ok()?.into(),
        T::Decimal => Decimal::from_str_exact(text).ok()?.into(),
        T::ChronoDate => NaiveDate::from_str(text).ok()?.into(),
        T::ChronoTime => NaiveTime::from_str(text).ok()?.into(),
        T::ChronoDateTime => NaiveDateTime::from_str(text).ok()?.into(),
        T::ChronoDateTimeUtc => instant()?.to_utc().into(),
        T::ChronoDateTimeLocal => instant()?.with_timezone(&Local).into(),
        T::ChronoDateTimeWithTimeZone => instant()?.into(),
        _ => return None,
    })
}
