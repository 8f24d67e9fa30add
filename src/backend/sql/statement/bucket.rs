//! Buckets of time.

use chrono::{DateTime, Datelike as _};
use sea_orm::sea_query::{ArrayType, Expr};

use super::{Statements, aggregate::LoweredKey, meaning, readout::Readout};
use crate::{dialect::Dialect, query::TimeGrid, table::TableColumn};

const SECOND: i64 = 1_000_000;

impl Statements<'_> {
    /// The buckets that the times of a column are in.
    pub(super) fn bucket(&self, grid: TimeGrid, column: &TableColumn) -> LoweredKey {
        let value_type = column.value_type.clone();
        let time = column.select_as(self.column(column));
        let alike = |grouped: Expr, readout| LoweredKey { selected: grouped.clone(), ordered: grouped.clone(), grouped, readout };
        match self.dialect {
            Dialect::Postgres => {
                let grouped = self.written(&postgres(grid, &value_type), [time]);
                // Of each group, not of each row. Times without an end have none either as a number.
                let sql = "CASE WHEN NOT isfinite($) THEN 9223372036854775807 \
                           ELSE CAST(EXTRACT(EPOCH FROM $) * 1000000 AS bigint) END";
                let selected = self.written(sql, [grouped.clone(), grouped.clone()]);
                LoweredKey { selected, ordered: grouped.clone(), grouped, readout: Readout::Start(value_type) }
            }
            Dialect::DuckDb => {
                // Times without an end have no microseconds, and are no nulls.
                let sql = format!(
                    "(COALESCE(epoch_us($), CASE WHEN $ IS NOT NULL THEN 9000000000000000000 END) + {}) // {}",
                    grid.shift(),
                    grid.width
                );
                alike(self.written(&sql, [time.clone(), time]), Readout::Bucket(grid, value_type))
            }
            Dialect::Sqlite => {
                let meaning = if column.is_cast() { meaning::meaning(time.clone(), &value_type) } else { self.meaning(column) };
                match (meaning, prefix(grid)) {
                    (Some(meaning), _) => {
                        let sql = format!("($ + {}) / {}", grid.shift(), grid.width);
                        alike(self.written(&sql, [meaning]), Readout::Bucket(grid, value_type))
                    }
                    (None, Some(length)) => {
                        let sql = format!("substr($, 1, {length})");
                        alike(self.written(&sql, [time]), Readout::Prefix(value_type))
                    }
                    (None, None) => {
                        let sql = of_own_form(grid, &value_type);
                        let places = sql.matches('$').count();
                        alike(self.written(&sql, vec![time; places]), Readout::Bucket(grid, value_type))
                    }
                }
            }
        }
    }
}

/// How many characters are the same in all times of a bucket, in the text that is written here, and in no others.
fn prefix(grid: TimeGrid) -> Option<usize> {
    let lengths = [(86_400, 10), (3_600, 13), (60, 16), (1, 19)];
    let (width, length) = lengths.into_iter().find(|(seconds, _)| grid.width == seconds * SECOND)?;
    (grid.offset % (width * SECOND) == 0).then_some(length)
}

/// The number of a bucket, of text in the form that is written here: a second, and after a point three digits or six.
fn of_own_form(grid: TimeGrid, value_type: &ArrayType) -> String {
    let seconds = "unixepoch(substr($, 1, 19))";
    if grid.width % SECOND == 0 {
        return format!("({seconds} + {}) / {}", grid.shift() / SECOND, grid.width / SECOND);
    }
    let with_milliseconds = if *value_type == ArrayType::ChronoDateTime { 23 } else { 29 };
    format!(
        "({seconds} * 1000000 \
         + CAST(substr($, 21, 6) AS INTEGER) * CASE length($) WHEN {with_milliseconds} THEN 1000 ELSE 1 END + {}) / {}",
        grid.shift(),
        grid.width
    )
}

/// The beginning of a bucket. It is counted from before the year 1: some versions round wrongly before the time that is counted
/// from.
fn postgres(grid: TimeGrid, value_type: &ArrayType) -> String {
    let origin = DateTime::from_timestamp_micros(-grid.shift()).unwrap_or_default();
    let (year, era) = if origin.year() > 0 { (origin.year(), "") } else { (1 - origin.year(), " BC") };
    let clock = origin.format("%m-%d %H:%M:%S%.6f");
    let (data_type, zone) = if *value_type == ArrayType::ChronoDateTime { ("TIMESTAMP", "") } else { ("TIMESTAMPTZ", "+00") };
    let (seconds, rest) = (grid.width / SECOND, grid.width % SECOND);
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("date_bin(INTERVAL '{hours}:{minutes:02}:{seconds:02}.{rest:06}', $, {data_type} '{year:04}-{clock}{zone}{era}')")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_text_tells_is_told_by_its_beginning() {
        let grid = |width: i64, offset: i64| TimeGrid { width: width * SECOND, offset: offset * SECOND };
        assert_eq!(prefix(grid(3_600, 0)), Some(13));
        assert_eq!(prefix(grid(3_600, -7_200)), Some(13));
        assert_eq!(prefix(grid(3_600, 19_800)), None);
        assert_eq!(prefix(grid(60, 19_800)), Some(16));
        assert_eq!(prefix(grid(86_400, 0)), Some(10));
        assert_eq!(prefix(grid(86_400, 3_600)), None);
        assert_eq!(prefix(grid(7_200, 0)), None);
    }

    #[test]
    fn postgres_counts_from_before_the_year_1() {
        let hour = postgres(TimeGrid { width: 3_600 * SECOND, offset: 0 }, &ArrayType::ChronoDateTimeUtc);
        assert_eq!(hour, "date_bin(INTERVAL '1:00:00.000000', $, TIMESTAMPTZ '0001-12-30 23:00:00.000000+00 BC')");
        let odd = postgres(TimeGrid { width: 1_500_001, offset: SECOND }, &ArrayType::ChronoDateTime);
        assert!(odd.starts_with("date_bin(INTERVAL '0:00:01.500001', $, TIMESTAMP '0001-12-30 23:59:5"), "{odd}");
    }
}
