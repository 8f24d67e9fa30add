//! Tables of other programs in DuckDB.

use larder::{Cx, ErrorKind, Filter, Key, OnConflict, Query, ReaderExt as _, field_named};
use serde_json::json;

use super::{all, open, row, run, types};
use crate::{duckdb::InMemory, support::backend::Harness};

const OTHER: &[&str] = &[
    "CREATE TYPE mood AS ENUM ('glad', 'it''s \"odd\"')",
    "CREATE TABLE other (id UBIGINT PRIMARY KEY, s STRUCT(a INTEGER, \"b c\" VARCHAR[]), m MAP(VARCHAR, INTEGER), l INTEGER[], \
     h HUGEINT, big BIGNUM, i INTERVAL, z TIMETZ, ns TIME_NS, bits BIT, mood mood, d DECIMAL(10,2), wide DECIMAL(38,0), \
     ts TIMESTAMP_S, u UNION(n INTEGER, t VARCHAR), j JSON, g INTEGER AS (CAST(id % 10 AS INTEGER)))",
    "INSERT INTO other VALUES (18446744073709551615, {'a': 1, 'b c': ['x, y', 'it''s', NULL]}, MAP {'k': 1}, [1, NULL], \
     170141183460469231731687303715884105727, 123456789012345678901234567890123456789012345, INTERVAL '1 month 2 days', \
     '10:00:00+01', '10:00:00.123456789', '0101', 'it''s \"odd\"', 1.50, 79228162514264337593543950335, \
     '2026-01-02 12:30:00', 'text', '{\"a\": [1]}')",
];

/// What larder has no values for is read and written as the text that DuckDB makes of it.
#[tokio::test]
async fn types_without_values_are_text() {
    let (fixture, cx) = (InMemory.fresh().await, &Cx::new());
    let store = &fixture.store;
    run(store, OTHER).await;
    let (table, rows) = open(store, "other").await;
    let expected = "id BigUnsigned, s String~?, m String~?, l String~?, h String~?, big String~?, i String~?, z String~?, \
                    ns String~?, bits String~?, mood String?, d Decimal?, wide Decimal?, ts ChronoDateTime?, u String~?, j Json?, g Int?!";
    assert_eq!(types(&table).join(", "), expected);
    let read = rows.all(cx).await.unwrap();
    let max = json!(u64::MAX);
    assert_eq!(serde_json::to_value(&read[0]).unwrap()["id"], max);
    assert_eq!(read[0].get("s"), Some(&"{'a': 1, 'b c': ['x, y', 'it\\'s', NULL]}".into()));
    assert_eq!((read[0].get("i"), read[0].get("l")), (Some(&"1 month 2 days".into()), Some(&"[1, NULL]".into())));
    assert_eq!(rows.update(cx, &read[0]).await.unwrap(), read[0]);
    assert_eq!(rows.update_many(cx, &read).await.unwrap(), read);
    assert_eq!(rows.delete_where(cx, &field_named("h").starts_with("1701")).await.unwrap(), 1);
    assert_eq!(rows.create_many(cx, &read).await.unwrap(), read);
    assert_eq!(rows.upsert_batch(cx, &read, &OnConflict::replace()).await.unwrap().updated, 1);
    assert_eq!(rows.query(cx, &Query::from(field_named("i").equals("1 month 2 days"))).await.unwrap(), read);
    let error = rows.create(cx, &row([("id", 1.into()), ("l", "no list".into())])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error:?}");
}

const SCHEMAS: &[&str] = &[
    "CREATE SCHEMA aux",
    "CREATE SEQUENCE numbers START 5",
    "CREATE TABLE aux.up (id INTEGER PRIMARY KEY DEFAULT nextval('numbers'), \"o d\" VARCHAR UNIQUE, b INT, c INT DEFAULT 7)",
    "CREATE TABLE aux.down (b INT, a INT REFERENCES aux.up (id), PRIMARY KEY (b, a))",
    "CREATE UNIQUE INDEX up_both ON aux.up (b, \"o d\")",
    "CREATE VIEW seen AS SELECT id, 1 + 1 AS two, NULL AS nothing FROM aux.up",
    "CREATE TABLE plain (a INT)",
];

/// Keys, schemas, sequences and views.
#[tokio::test]
async fn schemas_keys_and_views_are_told() {
    let (fixture, cx) = (InMemory.fresh().await, &Cx::new());
    let store = &fixture.store;
    run(store, SCHEMAS).await;
    let table = store.describe(cx, ("aux", "UP")).await.unwrap();
    assert_eq!(
        (table.full_name().as_str(), types(&table).join(", ")),
        ("aux.up", "id Int=, o d String?, b Int?, c Int?=".into())
    );
    assert_eq!(table.unique_constraints().collect::<Vec<_>>(), [vec!["o d"], vec!["b", "o d"]]);
    let up = store.dynamic(&table);
    let made = up.create_many(cx, &[row([("o d", "x".into())]), row([("o d", "y".into()), ("b", 1.into())])]).await.unwrap();
    assert_eq!((made[0].get("id"), made[1].get("id"), made[1].get("c")), (Some(&5.into()), Some(&6.into()), Some(&7.into())));
    let down = store.describe(cx, ("aux", "down")).await.unwrap();
    assert_eq!(down.primary_key().collect::<Vec<_>>(), ["b", "a"]);
    let reference = down.references().next().unwrap();
    assert_eq!((reference.columns, reference.table.to_string(), reference.referred), (vec!["a"], "aux.up".into(), vec!["id"]));
    store.dynamic(&down).create(cx, &row([("a", 5.into()), ("b", 0.into())])).await.unwrap();
    assert!(store.dynamic(&down).find(cx, &Key::new([0, 5])).await.unwrap().is_some());
    let (view, seen) = open(store, "seen").await;
    assert_eq!(types(&view).join(", "), "id Int?, two Int?, nothing String?");
    assert_eq!(seen.count(cx, &Filter::all()).await.unwrap(), 2);
    assert_eq!(seen.delete_where(cx, &Filter::all()).await.unwrap_err().kind(), ErrorKind::Unsupported);
    let plain = open(store, "plain").await.1;
    plain.create_batch(cx, &[row([("a", 1.into())]), row([("a", 1.into())])]).await.unwrap();
    assert_eq!(all(&*plain).await, json!([{ "a": 1 }, { "a": 1 }]));
    let names: Vec<_> = store.tables(cx).await.unwrap().iter().map(ToString::to_string).collect();
    assert!(["plain", "aux.up", "aux.down"].iter().all(|name| names.iter().any(|other| other == name)), "{names:?}");
    assert!(!names.iter().any(|name| name == "seen"));
}

/// A table with text of DuckDB's own types is none of another database.
#[cfg(feature = "sqlite")]
#[tokio::test]
async fn its_own_types_are_of_no_other_database() {
    let (fixture, lite, cx) = (InMemory.fresh().await, larder::open("sqlite::memory:").await.unwrap(), &Cx::new());
    run(&fixture.store, &["CREATE TABLE t (id INTEGER PRIMARY KEY, i INTERVAL)"]).await;
    run(&lite, &["CREATE TABLE t (id INTEGER PRIMARY KEY, i TEXT)"]).await;
    let (table, rows) = open(&fixture.store, "t").await;
    rows.create(cx, &row([("id", 1.into()), ("i", "2 days".into())])).await.unwrap();
    let refused = lite.dynamic(&table).create_many(cx, &rows.all(cx).await.unwrap()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unsupported);
    let target = open(&lite, "t").await.1;
    target.create_many(cx, &rows.all(cx).await.unwrap()).await.unwrap();
    assert_eq!(all(&*target).await, json!([{ "id": 1, "i": "2 days" }]));
}
