//! Tables of other programs in Postgres, by URL and on SeaORM's connections.

use larder::{Cx, ErrorKind, Filter, Key, OnConflict, Query, ReaderExt as _, TableName, field_named};
use sea_orm::{Value, prelude::Decimal};
use serde_json::json;

use super::{all, open, row, run, types};
use crate::support::{
    backend::{Fixture, Harness},
    postgres::is_skipped,
};

/// An empty store, by either way. None if Postgres is left out.
async fn stores() -> Vec<Fixture> {
    match is_skipped() {
        true => Vec::new(),
        false => vec![crate::postgres::Server.fresh().await, crate::postgres::SeaOrm.fresh().await],
    }
}

const OTHER: &[&str] = &[
    "CREATE SCHEMA aux",
    "CREATE TYPE mood AS ENUM ('glad', 'it''s')",
    "CREATE TYPE aux.\"Odd \"\"type\" AS ENUM ('x')",
    "CREATE TYPE pair AS (x int, y text)",
    "CREATE DOMAIN email AS varchar(20) NOT NULL",
    "CREATE DOMAIN work_email AS email DEFAULT 'none'",
    "CREATE TABLE other (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, s smallint, m mood, odd aux.\"Odd \"\"type\", \
     e work_email, l int[], texts text[], i interval, n numeric(10,2), nn numeric, c char(3), t timestamptz(3), r int4range, p pair, b bit(3), \
     ip inet, mon money, x xml, pt point, tid bigint GENERATED ALWAYS AS IDENTITY, g int GENERATED ALWAYS AS (s + 1) STORED)",
    "INSERT INTO other VALUES (DEFAULT, 1, 'it''s', 'x', 'a@b', '{1,NULL}', '{\"a,b\",c}', '1 month 02:00', 1.50, \
     12345678901234567890.12345678, 'abc', '2026-01-02 12:30:00.123Z', '[1,5)', '(1,\"a b\")', '101', '10.0.0.1/8', '1.5', \
     '<a/>', '(1,2)')",
];

/// What larder has no values for is read and written as the text that Postgres makes of it; domains are what they are based on.
#[tokio::test]
async fn types_without_values_are_text() {
    for fixture in stores().await {
        let (store, cx) = (&fixture.store, &Cx::new());
        run(store, OTHER).await;
        let (table, rows) = open(store, "other").await;
        let expected = "id Int=, s SmallInt?, m String~?, odd String~?, e String=, l String~?, texts String~?, i String~?, \
                        n Decimal?, nn Decimal?, c String?, t ChronoDateTimeUtc?, r String~?, p String~?, b String~?, \
                        ip String~?, mon String~?, x String~?, pt String~?, tid BigInt=!, g Int?!";
        assert_eq!(types(&table).join(", "), expected);
        let read = rows.all(cx).await.unwrap();
        let text = |column| read[0].get(column).cloned();
        assert_eq!(
            (text("m"), text("texts"), text("r")),
            (Some("it's".into()), Some("{\"a,b\",c}".into()), Some("[1,5)".into()))
        );
        assert_eq!((text("i"), text("p")), (Some("1 mon 02:00:00".into()), Some("(1,\"a b\")".into())));
        assert_eq!(text("nn"), Some("12345678901234567890.12345678".parse::<Decimal>().unwrap().into()));
        assert_eq!(rows.update(cx, &read[0]).await.unwrap(), read[0]);
        assert_eq!(rows.update_many(cx, &read).await.unwrap(), read);
        let columns = read[0].names().iter().zip(read[0].values()).filter(|(name, _)| !["id", "tid"].contains(&name.as_str()));
        let copied = rows.create(cx, &columns.map(|(name, value)| (name.clone(), value.clone())).collect()).await.unwrap();
        assert_eq!(
            (copied.get("id"), copied.get("pt"), copied.get("g")),
            (Some(&2.into()), text("pt").as_ref(), Some(&2.into()))
        );
        let long = rows.create(cx, &row([("e", "a".into()), ("b", "1010".into())])).await.unwrap_err();
        let sad = rows.create(cx, &row([("e", "a".into()), ("m", "sad".into())])).await.unwrap_err();
        assert_eq!((long.kind(), sad.kind()), (ErrorKind::InvalidInput, ErrorKind::InvalidInput), "{long:?} {sad:?}");
    }
}

/// Such a column is compared by its text, whatever the type itself takes for equal, or cannot compare.
#[tokio::test]
async fn text_of_types_without_values_is_compared() {
    for fixture in stores().await {
        let (store, cx) = (&fixture.store, &Cx::new());
        run(store, OTHER).await;
        let rows = open(store, "other").await.1;
        let read = rows.all(cx).await.unwrap();
        for (column, value) in [("m", "it's"), ("pt", "(1,2)"), ("x", "<a/>"), ("ip", "10.0.0.1/8"), ("l", "{1,NULL}")] {
            let found = rows.query(cx, &Query::from(field_named(column).equals(value)).order_by(field_named(column))).await;
            assert_eq!(found.unwrap(), read, "{column}");
            assert_eq!(rows.count(cx, &field_named(column).is_in(["none", value])).await.unwrap(), 1, "{column}");
            assert_eq!(rows.count(cx, &field_named(column).not_equals("none")).await.unwrap(), 1, "{column}");
            assert_eq!(rows.count(cx, &field_named(column).equals("none")).await.unwrap(), 0, "{column}");
        }
        run(store, &["CREATE TABLE hosts (ip inet PRIMARY KEY, n int)"]).await;
        let hosts = open(store, "hosts").await.1;
        let host = |n: i32| row([("ip", "10.0.0.1/32".into()), ("n", n.into())]);
        let upserted =
            hosts.upsert_batch(cx, &[host(1), row([("ip", "10.0.0.2".into())])], &OnConflict::replace()).await.unwrap();
        assert_eq!(upserted.inserted, 2);
        assert_eq!(hosts.upsert_batch(cx, &[host(2)], &OnConflict::replace()).await.unwrap().updated, 1);
        assert_eq!(hosts.update(cx, &host(3)).await.unwrap(), host(3));
        assert_eq!(hosts.get(cx, &Key::new(["10.0.0.1/32"])).await.unwrap(), host(3));
        assert_eq!(hosts.all(cx).await.unwrap().len(), 2);
    }
}

const SCHEMAS: &[&str] = &[
    "CREATE SCHEMA aux",
    "CREATE TABLE up (id serial PRIMARY KEY, code text UNIQUE, b int, c int DEFAULT 7, UNIQUE (c, b))",
    "CREATE TABLE aux.down (b int REFERENCES up, a text REFERENCES up (code) ON DELETE CASCADE ON UPDATE SET NULL, c int, \
     PRIMARY KEY (a, b))",
    "CREATE UNIQUE INDEX ON aux.down (c) WHERE c > 1",
    "CREATE UNIQUE INDEX ON aux.down (lower(a))",
    "CREATE VIEW seen AS SELECT id, 1 + 1 AS two FROM up",
    "CREATE MATERIALIZED VIEW kept AS SELECT 1 AS one",
    "CREATE TABLE parted (id int PRIMARY KEY, a text) PARTITION BY RANGE (id)",
    "CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10)",
    "CREATE TABLE plain (a int)",
];

/// Keys and references are those of the schema, also of tables in other schemas; numbers come from sequences.
#[tokio::test]
async fn keys_and_references_are_told() {
    for fixture in stores().await {
        let (store, cx) = (&fixture.store, &Cx::new());
        run(store, SCHEMAS).await;
        let (table, up) = open(store, "up").await;
        assert_eq!(types(&table).join(", "), "id Int=, code String?, b Int?, c Int?=");
        assert_eq!(table.unique_constraints().collect::<Vec<_>>(), [vec!["code"], vec!["c", "b"]]);
        let given = [row([("code", "x".into())]), row([("code", "y".into()), ("b", 1.into())])];
        let made = up.create_many(cx, &given).await.unwrap();
        assert_eq!((made[0].get("id"), made[1].get("id"), made[1].get("c")), (Some(&1.into()), Some(&2.into()), Some(&7.into())));
        let down = store.describe(cx, ("aux", "down")).await.unwrap();
        assert_eq!(down.primary_key().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(down.unique_constraints().count(), 0);
        let shown = down.references().map(|one| format!("{one:?}")).collect::<Vec<_>>().join("\n");
        for part in [r#"["b"]"#, r#"["id"]"#, r#"["a"]"#, r#"["code"]"#, "Cascade", "SetNull", "NoAction", "schema: None"] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        store.dynamic(&down).create(cx, &row([("a", "x".into()), ("b", 2.into())])).await.unwrap();
        assert!(store.dynamic(&down).find(cx, &Key::new([Value::from("x"), 2.into()])).await.unwrap().is_some());
    }
}

/// Views are read, partitions are part of their table, and a table without a primary key has rows.
#[tokio::test]
async fn views_and_partitioned_tables_are_read() {
    for fixture in stores().await {
        let (store, cx) = (&fixture.store, &Cx::new());
        run(store, SCHEMAS).await;
        for (name, count) in [("seen", 0), ("kept", 1)] {
            let (_, view) = open(store, name).await;
            assert_eq!(view.count(cx, &Filter::all()).await.unwrap(), count);
            assert_eq!(view.delete_where(cx, &Filter::all()).await.unwrap_err().kind(), ErrorKind::Unsupported);
        }
        let parted = open(store, "parted").await.1;
        parted.create_batch(cx, &[row([("id", 1.into()), ("a", "p".into())])]).await.unwrap();
        assert_eq!(all(&*parted).await, json!([{ "id": 1, "a": "p" }]));
        let plain = open(store, "plain").await.1;
        plain.create_many(cx, &[row([("a", 1.into())]), row([("a", 1.into())])]).await.unwrap();
        assert_eq!(all(&*plain).await, json!([{ "a": 1 }, { "a": 1 }]));
        let tables = store.tables(cx).await.unwrap();
        let has = |name: &TableName| tables.contains(name);
        assert!(has(&"up".into()) && has(&("aux", "down").into()) && has(&"parted".into()), "{tables:?}");
        assert!(!["parted_1", "seen", "kept"].iter().any(|name| has(&TableName::from(*name))), "{tables:?}");
    }
}

/// A key that the database makes otherwise than by counting tells which of several new rows is which.
#[tokio::test]
async fn rows_with_random_ids_are_answered_in_order() {
    for fixture in stores().await {
        let (store, cx) = (&fixture.store, &Cx::new());
        run(store, &["CREATE TABLE random (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), a int)"]).await;
        let (_, rows) = open(store, "random").await;
        let given: Vec<_> = (0..30).map(|nth| row([("a", nth.into())])).collect();
        let made = rows.create_many(cx, &given).await.unwrap();
        let numbers: Vec<_> = made.iter().map(|row| row.get("a").cloned()).collect();
        assert_eq!(numbers, (0..30).map(|nth| Some(nth.into())).collect::<Vec<_>>());
    }
}

/// A value that the type of its column has and larder's has not is `Corrupt`, which names the column.
#[tokio::test]
async fn a_value_beyond_its_type_names_its_column() {
    for fixture in stores().await {
        let store = &fixture.store;
        run(store, &["CREATE TABLE edge_case (id int PRIMARY KEY, n numeric, t timestamp)"]).await;
        let (_, rows) = open(store, "edge_case").await;
        for (insert, column) in
            [("INSERT INTO edge_case VALUES (1, 'NaN', NULL)", "n"), ("INSERT INTO edge_case VALUES (1, NULL, 'infinity')", "t")]
        {
            run(store, &[insert]).await;
            let error = rows.find(&Cx::new(), &Key::new([1])).await.unwrap_err();
            assert_eq!((error.kind(), error.column()), (ErrorKind::Corrupt, Some(column)));
            rows.delete(&Cx::new(), &Key::new([1])).await.unwrap();
        }
    }
}
