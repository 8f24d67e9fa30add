//! Every value that a type of DuckDB's holds, under the types that a model may want: it is read as what it is, or refused with
//! the name of its column. Nothing panics.

use std::fmt::Debug;

use futures_util::StreamExt as _;
use larder::{Cx, Error, ErrorKind, PageRequest, Query, ReaderExt as _, SqlText, Store};

use super::{client::File, one};

/// Writes a table `one` for each type, one after the other, and prints each value as DuckDB's own text.
const TYPES: &[(&str, &[&str])] = &[
    ("BOOLEAN", &["true", "false"]),
    ("TINYINT", &["-128", "127", "0"]),
    ("SMALLINT", &["-32768", "32767"]),
    ("INTEGER", &["-2147483648", "2147483647"]),
    ("BIGINT", &["-9223372036854775808", "9223372036854775807", "9007199254740993", "5"]),
    (
        "HUGEINT",
        &[
            "'-170141183460469231731687303715884105728'",
            "'170141183460469231731687303715884105727'",
            "9223372036854775807",
            "18446744073709551615",
            "-7",
        ],
    ),
    (
        "UHUGEINT",
        &["0", "'340282366920938463463374607431768211455'", "'170141183460469231731687303715884105728'", "18446744073709551615"],
    ),
    ("UTINYINT", &["255", "0"]),
    ("USMALLINT", &["65535"]),
    ("UINTEGER", &["4294967295"]),
    ("UBIGINT", &["18446744073709551615", "3"]),
    ("BIGNUM", &["'123456789012345678901234567890123456789012345678901234567890'", "'0'", "'-1'"]),
    ("DECIMAL(4,1)", &["999.9", "-999.9", "3.0"]),
    ("DECIMAL(18,6)", &["999999999999.999999", "12.000000"]),
    (
        "DECIMAL(38,0)",
        &[
            "'99999999999999999999999999999999999999'",
            "'-99999999999999999999999999999999999999'",
            "79228162514264337593543950335",
            "1",
        ],
    ),
    ("DECIMAL(38,37)", &["0.0000000000000000000000000000000000001", "9.9999999999999999999999999999999999999", "1"]),
    ("FLOAT", &["'nan'", "'inf'", "'-inf'", "-0.0", "3.4028234663852886e38", "1.4e-45", "0.5"]),
    ("DOUBLE", &["'nan'", "'inf'", "'-inf'", "-0.0", "1.7976931348623157e308", "5e-324", "0.1", "0.5", "9007199254740993"]),
    (
        "VARCHAR",
        &["''", "'a'", "'ä'", "'ab'", "'a' || chr(0) || 'b'", "repeat('🦀', 5000)", "'1'", "'true'", "'[' || repeat('[', 300)"],
    ),
    ("BLOB", &["''::BLOB", "'\\x00\\xFF'::BLOB", "'abc'::BLOB"]),
    ("BIT", &["'1'", "'0101010101'", "bitstring('1', 64)"]),
    (
        "JSON",
        &[
            "'null'",
            "'1e400'",
            "'{\"a\": [1, {\"b\": null}]}'",
            "'\"a\\u0000b\"'",
            "'12345678901234567890123'",
            "repeat('[', 200) || repeat(']', 200)",
        ],
    ),
    (
        "UUID",
        &[
            "'00000000-0000-0000-0000-000000000000'",
            "'ffffffff-ffff-ffff-ffff-ffffffffffff'",
            "'80000000-0000-0000-0000-000000000000'",
        ],
    ),
    (
        "DATE",
        &[
            "'infinity'",
            "'-infinity'",
            "'5881580-07-10'",
            "'5877642-06-25 (BC)'",
            "'0001-01-01'",
            "'0001-01-01 (BC)'",
            "'20000-02-29'",
            "'1969-12-31'",
        ],
    ),
    ("TIME", &["'00:00:00'", "'23:59:59.999999'", "'24:00:00'"]),
    ("TIME_NS", &["'00:00:00'", "'23:59:59.999999999'", "'12:00:00.123456'"]),
    ("TIMETZ", &["'00:00:00+15:59:59'", "'24:00:00-15:59:59'", "'12:00:00+02'"]),
    (
        "TIMESTAMP",
        &[
            "'infinity'",
            "'-infinity'",
            "'294247-01-10 04:00:54.775806'",
            "'290309-12-22 (BC) 00:00:00'",
            "'262142-12-31 23:59:59.999999'",
            "'262143-01-01 00:00:00'",
            "'20000-01-01 00:00:00'",
            "'0001-01-01 00:00:00'",
            "'1969-12-31 23:59:59.999999'",
        ],
    ),
    (
        "TIMESTAMP_S",
        &["'infinity'", "'-infinity'", "'290309-12-22 (BC) 00:00:00'", "'294247-01-10 04:00:54'", "'2024-02-29 12:00:01'"],
    ),
    ("TIMESTAMP_MS", &["'infinity'", "'-infinity'", "'294247-01-10 04:00:54.775'", "'2024-02-29 12:00:00.123'"]),
    (
        "TIMESTAMP_NS",
        &[
            "'infinity'",
            "'-infinity'",
            "'1677-09-22 00:00:00'",
            "'2262-04-11 23:47:16.854775806'",
            "'2024-02-29 12:00:00.123456'",
        ],
    ),
    (
        "TIMESTAMPTZ",
        &[
            "'infinity'",
            "'-infinity'",
            "'294247-01-10 04:00:54.775806+00'",
            "'290309-12-22 (BC) 00:00:00+00'",
            "'262142-12-31 23:59:59+00'",
            "'2024-02-29 12:00:00.123456+02'",
        ],
    ),
    ("TIMESTAMPTZ_NS", &["'2024-02-29 12:00:00.123456+00'"]),
    ("INTERVAL", &["'0 days'", "'83 years 3 months 999 days 00:16:39.999999'", "'-1 month'"]),
    ("ENUM('', 'a', 'Zebra')", &["''", "'a'", "'Zebra'"]),
    ("INTEGER[]", &["[]", "[1, NULL]"]),
    ("VARCHAR[3]", &["['a', NULL, '']"]),
    ("STRUCT(a INTEGER, b VARCHAR[])", &["{'a': NULL, 'b': []}", "{'a': 1, 'b': ['x']}"]),
    ("MAP(VARCHAR, TIMESTAMP)", &["MAP {}", "MAP {'a': 'infinity'::TIMESTAMP}"]),
    ("UNION(name VARCHAR, age SMALLINT)", &["union_value(age := 5::SMALLINT)", "union_value(name := NULL::VARCHAR)"]),
    ("GEOMETRY", &["'POINT(1 1)'"]),
    ("VARIANT", &["1", "'a'", "[1, 2]"]),
];

/// A value as text that DuckDB would write, if there is one way to.
trait AsText {
    fn as_text(&self) -> Option<String>;
}

macro_rules! as_text {
    ($($entity:ident: |$value:ident| $text:expr;)*) => {
        $(
            impl AsText for one::$entity::Model {
                fn as_text(&self) -> Option<String> {
                    let $value = self.value.as_ref()?;
                    Some($text)
                }
            }
        )*
    };
}

as_text! {
    big: |value| value.to_string();
    double: |value| value.to_string();
    decimal: |value| value.to_string();
    text: |value| value.clone();
    bytes: |value| value.iter().map(|byte| format!("{byte:02X}")).collect();
    time: |value| value.to_string();
    date_time: |value| value.to_string();
    utc: |value| value.naive_utc().to_string();
}

/// Whether a text of DuckDB's and one of Rust's stand for one value.
fn is_same(engine: &str, read: &str) -> bool {
    let number = |text: &str| text.parse::<f64>().ok();
    let plain = |text: &str| {
        let text = text.trim_end_matches("+00").trim_start_matches('+').to_owned();
        // Digits after the point that are zeros.
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
    };
    plain(engine) == plain(read)
        || matches!((number(engine), number(read)), (Some(a), Some(b)) if (a == b || a.is_nan() && b.is_nan()) && is_float(engine))
}

fn is_float(text: &str) -> bool {
    text.contains(['.', 'e', 'n'])
}

/// What larder made of the rows of a table under one entity.
fn assert_refused<T>(outcome: Result<T, Error>, what: &str) -> Option<T> {
    match outcome {
        Ok(read) => Some(read),
        Err(error) => {
            let kinds = [ErrorKind::Corrupt, ErrorKind::Unsupported];
            let named = (error.column(), kinds.contains(&error.kind()));
            assert_eq!(named, (Some("value"), true), "{what}: {error:?} {:?}", std::error::Error::source(&error));
            None
        }
    }
}

async fn read_under<E>(store: &Store, data_type: &str, texts: &[Option<String>], what: &str)
where
    E: larder::Storable<Model: AsText + Debug + PartialEq>,
    <E::PrimaryKey as sea_orm::PrimaryKeyTrait>::ValueType: From<i32>,
{
    let (cx, all) = (&Cx::new(), store.repository::<E>());
    let what = format!("{data_type} as {what}");
    let mut models = Vec::new();
    for (id, text) in texts.iter().enumerate() {
        let found = all.find(cx, &i32::try_from(id).unwrap().into()).await;
        let Some(found) = assert_refused(found, &what) else { continue };
        let model = found.unwrap_or_else(|| panic!("{what}: {text:?} is not found"));
        match (text, model.as_text()) {
            (Some(text), Some(read)) => assert!(is_same(text, &read), "{what}: {text} is read as {read}"),
            (text, read) => assert_eq!(text.is_some(), read.is_some(), "{what}: {text:?} is read as {read:?}"),
        }
        // Whatever is asked of the value does not panic.
        drop(format!("{model:?}"));
        models.push(model);
    }
    let is_whole = models.len() == texts.len();
    let check = |read: Option<Vec<E::Model>>, operation: &str| {
        assert_eq!(read.is_some(), is_whole, "{what}: {operation}");
        assert!(read.is_none_or(|read| format!("{read:?}") == format!("{models:?}")), "{what}: {operation}");
    };
    check(assert_refused(all.query(cx, &Query::new()).await, &what), "query");
    check(assert_refused(all.page(cx, &Query::new(), &PageRequest::new(100)).await, &what).map(|page| page.models), "page");
    let stream = match all.stream(cx, &Query::new()).await {
        Ok(stream) => stream.collect::<Vec<_>>().await.into_iter().collect(),
        Err(error) => Err(error),
    };
    check(assert_refused(stream, &what), "stream");
    let raw = SqlText::new("SELECT id, value FROM one ORDER BY id");
    // By itself the engine's type is known for what the model wants or not: an answer is that of the models.
    if let Some(read) = assert_refused(store.sql().unwrap().models::<E>(cx, &raw).await, &what)
        && is_whole
    {
        assert_eq!(format!("{read:?}"), format!("{models:?}"), "{what}: raw");
    }
}

#[tokio::test]
async fn every_value_is_read_as_what_it_is_or_refused() {
    for (data_type, values) in TYPES {
        let file = File::new();
        let values = values.join("\"\"\", r\"\"\"");
        let shown = match *data_type {
            "BLOB" => "hex(value)",
            "FLOAT" => "value::DOUBLE::VARCHAR",
            _ => "value::VARCHAR",
        };
        let printed = file.python(&format!(
            r#"
import json
c.execute("SET TimeZone = 'UTC'")
c.execute("""CREATE TABLE one (id INTEGER PRIMARY KEY, value {data_type})""")
for i, value in enumerate([r"""{values}""", "NULL"]):
    c.execute(f"INSERT INTO one SELECT {{i}}, CAST({{value}} AS {data_type})")
print(json.dumps([row[0] for row in c.execute("SELECT {shown} FROM one ORDER BY id").fetchall()]))
"#
        ));
        let texts: Vec<Option<String>> = serde_json::from_str(&printed).unwrap();
        let store = file.open().await;
        macro_rules! read {
            ($($entity:ident)*) => {
                $(read_under::<one::$entity::Entity>(&store, data_type, &texts, stringify!($entity)).await;)*
            };
        }
        read! { big double decimal text bytes time date_time utc }
        // As what the engine says it is.
        let cast = SqlText::new("SELECT value FROM one ORDER BY id");
        let rows = store.sql().unwrap().query_as::<serde_json::Value>(&Cx::new(), &cast).await;
        if let Err(error) = &rows {
            let kinds = [ErrorKind::Corrupt, ErrorKind::Unsupported, ErrorKind::InvalidInput];
            assert!(kinds.contains(&error.kind()) && error.to_string().contains("value"), "{data_type}: {error:?}");
        }
    }
}

/// An answer of more than one part is converted beside the reading of the next: what cannot be read in a later part is an error
/// all the same.
#[tokio::test]
async fn a_value_that_cannot_be_read_far_behind_is_an_error() {
    let file = File::new();
    file.python(
        "c.execute(\"CREATE TABLE one AS SELECT i::INTEGER AS id, CASE WHEN i = 9000 THEN 'infinity'::TIMESTAMP ELSE '2024-01-01'::TIMESTAMP END AS value FROM range(10000) t(i)\")",
    );
    let store = file.open().await;
    let all = store.repository::<one::date_time::Entity>();
    let error = all.query(&Cx::new(), &Query::new()).await.unwrap_err();
    assert_eq!((error.kind(), error.column()), (ErrorKind::Corrupt, Some("value")));
    let mut stream = all.stream(&Cx::new(), &Query::new()).await.unwrap();
    let mut read = 0;
    let error = loop {
        match stream.next().await {
            Some(Ok(_)) => read += 1,
            Some(Err(error)) => break error,
            None => panic!("the stream ended after {read} models"),
        }
    };
    assert_eq!((error.kind(), error.column()), (ErrorKind::Corrupt, Some("value")));
}
