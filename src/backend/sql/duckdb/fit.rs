//! Which values a column of a type stores as they are given, and how it compares them.

use std::sync::Arc;

use chrono::{NaiveDateTime, Timelike};
use sea_orm::{Value, sea_query::ArrayType};

use crate::{
    backend::sql::catalog::{Described, LosslessValues, TextOrder},
    error::{Error, ErrorKind, Result},
    value::{instant_of, is_text, text_of},
};

/// What a session adds to what a type says.
#[derive(Clone, Copy)]
pub(super) struct SessionTraits {
    /// Whether text may be compared otherwise than by its bytes.
    pub(super) folds: bool,
    /// Whether times without a zone are taken for those of UTC.
    pub(super) is_in_utc: bool,
}

/// A column of a type that the model wants values of another type of.
///
/// # Errors
/// [`Unsupported`](ErrorKind::Unsupported) if the column could not hold them, or would find and order them by other rules than
/// the model's.
pub(super) fn described(wanted: &ArrayType, digits: (u32, u32), data_type: &str, session: SessionTraits) -> Result<Described> {
    let (name, parameters) = data_type.split_once('(').unwrap_or((data_type, ""));
    let is_scalar = !data_type.ends_with(']');
    let fitting = if is_scalar { fitting(wanted, digits, name, parameters, session) } else { None };
    let message = || format!("a column of DuckDB's type {name} for values of another type");
    fitting.ok_or_else(|| Error::new(ErrorKind::Unsupported, message()))
}

/// A column of lists, of elements that the model wants in a type. Those of the column are of just that type.
///
/// # Errors
/// As those of [`described`].
pub(super) fn described_list(
    wanted: &ArrayType,
    digits: (u32, u32),
    data_type: &str,
    session: SessionTraits,
) -> Result<Described> {
    let refused =
        || Error::new(ErrorKind::Unsupported, format!("a column of DuckDB's type {data_type} for lists of another type"));
    let element = data_type.strip_suffix("[]").ok_or_else(refused)?;
    let found = described(wanted, digits, element, session)?;
    let is_text = is_text(wanted) && element == "VARCHAR";
    let is_exact = matches!(found.lossless, LosslessValues::All) && found.text == TextOrder::Bytes;
    if is_text || (is_exact && !is_whole(element)) || is_own_whole(wanted, element) {
        Ok(Described::default())
    } else {
        Err(refused())
    }
}

/// Whether DuckDB's type of whole numbers is the model's.
fn is_own_whole(wanted: &ArrayType, name: &str) -> bool {
    use ArrayType as T;
    let own = match wanted {
        T::TinyInt => "TINYINT",
        T::SmallInt => "SMALLINT",
        T::Int => "INTEGER",
        T::BigInt => "BIGINT",
        T::TinyUnsigned => "UTINYINT",
        T::SmallUnsigned => "USMALLINT",
        T::Unsigned => "UINTEGER",
        T::BigUnsigned => "UBIGINT",
        _ => return false,
    };
    own == name
}

#[allow(unreachable_patterns, reason = "SeaORM's features add types of values")]
fn fitting(wanted: &ArrayType, digits: (u32, u32), name: &str, parameters: &str, session: SessionTraits) -> Option<Described> {
    use ArrayType as T;
    let all = || Some(Described::default());
    let only = |accepts: fn(&Value) -> bool| lossless_if(accepts);
    // A view's column of nulls.
    if name == "\"NULL\"" {
        return all();
    }
    match wanted {
        T::Bool => all().filter(|_| name == "BOOLEAN"),
        T::TinyInt | T::SmallInt | T::Int | T::BigInt | T::TinyUnsigned | T::SmallUnsigned | T::Unsigned | T::BigUnsigned => {
            all().filter(|_| is_whole(name) || name == "DECIMAL")
        }
        T::Float | T::Double => match (name, wanted) {
            ("FLOAT", T::Float) | ("DOUBLE", _) => all(),
            ("FLOAT", _) => only(is_single),
            // Wider ones are compared after they were rounded.
            ("TINYINT" | "UTINYINT" | "SMALLINT" | "USMALLINT", _) | ("INTEGER" | "UINTEGER", T::Double) => only(is_whole_number),
            _ => None,
        },
        T::Decimal if name == "DECIMAL" => decimal(digits, parameters),
        T::Decimal => only(is_whole_number).filter(|_| is_whole(name)),
        T::String | T::Enum(_) | T::Char => text(name, session),
        T::Json => all().filter(|_| matches!(name, "JSON" | "VARCHAR")),
        T::Bytes => all().filter(|_| name == "BLOB"),
        T::Uuid => all().filter(|_| name == "UUID"),
        T::ChronoDate => all().filter(|_| name == "DATE"),
        T::ChronoTime => all().filter(|_| name == "TIME"),
        T::ChronoDateTime => match name {
            "TIMESTAMP" | "TIMESTAMP_NS" => all(),
            "TIMESTAMP WITH TIME ZONE" => all().filter(|_| session.is_in_utc),
            other => coarse(other),
        },
        T::ChronoDateTimeUtc | T::ChronoDateTimeLocal | T::ChronoDateTimeWithTimeZone => match name {
            "TIMESTAMP WITH TIME ZONE" => all(),
            "TIMESTAMP" => all().filter(|_| session.is_in_utc),
            other => coarse(other).filter(|_| session.is_in_utc),
        },
        // Those that this store does not read are refused elsewhere.
        _ => all(),
    }
}

fn is_whole(name: &str) -> bool {
    const WHOLE: [&str; 10] =
        ["TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"];
    WHOLE.contains(&name)
}

/// A decimal column, by its digits in all and those after the point.
fn decimal((whole, fraction): (u32, u32), parameters: &str) -> Option<Described> {
    let (width, scale) = parameters.trim_end_matches(')').split_once(',')?;
    let (width, scale): (u32, u32) = (width.trim().parse().ok()?, scale.trim().parse().ok()?);
    // What has more digits than the entity says was refused before.
    if scale >= fraction && width.saturating_sub(scale) >= whole {
        return Some(Described::default());
    }
    lossless_if(move |value| matches!(value, Value::Decimal(Some(number)) if number.normalize().scale() <= scale))
}

/// A column of text, or of something that is read as text.
fn text(name: &str, session: SessionTraits) -> Option<Described> {
    let folded = Described { text: TextOrder::Folded, ..Described::default() };
    match name {
        "VARCHAR" if session.folds => Some(folded),
        "VARCHAR" => Some(Described::default()),
        // They are ordered by their positions in the type, and compared with text as text.
        "ENUM" => Some(folded),
        // What is compared with them is made a document first, or refused. The appender does not look whether text is one.
        "JSON" => Some(Described { text: TextOrder::Folded, ..lossless_if(is_json)? }),
        "UUID" => Some(Described { text: TextOrder::Folded, ..lossless_if(is_uuid)? }),
        _ => None,
    }
}

/// Times of less than microseconds.
fn coarse(name: &str) -> Option<Described> {
    match name {
        "TIMESTAMP_S" => lossless_if(|value| nanoseconds(value) == Some(0)),
        "TIMESTAMP_MS" => lossless_if(|value| nanoseconds(value).is_some_and(|nanoseconds| nanoseconds % 1_000_000 == 0)),
        _ => None,
    }
}

fn nanoseconds(value: &Value) -> Option<u32> {
    match value {
        Value::ChronoDateTime(time) => time.as_ref().map(NaiveDateTime::nanosecond),
        other => instant_of(other).map(|instant| instant.nanosecond()),
    }
}

/// A column that refuses what it would change.
fn lossless_if(accepts: impl Fn(&Value) -> bool + Send + Sync + 'static) -> Option<Described> {
    let check = move |value: &Value| match accepts(value) {
        true => Ok(()),
        false => Err(Error::new(ErrorKind::InvalidInput, "a value that the column's type would change")),
    };
    Some(Described { lossless: LosslessValues::Only(Arc::new(check)), ..Described::default() })
}

fn is_whole_number(value: &Value) -> bool {
    match value {
        Value::Float(Some(number)) => number.fract() == 0.0,
        Value::Double(Some(number)) => number.fract() == 0.0,
        Value::Decimal(Some(number)) => number.is_integer(),
        _ => false,
    }
}

/// Whether a number is one of single precision.
#[expect(clippy::cast_possible_truncation, reason = "it is compared afterwards")]
fn is_single(value: &Value) -> bool {
    matches!(value, Value::Double(Some(number)) if f64::from(*number as f32) == *number)
}

/// Whether a text is a UUID as DuckDB writes one.
fn is_uuid(value: &Value) -> bool {
    text_of(value).is_some_and(|text| uuid::Uuid::try_parse(text).is_ok_and(|id| id.to_string() == text))
}

fn is_json(value: &Value) -> bool {
    text_of(value).is_some_and(|text| serde_json::from_str::<serde_json::Value>(text).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: SessionTraits = SessionTraits { folds: false, is_in_utc: true };

    fn is_lossless(wanted: &ArrayType, data_type: &str, value: impl Into<Value>) -> Option<bool> {
        match described(wanted, (20, 18), data_type, USUAL).ok()?.lossless {
            LosslessValues::All => Some(true),
            LosslessValues::Only(accepts) => Some(accepts(&value.into()).is_ok()),
        }
    }

    #[test]
    fn a_value_that_the_column_would_change_is_refused() {
        use ArrayType as T;
        let number = |text: &str| text.parse::<sea_orm::prelude::Decimal>().unwrap_or_default();
        assert_eq!(is_lossless(&T::Decimal, "DECIMAL(10,2)", number("1.239")), Some(false));
        assert_eq!(is_lossless(&T::Decimal, "DECIMAL(10,2)", number("1.230")), Some(true));
        assert_eq!(is_lossless(&T::Decimal, "DECIMAL(38,18)", number("1.239")), Some(true));
        assert_eq!(is_lossless(&T::Decimal, "INTEGER", number("1.5")), Some(false));
        assert_eq!(is_lossless(&T::Double, "FLOAT", 0.1), Some(false));
        assert_eq!(is_lossless(&T::Double, "FLOAT", 0.5), Some(true));
        assert_eq!(is_lossless(&T::Double, "INTEGER", 1.5), Some(false));
        assert_eq!(is_lossless(&T::Double, "INTEGER", f64::INFINITY), Some(false));
    }

    #[test]
    fn a_type_that_compares_otherwise_is_refused() {
        use ArrayType as T;
        for (wanted, data_type) in [
            (T::Double, "BIGINT"),
            (T::Float, "INTEGER"),
            (T::String, "INTEGER"),
            (T::String, "VARCHAR[]"),
            (T::Bytes, "BIT"),
            (T::Bytes, "VARCHAR"),
            (T::Uuid, "VARCHAR"),
            (T::ChronoTime, "TIME WITH TIME ZONE"),
            (T::ChronoTime, "TIME_NS"),
            (T::ChronoDateTimeUtc, "TIMESTAMP_NS"),
            (T::Bool, "INTEGER"),
            (T::BigInt, "BOOLEAN"),
            (T::BigInt, "VARCHAR"),
            (T::Decimal, "DOUBLE"),
        ] {
            let refused = described(&wanted, (20, 18), data_type, USUAL).map_err(|error| error.kind());
            assert!(matches!(refused, Err(ErrorKind::Unsupported)), "{wanted:?} {data_type}");
        }
    }
}
