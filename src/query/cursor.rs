//! [`Cursor`], a place in the order of a query that a caller can keep.

use std::{fmt, str::FromStr};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use chrono::{DateTime, Local};
use hmac::{Hmac, KeyInit, Mac};
use sea_orm::{Value, sea_query::ArrayType};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::{
    operand::{Fitted, fit, of_type},
    selection::SortKey,
};
use crate::{
    error::{Error, ErrorKind, Result},
    table::Table,
    value::{instant_of, is_null, text_of, whole_number},
};

/// A place in the order of a query, to read on from: text that can stand in a URL.
///
/// It belongs to the entity and the order it was made with, whatever the filter, and is recognized when it was changed on its
/// way: a cursor that was changed, cut, or comes from another order is [`InvalidInput`](crate::ErrorKind::InvalidInput) when it
/// is used. That holds against mistakes; against somebody who makes cursors on purpose it takes a key, by
/// [`PageRequest::key`](super::PageRequest::key). The values of the order's columns can be read out of a cursor, with or without
/// a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(String);

impl Cursor {
    /// The text of the cursor.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Cursor {
    type Err = std::convert::Infallible;

    /// Any text; whether it is a cursor of a query is found out by using it.
    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

/// How many bytes of the HMAC are kept.
const TAG: usize = 16;

/// Changes with the form of cursors, which then are refused.
const FORM: &[u8] = b"larder cursor 1";

impl Table {
    /// The place beside a model with these keys; without any, beyond all models.
    pub(super) fn cursor(&self, order: &[SortKey], keys: Option<&[Value]>, secret: &[u8]) -> Result<Cursor> {
        let keys: Option<Vec<_>> = keys.map(|keys| keys.iter().map(text).collect());
        let payload = serde_json::to_vec(&keys).map_err(|error| Error::new(ErrorKind::Internal, "").with_source(error))?;
        let mut bytes = self.tag(order, &payload, secret)?.finalize().into_bytes().get(..TAG).unwrap_or_default().to_vec();
        bytes.extend(payload);
        Ok(Cursor(BASE64.encode(bytes)))
    }

    /// The keys that a cursor of this order holds.
    pub(super) fn keys(&self, order: &[SortKey], cursor: &Cursor, secret: &[u8]) -> Result<Option<Vec<Value>>> {
        let invalid = || Error::new(ErrorKind::InvalidInput, "not a cursor of this query");
        let bytes = BASE64.decode(&cursor.0).map_err(|_| invalid())?;
        let (tag, payload) = bytes.split_at_checked(TAG).ok_or_else(invalid)?;
        self.tag(order, payload, secret)?.verify_truncated_left(tag).map_err(|_| invalid())?;
        let texts: Option<Vec<Option<String>>> = serde_json::from_slice(payload).map_err(|_| invalid())?;
        let Some(texts) = texts else { return Ok(None) };
        if texts.len() != order.len() {
            return Err(invalid());
        }
        let key = |(key, text): (&SortKey, Option<String>)| {
            let value_type = self.value_type(key.column)?;
            match text {
                None => self.null(key.column),
                Some(text) => value(&text, value_type).ok_or_else(invalid),
            }
        };
        order.iter().zip(texts).map(key).collect::<Result<_>>().map(Some)
    }

    fn tag(&self, order: &[SortKey], payload: &[u8], secret: &[u8]) -> Result<Hmac<Sha256>> {
        let tag = Hmac::<Sha256>::new_from_slice(secret);
        let mut tag = tag.map_err(|error| Error::new(ErrorKind::InvalidInput, "a key for cursors").with_source(error))?;
        let mut add = |part: &[u8]| {
            // With its length, so that no two lists of parts are alike.
            tag.update(&(part.len() as u64).to_be_bytes());
            tag.update(part);
        };
        add(FORM);
        add(self.full_name().as_bytes());
        for key in order {
            add(self.columns.get(key.column).map_or("", |column| column.name()).as_bytes());
            add(&[u8::from(key.descending)]);
        }
        add(payload);
        Ok(tag)
    }
}

/// A value as text. Returns `None` if it is null.
fn text(value: &Value) -> Option<String> {
    if is_null(value) {
        return None;
    }
    if let Some(text) = text_of(value) {
        return Some(text.to_owned());
    }
    if let Some(number) = whole_number(value) {
        return Some(number.to_string());
    }
    if let Some(instant) = instant_of(value) {
        return Some(instant.timestamp_micros().to_string());
    }
    match value {
        Value::Bool(value) => value.map(|value| value.to_string()),
        Value::Float(number) => number.map(|number| number.to_bits().to_string()),
        Value::Double(number) => number.map(|number| number.to_bits().to_string()),
        Value::Decimal(number) => number.map(|number| number.to_string()),
        Value::Char(c) => c.map(String::from),
        Value::Bytes(bytes) => bytes.as_ref().map(|bytes| BASE64.encode(bytes)),
        Value::Uuid(id) => id.map(|id| id.to_string()),
        Value::ChronoDate(date) => date.map(|date| date.to_string()),
        Value::ChronoTime(time) => time.map(|time| time.to_string()),
        Value::ChronoDateTime(time) => time.map(|time| time.and_utc().timestamp_micros().to_string()),
        _ => None,
    }
}

/// The value of a type that a text stands for.
fn value(text: &str, value_type: &ArrayType) -> Option<Value> {
    use ArrayType as T;
    let instant = || DateTime::from_timestamp_micros(text.parse().ok()?);
    Some(match value_type {
        T::Bool => text.parse::<bool>().ok()?.into(),
        T::Float => f32::from_bits(text.parse().ok()?).into(),
        T::Double => f64::from_bits(text.parse().ok()?).into(),
        T::Decimal => text.parse::<sea_orm::prelude::Decimal>().ok()?.into(),
        T::Bytes => BASE64.decode(text).ok()?.into(),
        T::Uuid => text.parse::<uuid::Uuid>().ok()?.into(),
        T::ChronoDate => text.parse::<chrono::NaiveDate>().ok()?.into(),
        T::ChronoTime => text.parse::<chrono::NaiveTime>().ok()?.into(),
        T::ChronoDateTime => instant()?.naive_utc().into(),
        T::ChronoDateTimeUtc => instant()?.into(),
        T::ChronoDateTimeWithTimeZone => instant()?.fixed_offset().into(),
        T::ChronoDateTimeLocal => instant()?.with_timezone(&Local).into(),
        T::String | T::Char | T::Enum(_) => match fit(text.into(), value_type).ok()? {
            Fitted::Value(value) => value,
            _ => return None,
        },
        _ => Some(of_type(text.parse().ok()?, value_type)).filter(|value| !is_null(value))?,
    })
}

#[cfg(test)]
mod tests {
    use larder_entity::raw_log;
    use proptest::prelude::*;

    use super::*;
    use crate::table::Table;

    fn order() -> Vec<SortKey> {
        [(1, true), (0, false)].map(|(column, descending)| SortKey { column, descending, nullable: false }).to_vec()
    }

    fn keys() -> [Value; 2] {
        [DateTime::from_timestamp_micros(-5).unwrap_or_default().into(), uuid::Uuid::from_u128(7).into()]
    }

    #[test]
    fn a_cursor_holds_its_keys() -> Result<()> {
        let table = Table::of::<raw_log::Entity>();
        let cursor = table.cursor(&order(), Some(&keys()), b"secret")?;
        assert_eq!(table.keys(&order(), &cursor, b"secret")?, Some(keys().to_vec()));
        let end = table.cursor(&order(), None, b"secret")?;
        assert_eq!(table.keys(&order(), &end, b"secret")?, None);
        assert!(cursor.as_str().bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
        Ok(())
    }

    #[test]
    fn a_cursor_belongs_to_its_entity_order_and_key() -> Result<()> {
        let table = Table::of::<raw_log::Entity>();
        let cursor = table.cursor(&order(), Some(&keys()), b"secret")?;
        let mut other = order();
        other.iter_mut().for_each(|key| key.descending = !key.descending);
        assert!(table.keys(&other, &cursor, b"secret").is_err());
        assert!(table.keys(&order(), &cursor, b"").is_err());
        assert!(Table::of::<larder_entity::fiber::Entity>().keys(&order(), &cursor, b"secret").is_err());
        Ok(())
    }

    proptest! {
        #[test]
        fn a_changed_cursor_is_refused(at in 0_usize..100, to in "[A-Za-z0-9_-]") {
            let table = Table::of::<raw_log::Entity>();
            let cursor = table.cursor(&order(), Some(&keys()), b"").map_err(|error| TestCaseError::fail(error.to_string()))?;
            let mut text = cursor.0.clone();
            let at = at % text.len();
            text.replace_range(at..=at, &to);
            prop_assert!(text == cursor.0 || table.keys(&order(), &Cursor(text), b"").is_err());
        }

        #[test]
        fn any_text_is_refused(text in ".{0,60}") {
            let table = Table::of::<raw_log::Entity>();
            prop_assert_eq!(table.keys(&order(), &Cursor(text), b"").map_err(|error| error.kind()), Err(ErrorKind::InvalidInput));
        }
    }

    #[test]
    fn values_come_back_from_their_text() {
        let values: [Value; 9] = [
            true.into(),
            i64::MIN.into(),
            u64::MAX.into(),
            f64::NEG_INFINITY.into(),
            0.1_f32.into(),
            "\"'ä".into(),
            vec![0_u8, 255].into(),
            chrono::NaiveTime::from_hms_micro_opt(1, 2, 3, 4).into(),
            chrono::NaiveDate::from_ymd_opt(1, 2, 3).into(),
        ];
        let types = [
            ArrayType::Bool,
            ArrayType::BigInt,
            ArrayType::BigUnsigned,
            ArrayType::Double,
            ArrayType::Float,
            ArrayType::String,
            ArrayType::Bytes,
            ArrayType::ChronoTime,
            ArrayType::ChronoDate,
        ];
        for (given, value_type) in values.iter().zip(types) {
            assert_eq!(text(given).and_then(|text| value(&text, &value_type)).as_ref(), Some(given));
        }
    }
}
