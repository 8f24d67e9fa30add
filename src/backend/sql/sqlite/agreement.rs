//! That a stored value is read as what the statements compare it as.

use rusqlite::{Connection, types::Value as Stored};
use sea_orm::sea_query::{Alias, ArrayType, Expr, Query, SqliteQueryBuilder};

use super::decode;
use crate::{
    backend::sql::statement::meaning::{UNREADABLE, meaning, meaning_of},
    error::{Error, Result},
};

const DATES: [&str; 16] = [
    "2026-01-01",
    "2024-02-29",
    "2026-02-29",
    "2026-02-30",
    "2026-13-01",
    "2026-00-10",
    "2026-1-1",
    "0001-01-01",
    "0000-12-31",
    "9999-12-31",
    "1969-12-31",
    "+2026-01-01",
    "20260101",
    "",
    "now",
    "2026-01-\u{663}1",
];
const BETWEEN: [&str; 6] = ["T", "t", " ", "", "  ", "_"];
const CLOCKS: [&str; 24] = [
    "",
    "12:30",
    "12:30:15",
    "12:30:15.5",
    "12:30:15.000000",
    "12:30:15.1234567899",
    "12:30:15.",
    "12:30:15.5x",
    "12:30:15,5",
    "24:00",
    "24:00:00",
    "23:59:59.999999999",
    "23:59:60",
    "29:00:00",
    "12:60:00",
    "12:30:1",
    "12:3",
    "12",
    "-1:00:00",
    "12:30:15 AM",
    "12:30:15\0",
    "12:30:15.1\u{e9}",
    "\u{661}2:30:15",
    "00:00:00",
];
const ZONES: [&str; 20] = [
    "",
    "Z",
    "z",
    " Z",
    "+00:00",
    "-00:00",
    "+02:00",
    "-23:59",
    "+24:00",
    "+02:60",
    "+02",
    "+0200",
    "  +02:00",
    "+2:00",
    " CEST",
    " +0200 CEST m=+0.1",
    "Z ",
    " ",
    "ZZ",
    "\0Z",
];
const WHOLE_NUMBERS: [i64; 18] = [
    0,
    1,
    -1,
    2,
    86_400,
    1_721_425,
    1_721_426,
    2_461_042,
    5_373_484,
    5_373_485,
    1_767_225_600,
    1_767_225_600_000,
    i64::MAX,
    i64::MIN,
    -62_135_596_800,
    -62_135_596_801,
    253_402_300_799,
    253_402_300_800,
];
const REAL_NUMBERS: [f64; 17] = [
    0.0,
    0.5,
    -1.0,
    2_461_041.5,
    2_440_587.5,
    2_440_587.499_999,
    2_415_020.123_456_789,
    1_721_425.5,
    1_721_425.499_999_9,
    5_373_484.5,
    5_373_484.499_999_999,
    1_767_225_600.25,
    f64::INFINITY,
    f64::NEG_INFINITY,
    1e300,
    2_451_545.000_01,
    2_299_160.7,
];

fn texts() -> Vec<Stored> {
    let mut texts = Vec::new();
    for clock in CLOCKS {
        for zone in ZONES {
            texts.push(format!("{clock}{zone}"));
            texts.extend(BETWEEN.map(|between| format!("2026-01-01{between}{clock}{zone}")));
        }
    }
    for date in DATES {
        texts.extend(["", "T00:00:00Z", " 23:59:59.9999999-23:59", " 12:30 +02:00"].map(|rest| format!("{date}{rest}")));
    }
    texts.extend(["1767225600", "2461041.5", "true", "t", "1"].map(str::to_owned));
    texts.into_iter().map(Stored::Text).collect()
}

fn numbers() -> Vec<Stored> {
    let days = (0..500).map(|nth| Stored::Real(1_721_425.5 + f64::from(nth) * 7_300.123_457));
    WHOLE_NUMBERS.map(Stored::Integer).into_iter().chain(REAL_NUMBERS.map(Stored::Real)).chain(days).collect()
}

fn blobs() -> [Stored; 5] {
    [
        Stored::Null,
        Stored::Blob(Vec::new()),
        Stored::Blob(vec![7; 16]),
        Stored::Blob(vec![7; 15]),
        Stored::Blob(b"2026-01-01".to_vec()),
    ]
}

/// What the reader makes of it.
fn read(stored: &Stored, value_type: &ArrayType) -> Result<Stored> {
    let mut read = Err(Error::new(crate::error::ErrorKind::Internal, "nothing was read"));
    decode::read(stored.into(), Some(value_type), &mut |value| {
        let value =
            if crate::value::is_null(&value) { sea_orm::Value::BigInt(None) } else { meaning_of(&value).unwrap_or(value) };
        read = Ok(match value {
            sea_orm::Value::BigInt(Some(number)) => Stored::Integer(number),
            sea_orm::Value::Bool(Some(truth)) => Stored::Integer(truth.into()),
            sea_orm::Value::Uuid(Some(id)) => Stored::Blob(id.as_bytes().to_vec()),
            sea_orm::Value::ChronoDate(Some(date)) => Stored::Text(date.format("%F").to_string()),
            _ => Stored::Null,
        });
        Ok(())
    })?;
    read
}

#[test]
fn what_is_read_and_what_is_compared_agree() -> rusqlite::Result<()> {
    let connection = Connection::open_in_memory()?;
    connection.execute_batch("CREATE TABLE t (a BLOB)")?;
    let all: Vec<_> = texts().into_iter().chain(numbers()).chain(blobs()).collect();
    for stored in &all {
        connection.prepare_cached("INSERT INTO t VALUES (?)")?.execute([stored])?;
    }
    let mut readable = 0;
    for value_type in [
        ArrayType::ChronoDateTimeUtc,
        ArrayType::ChronoDateTimeWithTimeZone,
        ArrayType::ChronoDateTimeLocal,
        ArrayType::ChronoDateTime,
        ArrayType::ChronoDate,
        ArrayType::ChronoTime,
        ArrayType::Uuid,
        ArrayType::Bool,
    ] {
        let Some(expression) = meaning(Expr::col((Alias::new("t"), Alias::new("a"))), &value_type) else {
            unreachable!("{value_type:?} has one form");
        };
        let sql = Query::select().expr(expression).from(Alias::new("t")).to_string(SqliteQueryBuilder);
        let mut compare = connection.prepare(&format!("{sql} WHERE rowid = ?"))?;
        for (nth, stored) in (1_i64..).zip(&all) {
            match (compare.query_row([nth], |row| row.get::<_, Stored>(0)), read(stored, &value_type)) {
                (Ok(compared), Ok(read)) => {
                    readable += 1;
                    assert_eq!(compared, read, "{stored:?} {value_type:?}");
                }
                (Err(error), Err(_)) => assert!(error.to_string().contains(&format!("{UNREADABLE}a")), "{error}"),
                (compared, read) => unreachable!("{stored:?} {value_type:?}: compared as {compared:?}, read as {read:?}"),
            }
        }
    }
    assert!(readable > 1_000, "{readable}");
    Ok(())
}

/// What SQLite's own functions make of a value, where they make anything of it.
#[test]
fn a_time_is_what_sqlite_says() -> rusqlite::Result<()> {
    let connection = Connection::open_in_memory()?;
    let sqlite = |stored: &Stored| -> rusqlite::Result<Option<i64>> {
        // A whole number is seconds only if SQLite is told so.
        let modifier = if matches!(stored, Stored::Integer(_)) { ", 'unixepoch'" } else { "" };
        let sql = format!(
            "SELECT CAST(strftime('%s', ?1{modifier}) AS INTEGER) * 1000 \
             + CAST(substr(strftime('%f', ?1{modifier}), 4) AS INTEGER)"
        );
        connection.query_row(&sql, [stored], |row| row.get(0))
    };
    let mut told = 0;
    for stored in texts().into_iter().chain(numbers()) {
        if let (Ok(Stored::Integer(read)), Some(expected)) = (read(&stored, &ArrayType::ChronoDateTimeUtc), sqlite(&stored)?) {
            told += 1;
            // SQLite rounds a fraction to milliseconds.
            assert!((read.div_euclid(1000) - expected).abs() <= 1, "{stored:?}: {read} is not {expected}");
            if !matches!(stored, Stored::Text(_)) {
                assert_eq!(read, expected * 1000, "{stored:?}");
            }
        }
    }
    assert!(told > 500, "{told}");
    Ok(())
}
