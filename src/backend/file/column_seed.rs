//! [`ColumnSeed`], which reads the value of a column from a file.

use std::fmt;

use sea_orm::{Value, sea_query::ArrayType};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error as _, Visitor},
};

use super::{file_format::Notation, shown_value::WRAPPER, text};
use crate::{
    table::TableColumn,
    value::{check_digits, portable},
};

/// Reads the value of a column. What it is taken for depends on the column: `no`, `1e3` and `2026-01-01` are text under text.
#[derive(Clone, Copy)]
pub(super) struct ColumnSeed<'c> {
    pub(super) column: &'c TableColumn,
    pub(super) notation: Notation,
}

impl<'de> DeserializeSeed<'de> for ColumnSeed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        let value = deserializer.deserialize_option(Nullable(self))?;
        // What is not stored in this form cannot be read in it.
        let value = portable(value).map_err(D::Error::custom)?;
        check_digits(&value, || self.column.decimal_digits()).map_err(D::Error::custom)?;
        Ok(value)
    }
}

/// Whether this store has a form for values of a type.
pub(super) fn is_known(value_type: &ArrayType) -> bool {
    use ArrayType as T;
    let is_plain = matches!(
        value_type,
        T::Bool
            | T::TinyInt
            | T::SmallInt
            | T::Int
            | T::BigInt
            | T::TinyUnsigned
            | T::SmallUnsigned
            | T::Unsigned
            | T::BigUnsigned
            | T::Float
            | T::Double
            | T::Json
    );
    is_plain || text::is_for(value_type)
}

/// A value or none.
struct Nullable<'c>(ColumnSeed<'c>);

impl<'de> Visitor<'de> for Nullable<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a value of the type {:?}", self.0.column.value_type)
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Value, E> {
        Ok(match self.0.column.null {
            // A document that has to be there is JSON's null.
            Value::Json(None) if !self.0.column.is_null() => serde_json::Value::Null.into(),
            ref null => null.clone(),
        })
    }

    fn visit_none<E: serde::de::Error>(self) -> Result<Value, E> {
        self.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        let element = Element { value_type: &self.0.column.value_type, notation: self.0.notation };
        #[cfg(feature = "postgres")]
        if let Value::Array(value_type, None) = &self.0.column.null {
            let items = deserializer.deserialize_seq(Items(Element { value_type, ..element }))?;
            return Ok(Value::Array(value_type.clone(), Some(Box::new(items))));
        }
        element.deserialize(deserializer)
    }
}

/// A value of a type.
#[derive(Clone, Copy)]
struct Element<'t> {
    value_type: &'t ArrayType,
    notation: Notation,
}

impl<'de> DeserializeSeed<'de> for Element<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        use ArrayType as T;
        Ok(match self.value_type {
            T::Bool => bool::deserialize(deserializer)?.into(),
            T::TinyInt => i8::deserialize(deserializer)?.into(),
            T::SmallInt => i16::deserialize(deserializer)?.into(),
            T::Int => i32::deserialize(deserializer)?.into(),
            T::BigInt => i64::deserialize(deserializer)?.into(),
            T::TinyUnsigned => u8::deserialize(deserializer)?.into(),
            T::SmallUnsigned => u16::deserialize(deserializer)?.into(),
            T::Unsigned => u32::deserialize(deserializer)?.into(),
            T::BigUnsigned => u64::deserialize(deserializer)?.into(),
            #[expect(clippy::cast_possible_truncation, reason = "the nearest number of the type")]
            T::Float => (self.float(deserializer)? as f32).into(),
            T::Double => self.float(deserializer)?.into(),
            T::Json => unwrapped(serde_json::Value::deserialize(deserializer)?).into(),
            value_type => {
                let text = String::deserialize(deserializer)?;
                let unfit = || D::Error::custom(format!("not a value of the type {value_type:?}"));
                text::read(value_type, &text).ok_or_else(unfit)?
            }
        })
    }
}

impl Element<'_> {
    fn float<'de, D: Deserializer<'de>>(self, deserializer: D) -> Result<f64, D::Error> {
        match self.notation {
            Notation::Yaml => f64::deserialize(deserializer),
            Notation::Json => deserializer.deserialize_any(JsonFloat),
        }
    }
}

/// A number, or the text of an infinite one.
struct JsonFloat;

impl Visitor<'_> for JsonFloat {
    type Value = f64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, `inf` or `-inf`")
    }

    fn visit_f64<E>(self, number: f64) -> Result<f64, E> {
        Ok(number)
    }

    #[expect(clippy::cast_precision_loss, reason = "the nearest number of the type")]
    fn visit_i64<E>(self, number: i64) -> Result<f64, E> {
        Ok(number as f64)
    }

    #[expect(clippy::cast_precision_loss, reason = "the nearest number of the type")]
    fn visit_u64<E>(self, number: u64) -> Result<f64, E> {
        Ok(number as f64)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<f64, E> {
        match text {
            "inf" => Ok(f64::INFINITY),
            "-inf" => Ok(f64::NEG_INFINITY),
            _ => Err(E::custom("text under a number")),
        }
    }
}

/// The document that one in a file is or stands for.
fn unwrapped(document: serde_json::Value) -> serde_json::Value {
    match document {
        serde_json::Value::Object(mut fields) if fields.len() == 1 && fields.contains_key(WRAPPER) => {
            fields.remove(WRAPPER).unwrap_or_default()
        }
        document => document,
    }
}

/// The items of a list.
#[cfg(feature = "postgres")]
struct Items<'t>(Element<'t>);

#[cfg(feature = "postgres")]
impl<'de> Visitor<'de> for Items<'_> {
    type Value = Vec<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut items: A) -> Result<Vec<Value>, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = items.next_element_seed(Item(self.0))? {
            values.push(value);
        }
        Ok(values)
    }
}

/// An item of a list, or null.
#[cfg(feature = "postgres")]
struct Item<'t>(Element<'t>);

#[cfg(feature = "postgres")]
impl<'de> DeserializeSeed<'de> for Item<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_option(self)
    }
}

#[cfg(feature = "postgres")]
impl<'de> Visitor<'de> for Item<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an item of a list")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Value, E> {
        Ok(crate::value::null_of(self.0.value_type))
    }

    fn visit_none<E: serde::de::Error>(self) -> Result<Value, E> {
        self.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.0.deserialize(deserializer)
    }
}
