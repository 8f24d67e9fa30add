//! What a statement can carry.

use sea_orm::{Statement, Value};

use crate::{
    dialect::Dialect,
    error::{Error, ErrorKind, Result},
    value::is_null,
};

/// Refuses more values than a statement can carry, and values that the binding would panic on. On Postgres those are lists of
/// anything but values of their type.
pub(super) fn refuse_unbindable(statement: &Statement, dialect: Dialect, bind_limit: usize) -> Result<()> {
    let mut values = statement.values.iter().flat_map(|values| &values.0);
    if statement.values.as_ref().is_some_and(|values| values.0.len() > bind_limit) {
        return Err(Error::new(ErrorKind::InvalidInput, "more values than one statement can carry"));
    }
    match values.find(|value| !is_bindable(value, dialect)) {
        None => Ok(()),
        Some(Value::BigUnsigned(_)) => Err(Error::new(ErrorKind::InvalidInput, "an unsigned number above i64::MAX")),
        Some(_) => Err(Error::new(ErrorKind::Unsupported, "a value of a type this backend does not store")),
    }
}

fn is_bindable(value: &Value, dialect: Dialect) -> bool {
    if let Value::BigUnsigned(Some(number)) = value {
        return i64::try_from(*number).is_ok();
    }
    if dialect == Dialect::Postgres {
        return is_bindable_list(value);
    }
    matches!(
        value,
        Value::Bool(_)
            | Value::TinyInt(_)
            | Value::SmallInt(_)
            | Value::Int(_)
            | Value::BigInt(_)
            | Value::TinyUnsigned(_)
            | Value::SmallUnsigned(_)
            | Value::Unsigned(_)
            | Value::BigUnsigned(_)
            | Value::Float(_)
            | Value::Double(_)
            | Value::String(_)
            | Value::Enum(_)
            | Value::Char(_)
            | Value::Bytes(_)
            | Value::Json(_)
            | Value::Uuid(_)
            | Value::ChronoDate(_)
            | Value::ChronoTime(_)
            | Value::ChronoDateTime(_)
            | Value::ChronoDateTimeUtc(_)
            | Value::ChronoDateTimeLocal(_)
            | Value::ChronoDateTimeWithTimeZone(_)
    )
}

fn is_bindable_list(value: &Value) -> bool {
    let Value::Array(element_type, Some(elements)) = value else { return true };
    let is_element = |element: &Value| element.array_type() == *element_type && !is_null(element);
    elements.iter().all(|element| is_element(element) && is_bindable(element, Dialect::Postgres))
}
