//! A row, to be deserialized.

use serde::{
    Deserializer,
    de::{self, Visitor, value::MapDeserializer},
    forward_to_deserialize_any,
};

use super::{Misfit, Row, cell::Cell};

pub(super) struct RowDeserializer(pub(super) Row);

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

    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, visitor: V) -> std::result::Result<V::Value, Misfit> {
        let Row { names, values } = self.0;
        if length != values.len() {
            return Err(de::Error::custom("a tuple of another length than the row"));
        }
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
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128 deserialize_u8
        deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128 deserialize_f32 deserialize_f64 deserialize_char
        deserialize_str deserialize_string deserialize_bytes deserialize_byte_buf deserialize_option
    }

    forward_to_deserialize_any! { unit unit_struct identifier ignored_any }
}
