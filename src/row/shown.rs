//! How a value is shown as JSON.

use std::fmt::Display;

use base64::{Engine, prelude::BASE64_STANDARD};
use chrono::SecondsFormat;
use sea_orm::Value;
use serde_json::Value as Json;

use crate::value::{instant_of, integer, text_of};

/// A value for people to read.
pub(crate) fn shown(value: &Value) -> serde_json::Value {
    let text = |value: &dyn Display| Json::String(value.to_string());
    match value {
        Value::Bool(Some(value)) => Json::Bool(*value),
        Value::Float(Some(number)) => f64::from(*number).into(),
        Value::Double(Some(number)) => (*number).into(),
        Value::BigUnsigned(Some(number)) => (*number).into(),
        Value::Char(Some(c)) => text(c),
        Value::Bytes(Some(bytes)) => Json::String(BASE64_STANDARD.encode(bytes)),
        Value::Json(Some(json)) => (**json).clone(),
        Value::Uuid(Some(id)) => text(id),
        Value::Decimal(Some(number)) => text(number),
        Value::ChronoDate(Some(date)) => text(date),
        Value::ChronoTime(Some(time)) => text(time),
        Value::ChronoDateTime(Some(time)) => Json::String(time.format("%Y-%m-%dT%H:%M:%S%.f").to_string()),
        Value::Array(_, Some(items)) => items.iter().map(shown).collect(),
        other => match (text_of(other), integer(other), instant_of(other)) {
            (Some(value), ..) => value.into(),
            (_, Some(number), _) => number.into(),
            (.., Some(instant)) => Json::String(instant.to_rfc3339_opts(SecondsFormat::AutoSi, true)),
            _ => Json::Null,
        },
    }
}
