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
