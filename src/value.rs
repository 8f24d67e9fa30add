//! Values in their portable form: what every backend stores and returns exactly.

mod decimal_sum;
pub(crate) mod encoding;
mod portable;
mod put;

use std::{cmp::Ordering, sync::LazyLock};

use chrono::{DateTime, Utc};
#[cfg(feature = "_sql")]
use chrono::{NaiveDate, NaiveTime};
use sea_orm::{
    Value,
    sea_query::{ArrayType, Enum, EnumTypeName, OptionEnum},
};
#[cfg(feature = "_sql")]
use serde_json::Value as Json;

pub(crate) use self::decimal_sum::DecimalSum;
pub use self::encoding::{decode_row, encode_row};
pub(crate) use self::portable::{EARLIEST, check_digits, has_nul, portable};
pub use self::put::{Put, ReadRow};

pub(crate) fn is_null(value: &Value) -> bool {
    *value == value.as_null()
}

/// What stands in a row for a column that was left out: a null of none of the columns' types.
pub(crate) fn left_out() -> Value {
    Value::Enum(OptionEnum::None(LEFT_OUT.clone()))
}

pub(crate) fn is_left_out(value: &Value) -> bool {
    matches!(value, Value::Enum(OptionEnum::None(name)) if *name == *LEFT_OUT)
}

static LEFT_OUT: LazyLock<EnumTypeName> = LazyLock::new(|| "larder: left out".into());

/// Whether `value` is null, or what a field of its type holds when nothing was put into it: zero, false, no text, no bytes, the
/// nil UUID, 1970.
#[cfg(feature = "_sql")]
pub(crate) fn is_nothing(value: &Value) -> bool {
    let midnight = |time: &DateTime<Utc>| *time == DateTime::UNIX_EPOCH;
    match value {
        Value::Bool(value) => !value.unwrap_or_default(),
        Value::Float(number) => number.unwrap_or_default() == 0.0,
        Value::Double(number) => number.unwrap_or_default() == 0.0,
        Value::Decimal(number) => number.unwrap_or_default().is_zero(),
        Value::Bytes(bytes) => bytes.as_ref().is_none_or(Vec::is_empty),
        Value::Uuid(id) => id.is_none_or(|id| id.is_nil()),
        Value::Json(json) => json.as_deref().is_none_or(Json::is_null),
        Value::ChronoDate(date) => date.is_none_or(|date| date == NaiveDate::default()),
        Value::ChronoTime(time) => time.is_none_or(|time| time == NaiveTime::MIN),
        Value::ChronoDateTime(time) => time.is_none_or(|time| time == DateTime::UNIX_EPOCH.naive_utc()),
        other => {
            is_null(other)
                || integer(other) == Some(0)
                || text_of(other).is_some_and(str::is_empty)
                || instant_of(other).as_ref().is_some_and(midnight)
        }
    }
}

/// Whether `value` is a list, which SeaORM may make something else of when it writes a statement.
pub(crate) fn is_array(value: &Value) -> bool {
    matches!(value, Value::Array(..))
}

/// A value of an enum of the database's.
pub(crate) fn enum_of(name: &EnumTypeName, text: Option<String>) -> Value {
    Value::Enum(match text {
        Some(text) => OptionEnum::Some(Box::new(Enum { type_name: name.clone(), value: text.into() })),
        None => OptionEnum::None(name.clone()),
    })
}

/// `value` as an integer of any width, if it is one.
pub(crate) fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::TinyInt(n) => n.map(i64::from),
        Value::SmallInt(n) => n.map(i64::from),
        Value::Int(n) => n.map(i64::from),
        Value::BigInt(n) => *n,
        Value::TinyUnsigned(n) => n.map(i64::from),
        Value::SmallUnsigned(n) => n.map(i64::from),
        Value::Unsigned(n) => n.map(i64::from),
        Value::BigUnsigned(n) => n.and_then(|n| i64::try_from(n).ok()),
        _ => None,
    }
}

/// `value` as an integer, whatever its size, if it is one.
pub(crate) fn whole_number(value: &Value) -> Option<i128> {
    match value {
        Value::BigUnsigned(number) => number.map(i128::from),
        other => integer(other).map(i128::from),
    }
}

/// The text of a value that is text.
pub(crate) fn text_of(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => text.as_deref(),
        Value::Enum(OptionEnum::Some(text)) => Some(&text.value),
        _ => None,
    }
}

/// Whether values of a type are text.
pub(crate) fn is_text(value_type: &ArrayType) -> bool {
    matches!(value_type, ArrayType::String | ArrayType::Enum(_) | ArrayType::Char)
}

/// The instant of a value that is one.
pub(crate) fn instant_of(value: &Value) -> Option<DateTime<Utc>> {
    match value {
        Value::ChronoDateTimeUtc(time) => *time,
        Value::ChronoDateTimeLocal(time) => time.map(|time| time.to_utc()),
        Value::ChronoDateTimeWithTimeZone(time) => time.map(|time| time.to_utc()),
        _ => None,
    }
}

/// The null of a type.
pub(crate) fn null_of(value_type: &ArrayType) -> Value {
    use ArrayType as T;
    match value_type {
        T::Bool => Value::Bool(None),
        T::TinyInt => Value::TinyInt(None),
        T::SmallInt => Value::SmallInt(None),
        T::Int => Value::Int(None),
        T::BigInt => Value::BigInt(None),
        T::TinyUnsigned => Value::TinyUnsigned(None),
        T::SmallUnsigned => Value::SmallUnsigned(None),
        T::Unsigned => Value::Unsigned(None),
        T::BigUnsigned => Value::BigUnsigned(None),
        T::Float => Value::Float(None),
        T::Double => Value::Double(None),
        T::Enum(name) => Value::Enum(OptionEnum::None((**name).clone())),
        T::Char => Value::Char(None),
        T::Bytes => Value::Bytes(None),
        T::Json => Value::Json(None),
        T::Uuid => Value::Uuid(None),
        T::Decimal => Value::Decimal(None),
        T::ChronoDate => Value::ChronoDate(None),
        T::ChronoTime => Value::ChronoTime(None),
        T::ChronoDateTime => Value::ChronoDateTime(None),
        T::ChronoDateTimeUtc => Value::ChronoDateTimeUtc(None),
        T::ChronoDateTimeLocal => Value::ChronoDateTimeLocal(None),
        T::ChronoDateTimeWithTimeZone => Value::ChronoDateTimeWithTimeZone(None),
        _ => Value::String(None),
    }
}

/// `number` in the integer type of `like`, if it has one wide enough.
pub(crate) fn integer_like(like: &Value, number: i64) -> Option<Value> {
    Some(match like {
        Value::TinyInt(_) => i8::try_from(number).ok()?.into(),
        Value::SmallInt(_) => i16::try_from(number).ok()?.into(),
        Value::Int(_) => i32::try_from(number).ok()?.into(),
        Value::BigInt(_) => number.into(),
        Value::TinyUnsigned(_) => u8::try_from(number).ok()?.into(),
        Value::SmallUnsigned(_) => u16::try_from(number).ok()?.into(),
        Value::Unsigned(_) => u32::try_from(number).ok()?.into(),
        Value::BigUnsigned(_) => u64::try_from(number).ok()?.into(),
        _ => return None,
    })
}

/// The values of an id or of a unique constraint, ordered as the engines order them: numbers by value, text by its bytes, times
/// by instant, null before everything.
#[derive(Clone, Debug)]
pub struct Key(pub(crate) Vec<Value>);

impl Key {
    /// A key of these values.
    ///
    /// ```
    /// use larder::Key;
    /// use sea_orm::Value;
    ///
    /// let (one, composite) = (Key::new([7]), Key::new([Value::from("Main Street"), Value::from(4)]));
    /// assert_eq!((one.values().len(), composite.values().len()), (1, 2));
    /// ```
    #[must_use]
    pub fn new(values: impl IntoIterator<Item = impl Into<Value>>) -> Self {
        Self(values.into_iter().map(Into::into).collect())
    }

    /// The values, in the order of the id's columns.
    #[must_use]
    pub fn values(&self) -> &[Value] {
        &self.0
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        let columns = self.0.iter().zip(&other.0).map(|(a, b)| compare(a, b));
        columns.fold(Ordering::Equal, Ordering::then).then(self.0.len().cmp(&other.0.len()))
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Key {}

/// How two values of one type are ordered.
pub(crate) fn compare(a: &Value, b: &Value) -> Ordering {
    if let (Some(a), Some(b)) = (text_of(a), text_of(b)) {
        return a.cmp(b);
    }
    match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(b).unwrap_or(Ordering::Equal),
        (Value::Double(a), Value::Double(b)) => a.partial_cmp(b).unwrap_or(Ordering::Equal),
        (Value::String(a), Value::String(b)) => a.cmp(b),
        (Value::Char(a), Value::Char(b)) => a.cmp(b),
        (Value::Bytes(a), Value::Bytes(b)) => a.cmp(b),
        (Value::Uuid(a), Value::Uuid(b)) => a.cmp(b),
        (Value::BigUnsigned(a), Value::BigUnsigned(b)) => a.cmp(b),
        (Value::Decimal(a), Value::Decimal(b)) => a.cmp(b),
        (Value::ChronoDate(a), Value::ChronoDate(b)) => a.cmp(b),
        (Value::ChronoTime(a), Value::ChronoTime(b)) => a.cmp(b),
        (Value::ChronoDateTime(a), Value::ChronoDateTime(b)) => a.cmp(b),
        (Value::ChronoDateTimeUtc(a), Value::ChronoDateTimeUtc(b)) => a.cmp(b),
        (Value::ChronoDateTimeWithTimeZone(a), Value::ChronoDateTimeWithTimeZone(b)) => a.cmp(b),
        (Value::ChronoDateTimeLocal(a), Value::ChronoDateTimeLocal(b)) => a.cmp(b),
        _ if whole_number(a).is_some() || whole_number(b).is_some() => whole_number(a).cmp(&whole_number(b)),
        _ if instant_of(a).is_some() || instant_of(b).is_some() => instant_of(a).cmp(&instant_of(b)),
        // Types that do not serve as ids on their own: any fixed order will do.
        _ => format!("{a:?}").cmp(&format!("{b:?}")),
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, FixedOffset, NaiveDate, NaiveTime};

    use super::*;
    use crate::error::{ErrorKind, Result};
    use sea_orm::prelude::Decimal;

    #[test]
    fn times_are_cut_to_microseconds_in_utc() -> Result<(), chrono::ParseError> {
        let time: DateTime<FixedOffset> = "1969-12-31T23:59:59.999999999+02:00".parse()?;
        let Ok(Value::ChronoDateTimeWithTimeZone(Some(stored))) = portable(time.into()) else { unreachable!() };
        assert_eq!(stored.to_rfc3339(), "1969-12-31T21:59:59.999999+00:00");
        Ok(())
    }

    #[test]
    fn what_some_engine_would_change_is_refused() {
        let refused: [Value; 6] = [
            NaiveTime::from_hms_nano_opt(23, 59, 59, 1_500_000_000).into(),
            f64::NAN.into(),
            "a\0b".into(),
            serde_json::json!({ "a": ["\0"] }).into(),
            NaiveDate::MAX.into(),
            DateTime::<Utc>::MAX_UTC.into(),
        ];
        for value in refused {
            assert_eq!(portable(value).map_err(|e| e.kind()), Err(ErrorKind::InvalidInput));
        }
    }

    #[test]
    fn elements_of_lists_are_values_like_others() {
        let list = |element: Value| Value::Array(element.array_type(), Some(Box::new(vec![element])));
        let refused: [Value; 5] =
            [f32::NAN.into(), "a\0b".into(), 'c'.into(), serde_json::json!({ "a": ["\0"] }).into(), NaiveDate::MAX.into()];
        for value in refused {
            let is_refused = portable(value.clone()).is_err();
            assert_eq!(portable(list(value.clone())).is_err(), is_refused, "{value:?}");
            assert_eq!(portable(list(list(value.clone()))).is_err(), is_refused, "{value:?}");
        }
        let Ok(Value::Array(_, Some(zeros))) = portable(list((-0.0_f64).into())) else { unreachable!() };
        assert!(matches!(zeros.as_slice(), [Value::Double(Some(zero))] if zero.is_sign_positive()));
        let fine = NaiveTime::from_hms_nano_opt(1, 2, 3, 4_567).map(|time| portable(list(time.into())));
        let cut = NaiveTime::from_hms_nano_opt(1, 2, 3, 4_000).map(|time| Ok(list(time.into())));
        assert_eq!(fine.map(|value| value.map_err(|error| error.kind())), cut);
        let digits = |value| check_digits(&value, || (20, 18)).map_err(|error| error.kind());
        assert_eq!(digits(list(Decimal::new(1, 19).into())), Err(ErrorKind::InvalidInput));
        assert_eq!(digits(list(Decimal::new(1, 18).into())), Ok(()));
    }

    #[test]
    fn json_is_as_deep_as_it_can_be_read() {
        let nested = |depth: usize| {
            (0..depth).fold(serde_json::json!(1), |json, nth| match nth % 2 {
                0 => serde_json::json!([json]),
                _ => serde_json::json!({ "a": json }),
            })
        };
        for depth in [1, 126, 127, 128, 129] {
            let json = nested(depth);
            let can_be_read = serde_json::from_str::<serde_json::Value>(&json.to_string()).is_ok();
            assert_eq!(portable(json.into()).is_ok(), can_be_read, "{depth}");
        }
    }

    #[test]
    fn zero_has_no_sign() {
        let Ok(Value::Double(Some(zero))) = portable((-0.0_f64).into()) else { unreachable!() };
        assert!(zero.is_sign_positive());
    }

    #[test]
    fn keys_order_numbers_by_value_and_text_by_bytes() {
        let key = |a: i64, b: &str| Key(vec![a.into(), b.into()]);
        let mut keys = vec![key(10, "a"), key(9, "b"), key(9, "B"), key(-1, "z")];
        keys.sort();
        assert_eq!(keys, [key(-1, "z"), key(9, "B"), key(9, "b"), key(10, "a")]);
    }
}
