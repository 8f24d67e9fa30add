//! Values out of Arrow's columns.

use chrono::{DateTime, Local, NaiveDate, NaiveTime, TimeDelta, Utc};
use duckdb::arrow::{
    array::{
        Array, ArrayAccessor, AsArray, Date32Array, Decimal128Array, FixedSizeBinaryArray, StringArray, Time64MicrosecondArray,
        TimestampMicrosecondArray,
    },
    compute::{CastOptions, cast, cast_with_options},
    datatypes::{
        ArrowPrimitiveType, DataType, Field, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimeUnit,
        UInt8Type, UInt16Type, UInt32Type, UInt64Type,
    },
};
use sea_orm::{Value, prelude::Decimal, sea_query::ArrayType};
use uuid::Uuid;

use crate::{
    entity::Put,
    error::{Error, ErrorKind, Result},
    value::enum_of,
};

/// The type that a column is read as when none is asked for.
pub(super) fn type_of(field: &Field) -> Option<ArrayType> {
    use ArrayType as T;
    let extension = field.metadata().get("ARROW:extension:name").map(String::as_str);
    Some(match (field.data_type(), extension) {
        (_, Some("arrow.uuid")) => T::Uuid,
        (_, Some("arrow.json")) => T::Json,
        (DataType::Boolean, _) => T::Bool,
        (DataType::Int8, _) => T::TinyInt,
        (DataType::Int16, _) => T::SmallInt,
        (DataType::Int32, _) => T::Int,
        (DataType::Int64, _) => T::BigInt,
        (DataType::UInt8, _) => T::TinyUnsigned,
        (DataType::UInt16, _) => T::SmallUnsigned,
        (DataType::UInt32, _) => T::Unsigned,
        (DataType::UInt64, _) => T::BigUnsigned,
        (DataType::Float32, _) => T::Float,
        (DataType::Float64, _) => T::Double,
        (DataType::Decimal128(..), _) => T::Decimal,
        (DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null | DataType::Dictionary(..), _) => T::String,
        (DataType::Binary, _) => T::Bytes,
        (DataType::FixedSizeBinary(16), _) => T::Uuid,
        (DataType::Date32, _) => T::ChronoDate,
        (DataType::Time64(TimeUnit::Microsecond), _) => T::ChronoTime,
        (DataType::Timestamp(TimeUnit::Microsecond, None), _) => T::ChronoDateTime,
        (DataType::Timestamp(TimeUnit::Microsecond, Some(_)), _) => T::ChronoDateTimeUtc,
        _ => return None,
    })
}

/// Gives away the value of a row.
pub(super) type Reader<'a> = Box<dyn Fn(usize, Put<'_>) -> Result<()> + 'a>;

/// The values of a column, in the type that the model wants.
pub(super) fn column(array: &dyn Array, wanted: &ArrayType) -> Result<Vec<Value>> {
    let read = reader(array, wanted)?;
    let mut values = Vec::with_capacity(array.len());
    for row in 0..array.len() {
        read(row, &mut |value| {
            values.push(value);
            Ok(())
        })?;
    }
    Ok(values)
}

/// Reads a column, in the type that the model wants.
#[allow(unreachable_patterns, reason = "SeaORM's features add types of values")]
pub(super) fn reader<'a>(array: &'a dyn Array, wanted: &ArrayType) -> Result<Reader<'a>> {
    use ArrayType as T;
    // How an enum of DuckDB's own arrives.
    if let DataType::Dictionary(_, value_type) = array.data_type() {
        let texts = cast(array, value_type).map_err(|error| misfit().with_source(error))?;
        let values = column(&texts, wanted)?;
        return Ok(Box::new(move |row, put| put(values.get(row).cloned().ok_or_else(misfit)?)));
    }
    match wanted {
        T::Bool => Ok(plain(array.as_boolean_opt().ok_or_else(misfit)?, Value::Bool)),
        T::TinyInt => numbers::<Int8Type>(array, Value::TinyInt),
        T::SmallInt => numbers::<Int16Type>(array, Value::SmallInt),
        T::Int => numbers::<Int32Type>(array, Value::Int),
        T::BigInt => numbers::<Int64Type>(array, Value::BigInt),
        T::TinyUnsigned => numbers::<UInt8Type>(array, Value::TinyUnsigned),
        T::SmallUnsigned => numbers::<UInt16Type>(array, Value::SmallUnsigned),
        T::Unsigned => numbers::<UInt32Type>(array, Value::Unsigned),
        T::BigUnsigned => numbers::<UInt64Type>(array, Value::BigUnsigned),
        T::Float => numbers::<Float32Type>(array, Value::Float),
        T::Double => numbers::<Float64Type>(array, Value::Double),
        T::String => Ok(plain(texts(array)?, |text| Value::String(text.map(str::to_owned)))),
        T::Enum(name) => {
            let name = name.clone();
            Ok(plain(texts(array)?, move |text| enum_of(&name, text.map(str::to_owned))))
        }
        T::Char => Ok(plain(texts(array)?, |text| Value::Char(text.and_then(|text| text.chars().next())))),
        T::Json => Ok(each(texts(array)?, |text| serde_json::from_str(text).ok(), |json| Value::Json(json.map(Box::new)))),
        T::Bytes => {
            let bytes = array.as_binary_opt::<i32>().ok_or_else(misfit)?;
            Ok(plain(bytes, |bytes: Option<&[u8]>| Value::Bytes(bytes.map(<[u8]>::to_vec))))
        }
        T::Uuid => match array.data_type() {
            DataType::Utf8 => Ok(each(texts(array)?, |text| Uuid::try_parse(text).ok(), Value::Uuid)),
            _ => Ok(each(typed::<FixedSizeBinaryArray>(array)?, |bytes| Uuid::from_slice(bytes).ok(), Value::Uuid)),
        },
        T::Decimal => {
            let array = typed::<Decimal128Array>(array)?;
            let scale = u32::try_from(array.scale()).map_err(|_| misfit())?;
            Ok(each(array, move |number| decimal(number, scale), Value::Decimal))
        }
        T::ChronoDate => Ok(each(typed::<Date32Array>(array)?, date, Value::ChronoDate)),
        T::ChronoTime => Ok(each(typed::<Time64MicrosecondArray>(array)?, time, Value::ChronoTime)),
        T::ChronoDateTime => Ok(each(instants(array)?, |micros| Some(instant(micros)?.naive_utc()), Value::ChronoDateTime)),
        T::ChronoDateTimeUtc => Ok(each(instants(array)?, instant, Value::ChronoDateTimeUtc)),
        T::ChronoDateTimeLocal => {
            Ok(each(instants(array)?, |micros| Some(instant(micros)?.with_timezone(&Local)), Value::ChronoDateTimeLocal))
        }
        T::ChronoDateTimeWithTimeZone => {
            Ok(each(instants(array)?, |micros| Some(instant(micros)?.fixed_offset()), Value::ChronoDateTimeWithTimeZone))
        }
        _ => Err(Error::new(ErrorKind::Unsupported, "a column of a type that is not read from this store")),
    }
}

fn misfit() -> Error {
    Error::new(ErrorKind::Corrupt, "a stored value does not fit the model")
}

fn typed<A: Array + 'static>(array: &dyn Array) -> Result<&A> {
    array.as_any().downcast_ref().ok_or_else(misfit)
}

/// Wraps what is there.
fn plain<'a, A: ArrayAccessor + 'a>(array: A, wrap: impl Fn(Option<A::Item>) -> Value + 'a) -> Reader<'a> {
    Box::new(move |row, put| put(wrap(array.is_valid(row).then(|| array.value(row)))))
}

/// Converts what is there; what cannot be converted does not fit.
fn each<'a, A: ArrayAccessor + 'a, V>(
    array: A,
    convert: impl Fn(A::Item) -> Option<V> + 'a,
    wrap: impl Fn(Option<V>) -> Value + 'a,
) -> Reader<'a> {
    Box::new(move |row, put| match array.is_valid(row) {
        true => put(wrap(Some(convert(array.value(row)).ok_or_else(misfit)?))),
        false => put(wrap(None)),
    })
}

/// Numbers in the width of the model, which need not be that of the table.
fn numbers<'a, P: ArrowPrimitiveType>(
    array: &'a dyn Array,
    wrap: impl Fn(Option<P::Native>) -> Value + 'a,
) -> Result<Reader<'a>> {
    if let Some(numbers) = array.as_primitive_opt::<P>() {
        return Ok(plain(numbers, wrap));
    }
    let (stored, wanted) = (array.data_type(), P::DATA_TYPE);
    if !(stored.is_integer() && wanted.is_integer() || stored.is_floating() && wanted.is_floating()) {
        return Err(misfit());
    }
    let options = CastOptions { safe: false, ..CastOptions::default() };
    let cast = cast_with_options(array, &wanted, &options).map_err(|error| misfit().with_source(error))?;
    let cast = cast.as_primitive_opt::<P>().ok_or_else(misfit)?.clone();
    Ok(Box::new(move |row, put| put(wrap(cast.is_valid(row).then(|| cast.value(row))))))
}

fn texts(array: &dyn Array) -> Result<&StringArray> {
    array.as_string_opt::<i32>().ok_or_else(misfit)
}

/// The number without the zeros at its end that the column's scale adds, which alone may be more than a `Decimal` holds.
fn decimal(mut number: i128, mut scale: u32) -> Option<Decimal> {
    while scale > 0 && number % 10 == 0 {
        number /= 10;
        scale -= 1;
    }
    Decimal::try_from_i128_with_scale(number, scale).ok()
}

fn date(days: i32) -> Option<NaiveDate> {
    DateTime::UNIX_EPOCH.date_naive().checked_add_signed(TimeDelta::try_days(days.into())?)
}

fn time(micros: i64) -> Option<NaiveTime> {
    let (seconds, micros) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
    NaiveTime::from_num_seconds_from_midnight_opt(seconds.try_into().ok()?, u32::try_from(micros).ok()? * 1_000)
}

fn instants(array: &dyn Array) -> Result<&TimestampMicrosecondArray> {
    match array.data_type() {
        DataType::Timestamp(TimeUnit::Microsecond, _) => typed(array),
        _ => Err(misfit()),
    }
}

fn instant(micros: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_micros(micros)
}

#[cfg(test)]
mod tests {
    use duckdb::arrow::array::{Int64Array, StringArray};

    use super::*;

    #[test]
    fn a_number_that_does_not_fit_is_corrupt() {
        let array = Int64Array::from(vec![Some(300), None]);
        assert_eq!(column(&array, &ArrayType::TinyUnsigned).map_err(|error| error.kind()), Err(ErrorKind::Corrupt));
        assert_eq!(column(&array, &ArrayType::Double).map_err(|error| error.kind()), Err(ErrorKind::Corrupt));
        let numbers = column(&array, &ArrayType::SmallInt);
        assert_eq!(numbers.ok(), Some(vec![Value::SmallInt(Some(300)), Value::SmallInt(None)]));
    }

    #[test]
    fn text_is_not_a_number() {
        let array = StringArray::from(vec!["1"]);
        assert_eq!(column(&array, &ArrayType::Int).map_err(|error| error.kind()), Err(ErrorKind::Corrupt));
    }

    #[test]
    fn a_decimal_is_as_long_as_it_needs_to_be() {
        assert_eq!(decimal(79_228_162_514_264_337_593_543_950_335 * 10, 1), Some(Decimal::MAX));
        assert_eq!(decimal(i128::MAX, 0), None);
        assert_eq!(decimal(0, 18), Some(Decimal::ZERO));
    }
}
