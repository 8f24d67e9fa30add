//! How values are written as bytes: a byte for the type of each, and then its bytes, numbers little-endian.

use chrono::{DateTime, Local, NaiveDate, NaiveDateTime, NaiveTime, Timelike};
use sea_orm::{
    Value,
    prelude::Decimal,
    sea_query::{Enum, OptionEnum},
};
use uuid::Uuid;

use crate::error::{Error, ErrorKind, Result};

/// Added to the byte of a type where there is no value.
const NULL: u8 = 0x80;

// The bytes of the types are part of the form: none may ever mean another type.
const BOOL: u8 = 1;
const STRING: u8 = 12;
const ENUM: u8 = 13;
const CHAR: u8 = 14;
const BYTES: u8 = 15;
const JSON: u8 = 16;
const UUID: u8 = 17;
const DECIMAL: u8 = 18;
const DATE: u8 = 19;
const TIME: u8 = 20;
const DATE_TIME: u8 = 21;
const UTC: u8 = 22;
const WITH_TIME_ZONE: u8 = 23;
const LOCAL: u8 = 24;
const LIST: u8 = 25;

/// Writes and reads the numbers, which are their own bytes.
macro_rules! numbers {
    ($($byte:literal $variant:ident $type:ty,)*) => {
        fn write_number(value: &Value, bytes: &mut Vec<u8>) -> Option<()> {
            match value {
                $(Value::$variant(number) => write_bytes($byte, number.map(<$type>::to_le_bytes), bytes),)*
                _ => return None,
            }
            Some(())
        }

        fn read_number(kind: u8, is_null: bool, bytes: &mut &[u8]) -> Option<Value> {
            match kind {
                $($byte => option(is_null, || take(bytes).map(<$type>::from_le_bytes)).map(Value::$variant),)*
                _ => None,
            }
        }
    };
}

numbers! {
    2 TinyInt i8,
    3 SmallInt i16,
    4 Int i32,
    5 BigInt i64,
    6 TinyUnsigned u8,
    7 SmallUnsigned u16,
    8 Unsigned u32,
    9 BigUnsigned u64,
    10 Float f32,
    11 Double f64,
}

/// The values of a row as bytes, for a backend that keeps rows in files.
///
/// ```
/// use larder::backend::{decode_row, encode_row};
/// use sea_orm::Value;
///
/// # fn main() -> larder::Result<()> {
/// let row = [Value::from(7_i64), Value::from("seven"), Value::Uuid(None)];
/// assert_eq!(decode_row(&encode_row(&row)?)?, row);
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`Unsupported`](ErrorKind::Unsupported) for a value of a type that no portable column has, and for four gigabytes or more.
pub fn encode_row(values: &[Value]) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let written = values.iter().try_for_each(|value| write(value, &mut bytes));
    let is_written = written.is_some() && u32::try_from(bytes.len()).is_ok();
    is_written.then_some(bytes).ok_or_else(|| Error::new(ErrorKind::Unsupported, "values that cannot be written as bytes"))
}

/// The values of a row that [`encode_row`] has written.
///
/// # Errors
/// [`Corrupt`](ErrorKind::Corrupt) for other bytes.
pub fn decode_row(mut bytes: &[u8]) -> Result<Vec<Value>> {
    let mut values = Vec::new();
    while !bytes.is_empty() {
        values.push(read(&mut bytes).ok_or_else(|| Error::new(ErrorKind::Corrupt, "bytes that are no values"))?);
    }
    Ok(values)
}

/// Appends a portable value. Returns `None` if it is of a type that has no such form.
pub(crate) fn write(value: &Value, bytes: &mut Vec<u8>) -> Option<()> {
    match value {
        Value::Bool(value) => write_bytes(BOOL, value.map(|value| [u8::from(value)]), bytes),
        Value::String(text) => write_parts(STRING, text.as_ref().map(|text| text.as_bytes()), bytes),
        Value::Enum(OptionEnum::Some(value)) => {
            bytes.push(ENUM);
            write_part(value.type_name.as_bytes(), bytes);
            write_part(value.value.as_bytes(), bytes);
        }
        Value::Enum(OptionEnum::None(name)) => write_parts(ENUM | NULL, Some(name.as_bytes()), bytes),
        Value::Char(c) => write_bytes(CHAR, c.map(|c| u32::from(c).to_le_bytes()), bytes),
        Value::Bytes(value) => write_parts(BYTES, value.as_deref(), bytes),
        Value::Json(json) => {
            let json = json.as_ref().map(serde_json::to_vec).transpose().ok()?;
            write_parts(JSON, json.as_deref(), bytes);
        }
        Value::Uuid(id) => write_bytes(UUID, id.map(Uuid::into_bytes), bytes),
        Value::Decimal(number) => write_bytes(DECIMAL, number.map(|number| number.serialize()), bytes),
        Value::ChronoDate(date) => write_bytes(DATE, date.map(|date| date.to_epoch_days().to_le_bytes()), bytes),
        Value::ChronoTime(time) => write_bytes(TIME, time.map(of_day), bytes),
        Value::ChronoDateTime(time) => write_bytes(DATE_TIME, time.map(micros), bytes),
        Value::ChronoDateTimeUtc(time) => write_bytes(UTC, time.map(|time| micros(time.naive_utc())), bytes),
        Value::ChronoDateTimeWithTimeZone(time) => {
            write_bytes(WITH_TIME_ZONE, time.map(|time| micros(time.naive_utc())), bytes);
        }
        Value::ChronoDateTimeLocal(time) => write_bytes(LOCAL, time.map(|time| micros(time.naive_utc())), bytes),
        Value::Array(of, items) => return write_list(of, items.as_deref(), bytes),
        number => return write_number(number, bytes),
    }
    Some(())
}

/// Reads the value that `bytes` begin with, and moves them behind it. Returns `None` if they begin with none.
pub(crate) fn read(bytes: &mut &[u8]) -> Option<Value> {
    let [head] = take(bytes)?;
    let (kind, is_null) = (head & !NULL, head & NULL != 0);
    Some(match kind {
        BOOL => Value::Bool(option(is_null, || take(bytes).map(|[value]| value != 0))?),
        STRING => Value::String(option(is_null, || text(bytes))?),
        ENUM => {
            let type_name = text(bytes)?.into();
            Value::Enum(match is_null {
                true => OptionEnum::None(type_name),
                false => OptionEnum::Some(Box::new(Enum { type_name, value: text(bytes)?.into() })),
            })
        }
        CHAR => Value::Char(option(is_null, || char::from_u32(u32::from_le_bytes(take(bytes)?)))?),
        BYTES => Value::Bytes(option(is_null, || part(bytes).map(<[u8]>::to_vec))?),
        JSON => Value::Json(option(is_null, || serde_json::from_slice(part(bytes)?).ok())?),
        UUID => Value::Uuid(option(is_null, || take(bytes).map(Uuid::from_bytes))?),
        DECIMAL => Value::Decimal(option(is_null, || take(bytes).map(Decimal::deserialize))?),
        DATE => Value::ChronoDate(option(is_null, || NaiveDate::from_epoch_days(i32::from_le_bytes(take(bytes)?)))?),
        TIME => Value::ChronoTime(option(is_null, || time_of_day(bytes))?),
        DATE_TIME => Value::ChronoDateTime(option(is_null, || instant(bytes).map(|time| time.naive_utc()))?),
        UTC => Value::ChronoDateTimeUtc(option(is_null, || instant(bytes))?),
        WITH_TIME_ZONE => Value::ChronoDateTimeWithTimeZone(option(is_null, || instant(bytes).map(|time| time.fixed_offset()))?),
        LOCAL => Value::ChronoDateTimeLocal(option(is_null, || instant(bytes).map(|time| time.with_timezone(&Local)))?),
        LIST => read_list(is_null, bytes)?,
        number => read_number(number, is_null, bytes)?,
    })
}

/// A list: a null of the type of its items, how many they are, and each of them.
fn write_list(of: &sea_orm::sea_query::ArrayType, items: Option<&Vec<Value>>, bytes: &mut Vec<u8>) -> Option<()> {
    let null = super::null_of(of);
    bytes.push(if items.is_none() { LIST | NULL } else { LIST });
    write(&null, bytes)?;
    let items = items.map_or(&[][..], Vec::as_slice);
    bytes.extend(u32::try_from(items.len()).ok()?.to_le_bytes());
    let is_of_type = null.array_type() == *of && items.iter().all(|item| is_item(item, of));
    is_of_type.then(|| items.iter().try_for_each(|item| write(item, bytes)))?
}

fn read_list(is_null: bool, bytes: &mut &[u8]) -> Option<Value> {
    let of = read(bytes)?.array_type();
    let count = u32::from_le_bytes(take(bytes)?);
    let items = (0..count).map(|_| read(bytes)).collect::<Option<Vec<_>>>()?;
    // SeaORM panics where a list has an item of another type.
    items.iter().all(|item| is_item(item, &of)).then(|| Value::Array(of, (!is_null).then(|| Box::new(items))))
}

fn is_item(item: &Value, of: &sea_orm::sea_query::ArrayType) -> bool {
    !super::is_array(item) && item.array_type() == *of
}

/// Something with its length before it.
pub(crate) fn write_part(part: &[u8], bytes: &mut Vec<u8>) {
    bytes.extend(length_of(part).to_le_bytes());
    bytes.extend(part);
}

pub(crate) fn read_part(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(u32::from_le_bytes(*length) as usize)
}

/// More than four gigabytes do not come: a queue holds at most one.
pub(crate) fn length_of(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

fn write_bytes<const N: usize>(kind: u8, value: Option<[u8; N]>, bytes: &mut Vec<u8>) {
    bytes.push(if value.is_none() { kind | NULL } else { kind });
    bytes.extend(value.into_iter().flatten());
}

fn write_parts(kind: u8, value: Option<&[u8]>, bytes: &mut Vec<u8>) {
    bytes.push(if value.is_none() { kind | NULL } else { kind });
    if let Some(value) = value {
        write_part(value, bytes);
    }
}

/// Nothing where there is no value; or what is read, if it can be.
fn option<T>(is_null: bool, read: impl FnOnce() -> Option<T>) -> Option<Option<T>> {
    if is_null { Some(None) } else { read().map(Some) }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*taken)
}

fn part<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (part, rest) = read_part(bytes)?;
    *bytes = rest;
    Some(part)
}

fn text(bytes: &mut &[u8]) -> Option<String> {
    String::from_utf8(part(bytes)?.to_vec()).ok()
}

/// The microseconds since 1970. A portable time has no more.
fn micros(time: NaiveDateTime) -> [u8; 8] {
    time.and_utc().timestamp_micros().to_le_bytes()
}

fn instant(bytes: &mut &[u8]) -> Option<DateTime<chrono::Utc>> {
    DateTime::from_timestamp_micros(i64::from_le_bytes(take(bytes)?))
}

/// The seconds and nanoseconds since midnight.
fn of_day(time: NaiveTime) -> [u8; 8] {
    (u64::from(time.num_seconds_from_midnight()) << 32 | u64::from(time.nanosecond())).to_le_bytes()
}

fn time_of_day(bytes: &mut &[u8]) -> Option<NaiveTime> {
    let nanoseconds = u32::from_le_bytes(take(bytes)?);
    NaiveTime::from_num_seconds_from_midnight_opt(u32::from_le_bytes(take(bytes)?), nanoseconds)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn nested(depth: usize) -> serde_json::Value {
        (0..depth).fold(json!(1), |json, _| json!([json]))
    }

    fn numbers() -> Vec<Value> {
        vec![
            i8::MIN.into(),
            i16::MIN.into(),
            i32::MIN.into(),
            i64::MIN.into(),
            u8::MAX.into(),
            u16::MAX.into(),
            u32::MAX.into(),
            u64::MAX.into(),
            f32::MIN_POSITIVE.into(),
            f64::from_bits(0x3FB9_9999_9999_999A).into(),
            f64::NEG_INFINITY.into(),
            "-79228162514264337593543950335".parse::<Decimal>().unwrap_or_default().into(),
            "0.0000000000000000000000000010".parse::<Decimal>().unwrap_or_default().into(),
        ]
    }

    fn times() -> Vec<Value> {
        let time = chrono::NaiveTime::from_hms_micro_opt(23, 59, 59, 999_999).unwrap_or_default();
        let date = NaiveDate::from_ymd_opt(1, 1, 1).unwrap_or_default();
        let before = date.and_time(time);
        vec![
            date.into(),
            time.into(),
            before.into(),
            before.and_utc().into(),
            before.and_utc().fixed_offset().into(),
            before.and_utc().with_timezone(&Local).into(),
        ]
    }

    /// A value of every type, and a null of each.
    fn values() -> Vec<Value> {
        let mood = OptionEnum::Some(Box::new(Enum { type_name: "mood".into(), value: "glad".into() }));
        let mut values: Vec<Value> = vec![
            true.into(),
            "ä \" text".into(),
            Value::Enum(mood),
            '\u{10FFFF}'.into(),
            vec![0_u8, 255, 0xF5].into(),
            json!({ "a": [1, 1.0, -0.5, u64::MAX, null, { "": "x" }] }).into(),
            nested(127).into(),
            Uuid::from_u128(u128::MAX).into(),
        ];
        values.extend(numbers());
        values.extend(times());
        #[cfg(feature = "postgres")]
        values.extend::<[Value; 3]>([
            Vec::<i32>::new().into(),
            vec!["a".to_owned(), String::new()].into(),
            Value::Array(sea_orm::sea_query::ArrayType::Int, Some(Box::new(vec![1.into(), Value::Int(None)]))),
        ]);
        let nulls: Vec<_> = values.iter().map(Value::as_null).collect();
        values.extend(nulls);
        values
    }

    #[test]
    fn every_value_is_read_as_it_was_written() {
        for value in values() {
            let mut bytes = Vec::new();
            assert!(write(&value, &mut bytes).is_some(), "{value:?}");
            let mut rest = &*bytes;
            assert_eq!(read(&mut rest).as_ref(), Some(&value));
            assert!(rest.is_empty(), "{value:?}");
        }
    }

    /// Wherever it is cut, it is no value, and nothing panics.
    #[test]
    fn a_part_of_a_value_is_none() {
        for value in values() {
            let mut bytes = Vec::new();
            assert!(write(&value, &mut bytes).is_some());
            for end in 0..bytes.len() {
                assert_eq!(read(&mut bytes.get(..end).unwrap_or_default()), None, "{value:?}");
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>) {
            let mut rest = &*bytes;
            while read(&mut rest).is_some() {}
        }
    }
}
