//! [`Readout`], what the columns of an answer to an aggregation are.

use chrono::{NaiveDateTime, NaiveTime};
use sea_orm::{Value, sea_query::ArrayType};

use crate::{
    error::{Error, ErrorKind, Result},
    query::{TimeGrid, bucket_value, date_time, decimal_sum, float_sum, normalized, whole_sum},
    value::{DecimalSum, integer, is_null, null_of, text_of},
};

/// What one or two columns of an answer are, and which value they make.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) enum Readout {
    /// A value of this type.
    Value(ArrayType),
    /// A date with a time, or a time of day, of this type, as microseconds since 1970 or midnight.
    Microseconds(ArrayType),
    /// The beginning of a bucket of times of this type, as microseconds since 1970.
    Start(ArrayType),
    /// The same, as how many buckets there are before it from the instant on that [`TimeGrid::shift`] tells.
    Bucket(TimeGrid, ArrayType),
    /// The same, as what all times of the bucket begin with in SQLite's text.
    Prefix(ArrayType),
    /// A sum of whole numbers, as a number of 64 bits.
    Number,
    /// A sum of whole numbers, as its digits.
    Digits,
    /// A sum of whole numbers, as that of their high 32 bits and that of their low ones.
    Halves,
    /// A sum of floating-point numbers.
    Float,
    /// A sum of decimals, as its digits.
    Decimal,
    /// A sum of decimals, as that of what is before the points and that of what is after them.
    DecimalParts,
}

impl Readout {
    /// The types of its columns.
    pub(in super::super) fn types(&self) -> Vec<ArrayType> {
        use ArrayType as T;
        match self {
            Self::Value(value_type) => vec![value_type.clone()],
            Self::Microseconds(_) | Self::Start(_) | Self::Bucket(..) | Self::Number => vec![T::BigInt],
            Self::Prefix(_) | Self::Digits | Self::Decimal => vec![T::String],
            Self::Halves => vec![T::BigInt, T::BigInt],
            Self::Float => vec![T::Double],
            Self::DecimalParts => vec![T::String, T::String],
        }
    }

    /// The value of its columns.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput) for a sum or a bucket that cannot be answered, and
    /// [`Corrupt`](ErrorKind::Corrupt) for one of values that cannot be read.
    pub(in super::super) fn value(&self, columns: &[Value]) -> Result<Value> {
        let Some(first) = columns.first() else { return Err(unread()) };
        if is_null(first) {
            return Ok(self.null());
        }
        match self {
            Self::Value(_) => Ok(normalized(first.clone())),
            Self::Microseconds(value_type) => time(integer(first).ok_or_else(unread)?, value_type),
            Self::Start(value_type) => start(integer(first).ok_or_else(unread)?, value_type),
            Self::Bucket(grid, value_type) => {
                let microseconds = integer(first).and_then(|number| number.checked_mul(grid.width)?.checked_sub(grid.shift()));
                start(microseconds.ok_or_else(unread)?, value_type)
            }
            Self::Prefix(value_type) => {
                let beginning = text_of(first).and_then(beginning).ok_or_else(unread)?;
                start(beginning.and_utc().timestamp_micros(), value_type)
            }
            Self::Number => integer(first).map(|number| whole_sum(number.into())).ok_or_else(unread),
            Self::Digits => text_of(first).and_then(whole).map(whole_sum).ok_or_else(unread),
            Self::Halves => {
                let low = columns.get(1).and_then(integer);
                let (high, low) = integer(first).zip(low).ok_or_else(unread)?;
                Ok(whole_sum((i128::from(high) << 32) + i128::from(low)))
            }
            Self::Float => match first {
                Value::Double(Some(sum)) => float_sum(*sum),
                _ => Err(unread()),
            },
            Self::Decimal | Self::DecimalParts => decimal(columns),
        }
    }

    fn null(&self) -> Value {
        match self {
            Self::Value(value_type)
            | Self::Microseconds(value_type)
            | Self::Start(value_type)
            | Self::Bucket(_, value_type)
            | Self::Prefix(value_type) => null_of(value_type),
            Self::Number | Self::Digits | Self::Halves => Value::String(None),
            Self::Float => Value::Double(None),
            Self::Decimal | Self::DecimalParts => Value::Decimal(None),
        }
    }
}

fn unread() -> Error {
    Error::new(ErrorKind::Corrupt, "stored values that do not fit the model")
}

fn time(microseconds: i64, value_type: &ArrayType) -> Result<Value> {
    if *value_type == ArrayType::ChronoTime {
        let (seconds, rest) = (microseconds.div_euclid(1_000_000), microseconds.rem_euclid(1_000_000));
        let parts = u32::try_from(seconds).ok().zip(u32::try_from(rest * 1_000).ok());
        let time = parts.and_then(|(seconds, nanos)| NaiveTime::from_num_seconds_from_midnight_opt(seconds, nanos));
        return time.map(Value::from).ok_or_else(unread);
    }
    date_time(microseconds, value_type).ok_or_else(unread)
}

/// The beginning of a bucket. One that is later than every time that can be read is of times without an end.
fn start(microseconds: i64, value_type: &ArrayType) -> Result<Value> {
    if microseconds > 0 { time(microseconds, value_type) } else { bucket_value(microseconds, value_type) }
}

/// The first time that begins with a text.
fn beginning(text: &str) -> Option<NaiveDateTime> {
    let rest = "0001-01-01 00:00:00".get(text.len()..)?;
    let whole = format!("{text}{rest}").replacen('T', " ", 1);
    NaiveDateTime::parse_from_str(&whole, "%Y-%m-%d %H:%M:%S").ok()
}

/// The whole number of some digits. Those after a point, as of a column of decimals, are zeros.
fn whole(digits: &str) -> Option<i128> {
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    whole.parse().ok().filter(|_| fraction.bytes().all(|digit| digit == b'0'))
}

fn decimal(columns: &[Value]) -> Result<Value> {
    let mut sum = DecimalSum::default();
    for column in columns {
        let text = text_of(column).ok_or_else(unread)?;
        if text.contains(|c: char| !c.is_ascii_digit() && c != '-' && c != '.') {
            return Err(unread());
        }
        if sum.add_text(text).is_none() {
            return decimal_sum(None);
        }
    }
    decimal_sum(sum.total())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_put_together_with_their_signs() {
        let whole = |high: i64, low: i64| Readout::Halves.value(&[high.into(), low.into()]);
        assert_eq!(whole(-1, i64::from(u32::MAX)).ok(), Some("-1".into()));
        assert_eq!(whole(i64::MIN, 0).ok(), Some((i128::from(i64::MIN) << 32).to_string().into()));
        assert_eq!(Readout::Halves.value(&[Value::BigInt(None), Value::BigInt(None)]).ok(), Some(Value::String(None)));
    }

    #[test]
    fn a_text_begins_a_bucket() {
        let value = |text: &str| Readout::Prefix(ArrayType::ChronoDateTime).value(&[text.into()]);
        let time = |text: &str| text.parse::<NaiveDateTime>().ok().map(Value::from);
        assert_eq!(value("2026-02-03").ok(), time("2026-02-03T00:00:00"));
        assert_eq!(value("2026-02-03T04").ok(), time("2026-02-03T04:00:00"));
        assert_eq!(value("0001-02-03 04:05").ok(), time("0001-02-03T04:05:00"));
        assert_eq!(value("1969-12-31T23:59:59").ok(), time("1969-12-31T23:59:59"));
        assert_eq!(value("2026-02-3").map_err(|error| error.kind()), Err(ErrorKind::Corrupt));
    }

    #[test]
    fn a_sum_that_is_no_number_is_corrupt() {
        let kind = |readout: Readout, value: Value| readout.value(&[value]).map_err(|error| error.kind());
        assert_eq!(kind(Readout::Digits, "1.5".into()), Err(ErrorKind::Corrupt));
        assert_eq!(kind(Readout::Digits, "-7.00".into()), Ok("-7".into()));
        assert_eq!(kind(Readout::Decimal, "NaN".into()), Err(ErrorKind::Corrupt));
        assert_eq!(kind(Readout::Decimal, "79228162514264337593543950336".into()), Err(ErrorKind::InvalidInput));
        assert_eq!(kind(Readout::Float, f64::NAN.into()), Err(ErrorKind::InvalidInput));
        assert_eq!(kind(Readout::Start(ArrayType::ChronoDateTimeUtc), i64::MAX.into()), Err(ErrorKind::Corrupt));
        assert_eq!(kind(Readout::Start(ArrayType::ChronoDateTimeUtc), (-i64::MAX).into()), Err(ErrorKind::InvalidInput));
    }
}
