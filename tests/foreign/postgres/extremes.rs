//! The extremes of every type, read under every type of an entity.

use larder::ErrorKind;

use super::{entities, is_skipped, psql};
use crate::support::postgres::TestDatabase;

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
