//! Values in Postgres' binary format, as its `…_send` functions write them. What does not come out exactly is an error: a time
//! that has no end, or that chrono does not hold, a number of more digits than its type has.

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, Utc};
use sea_orm::prelude::Decimal;

use crate::error::{Error, ErrorKind, Result};

/// From 1970 until 2000, where Postgres' time begins.
const EPOCH_MICROSECONDS: i64 = 946_684_800_000_000;

/// 1 January 2000, counted from 1 January of the year 1, which is day 1.
const EPOCH_DAYS: i32 = 730_120;

pub(super) fn corrupt(what: &'static str) -> Error {
    Error::new(ErrorKind::Corrupt, what)
}

fn misshapen() -> Error {
    corrupt("a value that is not in the format of its type")
}

fn array<const N: usize>(bytes: &[u8]) -> Result<[u8; N]> {
    bytes.try_into().map_err(|_| misshapen())
}

pub(super) fn bool(bytes: &[u8]) -> Result<bool> {
    array::<1>(bytes).map(|[byte]| byte != 0)
}

/// A whole number of any width.
pub(super) fn integer(bytes: &[u8]) -> Result<i64> {
    match bytes.len() {
        2 => array(bytes).map(|bytes| i16::from_be_bytes(bytes).into()),
        4 => array(bytes).map(|bytes| i32::from_be_bytes(bytes).into()),
        _ => array(bytes).map(i64::from_be_bytes),
    }
}

/// A floating-point number of either width.
pub(super) fn double(bytes: &[u8]) -> Result<f64> {
    match bytes.len() {
        4 => array(bytes).map(|bytes| f32::from_be_bytes(bytes).into()),
        _ => array(bytes).map(f64::from_be_bytes),
    }
}

/// The same as a `f32`, if that holds it.
#[expect(clippy::cast_possible_truncation, reason = "what changes is refused")]
pub(super) fn single(bytes: &[u8]) -> Result<f32> {
    if bytes.len() == 4 {
        return array(bytes).map(f32::from_be_bytes);
    }
    let number = double(bytes)?;
    let single = number as f32;
    if f64::from(single) == number || number.is_nan() {
        return Ok(single);
    }
    Err(corrupt("a number that the model's type cannot hold"))
}

pub(super) fn text(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|error| misshapen().with_source(error))
}

pub(super) fn character(bytes: &[u8]) -> Result<char> {
    let mut characters = text(bytes)?.chars();
    match (characters.next(), characters.next()) {
        (Some(character), None) => Ok(character),
        _ => Err(corrupt("text that is not one character")),
    }
}

pub(super) fn json(bytes: &[u8]) -> Result<serde_json::Value> {
    // `jsonb` puts the version of its format before the text.
    let text = bytes.strip_prefix(&[1]).unwrap_or(bytes);
    serde_json::from_slice(text).map_err(|error| corrupt("a document that cannot be read").with_source(error))
}

pub(super) fn uuid(bytes: &[u8]) -> Result<uuid::Uuid> {
    array(bytes).map(uuid::Uuid::from_bytes)
}

fn in_years(year: i32) -> bool {
    (1..=9999).contains(&year)
}

pub(super) fn date(bytes: &[u8]) -> Result<NaiveDate> {
    let days = i32::from_be_bytes(array(bytes)?);
    let date = days.checked_add(EPOCH_DAYS).and_then(NaiveDate::from_num_days_from_ce_opt);
    date.filter(|date| in_years(date.year())).ok_or_else(|| corrupt("a date outside the years 1 to 9999"))
}

/// A time of a day, of which Postgres' ends with 24:00.
pub(super) fn time(bytes: &[u8]) -> Result<NaiveTime> {
    let microseconds = u64::from_be_bytes(array(bytes)?);
    let seconds = u32::try_from(microseconds / 1_000_000).ok();
    let nanoseconds = u32::try_from(microseconds % 1_000_000 * 1_000).ok();
    let time = seconds.zip(nanoseconds).and_then(|(s, n)| NaiveTime::from_num_seconds_from_midnight_opt(s, n));
    time.ok_or_else(|| corrupt("a time that is not before 24:00"))
}

pub(super) fn instant(bytes: &[u8]) -> Result<DateTime<Utc>> {
    let microseconds = i64::from_be_bytes(array(bytes)?);
    let instant = microseconds.checked_add(EPOCH_MICROSECONDS).and_then(DateTime::from_timestamp_micros);
    instant.filter(|time| in_years(time.year())).ok_or_else(|| corrupt("a time outside the years 1 to 9999"))
}

const NEGATIVE: u16 = 0x4000;

/// A number of digits in groups of four, the highest first, each of which counts 10000 times as much as the one after it.
pub(super) fn decimal(bytes: &[u8]) -> Result<Decimal> {
    let mut words = bytes.chunks_exact(2).map(|word| array(word).map(u16::from_be_bytes));
    let mut word = || words.next().ok_or_else(misshapen)?;
    let (count, weight, sign, shown) = (word()?, word()?.cast_signed(), word()?, word()?);
    if sign != 0 && sign != NEGATIVE {
        return Err(corrupt("a number that is not finite"));
    }
    let too_long = || corrupt("a number with more digits than the model's type has");
    let mut number: i128 = 0;
    for _ in 0..count {
        let digits = i128::from(word()?);
        number = number.checked_mul(10_000).and_then(|number| number.checked_add(digits)).ok_or_else(too_long)?;
    }
    if number == 0 {
        return Ok(Decimal::ZERO);
    }
    // Where the point is: the groups before it are one more than the weight.
    let mut scale = 4 * (i32::from(count) - 1 - i32::from(weight));
    let shown = i32::from(shown);
    while scale < 0 {
        number = number.checked_mul(10).ok_or_else(too_long)?;
        scale += 1;
    }
    // Zeros at the end are kept if they are shown and there is room for them.
    while scale > 0 && number % 10 == 0 && (scale > shown || decimal_of(number, scale).is_none()) {
        number /= 10;
        scale -= 1;
    }
    while scale < shown {
        let Some(longer) = number.checked_mul(10).filter(|longer| decimal_of(*longer, scale + 1).is_some()) else { break };
        number = longer;
        scale += 1;
    }
    let number = if sign == NEGATIVE { -number } else { number };
    decimal_of(number, scale).ok_or_else(too_long)
}

fn decimal_of(number: i128, scale: i32) -> Option<Decimal> {
    Decimal::try_from_i128_with_scale(number, u32::try_from(scale).ok()?).ok()
}

/// Takes values apart that are made of others.
struct WireReader<'b>(&'b [u8]);

impl<'b> WireReader<'b> {
    fn take(&mut self, length: usize) -> Result<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or_else(misshapen)?;
        self.0 = rest;
        Ok(taken)
    }

    fn number(&mut self) -> Result<i32> {
        array(self.take(4)?).map(i32::from_be_bytes)
    }

    /// A value, after its length. Returns `None` if it is null.
    fn value(&mut self) -> Result<Option<&'b [u8]>> {
        match self.number()? {
            -1 => Ok(None),
            length => usize::try_from(length).map_err(|_| misshapen()).and_then(|length| self.take(length)).map(Some),
        }
    }
}

/// The elements of an array of any dimensions, but for nulls.
pub(super) fn elements(bytes: &[u8]) -> Result<Vec<&[u8]>> {
    let mut parts = WireReader(bytes);
    let dimensions = parts.number()?;
    parts.take(8)?;
    for _ in 0..dimensions {
        parts.take(8)?;
    }
    let mut elements = Vec::new();
    while !parts.0.is_empty() {
        elements.extend(parts.value()?);
    }
    Ok(elements)
}

/// The fields of a composite value.
pub(super) fn fields(bytes: &[u8]) -> Result<Vec<Option<&[u8]>>> {
    let mut parts = WireReader(bytes);
    let count = parts.number()?;
    let mut fields = Vec::new();
    for _ in 0..count {
        parts.take(4)?;
        fields.push(parts.value()?);
    }
    Ok(fields)
}

/// The bounds that a range has.
pub(super) fn bounds(bytes: &[u8]) -> Result<Vec<&[u8]>> {
    let mut parts = WireReader(bytes);
    parts.take(1)?;
    let mut bounds = Vec::new();
    while !parts.0.is_empty() {
        bounds.extend(parts.value()?);
    }
    Ok(bounds)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a number of 1234.5 and the like looks like: groups of four digits, and where the point is.
    fn numeric(groups: &[u16], weight: i16, sign: u16, shown: u16) -> Result<Decimal> {
        let count = u16::try_from(groups.len()).unwrap_or_default();
        let words = [count, weight.cast_unsigned(), sign, shown].into_iter().chain(groups.iter().copied());
        decimal(&words.flat_map(u16::to_be_bytes).collect::<Vec<_>>())
    }

    #[test]
    fn a_number_is_exact_or_an_error() {
        let exact = |number: Result<Decimal>| number.map(|number| number.to_string()).map_err(|error| error.kind());
        assert_eq!(exact(numeric(&[1234, 5000], 0, 0, 1)), Ok("1234.5".to_owned()));
        assert_eq!(exact(numeric(&[1234, 5000], 0, NEGATIVE, 3)), Ok("-1234.500".to_owned()));
        assert_eq!(exact(numeric(&[1], 1, 0, 0)), Ok("10000".to_owned()));
        assert_eq!(exact(numeric(&[1], -1, 0, 4)), Ok("0.0001".to_owned()));
        assert_eq!(exact(numeric(&[1], -7, 0, 28)), Ok("0.0000000000000000000000000001".to_owned()));
        assert_eq!(exact(numeric(&[1], -8, 0, 32)), Err(ErrorKind::Corrupt));
        assert_eq!(exact(numeric(&[12; 9], 8, 0, 0)), Err(ErrorKind::Corrupt));
        assert_eq!(exact(numeric(&[12; 20], 8, 0, 0)), Err(ErrorKind::Corrupt));
        assert_eq!(exact(numeric(&[1], 30_000, 0, 0)), Err(ErrorKind::Corrupt));
        assert_eq!(exact(numeric(&[], 0, 0xD000, 0)), Err(ErrorKind::Corrupt));
        assert_eq!(exact(numeric(&[], 0, 0, 2)), Ok("0".to_owned()));
    }

    #[test]
    fn no_bytes_panic() {
        let mut random = fastrand::Rng::with_seed(1);
        for round in 0..200_000 {
            let mut bytes: Vec<u8> = (0..random.usize(0..24)).map(|_| random.u8(..)).collect();
            if round % 2 == 0 {
                // Few dimensions, fields and groups, of which the rest may be true.
                bytes.iter_mut().take(3).for_each(|byte| *byte = 0);
            }
            let bytes = bytes.as_slice();
            drop((bool(bytes), integer(bytes), double(bytes), single(bytes), character(bytes), json(bytes), uuid(bytes)));
            drop((date(bytes), time(bytes), instant(bytes), decimal(bytes), elements(bytes), fields(bytes), bounds(bytes)));
        }
    }

    #[test]
    fn times_are_read_to_the_ends_of_their_range() {
        let of = |date: &str| date.parse::<DateTime<Utc>>().map(|time| time.timestamp_micros() - EPOCH_MICROSECONDS);
        for (at, is_read) in [
            ("0001-01-01T00:00:00Z", true),
            ("0000-12-31T23:59:59.999999Z", false),
            ("9999-12-31T23:59:59.999999Z", true),
            ("+10000-01-01T00:00:00Z", false),
        ] {
            let Ok(microseconds) = of(at) else { unreachable!() };
            let read = instant(&microseconds.to_be_bytes()).map(|read| read.timestamp_micros() - EPOCH_MICROSECONDS);
            assert_eq!(read.ok(), is_read.then_some(microseconds), "{at}");
        }
        for extreme in [i64::MIN, i64::MAX, i64::MAX - 1] {
            assert!(instant(&extreme.to_be_bytes()).is_err() && time(&extreme.to_be_bytes()).is_err());
        }
        for (days, is_read) in [
            (i32::MIN, false),
            (i32::MAX, false),
            (0, true),
            (-730_119, true),
            (-730_120, false),
            (2_921_939, true),
            (2_921_940, false),
        ] {
            assert_eq!(date(&days.to_be_bytes()).is_ok(), is_read, "{days}");
        }
        assert!(time(&86_400_000_000_i64.to_be_bytes()).is_err() && time(&86_399_999_999_i64.to_be_bytes()).is_ok());
    }
}
