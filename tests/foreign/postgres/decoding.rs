//! What psql stored, read under every type of an entity.

use larder::{Cx, ErrorKind, Query, SqlText};

use super::{entities, is_skipped, psql, stores};
use crate::support::postgres::TestDatabase;

/// Bytes that are no text, in a database that does not know what its texts are: `Corrupt`, and what is text is read.
#[tokio::test]
async fn bytes_that_are_no_text_are_corrupt() {
    if is_skipped() {
        return;
    }
    let database = TestDatabase::of_bytes().await;
    psql(&database, "CREATE TABLE typed (id integer PRIMARY KEY, value text)");
    psql(&database, "SET client_encoding = 'SQL_ASCII'; INSERT INTO typed VALUES (1, E'\\xff'), (2, 'text')");
    for store in stores(&database).await {
        let (cx, models) = (&Cx::new(), store.repository::<entities::texts::Entity>());
        let text = SqlText::new("SELECT value FROM typed");
        for outcome in [
            models.find(cx, &1).await.map(drop),
            models.query(cx, &Query::new()).await.map(drop),
            store.sql().unwrap().query_as::<Option<String>>(cx, &text).await.map(drop),
        ] {
            let error = outcome.unwrap_err();
            assert_eq!((error.kind(), error.code()), (ErrorKind::Corrupt, Some("22021")), "{error}");
        }
        assert!(models.find(cx, &2).await.unwrap().is_some());
        store.close().await;
    }
}

/// Types, and their extremes.
const EXTREMES: &[(&str, &[&str])] = &[
    ("boolean", &["true", "false"]),
    ("smallint", &["-32768", "32767"]),
    ("integer", &["-2147483648", "2147483647"]),
    ("bigint", &["-9223372036854775808", "9223372036854775807"]),
    ("real", &["'NaN'", "'Infinity'", "'-Infinity'", "'-0'", "3.4028235e38", "1e-45"]),
    ("double precision", &["'NaN'", "'Infinity'", "'-Infinity'", "'-0'", "1.7976931348623157e308", "5e-324"]),
    (
        "numeric",
        &[
            "'NaN'",
            "'Infinity'",
            "'-Infinity'",
            "'-0.00'",
            "1234567890123456789012345678901234",
            "0.1234567890123456789012345678901234",
            "79228162514264337593543950335",
            "79228162514264337593543950336",
            "10::numeric ^ 1000",
            "10::numeric ^ -1000",
            "1.50000000000000000000000000000000000000",
        ],
    ),
    ("numeric(3,-2)", &["12345", "-99900"]),
    ("text", &["''", "'\u{10FFFF}'", "repeat('x', 100000)"]),
    ("varchar(3)", &["'a  '", "'Zoë'"]),
    ("char(3)", &["'a'", "'abc'", "''"]),
    ("name", &["'a'", "repeat('é', 31)"]),
    ("\"char\"", &["'a'", "'\\377'", "''"]),
    ("bytea", &["''", "'\\x00ff'"]),
    ("uuid", &["'ffffffff-ffff-ffff-ffff-ffffffffffff'", "'00000000-0000-0000-0000-000000000000'"]),
    ("json", &["'1e400'", "'[1,1]'", "'{\"a\":1,\"a\":2}'", "'\"\\u0000\"'", "(repeat('[', 500) || repeat(']', 500))::json"]),
    ("jsonb", &["'1e400'", "'null'", "'{\"a\":1,\"a\":2}'", "(repeat('[', 500) || repeat(']', 500))::jsonb"]),
    (
        "date",
        &[
            "'infinity'",
            "'-infinity'",
            "'4714-11-24 BC'",
            "'5874897-12-31'",
            "'0001-01-01'",
            "'9999-12-31'",
            "'10000-01-01'",
            "'0001-12-31 BC'",
        ],
    ),
    ("time", &["'00:00:00'", "'24:00:00'", "'23:59:59.999999'"]),
    ("timetz", &["'00:00:00+15:59'", "'24:00:00-15:59'"]),
    (
        "timestamp",
        &[
            "'infinity'",
            "'-infinity'",
            "'4714-11-24 00:00:00 BC'",
            "'294276-12-31 23:59:59.999999'",
            "'262142-12-31 23:59:59.999999'",
            "'262143-01-01 00:00:00'",
            "'0001-01-01 00:00:00'",
            "'9999-12-31 23:59:59.999999'",
            "'10000-01-01 00:00:00'",
        ],
    ),
    (
        "timestamptz",
        &[
            "'infinity'",
            "'-infinity'",
            "'4714-11-24 00:00:00+00 BC'",
            "'294276-12-31 23:59:59.999999+00'",
            "'262143-01-01 00:00:00+00'",
            "'0001-01-01 00:00:00+00'",
            "'9999-12-31 23:59:59.999999+00'",
        ],
    ),
    ("interval", &["'178000000 years'", "'-178000000 years'", "'2562047788:00:54.775807'"]),
    ("money", &["'92233720368547758.07'", "'-92233720368547758.08'"]),
    ("bit(3)", &["B'101'"]),
    ("varbit", &["B''", "B'1'"]),
    ("oid", &["4294967295"]),
    ("inet", &["'::1'"]),
    ("xml", &["'<a/>'"]),
    ("point", &["'(NaN,Infinity)'"]),
    ("int4range", &["'empty'", "'(,)'"]),
    ("tstzrange", &["'[-infinity,infinity]'", "'(,)'"]),
    ("tsrange", &["'[294276-01-01,)'"]),
    ("mood", &["'calm'"]),
    ("pair", &["ROW('infinity', 'NaN')"]),
    ("moment", &["'infinity'", "'294276-12-31 23:59:59.999999+00'"]),
    ("citext", &["'Ann'"]),
    ("date[]", &["'{infinity}'", "'{5874897-12-31,NULL}'", "'{{-infinity}}'", "'{}'", "'[5:5]={infinity}'"]),
    ("time[]", &["'{24:00:00}'", "'{NULL}'"]),
    ("timestamp[]", &["'{infinity}'", "'{294276-12-31}'", "'{{{\"4714-11-24 BC\"}}}'"]),
    ("timestamptz[]", &["'{infinity}'", "'{294276-12-31}'"]),
    ("moment[]", &["'{infinity}'"]),
    ("numeric[]", &["'{NaN}'", "'{1234567890123456789012345678901234}'", "'{1.50}'"]),
    ("double precision[]", &["'{NaN,-0,Infinity}'"]),
    ("integer[]", &["'{1,NULL}'", "'{{1},{2}}'"]),
    ("text[]", &["'{NULL,\"\"}'"]),
];

const TYPES: &str = "CREATE EXTENSION IF NOT EXISTS citext;
    CREATE TYPE mood AS ENUM ('calm', 'loud');
    CREATE TYPE pair AS (at timestamptz, number numeric);
    CREATE DOMAIN moment AS timestamptz;";

/// No value of the database is a panic or an error of larder's own, whatever the entity takes it for, however it is read.
#[tokio::test]
async fn no_value_panics() {
    if is_skipped() {
        return;
    }
    let database = TestDatabase::empty().await;
    psql(&database, TYPES);
    for (column_type, extremes) in EXTREMES {
        for extreme in *extremes {
            let made = format!(
                "DROP TABLE IF EXISTS typed; CREATE TABLE typed (id integer PRIMARY KEY, value {column_type}); \
                 INSERT INTO typed VALUES (1, {extreme})"
            );
            psql(&database, &made);
            let store = larder::open(&database.url()).await.unwrap();
            let mut others = entities::other_readings::<entities::texts::Entity>(&store).await;
            others.extend(entities::other_readings::<entities::instants::Entity>(&store).await);
            others.extend(entities::other_readings::<entities::decimals::Entity>(&store).await);
            for (entity, models) in entities::all_readings(&store).await.into_iter().chain([("others", others)]) {
                for (way, reading) in &models {
                    let case = format!("{extreme}::{column_type} under {entity} by {way}");
                    let kind = reading.as_ref().map_err(larder::Error::kind);
                    let is_told =
                        matches!(kind, Ok(_) | Err(ErrorKind::Corrupt | ErrorKind::Unsupported | ErrorKind::InvalidInput));
                    assert!(is_told, "{case}: {reading:?}");
                    let first = models[0].1.as_ref().map_err(larder::Error::kind);
                    assert!(entity == "others" || kind == first, "{case}: {reading:?}");
                }
            }
            store.close().await;
        }
    }
}

/// Reads `value` as an entity does, in each way that reads models.
macro_rules! read {
    ($database:expr, $entity:ident, $column_type:expr, $value:expr) => {
        read!(readings, $database, $entity, $column_type, $value)
    };
    ($by:ident, $database:expr, $entity:ident, $column_type:expr, $value:expr) => {{
        let (column_type, value) = ($column_type, $value);
        let made = format!(
            "DROP TABLE IF EXISTS typed; CREATE TABLE typed (id integer PRIMARY KEY, value {column_type}); INSERT INTO typed VALUES (1, {value})"
        );
        psql($database, &made);
        let mut answers = Vec::new();
        for store in stores($database).await {
            answers.extend(entities::$by::<entities::$entity::Entity>(&store).await.into_iter().map(|(_, reading)| reading));
            store.close().await;
        }
        let shown = |answer: &larder::Result<String>| match answer {
            Ok(value) => value.clone(),
            Err(error) => format!("{:?} in {}", error.kind(), error.column().unwrap_or("no column")),
        };
        let first = shown(&answers[0]);
        assert!(answers.iter().all(|answer| shown(answer) == first), "{value}: {answers:?}");
        first
    }};
}

/// A stream reads columns of types that its connection has not met.
#[tokio::test]
async fn a_stream_reads_types_that_its_connection_has_not_met() {
    if is_skipped() {
        return;
    }
    let database = &TestDatabase::empty().await;
    psql(
        database,
        "CREATE DOMAIN word AS text; CREATE TYPE mood AS ENUM ('calm'); CREATE TYPE pair AS (a mood, b word[]);
         CREATE TABLE typed (id integer PRIMARY KEY, value word[]); INSERT INTO typed VALUES (1, NULL), (2, NULL)",
    );
    for column_type in ["word[]", "mood[]", "pair", "pair[]"] {
        psql(database, &format!("ALTER TABLE typed ALTER value TYPE {column_type} USING NULL"));
        for store in stores(database).await {
            let words = store.repository::<entities::lists_of_texts::Entity>();
            let mut stream = words.stream(&Cx::new(), &Query::new()).await.unwrap();
            let mut ids = Vec::new();
            while let Some(model) = stream.try_next().await.unwrap() {
                ids.push(model.id);
            }
            assert_eq!(ids, [1, 2], "{column_type}");
            drop(stream);
            store.close().await;
        }
    }
}

const CORRUPT: &str = "Corrupt in value";

/// Times that have no end, or that lie outside the years 1 to 9999, name their column.
#[tokio::test]
async fn times_out_of_range_are_corrupt() {
    if is_skipped() {
        return;
    }
    let database = &TestDatabase::empty().await;
    for value in
        ["'infinity'", "'-infinity'", "'294276-12-31 23:59:59.999999'", "'262143-01-01'", "'4714-11-24 BC'", "'10000-01-01'"]
    {
        assert_eq!(read!(database, instants, "timestamptz", value), CORRUPT, "{value}");
        assert_eq!(read!(readings_by_sql, database, offsets, "timestamptz", value), CORRUPT, "{value}");
        assert_eq!(read!(database, locals, "timestamp", value), CORRUPT, "{value}");
        assert_eq!(
            read!(database, lists_of_instants, "timestamptz[]", format!("ARRAY[{value}]::timestamptz[]")),
            CORRUPT,
            "{value}"
        );
        assert_eq!(
            read!(readings_by_sql, database, lists_of_locals, "timestamp[]", format!("ARRAY[{value}]::timestamp[]")),
            CORRUPT,
            "{value}"
        );
    }
    for value in ["'infinity'", "'-infinity'", "'5874897-12-31'", "'4714-11-24 BC'", "'0001-12-31 BC'", "'10000-01-01'"] {
        assert_eq!(read!(database, dates, "date", value), CORRUPT, "{value}");
        assert_eq!(
            read!(readings_by_sql, database, lists_of_dates, "date[]", format!("ARRAY[{value}]::date[]")),
            CORRUPT,
            "{value}"
        );
    }
    assert_eq!(read!(database, times, "time", "'24:00:00'"), CORRUPT);
    assert_eq!(read!(readings_by_sql, database, lists_of_times, "time[]", "'{24:00:00}'"), CORRUPT);
}

#[tokio::test]
async fn the_first_and_the_last_times_in_range_are_read() {
    if is_skipped() {
        return;
    }
    let database = &TestDatabase::empty().await;
    assert_eq!(
        read!(database, instants, "timestamptz", "'9999-12-31 23:59:59.999999+00'"),
        "[Some(9999-12-31T23:59:59.999999Z)]"
    );
    assert_eq!(read!(database, instants, "timestamptz", "'0001-01-01 00:00:00+00'"), "[Some(0001-01-01T00:00:00Z)]");
    assert_eq!(read!(database, locals, "timestamp", "'1969-12-31 23:59:59.999999'"), "[Some(1969-12-31T23:59:59.999999)]");
    assert_eq!(read!(database, dates, "date", "'0001-01-01'"), "[Some(0001-01-01)]");
    assert_eq!(read!(database, dates, "date", "'9999-12-31'"), "[Some(9999-12-31)]");
    assert_eq!(read!(database, times, "time", "'23:59:59.999999'"), "[Some(23:59:59.999999)]");
    assert_eq!(read!(readings_by_sql, database, lists_of_dates, "date[]", "'{2024-02-29}'"), "[Some([2024-02-29])]");
}

/// A number is read exactly, or refused.
#[tokio::test]
async fn numbers_are_exact_or_corrupt() {
    if is_skipped() {
        return;
    }
    let database = &TestDatabase::empty().await;
    for (value, expected) in [
        ("1234567890123456789012345678901234", CORRUPT),
        ("0.1234567890123456789012345678901234", CORRUPT),
        ("1234567890123456789012345678.12", CORRUPT),
        ("79228162514264337593543950336", CORRUPT),
        ("'NaN'", CORRUPT),
        ("'Infinity'", CORRUPT),
        ("'-Infinity'", CORRUPT),
        ("10::numeric ^ 1000", CORRUPT),
        ("79228162514264337593543950335", "[Some(79228162514264337593543950335)]"),
        ("-0.0000000000000000000000000001", "[Some(-0.0000000000000000000000000001)]"),
        ("123456789012345678.000000000000000000000000", "[Some(123456789012345678.00000000000)]"),
        ("1.50000000000000000000000000000000000000", "[Some(1.5000000000000000000000000000)]"),
        ("100000000000000000000", "[Some(100000000000000000000)]"),
        ("-12345678.90", "[Some(-12345678.90)]"),
        ("10000.0001", "[Some(10000.0001)]"),
        ("0.00", "[Some(0)]"),
    ] {
        assert_eq!(read!(database, decimals, "numeric", value), expected, "{value}");
        let list = expected.strip_prefix("[Some(").and_then(|text| text.strip_suffix(")]"));
        let read = read!(database, lists_of_decimals, "numeric[]", format!("ARRAY[{value}]::numeric[]"));
        // SeaORM reads lists; it does not keep all zeros at the end.
        assert_eq!(read == CORRUPT, list.is_none(), "{value}: {read}");
    }
    assert_eq!(read!(database, decimals, "numeric(3,-2)", "12345"), "[Some(12300)]");
}

/// A number in a column of another width is read where it fits.
#[tokio::test]
async fn numbers_of_other_widths_are_read_where_they_fit() {
    if is_skipped() {
        return;
    }
    let database = &TestDatabase::empty().await;
    assert_eq!(read!(readings_by_sql, database, bigs, "smallint", "-32768"), "[Some(-32768)]");
    assert_eq!(read!(readings_by_sql, database, bigs, "integer", "2147483647"), "[Some(2147483647)]");
    assert_eq!(read!(database, ints, "bigint", "2147483647"), "[Some(2147483647)]");
    assert_eq!(read!(database, ints, "bigint", "2147483648"), CORRUPT);
    assert_eq!(read!(readings_by_sql, database, smalls, "integer", "-32769"), CORRUPT);
    assert_eq!(read!(database, doubles, "real", "0.5"), "[Some(0.5)]");
    assert_eq!(read!(readings_by_sql, database, floats, "double precision", "0.5"), "[Some(0.5)]");
    assert_eq!(read!(readings_by_sql, database, floats, "double precision", "0.1"), CORRUPT);
    assert_eq!(read!(database, doubles, "double precision", "'NaN'"), "[Some(NaN)]");
    assert_eq!(read!(readings_by_sql, database, floats, "double precision", "'Infinity'"), "[Some(inf)]");
    for other in ["interval", "money", "timetz"] {
        let value = if other == "money" { "'1.00'" } else { "'01:00:00'" };
        assert_eq!(read!(database, times, other, value), CORRUPT, "{other}");
        assert_eq!(read!(database, texts, other, value), CORRUPT, "{other}");
        assert_eq!(read!(database, decimals, other, value), CORRUPT, "{other}");
    }
}
