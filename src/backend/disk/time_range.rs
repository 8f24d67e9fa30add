//! Which times a filter asks for.

use sea_orm::Value;

use super::row_span::RowSpan;
use crate::query::{Comparison, ResolvedFilter, Test};

/// The milliseconds of a time, or of a number of microseconds. Returns `None` for null, and for values that are no times.
pub(super) fn milliseconds(value: &Value) -> Option<i64> {
    match value {
        Value::ChronoDateTimeUtc(time) => time.as_ref().map(|time| time.timestamp_millis()),
        Value::ChronoDateTimeWithTimeZone(time) => time.as_ref().map(|time| time.timestamp_millis()),
        Value::ChronoDateTime(time) => time.as_ref().map(|time| time.and_utc().timestamp_millis()),
        Value::BigInt(microseconds) => microseconds.map(|microseconds| microseconds.div_euclid(1_000)),
        _ => None,
    }
}

/// The times that a row can have in a column if it fulfils a filter.
pub(super) fn asked_for(filter: &ResolvedFilter, column: usize) -> RowSpan {
    match filter {
        ResolvedFilter::All(parts) => {
            let spans = parts.iter().map(|part| asked_for(part, column));
            spans.fold(RowSpan::ALWAYS, |all, part| RowSpan { start: all.start.max(part.start), stop: all.stop.min(part.stop) })
        }
        ResolvedFilter::Any(parts) => parts.iter().map(|part| asked_for(part, column)).fold(RowSpan::default(), RowSpan::with),
        ResolvedFilter::Test(position, test) if *position == column => of_test(test),
        _ => RowSpan::ALWAYS,
    }
}

fn of_test(test: &Test) -> RowSpan {
    let one = |value: &Value| milliseconds(value).map_or(RowSpan::ALWAYS, |at| RowSpan { start: at, stop: at });
    match test {
        Test::Compare(Comparison::Equal, value) => one(value),
        Test::Compare(Comparison::Less | Comparison::AtMost, value) => RowSpan { start: i64::MIN, ..one(value) },
        Test::Compare(Comparison::Greater | Comparison::AtLeast, value) => RowSpan { stop: i64::MAX, ..one(value) },
        Test::In(values) => values.iter().map(one).fold(RowSpan::default(), RowSpan::with),
        _ => RowSpan::ALWAYS,
    }
}
