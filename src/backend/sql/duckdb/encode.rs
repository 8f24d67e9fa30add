//! Values for DuckDB: as the parameters of a statement, and as Arrow's columns for the appender.

use std::{collections::HashMap, sync::Arc};

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Timelike, Utc};
use duckdb::{
    arrow::{
        array::{
            ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, FixedSizeBinaryArray, Float32Array, Float64Array,
            Int8Array, Int16Array, Int32Array, Int64Array, ListArray, StringArray, StringBuilder, Time64MicrosecondArray,
            TimestampMicrosecondArray, UInt8Array, UInt16Array, UInt32Array, UInt64Array,
        },
        buffer::OffsetBuffer,
        datatypes::{Field, Schema},
        error::ArrowError,
        record_batch::RecordBatch,
    },
    types::{Decimal as DuckDecimal, TimeUnit, Value as Parameter},
};
use sea_orm::{Value, prelude::Decimal, sea_query::ArrayType};
use uuid::Uuid;

use crate::{
    backend::Rows,
    error::{Error, ErrorKind, Result},
    value::{instant_of, is_null, text_of},
};

/// A value as the parameter of a statement. What DuckDB's interface has no type for is text, and the statement says what of.
pub(super) fn parameter(value: Value) -> Result<Parameter> {
    Ok(match value {
        Value::Bool(value) => value.into(),
        Value::TinyInt(value) => value.into(),
        Value::SmallInt(value) => value.into(),
        Value::Int(value) => value.into(),
        Value::BigInt(value) => value.into(),
        Value::TinyUnsigned(value) => value.into(),
        Value::SmallUnsigned(value) => value.into(),
        Value::Unsigned(value) => value.into(),
        Value::BigUnsigned(value) => value.into(),
        Value::Float(value) => value.into(),
        Value::Double(value) => value.into(),
        Value::Bytes(value) => value.into(),
        Value::String(value) => value.into(),
        Value::Char(value) => value.map(String::from).into(),
        Value::Enum(value) => text_of(&Value::Enum(value)).map(str::to_owned).into(),
        Value::Json(value) => value.map(|json| json.to_string()).into(),
        Value::Uuid(value) => value.map(|uuid| uuid.to_string()).into(),
        Value::Decimal(value) => value.map(decimal).transpose()?.map_or(Parameter::Null, Parameter::Decimal),
        Value::ChronoDate(value) => value.map_or(Parameter::Null, |date| Parameter::Date32(days(date))),
        Value::ChronoTime(value) => {
            value.map_or(Parameter::Null, |time| Parameter::Time64(TimeUnit::Microsecond, time_micros(time)))
        }
        Value::ChronoDateTime(value) => {
            value.map_or(Parameter::Null, |time| Parameter::Timestamp(TimeUnit::Microsecond, micros(time)))
        }
        Value::Array(ArrayType::Decimal, Some(numbers)) => Parameter::List(decimals(&numbers)?),
        Value::Array(_, Some(elements)) => Parameter::List(elements.into_iter().map(parameter).collect::<Result<_>>()?),
        other if is_null(&other) => Parameter::Null,
        time => instant_text(instant_of(&time).ok_or_else(unsupported)?).into(),
    })
}

fn unsupported() -> Error {
    Error::new(ErrorKind::Unsupported, "a value of a type this backend does not store")
}

fn instant_text(instant: DateTime<Utc>) -> String {
    instant.format("%Y-%m-%d %H:%M:%S%.6f+00").to_string()
}

fn decimal(value: Decimal) -> Result<DuckDecimal> {
    let value = value.normalize();
    let scale = u8::try_from(value.scale()).map_err(|_| unsupported())?;
    DuckDecimal::new(38, scale, value.mantissa()).map_err(|error| unsupported().with_source(error))
}

/// Decimals of one type: all elements of a list are.
fn decimals(numbers: &[Value]) -> Result<Vec<Parameter>> {
    let numbers = numbers.iter().map(|number| match number {
        Value::Decimal(number) => number.map(|number| number.normalize()).ok_or_else(unsupported),
        _ => Err(unsupported()),
    });
    let numbers = numbers.collect::<Result<Vec<_>>>()?;
    let scale = numbers.iter().map(Decimal::scale).max().unwrap_or_default();
    let width = u8::try_from(scale).map_err(|_| unsupported())?;
    let decimal = |number: &Decimal| {
        let decimal = DuckDecimal::new(38, width, scaled(*number, scale)?);
        decimal.map(Parameter::Decimal).map_err(|error| unsupported().with_source(error))
    };
    numbers.iter().map(decimal).collect()
}

fn days(date: NaiveDate) -> i32 {
    let days = date.signed_duration_since(DateTime::UNIX_EPOCH.date_naive()).num_days();
    i32::try_from(days).unwrap_or(i32::MAX)
}

fn time_micros(time: NaiveTime) -> i64 {
    i64::from(time.num_seconds_from_midnight()) * 1_000_000 + i64::from(time.nanosecond() / 1_000)
}

fn micros(time: NaiveDateTime) -> i64 {
    time.and_utc().timestamp_micros()
}

/// A decimal as a whole number of the last of so many digits after the point.
fn scaled(value: Decimal, scale: u32) -> Result<i128> {
    let digits = scale.checked_sub(value.scale());
    let number = digits.and_then(|digits| value.mantissa().checked_mul(10_i128.checked_pow(digits)?));
    number.ok_or_else(|| Error::new(ErrorKind::InvalidInput, "a decimal with more digits than its column has"))
}

/// A column for the appender.
pub(super) struct AppendColumn {
    pub(super) name: String,
    pub(super) value_type: ArrayType,
    /// Whether it is of lists; the type is that of their elements.
    pub(super) is_list: bool,
    /// Where its values stand in the rows.
    pub(super) position: usize,
}

/// Rows as Arrow's columns.
pub(super) fn batch(columns: &[AppendColumn], rows: &dyn Rows) -> Result<RecordBatch> {
    let arrays = columns.iter().map(|column| array(column, rows)).collect::<Result<Vec<_>>>()?;
    let fields = columns.iter().zip(&arrays).map(|(column, array)| field(column, array));
    RecordBatch::try_new(Arc::new(Schema::new(fields.collect::<Vec<_>>())), arrays).map_err(uneven)
}

fn field(column: &AppendColumn, array: &ArrayRef) -> Field {
    let field = Field::new(&column.name, array.data_type().clone(), true);
    match column.value_type {
        ArrayType::Uuid if !column.is_list => {
            field.with_metadata(HashMap::from([("ARROW:extension:name".to_owned(), "arrow.uuid".to_owned())]))
        }
        _ => field,
    }
}

/// A column of lists: their elements one after another, and how many each has.
fn lists(column: &AppendColumn, rows: &dyn Rows) -> Result<ArrayRef> {
    let (mut elements, mut lengths, mut are_there) = (Vec::new(), Vec::new(), Vec::new());
    for row in 0..rows.len() {
        let list = match rows.value(row, column.position)? {
            Value::Array(_, list) => list,
            other if is_null(&other) => None,
            _ => return Err(contradiction()),
        };
        are_there.push(list.is_some());
        lengths.push(list.as_ref().map_or(0, |list| list.len()));
        elements.extend(list.into_iter().flat_map(|list| *list).map(|element| vec![element]));
    }
    let element = AppendColumn { name: "element".to_owned(), value_type: column.value_type.clone(), is_list: false, position: 0 };
    let elements = array(&element, &elements.as_slice())?;
    let field = Arc::new(field(&element, &elements));
    let (lengths, are_there) = (OffsetBuffer::from_lengths(lengths), Some(are_there.into()));
    Ok(Arc::new(ListArray::try_new(field, lengths, elements, are_there).map_err(uneven)?))
}

fn contradiction() -> Error {
    Error::new(ErrorKind::Internal, "a value of another type than its column's")
}

fn uneven(error: ArrowError) -> Error {
    Error::new(ErrorKind::Internal, "rows of one batch differ").with_source(error)
}

#[allow(unreachable_patterns, reason = "SeaORM's features add types of values")]
fn array(column: &AppendColumn, rows: &dyn Rows) -> Result<ArrayRef> {
    use ArrayType as T;
    if column.is_list {
        return lists(column, rows);
    }
    let values = (0..rows.len()).map(|row| rows.value(row, column.position));
    // What is neither of the column's type nor null was made by a type that contradicts itself.
    macro_rules! each {
        ($variant:ident, $convert:expr) => {
            values.map(|value| match value? {
                Value::$variant(value) => Ok(value.map($convert)),
                other if is_null(&other) => Ok(None),
                _ => Err(contradiction()),
            })
        };
    }
    macro_rules! primitive {
        ($array:ty, $variant:ident) => {
            primitive!($array, $variant, |value| value)
        };
        ($array:ty, $variant:ident, $convert:expr) => {
            Arc::new(<$array>::from(each!($variant, $convert).collect::<Result<Vec<_>>>()?))
        };
    }
    Ok(match column.value_type {
        T::Bool => primitive!(BooleanArray, Bool),
        T::TinyInt => primitive!(Int8Array, TinyInt),
        T::SmallInt => primitive!(Int16Array, SmallInt),
        T::Int => primitive!(Int32Array, Int),
        T::BigInt => primitive!(Int64Array, BigInt),
        T::TinyUnsigned => primitive!(UInt8Array, TinyUnsigned),
        T::SmallUnsigned => primitive!(UInt16Array, SmallUnsigned),
        T::Unsigned => primitive!(UInt32Array, Unsigned),
        T::BigUnsigned => primitive!(UInt64Array, BigUnsigned),
        T::Float => primitive!(Float32Array, Float),
        T::Double => primitive!(Float64Array, Double),
        T::ChronoDate => primitive!(Date32Array, ChronoDate, days),
        T::ChronoTime => primitive!(Time64MicrosecondArray, ChronoTime, time_micros),
        T::ChronoDateTime => primitive!(TimestampMicrosecondArray, ChronoDateTime, micros),
        T::ChronoDateTimeUtc | T::ChronoDateTimeLocal | T::ChronoDateTimeWithTimeZone => {
            let instant = |value: Result<Value>| match value? {
                value if is_null(&value) => Ok(None),
                value => instant_of(&value).ok_or_else(contradiction).map(|instant| Some(instant.timestamp_micros())),
            };
            let instants = values.map(instant).collect::<Result<Vec<_>>>()?;
            Arc::new(TimestampMicrosecondArray::from(instants).with_timezone("UTC"))
        }
        T::String | T::Enum(_) => {
            let mut texts = StringBuilder::new();
            for value in values {
                match value? {
                    value if is_null(&value) => texts.append_null(),
                    value => texts.append_value(text_of(&value).ok_or_else(contradiction)?),
                }
            }
            Arc::new(texts.finish())
        }
        T::Char => Arc::new(each!(Char, String::from).collect::<Result<StringArray>>()?),
        T::Json => Arc::new(each!(Json, |json| json.to_string()).collect::<Result<StringArray>>()?),
        T::Bytes => Arc::new(each!(Bytes, |bytes| bytes).collect::<Result<BinaryArray>>()?),
        T::Uuid => {
            let ids = each!(Uuid, Uuid::into_bytes).collect::<Result<Vec<_>>>()?;
            Arc::new(FixedSizeBinaryArray::try_from_sparse_iter_with_size(ids.into_iter(), 16).map_err(uneven)?)
        }
        T::Decimal => {
            let numbers = each!(Decimal, |number| number.normalize()).collect::<Result<Vec<_>>>()?;
            // As many digits as the longest has. The column may have others than the entity says.
            let scale = numbers.iter().flatten().map(Decimal::scale).max().unwrap_or_default();
            let numbers = numbers.into_iter().map(|number| number.map(|number| scaled(number, scale)).transpose());
            let numbers = numbers.collect::<Result<Vec<_>>>()?;
            let scale = i8::try_from(scale).map_err(|_| unsupported())?;
            Arc::new(Decimal128Array::from_iter(numbers).with_precision_and_scale(38, scale).map_err(uneven)?)
        }
        _ => return Err(unsupported()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_with_too_many_digits_is_refused() {
        let number = |text: &str| text.parse::<Decimal>().unwrap_or_default().normalize();
        assert_eq!(scaled(number("-1.50"), 3).ok(), Some(-1_500));
        assert_eq!(scaled(number("1.25"), 1).map_err(|error| error.kind()), Err(ErrorKind::InvalidInput));
        assert_eq!(scaled(Decimal::MAX, 18).map_err(|error| error.kind()), Err(ErrorKind::InvalidInput));
    }
}
