//! Lists in Arrow's columns: their elements one after another, and where each begins.

use duckdb::{
    arrow::array::{Array, ListArray},
    core::LogicalTypeId,
};
use sea_orm::{Value, sea_query::ArrayType};

use super::{ValueReader, column, misfit};
use crate::{error::Result, value::is_null};

/// Reads lists of elements of a type, none of which is null.
pub(super) fn reader<'a>(lists: &'a ListArray, wanted: &ArrayType) -> Result<ValueReader<'a>> {
    let (elements, wanted) = (column(lists.values(), LogicalTypeId::Invalid, wanted)?, wanted.clone());
    Ok(Box::new(move |row, put| {
        if lists.is_null(row) {
            return put(Value::Array(wanted.clone(), None));
        }
        let at = |row: usize| lists.value_offsets().get(row).and_then(|offset| usize::try_from(*offset).ok());
        let list = at(row).zip(at(row + 1)).and_then(|(from, to)| elements.get(from..to)).ok_or_else(misfit)?;
        match list.iter().any(is_null) {
            true => Err(misfit()),
            false => put(Value::Array(wanted.clone(), Some(Box::new(list.to_vec())))),
        }
    }))
}
