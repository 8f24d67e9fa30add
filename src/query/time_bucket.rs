//! [`TimeBucket`], stretches of time of one width.

use chrono::{DateTime, FixedOffset, Local, Offset as _, Utc};
use sea_orm::{Value, sea_query::ArrayType};

use super::column::{Operand, Ordered, kind};
use crate::{
    error::{Error, ErrorKind, Result},
    value::{EARLIEST, instant_of, portable},
};

/// How many microseconds a bucket has at most: those of 366 000 days, which is more than a thousand years.
const MAX_WIDTH: i64 = 366_000 * DAY;

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;

/// A kind of values that are dates with times, which can be [grouped by time](crate::Aggregation::group_by_time).
pub trait DateTimeKind: Ordered {}

impl DateTimeKind for kind::DateTime {}
impl DateTimeKind for kind::Any {}

/// Stretches of time of one fixed width, into one of which every instant falls: for
/// [`group_by_time`](crate::Aggregation::group_by_time).
///
/// One of them begins at 1970-01-01T00:00:00Z, and the others follow from there in both directions. An instant belongs to the
/// last bucket that does not begin after it, also before 1970. A date-time without a time zone is taken for one in UTC.
///
/// ```
/// use chrono::{FixedOffset, DateTime, Utc};
/// use larder::TimeBucket;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let quarters = TimeBucket::minutes(15);
/// // Days of a place that is always five and a half hours ahead of UTC.
/// let days = TimeBucket::days(1).offset(FixedOffset::east_opt(5 * 3600 + 1800).ok_or("an offset")?);
/// // The hours of one day, those without any model included.
/// let [from, until]: [DateTime<Utc>; 2] = ["2026-01-01T00:00:00Z".parse()?, "2026-01-02T00:00:00Z".parse()?];
/// let hours = TimeBucket::hours(1).filled(from, until);
/// # Ok(()) }
/// ```
///
/// A bucket of seven days begins on a Thursday, as 1970 did. Months and years have no fixed width.
///
/// A width of zero, or of more than 366 000 days, is [`InvalidInput`](crate::ErrorKind::InvalidInput) when it is used.
#[derive(Clone, Debug)]
pub struct TimeBucket {
    microseconds: u64,
    offset: FixedOffset,
    filled: Option<(Value, Value)>,
}

impl TimeBucket {
    /// So many microseconds.
    #[must_use]
    pub fn microseconds(microseconds: u64) -> Self {
        Self { microseconds, offset: Utc.fix(), filled: None }
    }

    /// So many seconds.
    #[must_use]
    pub fn seconds(seconds: u64) -> Self {
        Self::microseconds(seconds.saturating_mul(SECOND.unsigned_abs()))
    }

    /// So many minutes.
    #[must_use]
    pub fn minutes(minutes: u64) -> Self {
        Self::seconds(minutes.saturating_mul(60))
    }

    /// So many hours.
    #[must_use]
    pub fn hours(hours: u64) -> Self {
        Self::seconds(hours.saturating_mul(3_600))
    }

    /// So many days of 24 hours.
    #[must_use]
    pub fn days(days: u64) -> Self {
        Self::seconds(days.saturating_mul(86_400))
    }

    /// With clocks that are ahead of UTC by this offset, all year: a bucket begins when they show a multiple of the width. What
    /// is answered is that instant, in UTC; of date-times without a time zone, what a clock in UTC shows then.
    #[must_use]
    pub fn offset(self, offset: FixedOffset) -> Self {
        Self { offset, ..self }
    }

    /// Also the buckets without any model, from the one with `from` in it to the last that begins before `until`. In them counts
    /// are 0, and all other aggregates null. If there are other columns to group by, each combination of their values that some
    /// selected model has gets all of these buckets. The group of null is not added.
    ///
    /// Buckets are added before [`having`](crate::Aggregation::having), the order and the
    /// [limit](crate::Aggregation::limit) take effect. Models outside of this range keep their groups: to leave them out, filter.
    ///
    /// More than 100 000 groups to add are [`InvalidInput`](crate::ErrorKind::InvalidInput).
    #[must_use]
    pub fn filled(self, from: impl Operand<kind::DateTime>, until: impl Operand<kind::DateTime>) -> Self {
        Self { filled: Some((from.into_value(), until.into_value())), ..self }
    }

    /// Where the buckets begin.
    pub(super) fn grid(&self) -> Result<TimeGrid> {
        let width = i64::try_from(self.microseconds).ok().filter(|width| (1..=MAX_WIDTH).contains(width));
        let width = width
            .ok_or_else(|| Error::new(ErrorKind::InvalidInput, "a time bucket of no width, or of more than 366 000 days"))?;
        Ok(TimeGrid { width, offset: i64::from(self.offset.local_minus_utc()) * SECOND })
    }

    /// The range to fill, in microseconds since 1970: from here, and up to there.
    pub(super) fn range(&self) -> Result<Option<(i64, i64)>> {
        let Some((from, until)) = &self.filled else { return Ok(None) };
        let microseconds = |value: &Value| {
            let misfit = || Error::new(ErrorKind::InvalidInput, "a range of time buckets between values that are no times");
            portable(value.clone()).and_then(|value| microseconds_of(&value).ok_or_else(misfit))
        };
        Ok(Some((microseconds(from)?, microseconds(until)?)))
    }
}

/// Where the buckets of one width begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TimeGrid {
    /// Microseconds from the beginning of one bucket to that of the next.
    pub width: i64,
    /// By how many microseconds the clocks are ahead of UTC, on which a bucket begins at multiples of the width.
    pub offset: i64,
}

impl TimeGrid {
    /// Where the bucket of an instant begins. Both are in microseconds since 1970, of the years 1 to 9999.
    #[must_use]
    pub fn start_of(&self, microseconds: i64) -> i64 {
        let (width, local) = (self.width.max(1), microseconds.saturating_add(self.offset));
        local.div_euclid(width).saturating_mul(width).saturating_sub(self.offset)
    }

    /// Whether a bucket with instants of the year 1 begins before it.
    pub(super) fn may_begin_too_early(&self) -> bool {
        self.start_of(EARLIEST.timestamp_micros()) < EARLIEST.timestamp_micros()
    }

    /// What to add to microseconds since 1970 so that those of the years 1 to 9999 are not negative, and a bucket begins at each
    /// multiple of the width.
    #[cfg(feature = "_sql")]
    pub(crate) fn shift(&self) -> i64 {
        // The beginning of the year 1, and a day before it.
        const ENOUGH: i64 = 62_135_596_800 * SECOND + DAY;
        self.offset.rem_euclid(self.width) + ENOUGH.div_euclid(self.width) * self.width + self.width
    }
}

/// Microseconds since 1970 of a date with a time. One without a time zone is taken for one in UTC.
pub(crate) fn microseconds_of(value: &Value) -> Option<i64> {
    match value {
        Value::ChronoDateTime(time) => time.map(|time| time.and_utc().timestamp_micros()),
        other => instant_of(other).map(|time| time.timestamp_micros()),
    }
}

/// Whether the values of a type are dates with times.
pub(super) fn is_date_time(value_type: &ArrayType) -> bool {
    use ArrayType as T;
    matches!(value_type, T::ChronoDateTime | T::ChronoDateTimeUtc | T::ChronoDateTimeLocal | T::ChronoDateTimeWithTimeZone)
}

/// The date with a time of so many microseconds since 1970, in a type of such. Returns `None` outside of the years 1 to 9999.
pub(crate) fn date_time(microseconds: i64, value_type: &ArrayType) -> Option<Value> {
    use ArrayType as T;
    let time = DateTime::from_timestamp_micros(microseconds)?;
    portable(time.into()).ok()?;
    Some(match value_type {
        T::ChronoDateTime => time.naive_utc().into(),
        T::ChronoDateTimeLocal => Value::ChronoDateTimeLocal(Some(time.with_timezone(&Local))),
        T::ChronoDateTimeWithTimeZone => time.fixed_offset().into(),
        _ => time.into(),
    })
}

/// The beginning of a bucket, in the type of its column.
pub(crate) fn bucket_value(start: i64, value_type: &ArrayType) -> Result<Value> {
    let outside = || Error::new(ErrorKind::InvalidInput, "a time bucket that begins before the year 1");
    date_time(start, value_type).ok_or_else(outside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_in_the_last_bucket_that_does_not_begin_after_it() {
        let grid = |width, offset| TimeGrid { width, offset };
        assert_eq!([-1, 0, 9, 10].map(|at| grid(10, 0).start_of(at)), [-10, 0, 0, 10]);
        assert_eq!([-4, -3, 6, 7].map(|at| grid(10, 3).start_of(at)), [-13, -3, -3, 7]);
        assert_eq!([2, 3].map(|at| grid(10, -3).start_of(at)), [-7, 3]);
        assert_eq!(grid(10, -23).start_of(3), 3);
    }

    #[cfg(feature = "_sql")]
    #[test]
    fn a_shift_makes_a_division_of_what_is_not_negative() {
        let offsets = [0, 19_800 * SECOND, -43_200 * SECOND, 86_399 * SECOND, -86_399 * SECOND];
        for width in [1, 7, SECOND, 3_600 * SECOND, DAY, 7 * DAY, MAX_WIDTH] {
            for grid in offsets.map(|offset| TimeGrid { width, offset }) {
                for at in [-62_135_596_800_000_000, -1, 0, 1, 253_402_300_799_999_999] {
                    let shifted = at + grid.shift();
                    assert!(shifted >= 0, "{grid:?}");
                    assert_eq!(shifted / width * width - grid.shift(), grid.start_of(at), "{grid:?} {at}");
                }
            }
        }
    }

    #[test]
    fn a_width_is_within_bounds() {
        let kinds = [
            TimeBucket::microseconds(0),
            TimeBucket::days(366_001),
            TimeBucket::days(u64::MAX),
            TimeBucket::seconds(1),
            TimeBucket::days(366_000),
        ];
        assert_eq!(kinds.map(|bucket| bucket.grid().is_ok()), [false, false, false, true, true]);
    }
}
