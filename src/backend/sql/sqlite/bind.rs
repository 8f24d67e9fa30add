//! Values on their way into SQLite, in the forms that sqlx stores them in: a file can be used through either.

use rusqlite::{
    Result, Statement, ToSql,
    types::{ToSqlOutput, Value as Owned, ValueRef},
};
use sea_orm::{Value, sea_query::OptionEnum};
use serde_json::Value as Json;

use super::connection::BRIEF_VALUE_BYTES;
use crate::backend::sql::statement::stored_text;

/// Gives a statement its values. It must have been reset.
pub(super) fn bind(statement: &mut Statement<'_>, values: &[Value]) -> Result<()> {
    let places = statement.parameter_count();
    if places != values.len() {
        return Err(rusqlite::Error::InvalidParameterCount(values.len(), places));
    }
    if statement.parameter_name(1).is_some() {
        return bind_by_number(statement, values);
    }
    values.iter().enumerate().try_for_each(|(at, value)| statement.raw_bind_parameter(at + 1, Bound(value)))
}

/// SQLite takes `$2` for a name, and places in the order in which they come.
fn bind_by_number(statement: &mut Statement<'_>, values: &[Value]) -> Result<()> {
    for at in 1..=values.len() {
        let number = statement.parameter_name(at).and_then(|name| name.get(1..)?.parse::<usize>().ok());
        let value = number.and_then(|number| values.get(number.checked_sub(1)?));
        let missing = || rusqlite::Error::InvalidParameterCount(values.len(), number.unwrap_or(at));
        statement.raw_bind_parameter(at, Bound(value.ok_or_else(missing)?))?;
    }
    Ok(())
}

/// Whether values take long to store, because there are many bytes of them.
pub(super) fn are_large(values: &[Value]) -> bool {
    let mut left = BRIEF_VALUE_BYTES.unsigned_abs() as usize;
    !values.iter().all(|value| match value {
        Value::String(Some(text)) => fits(&mut left, text.len()),
        Value::Bytes(Some(bytes)) => fits(&mut left, bytes.len()),
        Value::Json(Some(json)) => json_fits(&mut left, json),
        _ => true,
    })
}

fn fits(left: &mut usize, length: usize) -> bool {
    left.checked_sub(length).map(|rest| *left = rest).is_some()
}

fn json_fits(left: &mut usize, json: &Json) -> bool {
    match json {
        Json::String(text) => fits(left, text.len()),
        Json::Array(items) => items.iter().all(|item| fits(left, 1) && json_fits(left, item)),
        Json::Object(fields) => fields.iter().all(|(name, item)| fits(left, name.len()) && json_fits(left, item)),
        Json::Null | Json::Bool(_) | Json::Number(_) => true,
    }
}

struct Bound<'v>(&'v Value);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> Result<ToSqlOutput<'_>> {
        let number = |number: Option<i64>| ToSqlOutput::Owned(number.map_or(Owned::Null, Owned::Integer));
        let real = |number: Option<f64>| ToSqlOutput::Owned(number.map_or(Owned::Null, Owned::Real));
        let text = |text: Option<String>| ToSqlOutput::Owned(text.map_or(Owned::Null, Owned::Text));
        Ok(match self.0 {
            Value::Bool(truth) => number(truth.map(i64::from)),
            Value::TinyInt(n) => number(n.map(i64::from)),
            Value::SmallInt(n) => number(n.map(i64::from)),
            Value::Int(n) => number(n.map(i64::from)),
            Value::BigInt(n) => number(*n),
            Value::TinyUnsigned(n) => number(n.map(i64::from)),
            Value::SmallUnsigned(n) => number(n.map(i64::from)),
            Value::Unsigned(n) => number(n.map(i64::from)),
            Value::BigUnsigned(n) => {
                let n = n.map(i64::try_from).transpose();
                number(n.map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?)
            }
            Value::Float(n) => real(n.map(f64::from)),
            Value::Double(n) => real(*n),
            Value::String(text) => borrowed(text.as_deref().map(|text| ValueRef::Text(text.as_bytes()))),
            Value::Enum(OptionEnum::Some(text)) => borrowed(Some(ValueRef::Text(text.value.as_bytes()))),
            Value::Enum(OptionEnum::None(_)) => borrowed(None),
            Value::Bytes(bytes) => borrowed(bytes.as_deref().map(ValueRef::Blob)),
            Value::Uuid(uuid) => borrowed(uuid.as_ref().map(|uuid| ValueRef::Blob(uuid.as_bytes()))),
            Value::Char(_)
            | Value::Json(_)
            | Value::ChronoDate(_)
            | Value::ChronoTime(_)
            | Value::ChronoDateTime(_)
            | Value::ChronoDateTimeUtc(_)
            | Value::ChronoDateTimeWithTimeZone(_)
            | Value::ChronoDateTimeLocal(_) => text(stored_text(self.0)),
            _ => {
                let message = "a value of a type that SQLite does not store";
                return Err(rusqlite::Error::ToSqlConversionFailure(message.into()));
            }
        })
    }
}

fn borrowed(value: Option<ValueRef<'_>>) -> ToSqlOutput<'_> {
    ToSqlOutput::Borrowed(value.unwrap_or(ValueRef::Null))
}
