//! Values that SQLite stores as text, as they are written here and by sqlx: a file can be used through either.

use chrono::{DateTime, SecondsFormat, TimeZone};
use sea_orm::Value;

/// The text that a value is stored as. Returns `None` for a null, and for a value that is not stored as text.
pub(in super::super) fn stored_text(value: &Value) -> Option<String> {
    match value {
        Value::Char(c) => c.map(String::from),
        Value::Json(json) => json.as_ref().map(ToString::to_string),
        Value::ChronoDate(date) => date.map(|date| date.format("%F").to_string()),
        Value::ChronoTime(time) => time.map(|time| time.format("%T%.f").to_string()),
        Value::ChronoDateTime(time) => time.map(|time| time.format("%F %T%.f").to_string()),
        Value::ChronoDateTimeUtc(time) => time.as_ref().map(instant),
        Value::ChronoDateTimeWithTimeZone(time) => time.as_ref().map(instant),
        // Times are text, and compare only if they are all of one time zone.
        Value::ChronoDateTimeLocal(time) => time.map(|time| instant(&time.to_utc())),
        _ => None,
    }
}

fn instant<Tz: TimeZone<Offset: std::fmt::Display>>(time: &DateTime<Tz>) -> String {
    time.to_rfc3339_opts(SecondsFormat::AutoSi, false)
}
