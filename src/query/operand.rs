//! Values in the type of the column they are compared with or stored in.

use chrono::{DateTime, Local, Utc};
use sea_orm::{
    Value,
    prelude::Decimal,
    sea_query::{ArrayType, Enum, OptionEnum},
};

use crate::{
    error::{Error, ErrorKind, Result},
    value::{instant_of, portable, text_of, whole_number},
};

/// What a value is to a column.
#[derive(Debug, PartialEq)]
pub(super) enum Fitted {
    /// A value of the column's type.
    Value(Value),
    /// A whole number above all that the column can hold.
    Above,
    /// A whole number below all that the column can hold.
    Below,
}

pub(super) fn misfit() -> Error {
    Error::new(ErrorKind::InvalidInput, "a value of another type than its column's")
}

/// `value`, which is not null, in the type of a column.
#[allow(unreachable_patterns, reason = "SeaORM's features add types of values")]
pub(super) fn fit(value: Value, wanted: &ArrayType) -> Result<Fitted> {
    use ArrayType as T;
    let value = portable(value)?;
    let fitted = match wanted {
        whole if is_whole(whole) => return whole_number(&value).map(|number| in_range(number, wanted)).ok_or_else(misfit),
        T::Float => single(&value).map(|number| Value::Float(Some(number))),
        T::Double => double(&value).map(|number| Value::Double(Some(number))),
        T::Decimal => decimal(&value).map(|number| Value::Decimal(Some(number))),
        T::Enum(name) => text_of(&value).map(|text| {
            Value::Enum(OptionEnum::Some(Box::new(Enum { type_name: (**name).clone(), value: text.to_owned().into() })))
        }),
        T::String => text_of(&value).map(|text| Value::String(Some(text.to_owned()))),
        T::Char => one_character(&value).map(|c| Value::Char(Some(c))),
        T::ChronoDateTimeUtc => instant_of(&value).map(|time| Value::ChronoDateTimeUtc(Some(time))),
        T::ChronoDateTimeWithTimeZone => {
            instant_of(&value).map(|time| Value::ChronoDateTimeWithTimeZone(Some(time.fixed_offset())))
        }
        T::ChronoDateTimeLocal => {
            instant_of(&value).map(|time: DateTime<Utc>| Value::ChronoDateTimeLocal(Some(time.with_timezone(&Local))))
        }
        T::Bool => Some(value).filter(|value| matches!(value, Value::Bool(_))),
        T::Bytes => Some(value).filter(|value| matches!(value, Value::Bytes(_))),
        T::Uuid => Some(value).filter(|value| matches!(value, Value::Uuid(_))),
        T::Json => Some(value).filter(|value| matches!(value, Value::Json(_))),
        T::ChronoDate => Some(value).filter(|value| matches!(value, Value::ChronoDate(_))),
        T::ChronoTime => Some(value).filter(|value| matches!(value, Value::ChronoTime(_))),
        T::ChronoDateTime => Some(value).filter(|value| matches!(value, Value::ChronoDateTime(_))),
        _ => return Err(Error::new(ErrorKind::Unsupported, "a column of a type that cannot be compared")),
    };
    fitted.map(Fitted::Value).ok_or_else(misfit)
}

/// A value for a column that holds values of any type: a whole number, a number, text or bytes.
pub(super) fn of_any_type(value: &Value) -> Result<Value> {
    let value = portable(value.clone())?;
    let number = whole_number(&value).map(i64::try_from);
    Ok(match (value, number) {
        (_, Some(Ok(number))) => number.into(),
        (Value::Float(Some(number)), _) => f64::from(number).into(),
        (value @ (Value::Double(_) | Value::Bytes(_)), _) => value,
        (value, _) => text_of(&value).ok_or_else(misfit)?.into(),
    })
}

/// Whether values of a type can be compared, and so have an order: the types that [`fit`] knows.
pub(crate) fn is_comparable(value_type: &ArrayType) -> bool {
    use ArrayType as T;
    let is_number = matches!(value_type, T::Float | T::Double | T::Decimal) || is_whole(value_type);
    let is_text = matches!(value_type, T::String | T::Enum(_) | T::Char | T::Bytes | T::Json | T::Uuid | T::Bool);
    let is_time = matches!(
        value_type,
        T::ChronoDate
            | T::ChronoTime
            | T::ChronoDateTime
            | T::ChronoDateTimeUtc
            | T::ChronoDateTimeLocal
            | T::ChronoDateTimeWithTimeZone
    );
    is_number || is_text || is_time
}

pub(crate) fn is_whole(value_type: &ArrayType) -> bool {
    use ArrayType as T;
    matches!(
        value_type,
        T::TinyInt | T::SmallInt | T::Int | T::BigInt | T::TinyUnsigned | T::SmallUnsigned | T::Unsigned | T::BigUnsigned
    )
}

/// The least and the most of a type of whole numbers.
pub(crate) fn range(value_type: &ArrayType) -> (i128, i128) {
    use ArrayType as T;
    match value_type {
        T::TinyInt => (i8::MIN.into(), i8::MAX.into()),
        T::SmallInt => (i16::MIN.into(), i16::MAX.into()),
        T::Int => (i32::MIN.into(), i32::MAX.into()),
        T::TinyUnsigned => (0, u8::MAX.into()),
        T::SmallUnsigned => (0, u16::MAX.into()),
        T::Unsigned => (0, u32::MAX.into()),
        T::BigUnsigned => (0, u64::MAX.into()),
        _ => (i64::MIN.into(), i64::MAX.into()),
    }
}

fn in_range(number: i128, wanted: &ArrayType) -> Fitted {
    let (least, most) = range(wanted);
    match of_type(number, wanted) {
        _ if number > most => Fitted::Above,
        _ if number < least => Fitted::Below,
        value => Fitted::Value(value),
    }
}

/// A whole number in one of the types of such, null if it does not fit.
pub(crate) fn of_type(number: i128, wanted: &ArrayType) -> Value {
    use ArrayType as T;
    match wanted {
        T::TinyInt => Value::TinyInt(number.try_into().ok()),
        T::SmallInt => Value::SmallInt(number.try_into().ok()),
        T::Int => Value::Int(number.try_into().ok()),
        T::TinyUnsigned => Value::TinyUnsigned(number.try_into().ok()),
        T::SmallUnsigned => Value::SmallUnsigned(number.try_into().ok()),
        T::Unsigned => Value::Unsigned(number.try_into().ok()),
        T::BigUnsigned => Value::BigUnsigned(number.try_into().ok()),
        _ => Value::BigInt(number.try_into().ok()),
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "what changes is left out")]
fn single(value: &Value) -> Option<f32> {
    match (value, whole_number(value)) {
        (Value::Float(number), _) => *number,
        (Value::Double(Some(number)), _) => Some(*number as f32).filter(|single| f64::from(*single) == *number),
        (_, Some(number)) => Some(number as f32).filter(|single| *single as i128 == number),
        _ => None,
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "what changes is left out")]
fn double(value: &Value) -> Option<f64> {
    match (value, whole_number(value)) {
        (Value::Double(number), _) => *number,
        (Value::Float(Some(number)), _) => Some(f64::from(*number)),
        (_, Some(number)) => Some(number as f64).filter(|double| *double as i128 == number),
        _ => None,
    }
}

fn decimal(value: &Value) -> Option<Decimal> {
    match value {
        Value::Decimal(number) => *number,
        other => whole_number(other).map(|number| Decimal::from_i128_with_scale(number, 0)),
    }
}

fn one_character(value: &Value) -> Option<char> {
    match value {
        Value::Char(c) => *c,
        other => {
            let mut characters = text_of(other)?.chars();
            characters.next().filter(|_| characters.next().is_none())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fitted(value: impl Into<Value>, wanted: ArrayType) -> Option<Fitted> {
        fit(value.into(), &wanted).ok()
    }

    #[test]
    fn numbers_keep_their_value_or_are_refused() {
        assert_eq!(fitted(7_i64, ArrayType::TinyInt), Some(Fitted::Value(Value::TinyInt(Some(7)))));
        assert_eq!(fitted(200_i64, ArrayType::TinyInt), Some(Fitted::Above));
        assert_eq!(fitted(-1_i32, ArrayType::BigUnsigned), Some(Fitted::Below));
        assert_eq!(fitted(u64::MAX, ArrayType::BigInt), Some(Fitted::Above));
        assert_eq!(fitted(u64::MAX, ArrayType::BigUnsigned), Some(Fitted::Value(Value::BigUnsigned(Some(u64::MAX)))));
        assert_eq!(fitted(1.5, ArrayType::Int), None);
        assert_eq!(fitted(0.1_f64, ArrayType::Float), None);
        assert_eq!(fitted(0.5_f64, ArrayType::Float), Some(Fitted::Value(Value::Float(Some(0.5)))));
        assert_eq!(fitted(i64::MAX, ArrayType::Double), None);
        assert_eq!(fitted(3_i32, ArrayType::Decimal), Some(Fitted::Value(Value::Decimal(Some(Decimal::from(3))))));
    }

    #[test]
    fn values_of_other_types_are_refused() {
        assert_eq!(fitted("1", ArrayType::Int), None);
        assert_eq!(fitted("two", ArrayType::Char), None);
        assert_eq!(fitted("t", ArrayType::Char), Some(Fitted::Value(Value::Char(Some('t')))));
        assert_eq!(fitted(true, ArrayType::Int), None);
        assert_eq!(fitted("a\0", ArrayType::String), None);
    }
}
