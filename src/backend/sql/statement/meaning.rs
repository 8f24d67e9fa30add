//! What values stored by other programs mean, in SQLite's SQL.
//!
//! SQLite has no types for times, UUIDs and booleans, and each program chooses a form. The expressions here compute one
//! comparable value from every form that is read, and fail on every other. `backend/sql/sqlite/decode.rs` reads the same forms.

use sea_orm::{
    Value,
    sea_query::{ArrayType, ColumnRef, Expr},
};

use crate::{query::is_whole, value::instant_of};

/// Begins the message of the error that a value of another form raises. The name of the column follows.
pub(in super::super) const UNREADABLE: &str = "larder: unreadable value in ";

/// The first and the last instant of the years 1 to 9999, in microseconds since 1970.
const YEARS: &str = "-62135596800000000 AND 253402300799999999";

/// The expression that orders and compares the stored values of a column by their meaning. `None` if values of the type have one
/// form only. Numbers have one too, but no column of text holds it.
pub(in super::super) fn meaning(column: Expr, value_type: &ArrayType) -> Option<Expr> {
    use ArrayType as T;
    let sql = match value_type {
        T::ChronoDateTime => instant("zone IN ('', '+00:00', '-00:00')"),
        T::ChronoDateTimeUtc | T::ChronoDateTimeLocal | T::ChronoDateTimeWithTimeZone => {
            instant("zone = '' OR substr(zone, 2, 2) < '24'")
        }
        T::ChronoTime => time_of_day(),
        T::ChronoDate => only("typeof(v) = 'text' AND date(v) = v AND v >= '0001'", "v"),
        T::Uuid => only("typeof(v) = 'blob' AND length(v) = 16", "v"),
        T::Bool => only("typeof(v) = 'integer'", "v <> 0"),
        number if is_number(number) => only("typeof(v) IN ('integer', 'real')", "v"),
        _ => return None,
    };
    Some(Expr::cust_with_exprs(sql.replace("FAILURE", &failure(&column)), [column]))
}

/// Whether the meaning of a type's values is a number of microseconds.
pub(super) fn is_microseconds(value_type: &ArrayType) -> bool {
    use ArrayType as T;
    matches!(
        value_type,
        T::ChronoTime | T::ChronoDateTime | T::ChronoDateTimeUtc | T::ChronoDateTimeLocal | T::ChronoDateTimeWithTimeZone
    )
}

/// The high 32 bits of a whole number with their sign, and the low ones. Fails for what is none.
pub(super) fn halves(column: &Expr, value: Expr) -> [Expr; 2] {
    ["v >> 32", "v & 4294967295"].map(|half| {
        let sql = only("typeof(v) = 'integer'", half).replace("FAILURE", &failure(column));
        Expr::cust_with_exprs(sql, [value.clone()])
    })
}

/// A number that SQLite's sum is to add up, which would take text for a number, and for 0 if it does not look like one. Fails for
/// what is none. Every number is less than every text.
pub(super) fn number(column: Expr, is_real: bool) -> Expr {
    let number = if is_real { "CAST(? AS REAL)" } else { "?" };
    let failure = failure_of(&column, "?");
    let sql = format!("CASE WHEN +? < '' THEN {number} WHEN ? IS NULL THEN NULL ELSE {failure} END");
    Expr::cust_with_exprs(sql, vec![column; 4])
}

/// Whether values of a type are numbers to SQLite.
pub(in super::super) fn is_number(value_type: &ArrayType) -> bool {
    is_whole(value_type) || matches!(value_type, ArrayType::Float | ArrayType::Double)
}

/// The meaning of a given value, to compare with that of stored ones. `None` if values of its type have one form only.
pub(in super::super) fn meaning_of(value: &Value) -> Option<Value> {
    Some(match value {
        Value::ChronoDateTime(time) => Value::BigInt(time.map(|time| time.and_utc().timestamp_micros())),
        Value::ChronoDateTimeUtc(_) | Value::ChronoDateTimeLocal(_) | Value::ChronoDateTimeWithTimeZone(_) => {
            Value::BigInt(instant_of(value).map(|time| time.timestamp_micros()))
        }
        Value::ChronoTime(time) => Value::BigInt(time.map(|time| {
            let midnight = chrono::NaiveTime::MIN;
            (time - midnight).num_microseconds().unwrap_or_default()
        })),
        Value::ChronoDate(_) | Value::Uuid(_) | Value::Bool(_) => value.clone(),
        _ => return None,
    })
}

/// An expression that fails because of `v`.
fn failure(column: &Expr) -> String {
    failure_of(column, "v")
}

/// An expression that fails, with the column's name in the message. It depends on the value, so that SQLite does not evaluate it
/// beforehand.
fn failure_of(column: &Expr, value: &str) -> String {
    let name = match column {
        Expr::Column(ColumnRef::Column(column)) => column.1.inner().replace('\'', "''"),
        _ => String::new(),
    };
    format!("json_extract('{{}}', '{UNREADABLE}{name}' || substr(typeof({value}), 1, 0))")
}

/// The document of a column. Whatever is none fails, and so do bytes, of which SQLite would make one by itself.
pub(super) fn document(column: Expr) -> Expr {
    let sql = "(SELECT CASE WHEN typeof(v) = 'text' AND json_valid(v) THEN v WHEN v IS NULL THEN NULL ELSE FAILURE END FROM \
               (SELECT ? AS v))";
    Expr::cust_with_exprs(sql.replace("FAILURE", &failure(&column)), [column])
}

/// What values `v` of one form mean. Values of any other fail.
fn only(form: &str, meaning: &str) -> String {
    format!("(SELECT CASE WHEN {form} THEN {meaning} WHEN v IS NULL THEN NULL ELSE FAILURE END FROM (SELECT ? AS v))")
}

/// The time zone at the end of the text `v`, as `+hh:mm`. Empty if there is none.
const ZONE: &str =
    "CASE WHEN v GLOB '*[Zz]' THEN '+00:00' WHEN v GLOB '*[+-][0-9][0-9]:[0-5][0-9]' THEN substr(v, -6) ELSE '' END";

/// The text `v` from a position on, without the time zone and the blanks before it.
fn without_zone(from: u8) -> String {
    let before = from - 1;
    format!(
        "rtrim(CASE WHEN v GLOB '*[Zz]' THEN substr(v, {from}, max(length(v) - {before} - 1, 0)) \
         WHEN zone <> '' THEN substr(v, {from}, max(length(v) - {before} - 6, 0)) ELSE substr(v, {from}) END, ' ')"
    )
}

/// Whether the text `v` has no other characters than times have, and `clock` is `hh:mm:ss`, with any number of digits after a
/// point.
const IS_CLOCK: &str = "instr(v, char(0)) = 0 AND v NOT GLOB '*[^-0-9:.TtZz+ ]*' AND substr(clock, 1, 8) GLOB \
                        '[0-2][0-9]:[0-5][0-9]:[0-5][0-9]' AND substr(clock, 1, 2) < '24' \
     AND (length(clock) = 8 OR (substr(clock, 9, 2) GLOB '.[0-9]' AND substr(clock, 10) NOT GLOB '*[^0-9]*'))";

const SECONDS: &str = "substr(clock, 1, 2) * 3600 + substr(clock, 4, 2) * 60 + substr(clock, 7, 2)";

/// Digits after the sixth are cut.
const MICROSECONDS: &str = "substr(substr(clock, 10) || '000000', 1, 6)";

/// Microseconds since 1970 of seconds since 1970, days of the Julian calendar, or text. See SQLite's date and time functions.
///
/// Whole numbers that may as well be days at noon, which a column of numeric affinity stores as whole numbers, are not read.
fn instant(is_zone: &str) -> String {
    let body = without_zone(11);
    format!(
        "(SELECT CASE WHEN m BETWEEN {YEARS} THEN m WHEN v IS NULL THEN NULL ELSE FAILURE END FROM (\
         SELECT v, CASE typeof(v) \
         WHEN 'integer' THEN CASE WHEN v NOT BETWEEN 1721426 AND 5373484 THEN v * 1000000 END \
         WHEN 'real' THEN CASE WHEN v >= 1721425.5 AND v < 5373484.5 \
         THEN (CAST(v * 86400000.0 + 0.5 AS INTEGER) - 210866760000000) * 1000 END \
         WHEN 'text' THEN CASE WHEN date(d) = d AND ({is_zone}) AND {IS_CLOCK} \
         THEN (unixepoch(d) + {SECONDS} - (substr(zone, 1, 1) || '1') * (substr(zone, 2, 2) * 3600 + substr(zone, 5, 2) * 60)) \
         * 1000000 \
         + {MICROSECONDS} END END AS m FROM (\
         SELECT v, d, zone, CASE WHEN body = '' AND zone = '' THEN '00:00:00' \
         WHEN body GLOB '[Tt ][0-2][0-9]:[0-5][0-9]' THEN substr(body, 2) || ':00' \
         WHEN body GLOB '[Tt ]*' THEN substr(body, 2) ELSE '' END AS clock FROM (\
         SELECT v, substr(v, 1, 10) AS d, zone, {body} AS body FROM (\
         SELECT v, {ZONE} AS zone FROM (SELECT ? AS v))))))"
    )
}

/// Microseconds since midnight of a time of day, as text.
fn time_of_day() -> String {
    let body = without_zone(1);
    format!(
        "(SELECT CASE WHEN typeof(v) = 'text' AND zone IN ('', '+00:00', '-00:00') AND {IS_CLOCK} \
         THEN ({SECONDS}) * 1000000 + {MICROSECONDS} WHEN v IS NULL THEN NULL ELSE FAILURE END FROM (\
         SELECT v, zone, CASE WHEN body GLOB '[0-2][0-9]:[0-5][0-9]' THEN body || ':00' ELSE body END AS clock FROM (\
         SELECT v, zone, {body} AS body FROM (SELECT v, {ZONE} AS zone FROM (SELECT ? AS v)))))"
    )
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, NaiveDate, NaiveTime};
    use sea_orm::sea_query::Alias;

    use super::*;

    #[test]
    fn a_given_value_means_its_microseconds() {
        let time: Option<DateTime<chrono::FixedOffset>> = "1969-12-31T23:59:59.999999+00:00".parse().ok();
        assert_eq!(meaning_of(&time.into()), Some(Value::BigInt(Some(-1))));
        let naive = NaiveDate::from_ymd_opt(1970, 1, 1).and_then(|date| date.and_hms_micro_opt(0, 0, 1, 5));
        assert_eq!(meaning_of(&naive.into()), Some(Value::BigInt(Some(1_000_005))));
        let clock = NaiveTime::from_hms_micro_opt(23, 59, 59, 999_999);
        assert_eq!(meaning_of(&clock.into()), Some(Value::BigInt(Some(86_399_999_999))));
        assert_eq!(meaning_of(&Value::ChronoDateTimeUtc(None)), Some(Value::BigInt(None)));
        assert_eq!(meaning_of(&true.into()), Some(true.into()));
        assert_eq!(meaning_of(&"text".into()), None);
    }

    #[test]
    fn a_type_with_one_form_has_no_other_meaning() {
        for value_type in [ArrayType::String, ArrayType::Char, ArrayType::Json, ArrayType::Bytes] {
            assert_eq!(meaning(Expr::col(Alias::new("a")), &value_type), None);
        }
    }

    #[test]
    fn the_error_of_an_unreadable_value_names_the_column() {
        let column = Expr::col((Alias::new("t"), Alias::new("it's")));
        assert_eq!(failure(&column), "json_extract('{}', 'larder: unreadable value in it''s' || substr(typeof(v), 1, 0))");
    }
}
