//! A value of a row, to be deserialized.

use sea_orm::Value;
use serde::{
    Deserializer,
    de::{self, IntoDeserializer, Visitor},
    forward_to_deserialize_any,
};

use super::{Misfit, column_value};
use crate::value::{instant_of, is_null, text_of, whole_number};

/// A value, and the column it is from.
pub(super) struct Cell {
    pub(super) name: String,
    pub(super) value: Value,
}

impl IntoDeserializer<'_, Misfit> for Cell {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl Cell {
    /// Runs a visitor and names the column in its error.
    fn named<T>(self, visit: impl FnOnce(Value) -> std::result::Result<T, Misfit>) -> std::result::Result<T, Misfit> {
        let name = self.name;
        visit(self.value).map_err(|misfit| Misfit { column: Some(misfit.column.unwrap_or(name)), ..misfit })
    }
}

fn visit<'de, V: Visitor<'de>>(value: Value, visitor: V) -> std::result::Result<V::Value, Misfit> {
    if is_null(&value) {
        return visitor.visit_unit();
    }
    if let Some(text) = text_of(&value) {
        return visitor.visit_str(text);
    }
    if let Some(instant) = instant_of(&value) {
        return visitor.visit_string(instant.to_rfc3339());
    }
    match value {
        Value::Bool(Some(value)) => visitor.visit_bool(value),
        Value::TinyInt(Some(number)) => visitor.visit_i8(number),
        Value::SmallInt(Some(number)) => visitor.visit_i16(number),
        Value::Int(Some(number)) => visitor.visit_i32(number),
        Value::BigInt(Some(number)) => visitor.visit_i64(number),
        Value::TinyUnsigned(Some(number)) => visitor.visit_u8(number),
        Value::SmallUnsigned(Some(number)) => visitor.visit_u16(number),
        Value::Unsigned(Some(number)) => visitor.visit_u32(number),
        Value::BigUnsigned(Some(number)) => visitor.visit_u64(number),
        Value::Float(Some(number)) => visitor.visit_f32(number),
        Value::Double(Some(number)) => visitor.visit_f64(number),
        Value::Char(Some(c)) => visitor.visit_char(c),
        Value::Bytes(Some(bytes)) => visitor.visit_byte_buf(bytes),
        Value::Uuid(Some(id)) => visitor.visit_string(id.to_string()),
        Value::Decimal(Some(number)) => visitor.visit_string(number.to_string()),
        Value::ChronoDate(Some(date)) => visitor.visit_string(date.to_string()),
        Value::ChronoTime(Some(time)) => visitor.visit_string(time.to_string()),
        Value::ChronoDateTime(Some(time)) => visitor.visit_string(time.format("%Y-%m-%dT%H:%M:%S%.f").to_string()),
        Value::Json(Some(json)) => json.deserialize_any(visitor).map_err(de::Error::custom),
        _ => Err(de::Error::custom("a value of a type that is not read")),
    }
}

/// SQLite has no booleans: they are the numbers 0 and 1.
fn truth(value: Value) -> Value {
    match value {
        Value::BigInt(Some(0)) => false.into(),
        Value::BigInt(Some(1)) => true.into(),
        other => other,
    }
}

/// JSON that arrives as text, as on SQLite, is read as what it says where no text is asked for.
fn structured<T>(
    value: Value,
    read: impl FnOnce(serde_json::Value) -> std::result::Result<T, serde_json::Error>,
) -> std::result::Result<T, Misfit> {
    let json = match (&value, text_of(&value)) {
        (_, Some(text)) => serde_json::from_str(text).map_err(de::Error::custom)?,
        (Value::Json(Some(json)), None) => (**json).clone(),
        _ => return Err(de::Error::custom("a value that is no document")),
    };
    read(json).map_err(de::Error::custom)
}

/// Sums and averages are decimals to some engines. One without a fraction is a whole number.
fn whole(value: Value) -> Value {
    match &value {
        Value::Decimal(Some(number)) if number.fract().is_zero() => {
            let unsigned = || u64::try_from(*number).map_or(value.clone(), Value::from);
            i64::try_from(*number).map_or_else(|_| unsigned(), Value::from)
        }
        _ => value,
    }
}

/// A whole number of any size: one that no other form of a row holds is there as its digits.
fn wide(value: &Value) -> Option<i128> {
    match value {
        Value::Decimal(Some(number)) if number.fract().is_zero() => Some(number.trunc().mantissa()),
        other => whole_number(other).or_else(|| text_of(other)?.parse().ok()),
    }
}

/// Asks for a whole number of 128 bits.
fn visit_wide<'de, V: Visitor<'de>>(value: Value, visitor: V) -> std::result::Result<V::Value, Misfit> {
    match wide(&value) {
        Some(number) => visitor.visit_i128(number),
        None => visit(value, visitor),
    }
}

fn real(value: Value) -> Value {
    match &value {
        Value::Decimal(Some(number)) => f64::try_from(*number).map_or(value, Value::from),
        _ => value,
    }
}

/// Asks for numbers, whatever the engine has them in.
macro_rules! numbers {
    ($($method:ident: $convert:ident;)*) => {
        $(
            fn $method<V: Visitor<'de>>(self, visitor: V) -> std::result::Result<V::Value, Misfit> {
                self.named(|value| visit($convert(value), visitor))
            }
        )*
    };
}

impl<'de> Deserializer<'de> for Cell {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> std::result::Result<V::Value, Misfit> {
        self.named(|value| visit(value, visitor))
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> std::result::Result<V::Value, Misfit> {
        self.named(|value| visit(truth(value), visitor))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> std::result::Result<V::Value, Misfit> {
        match is_null(&self.value) {
            true => visitor.visit_none(),
            false => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> std::result::Result<V::Value, Misfit> {
        match name == column_value::TOKEN {
            true => self.named(|value| column_value::pass(value, visitor)),
            false => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> std::result::Result<V::Value, Misfit> {
        self.named(|value| match text_of(&value) {
            Some(text) => visitor.visit_enum(text.to_owned().into_deserializer()),
            None => structured(value, |json| json.deserialize_enum(name, variants, visitor)),
        })
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> std::result::Result<V::Value, Misfit> {
        self.named(|value| match value {
            Value::Bytes(Some(bytes)) => visitor.visit_seq(de::value::SeqDeserializer::new(bytes.into_iter())),
            other => structured(other, |json| json.deserialize_seq(visitor)),
        })
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> std::result::Result<V::Value, Misfit> {
        self.named(|value| structured(value, |json| json.deserialize_map(visitor)))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> std::result::Result<V::Value, Misfit> {
        self.deserialize_map(visitor)
    }

    fn deserialize_i128<V: Visitor<'de>>(self, visitor: V) -> std::result::Result<V::Value, Misfit> {
        self.named(|value| visit_wide(value, visitor))
    }

    fn deserialize_u128<V: Visitor<'de>>(self, visitor: V) -> std::result::Result<V::Value, Misfit> {
        self.named(|value| visit_wide(value, visitor))
    }

    numbers! {
        deserialize_i8: whole;
        deserialize_i16: whole;
        deserialize_i32: whole;
        deserialize_i64: whole;
        deserialize_u8: whole;
        deserialize_u16: whole;
        deserialize_u32: whole;
        deserialize_u64: whole;
        deserialize_f32: real;
        deserialize_f64: real;
    }

    forward_to_deserialize_any! {
        char str string bytes byte_buf unit unit_struct tuple tuple_struct identifier
        ignored_any
    }
}
