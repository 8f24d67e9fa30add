//! Dates and times, to the microsecond: what is stored more precisely does not fit, and neither does what is later or earlier
//! than the model's type goes.

use chrono::{DateTime, Local, NaiveDate, NaiveTime, Offset, TimeDelta, Utc};
use duckdb::arrow::{
    array::{Array, ArrowPrimitiveType, AsArray},
    datatypes::{
        DataType, Date32Type, Time64MicrosecondType, Time64NanosecondType, TimeUnit, TimestampMicrosecondType,
        TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
    },
};
use sea_orm::{Value, sea_query::ArrayType};

use super::{ValueReader, each};

pub(super) fn date<'a>(array: &'a dyn Array) -> Option<ValueReader<'a>> {
    let date = |days: i32| DateTime::UNIX_EPOCH.date_naive().checked_add_signed(TimeDelta::try_days(days.into())?);
    Some(each(array.as_primitive_opt::<Date32Type>()?, date, |date: Option<NaiveDate>| Value::ChronoDate(date)))
}

pub(super) fn time<'a>(array: &'a dyn Array) -> Option<ValueReader<'a>> {
    if let Some(nanoseconds) = array.as_primitive_opt::<Time64NanosecondType>() {
        return Some(each(nanoseconds, |time| time_of_day(in_microseconds(time)?), Value::ChronoTime));
    }
    Some(each(array.as_primitive_opt::<Time64MicrosecondType>()?, time_of_day, Value::ChronoTime))
}

pub(super) fn instant<'a>(array: &'a dyn Array, wanted: &ArrayType) -> Option<ValueReader<'a>> {
    let DataType::Timestamp(unit, _) = array.data_type() else { return None };
    match unit {
        TimeUnit::Second => instants::<TimestampSecondType>(array, |time| time.checked_mul(1_000_000), wanted),
        TimeUnit::Millisecond => instants::<TimestampMillisecondType>(array, |time| time.checked_mul(1_000), wanted),
        TimeUnit::Microsecond => instants::<TimestampMicrosecondType>(array, Some, wanted),
        TimeUnit::Nanosecond => instants::<TimestampNanosecondType>(array, in_microseconds, wanted),
    }
}

fn instants<'a, P: ArrowPrimitiveType<Native = i64>>(
    array: &'a dyn Array,
    in_microseconds: fn(i64) -> Option<i64>,
    wanted: &ArrayType,
) -> Option<ValueReader<'a>> {
    use ArrayType as T;
    let array = array.as_primitive_opt::<P>()?;
    let instant = move |time| DateTime::from_timestamp_micros(in_microseconds(time)?);
    Some(match wanted {
        T::ChronoDateTime => each(array, move |time| Some(instant(time)?.naive_utc()), Value::ChronoDateTime),
        T::ChronoDateTimeUtc => each(array, instant, Value::ChronoDateTimeUtc),
        T::ChronoDateTimeLocal => each(array, move |time| local(instant(time)?), Value::ChronoDateTimeLocal),
        T::ChronoDateTimeWithTimeZone => {
            each(array, move |time| Some(instant(time)?.fixed_offset()), Value::ChronoDateTimeWithTimeZone)
        }
        _ => return None,
    })
}

fn in_microseconds(nanoseconds: i64) -> Option<i64> {
    (nanoseconds % 1_000 == 0).then_some(nanoseconds / 1_000)
}

/// The time here, unless it is out of the type's range: whatever is asked of such a one panics.
fn local(instant: DateTime<Utc>) -> Option<DateTime<Local>> {
    let local = instant.with_timezone(&Local);
    instant.naive_utc().checked_add_offset(local.offset().fix()).map(|_| local)
}

/// A time of day in microseconds. The end of a day, 24:00, is none.
fn time_of_day(micros: i64) -> Option<NaiveTime> {
    let (seconds, micros) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
    NaiveTime::from_num_seconds_from_midnight_opt(seconds.try_into().ok()?, u32::try_from(micros).ok()? * 1_000)
}
