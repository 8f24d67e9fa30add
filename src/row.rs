//! Rows that are no models, and how they are read into a caller's type.

use std::{fmt, sync::Arc};

use sea_orm::Value;
use serde::{
    Deserializer,
    de::{self, DeserializeOwned, IntoDeserializer, Visitor, value::MapDeserializer},
    forward_to_deserialize_any,
};

use crate::{
    error::{Error, ErrorKind, Result},
    value::{instant_of, is_null, text_of},
};

/// One row of what [`project`](crate::Reader::project) reads: a value for each column.
#[derive(Clone, Debug)]
pub struct Row {
    pub(crate) names: Arc<[String]>,
    pub(crate) values: Vec<Value>,
}

impl Row {
    /// A row of these values, of columns of these names.
    #[must_use]
    pub fn new(names: Arc<[String]>, values: Vec<Value>) -> Self {
        Self { names, values }
    }

    /// The row as a struct with a field for each column, as a tuple, or, if it has but one column, as that column's value.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput), which names the column, if a value is not one of `T`'s.
    pub fn read<T: DeserializeOwned>(self) -> Result<T> {
        T::deserialize(RowDeserializer(self)).map_err(|misfit| {
            let message = match &misfit.column {
                Some(column) => format!("column `{column}` cannot be read as what was asked for"),
                None => "the columns are not those that were asked for".to_owned(),
            };
            Error::new(ErrorKind::InvalidInput, message).with_source(misfit)
        })
    }
}

/// A value that is not of the type asked for. Its text may quote the value.
#[derive(Debug)]
struct Misfit {
    column: Option<String>,
    message: String,
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Misfit {}

impl de::Error for Misfit {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { column: None, message: message.to_string() }
    }
}

struct RowDeserializer(Row);

impl RowDeserializer {
    fn single(self) -> std::result::Result<Cell, Misfit> {
        let Row { names, mut values } = self.0;
        match (names.first(), values.pop(), values.is_empty()) {
            (Some(name), Some(value), true) => Ok(Cell { name: name.clone(), value }),
            _ => Err(de::Error::custom("one value cannot be read from a row of several columns")),
        }
    }
}

/// A row is a map, but to a type that is a single value.
macro_rules! of_a_single_column {
    ($($method:ident)*) => {
        $(
            fn $method<V: Visitor<'de>>(self, visitor: V) -> std::result::Result<V::Value, Misfit> {
                self.single()?.$method(visitor)
            }
        )*
    };
}

impl<'de> Deserializer<'de> for RowDeserializer {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> std::result::Result<V::Value, Misfit> {
        match self.0.values.len() {
            1 => self.single()?.deserialize_any(visitor),
            _ => self.deserialize_map(visitor),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> std::result::Result<V::Value, Misfit> {
        let Row { names, values } = self.0;
        let cells = names.iter().zip(values).map(|(name, value)| (name.clone(), Cell { name: name.clone(), value }));
        visitor.visit_map(MapDeserializer::new(cells))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> std::result::Result<V::Value, Misfit> {
        self.deserialize_map(visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> std::result::Result<V::Value, Misfit> {
        match self.0.values.len() {
            1 => self.single()?.deserialize_seq(visitor),
            length => self.deserialize_tuple(length, visitor),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> std::result::Result<V::Value, Misfit> {
        let Row { names, values } = self.0;
        let cells = names.iter().zip(values).map(|(name, value)| Cell { name: name.clone(), value });
        visitor.visit_seq(de::value::SeqDeserializer::new(cells))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        length: usize,
        visitor: V,
    ) -> std::result::Result<V::Value, Misfit> {
        self.deserialize_tuple(length, visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> std::result::Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> std::result::Result<V::Value, Misfit> {
        self.single()?.deserialize_enum(name, variants, visitor)
    }

    of_a_single_column! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128 deserialize_u8 deserialize_u16
        deserialize_u32 deserialize_u64 deserialize_u128 deserialize_f32 deserialize_f64 deserialize_char deserialize_str
        deserialize_string deserialize_bytes deserialize_byte_buf deserialize_option
    }

    forward_to_deserialize_any! { unit unit_struct identifier ignored_any }
}

/// A value, and the column it is from.
struct Cell {
    name: String,
    value: Value,
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

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> std::result::Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self)
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

    forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct tuple tuple_struct identifier
        ignored_any
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use serde::Deserialize;

    use super::*;

    fn row(values: &[(&str, Value)]) -> Row {
        let names = values.iter().map(|(name, _)| (*name).to_owned()).collect();
        Row { names, values: values.iter().map(|(_, value)| value.clone()).collect() }
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Person {
        name: String,
        id: uuid::Uuid,
        age: Option<i32>,
        active: bool,
        born: Option<chrono::DateTime<chrono::Utc>>,
        tags: Vec<String>,
    }

    fn person() -> Vec<(&'static str, Value)> {
        vec![
            ("name", "Ann".into()),
            ("id", vec![0_u8; 16].into()),
            ("age", Value::Int(None)),
            ("active", 1_i64.into()),
            ("born", chrono::DateTime::UNIX_EPOCH.into()),
            ("tags", r#"["a"]"#.into()),
        ]
    }

    #[test]
    fn a_row_is_a_struct() -> Result<()> {
        let person: Person = row(&person()).read()?;
        let born = Some(chrono::DateTime::UNIX_EPOCH);
        assert_eq!(
            person,
            Person { name: "Ann".into(), id: uuid::Uuid::nil(), age: None, active: true, born, tags: vec!["a".into()] }
        );
        Ok(())
    }

    #[test]
    fn a_row_is_a_tuple_or_its_only_value() -> Result<()> {
        let pair: (String, i64) = row(&[("a", "x".into()), ("b", 7_i64.into())]).read()?;
        assert_eq!(pair, ("x".to_owned(), 7));
        assert_eq!(row(&[("a", 7_i64.into())]).read::<u8>()?, 7);
        assert_eq!(row(&[("a", vec![1_u8, 2].into())]).read::<Vec<u8>>()?, [1, 2]);
        assert_eq!(row(&[("a", 7_i64.into())]).read::<serde_json::Value>()?, serde_json::json!(7));
        let decimal: sea_orm::prelude::Decimal = row(&[("a", sea_orm::prelude::Decimal::new(15, 1).into())]).read()?;
        assert_eq!(decimal.to_string(), "1.5");
        assert_eq!(row(&[("a", 7_i64.into())]).read::<(i64,)>()?, (7,));
        assert_eq!(row(&[("a", Value::String(None))]).read::<Option<String>>()?, None);
        Ok(())
    }

    #[test]
    fn a_misfit_names_its_column_and_no_value() {
        let mut values = person();
        values.iter_mut().filter(|(name, _)| *name == "age").for_each(|(_, value)| *value = "t0psecret".into());
        let error = row(&values).read::<Person>().err();
        assert!(error.as_ref().is_some_and(|error| error.kind() == ErrorKind::InvalidInput));
        let text = error.as_ref().map(|error| format!("{error} {error:?}")).unwrap_or_default();
        assert!(text.contains("column `age`") && !text.contains("t0psecret"), "{text}");
        assert!(error.and_then(|error| error.source().map(ToString::to_string)).is_some_and(|text| text.contains("t0psecret")));
        assert!(row(&[("a", 1_i64.into()), ("b", 2_i64.into())]).read::<i64>().is_err());
    }
}
