//! Dates and times in the forms that SQLite's own functions take (<https://www.sqlite.org/lang_datefunc.html>), which other
//! programs store.
//!
//! An instant is text, seconds since 1970 as a whole number, or days of the Julian calendar as a floating-point number. The
//! expressions in `statement/meaning.rs` compute the same from the same forms.

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use rusqlite::types::ValueRef;

/// The first and the last instant of the years 1 to 9999, in seconds since 1970.
const YEARS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

/// Whole numbers that are days of the Julian calendar in the years 1 to 9999. A column of numeric affinity stores noon of a day
/// as one, and whether it is that or seconds since 1970 cannot be known.
const DAYS: std::ops::RangeInclusive<i64> = 1_721_426..=5_373_484;

/// An instant, with its time zone, or in UTC if it has none. Cut to microseconds.
pub(super) fn instant(stored: ValueRef<'_>) -> Option<DateTime<FixedOffset>> {
    let time = match stored {
        ValueRef::Text(text) => match written_instant(text) {
            Some(time) => time.fixed_offset(),
            None => {
                let (time, offset) = text_instant(text)?;
                time.checked_sub_offset(offset)?.and_utc().with_timezone(&offset)
            }
        },
        number => numeric_instant(number)?.fixed_offset(),
    };
    YEARS.contains(&time.timestamp()).then_some(time)
}

/// A date and a time of day without a time zone. Text may name UTC.
pub(super) fn naive(stored: ValueRef<'_>) -> Option<NaiveDateTime> {
    let time = match stored {
        ValueRef::Text(text) => {
            let (time, offset) = text_instant(text)?;
            (offset.local_minus_utc() == 0).then_some(time)?
        }
        number => numeric_instant(number)?.naive_utc(),
    };
    YEARS.contains(&time.and_utc().timestamp()).then_some(time)
}

/// A date, as `YYYY-MM-DD`.
pub(super) fn date(text: &[u8]) -> Option<NaiveDate> {
    let &[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = text else { return None };
    let year = number(&[y1, y2, y3, y4])?.try_into().ok()?;
    NaiveDate::from_ymd_opt(year, number(&[m1, m2])?, number(&[d1, d2])?)
}

/// A time of day, as `hh:mm`, with or without seconds and a fraction. It may name UTC.
pub(super) fn time_of_day(text: &[u8]) -> Option<NaiveTime> {
    let (clock, offset) = zone(text)?;
    if offset.is_some_and(|offset| offset.local_minus_utc() != 0) { None } else { clock_time(clock) }
}

fn numeric_instant(stored: ValueRef<'_>) -> Option<DateTime<Utc>> {
    match stored {
        ValueRef::Integer(seconds) if DAYS.contains(&seconds) => None,
        ValueRef::Integer(seconds) => DateTime::from_timestamp(seconds, 0),
        // A day of today's has no digits for less than 40 microseconds; SQLite's functions round to milliseconds.
        ValueRef::Real(days) if (1_721_425.5..5_373_484.5).contains(&days) => {
            DateTime::from_timestamp_millis((days * 86_400_000.0 + 0.5) as i64 - 210_866_760_000_000)
        }
        _ => None,
    }
}

fn text_instant(text: &[u8]) -> Option<(NaiveDateTime, FixedOffset)> {
    let (date_text, rest) = text.split_at_checked(10)?;
    let date = date(date_text)?;
    let (clock, offset) = zone(rest)?;
    let time = match (clock, offset) {
        ([], None) => NaiveTime::MIN,
        ([b'T' | b't' | b' ', clock @ ..], _) => clock_time(clock)?,
        _ => return None,
    };
    Some((date.and_time(time), offset.unwrap_or(FixedOffset::east_opt(0)?)))
}

/// Takes the time zone from the end of a text, and the blanks before it. The zone is `None` if there is none.
fn zone(text: &[u8]) -> Option<(&[u8], Option<FixedOffset>)> {
    let (rest, offset) = match text {
        [rest @ .., b'Z' | b'z'] => (rest, Some(FixedOffset::east_opt(0)?)),
        [rest @ .., sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (number(&[*h1, *h2])?, number(&[*m1, *m2])?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            let seconds = i32::try_from(hours * 3600 + minutes * 60).ok()?;
            (rest, Some(FixedOffset::east_opt(if *sign == b'-' { -seconds } else { seconds })?))
        }
        _ => (text, None),
    };
    let blanks = rest.iter().rev().take_while(|byte| **byte == b' ').count();
    Some((rest.get(..rest.len() - blanks)?, offset))
}

/// `hh:mm`, `hh:mm:ss`, or that with any number of digits after a point, of which the seventh and those after it are cut.
fn clock_time(text: &[u8]) -> Option<NaiveTime> {
    let (&[h1, h2, b':', m1, m2], rest) = text.split_first_chunk()? else { return None };
    let (seconds, micros) = match rest {
        [] => (0, 0),
        [b':', s1, s2] => (number(&[*s1, *s2])?, 0),
        [b':', s1, s2, b'.', digits @ ..] if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) => {
            let digits = digits.get(..6).unwrap_or(digits);
            let missing = 6_u32.checked_sub(u32::try_from(digits.len()).ok()?)?;
            (number(&[*s1, *s2])?, number(digits)? * 10_u32.pow(missing))
        }
        _ => return None,
    };
    NaiveTime::from_hms_micro_opt(number(&[h1, h2])?, number(&[m1, m2])?, seconds, micros)
}

/// A time in the form that is written, which a scan spends much of its time on.
fn written_instant(text: &[u8]) -> Option<DateTime<Utc>> {
    let (time, fraction) = text.strip_suffix(b"+00:00")?.split_at_checked(19)?;
    let &[y1, y2, y3, y4, b'-', mo1, mo2, b'-', d1, d2, b'T', h1, h2, b':', mi1, mi2, b':', s1, s2] = time else { return None };
    let micros = match fraction {
        [] => 0,
        [b'.', digits @ ..] if !digits.is_empty() => {
            number(digits)? * 10_u32.checked_pow(6_u32.checked_sub(u32::try_from(digits.len()).ok()?)?)?
        }
        _ => return None,
    };
    let date = NaiveDate::from_ymd_opt(number(&[y1, y2, y3, y4])?.try_into().ok()?, number(&[mo1, mo2])?, number(&[d1, d2])?)?;
    let time = date.and_hms_micro_opt(number(&[h1, h2])?, number(&[mi1, mi2])?, number(&[s1, s2])?, micros)?;
    Some(time.and_utc())
}

/// A number of at most nine digits.
fn number(digits: &[u8]) -> Option<u32> {
    let digit = |digit: &u8| digit.is_ascii_digit().then(|| u32::from(digit - b'0'));
    digits.iter().take(9).try_fold(0, |number, next| Some(number * 10 + digit(next)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read the short way is what is read the long way.
    #[test]
    fn a_time_as_it_is_written_is_the_time() {
        for text in [
            "2026-01-01T00:00:00+00:00",
            "0001-12-31T23:59:59.5+00:00",
            "9999-02-28T23:59:59.999+00:00",
            "2024-02-29T01:02:03.000001+00:00",
        ] {
            let expected = DateTime::parse_from_rfc3339(text).ok();
            assert!(expected.is_some() && written_instant(text.as_bytes()) == expected.map(|time| time.to_utc()), "{text}");
            let long = text_instant(text.as_bytes()).map(|(time, _)| time.and_utc());
            assert_eq!(long, expected.map(|time| time.to_utc()), "{text}");
        }
        for text in [
            "",
            "+00:00",
            "2026-01-01T00:00:00Z",
            "2026-01-01T00:00:00.+00:00",
            "2026-01-01T00:00:00.1234567+00:00",
            "2026-02-29T00:00:00+00:00",
            "2026-01-01T24:00:00+00:00",
            "2026-01-01T00:00:0x+00:00",
            "2026-01-01 00:00:00+00:00",
            "2026-01-01T00:00:00+01:00",
        ] {
            assert_eq!(written_instant(text.as_bytes()), None, "{text}");
        }
    }
}
