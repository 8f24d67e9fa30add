//! [`ShownValue`], a value as it stands in a file.

use sea_orm::Value;
#[cfg(feature = "postgres")]
use serde::ser::SerializeSeq as _;
use serde::{Serialize, Serializer, ser::SerializeMap as _};

use super::{file_format::Notation, text};
use crate::value::is_null;

/// The one field of a document that stands for another document: one that is null, which could be taken for no document, or has
/// this field itself.
pub(super) const WRAPPER: &str = "$json";

/// A value as it stands in a file.
pub(super) struct ShownValue<'v> {
    pub(super) value: &'v Value,
    pub(super) notation: Notation,
}

impl Serialize for ShownValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Some(text) = text::shown(self.value) {
            return serializer.serialize_str(&text);
        }
        match self.value {
            value if is_null(value) => serializer.serialize_unit(),
            Value::Bool(Some(flag)) => serializer.serialize_bool(*flag),
            Value::BigUnsigned(Some(number)) => serializer.serialize_u64(*number),
            Value::Float(Some(number)) => self.float(shortest(*number), serializer),
            Value::Double(Some(number)) => self.float(*number, serializer),
            Value::Json(Some(document)) => show_document(document, serializer),
            #[cfg(feature = "postgres")]
            Value::Array(_, Some(items)) => {
                let mut sequence = serializer.serialize_seq(Some(items.len()))?;
                items.iter().try_for_each(|value| sequence.serialize_element(&Self { value, ..*self }))?;
                sequence.end()
            }
            value => match crate::value::integer(value) {
                Some(number) => serializer.serialize_i64(number),
                None => Err(serde::ser::Error::custom("a value of a type that has no form in a file")),
            },
        }
    }
}

impl ShownValue<'_> {
    /// JSON has no infinite numbers.
    fn float<S: Serializer>(&self, number: f64, serializer: S) -> Result<S::Ok, S::Error> {
        match self.notation {
            Notation::Json if number.is_infinite() => serializer.serialize_str(&number.to_string()),
            _ => serializer.serialize_f64(number),
        }
    }
}

/// The number with the fewest digits that is read as this one.
fn shortest(number: f32) -> f64 {
    #[expect(clippy::cast_possible_truncation, reason = "that is how it is read")]
    let is_read_as = |wide: &f64| (*wide as f32).to_bits() == number.to_bits();
    number.to_string().parse().ok().filter(is_read_as).unwrap_or_else(|| f64::from(number))
}

fn show_document<S: Serializer>(document: &serde_json::Value, serializer: S) -> Result<S::Ok, S::Error> {
    let is_wrapped = match document {
        serde_json::Value::Null => true,
        serde_json::Value::Object(fields) => fields.len() == 1 && fields.contains_key(WRAPPER),
        _ => false,
    };
    if !is_wrapped {
        return document.serialize(serializer);
    }
    let mut map = serializer.serialize_map(Some(1))?;
    map.serialize_entry(WRAPPER, document)?;
    map.end()
}
