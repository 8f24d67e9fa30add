//! What is text in Arrow's columns: also UUIDs and JSON.

use duckdb::arrow::{
    array::{Array, AsArray},
    compute::cast,
    datatypes::DataType,
};
use sea_orm::{Value, sea_query::ArrayType};
use uuid::Uuid;

use super::{ValueReader, column, each, misfit, plain};
use crate::{error::Result, value::enum_of};

pub(super) fn reader<'a>(array: &'a dyn Array, wanted: &ArrayType) -> Option<ValueReader<'a>> {
    use ArrayType as T;
    if let DataType::FixedSizeBinary(16) = array.data_type() {
        let ids = array.as_fixed_size_binary_opt().filter(|_| *wanted == T::Uuid)?;
        return Some(each(ids, |bytes| Uuid::from_slice(bytes).ok(), Value::Uuid));
    }
    let texts = array.as_string_opt::<i32>()?;
    Some(match wanted {
        T::String => plain(texts, |text| Value::String(text.map(str::to_owned))),
        T::Enum(name) => {
            let name = name.clone();
            plain(texts, move |text| enum_of(&name, text.map(str::to_owned)))
        }
        T::Char => each(texts, only_character, Value::Char),
        T::Json => each(texts, |text| serde_json::from_str(text).ok(), |json| Value::Json(json.map(Box::new))),
        T::Uuid => each(texts, |text| Uuid::try_parse(text).ok(), Value::Uuid),
        _ => return None,
    })
}

/// Reads values of an enum.
pub(super) fn of_enum<'a>(array: &'a dyn Array, wanted: &ArrayType) -> Result<ValueReader<'a>> {
    let texts = cast(array, &DataType::Utf8).map_err(|error| misfit().with_source(error))?;
    let values = column(&texts, duckdb::core::LogicalTypeId::Varchar, wanted)?;
    Ok(Box::new(move |row, put| put(values.get(row).cloned().ok_or_else(misfit)?)))
}

/// The character of a text that is one.
fn only_character(text: &str) -> Option<char> {
    let mut characters = text.chars();
    characters.next().filter(|_| characters.next().is_none())
}
