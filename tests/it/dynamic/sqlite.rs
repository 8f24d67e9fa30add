//! Tables of other programs in SQLite, through both libraries.

use larder::{Changes, Cx, ErrorKind, Filter, Key, OnConflict, Query, ReaderExt as _, Store, TransactionalExt as _, field_named};
use sea_orm::Value;
use serde_json::json;

use super::{all, open, row, run, shown, types};
use crate::support::backend::{Fixture, Harness};

/// An empty store, through either library.
async fn stores() -> [Fixture; 2] {
    [crate::sqlite::File.fresh().await, crate::sqlite::SeaOrm.fresh().await]
}

async fn typeof_of(store: &Store, columns: &'static str) -> Vec<String> {
    store.sql().unwrap().query_as(&Cx::new(), &larder::SqlText::new(columns)).await.unwrap()
}

const OTHER: &[&str] = &[
    "CREATE TABLE other (i INTEGER PRIMARY KEY, big BIGINT NOT NULL, tiny TINYINT(1), v NVARCHAR(10), c CHARACTER(20), \
     clob CLOB, b BLOB, bin VARBINARY(16), r REAL, f FLOAT DEFAULT 0.5, d DOUBLE PRECISION, n NUMERIC, m DECIMAL(10,2), yes BOOLEAN, \
     day DATE, hour TIME, at DATETIME, ts TIMESTAMP, tz TIMESTAMPTZ, j JSON, u UUID, x, g INT AS (i + 1))",
    "INSERT INTO other VALUES (7, -9223372036854775808, 1, 'Ann', '', 'long', x'00ff', x'01', 1.5, 2, -0.25, 3, 4.75, 1, \
     '2026-01-02', '12:30:00', '2026-01-02 12:30:00', '2026-01-02T12:30:00.5', '2026-01-02 12:30:00Z', '{\"a\": 1}', \
     x'000102030405060708090a0b0c0d0e0f', 'any')",
];

/// Declared types are read by their affinity, and by what SeaORM and others declare where SQLite has no type.
#[tokio::test]
async fn declared_types_say_what_values_are() {
    for fixture in stores().await {
        let (store, cx) = (&fixture.store, &Cx::new());
        run(store, OTHER).await;
        let (table, rows) = open(store, "OTHER").await;
        let expected = "i BigInt=, big BigInt, tiny BigInt?, v String?, c String?, clob String?, b Bytes?, bin Bytes?, \
                        r Double?, f Double?=, d Double?, n Double?, m Double?, yes Bool?, day ChronoDate?, hour ChronoTime?, \
                        at ChronoDateTime?, ts ChronoDateTime?, tz ChronoDateTimeUtc?, j Json?, u Uuid?, x any?, g BigInt?!";
        assert_eq!((table.name(), types(&table).join(", ")), ("other", expected.to_owned()));
        let expected = json!([{
            "i": 7, "big": i64::MIN, "tiny": 1, "v": "Ann", "c": "", "clob": "long", "b": "AP8=", "bin": "AQ==", "r": 1.5,
            "f": 2.0, "d": -0.25, "n": 3.0, "m": 4.75, "yes": true, "day": "2026-01-02", "hour": "12:30:00", "at": "2026-01-02T12:30:00",
            "ts": "2026-01-02T12:30:00.500", "tz": "2026-01-02T12:30:00Z", "j": { "a": 1 },
            "u": "00010203-0405-0607-0809-0a0b0c0d0e0f", "x": "any", "g": 8
        }]);
        assert_eq!(all(&*rows).await, expected);
        let read = rows.all(cx).await.unwrap();
        assert_eq!(rows.update_many(cx, &read).await.unwrap(), read);
        assert_eq!(rows.update(cx, &read[0]).await.unwrap(), read[0]);
        assert_eq!(all(&*rows).await, expected);
        run(store, &["UPDATE other SET at = 'noon'"]).await;
        let error = rows.all(cx).await.unwrap_err();
        assert_eq!((error.kind(), error.column()), (ErrorKind::Corrupt, Some("at")));
    }
}

/// The values of a column without a type are of their own types, and stay so.
#[tokio::test]
async fn a_column_without_a_type_holds_any_value() {
    for fixture in stores().await {
        let (store, cx) = (&fixture.store, &Cx::new());
        run(store, &["CREATE TABLE loose (id INTEGER PRIMARY KEY, a)", "CREATE TABLE tight (id INT PRIMARY KEY, a ANY) STRICT"])
            .await;
        for name in ["loose", "tight"] {
            let (table, rows) = open(store, name).await;
            assert_eq!(types(&table)[1], "a any?");
            let values: [Value; 5] = [7.into(), 0.5.into(), "7".into(), vec![7_u8].into(), Value::String(None)];
            let given = (1_i64..).zip(values).map(|(id, a)| row([("id", id.into()), ("a", a)])).collect::<Vec<_>>();
            rows.create_many(cx, &given[1..]).await.unwrap();
            rows.create(cx, &given[0]).await.unwrap();
            let read = shown(&rows.all(cx).await.unwrap());
            let expected = json!([{"id":1,"a":7},{"id":2,"a":0.5},{"id":3,"a":"7"},{"id":4,"a":"Bw=="},{"id":5,"a":null}]);
            assert_eq!(read, expected);
            let types = typeof_of(
                store,
                if name == "loose" {
                    "SELECT typeof(a) FROM loose ORDER BY id"
                } else {
                    "SELECT typeof(a) FROM tight ORDER BY id"
                },
            );
            assert_eq!(types.await, ["integer", "real", "text", "blob", "null"]);
            let set = Changes::new().set(field_named("a"), 1_u8);
            assert_eq!(rows.update_where(cx, &field_named("a").is_null(), &set).await.unwrap(), 1);
            for error in [
                rows.create(cx, &row([("a", true.into())])).await.unwrap_err(),
                rows.count(cx, &field_named("a").equals(7)).await.unwrap_err(),
                rows.query(cx, &Query::new().order_by(field_named("a"))).await.unwrap_err(),
                rows.distinct::<i64, _>(cx, field_named("a"), &Filter::all()).await.unwrap_err(),
            ] {
                assert!(matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::InvalidInput), "{error}");
                assert_eq!(error.column(), Some("a"));
            }
        }
    }
}

/// A table without a primary key is read and written as far as that goes without ids.
#[tokio::test]
async fn a_table_without_a_primary_key_has_rows() {
    for fixture in stores().await {
        let (store, cx) = (&fixture.store, &Cx::new());
        run(store, &["CREATE TABLE plain (a INT, b TEXT UNIQUE)"]).await;
        let (table, rows) = open(store, "plain").await;
        assert_eq!(table.primary_key().count(), 0);
        let one = || row([("a", 1.into())]);
        assert_eq!(shown(&rows.create_many(cx, &[one(), row([("a", 3.into())]), one()]).await.unwrap())[1]["a"], 3);
        assert_eq!(rows.create_batch(cx, &[one(), one()]).await.unwrap(), 2);
        assert_eq!(rows.count(cx, &field_named("a").equals(1)).await.unwrap(), 4);
        let largest = rows.query(cx, &Query::new().order_by_desc(field_named("a")).limit(1)).await.unwrap();
        assert_eq!(shown(&largest), json!([{ "a": 3, "b": null }]));
        let (mut stream, mut count) = (rows.stream(cx, &Query::new()).await.unwrap(), 0);
        while stream.try_next().await.unwrap().is_some() {
            count += 1;
        }
        assert_eq!(count, 5);
        let set = Changes::new().set(field_named("b"), "three");
        assert_eq!(rows.update_where(cx, &field_named("a").equals(3), &set).await.unwrap(), 1);
        let three = row([("a", 33.into()), ("b", "three".into())]);
        let by_b = OnConflict::replace().on(field_named("b"));
        assert_eq!(rows.upsert_batch(cx, std::slice::from_ref(&three), &by_b).await.unwrap().updated, 1);
        assert_eq!(rows.delete_where(cx, &field_named("a").equals(33)).await.unwrap(), 1);
    }
}

/// What goes by an id is `Unsupported` of such a table.
#[tokio::test]
async fn a_table_without_a_primary_key_has_no_ids() {
    for fixture in stores().await {
        let (store, cx) = (&fixture.store, &Cx::new());
        run(store, &["CREATE TABLE plain (a INT)"]).await;
        let (rows, key, one) = (open(store, "plain").await.1, Key::new([1]), row([("a", 1.into())]));
        let (keys, ones) = (std::slice::from_ref(&key), std::slice::from_ref(&one));
        let in_tx = store.tx(cx, |cx| {
            let rows = rows.clone();
            async move { rows.stream(&cx, &Query::new()).await.map(drop) }
        });
        for error in [
            in_tx.await.unwrap_err(),
            rows.find(cx, &key).await.unwrap_err(),
            rows.find_many(cx, keys).await.unwrap_err(),
            rows.delete(cx, &key).await.unwrap_err(),
            rows.delete_many(cx, keys).await.unwrap_err(),
            rows.update(cx, &one).await.unwrap_err(),
            rows.update_many(cx, ones).await.unwrap_err(),
            rows.upsert_batch(cx, ones, &OnConflict::replace()).await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
        }
    }
}

/// A view is read, and not written; virtual tables and tables of odd names are tables.
#[tokio::test]
async fn views_and_virtual_tables_are_read() {
    for fixture in stores().await {
        let (store, cx) = (&fixture.store, &Cx::new());
        run(
            store,
            &[
                "CREATE TABLE \"odd \"\"name.\" (\"a \"\"b\" TEXT PRIMARY KEY, \"select\" INT) WITHOUT ROWID",
                "INSERT INTO \"odd \"\"name.\" VALUES ('k', 1)",
                "CREATE VIEW seen AS SELECT \"select\" + 1 AS more, \"a \"\"b\" AS k FROM \"odd \"\"name.\"",
                "CREATE VIRTUAL TABLE text_index USING fts5(body)",
                "INSERT INTO text_index VALUES ('some words')",
            ],
        )
        .await;
        let (view, seen) = open(store, "seen").await;
        assert_eq!(types(&view).join(", "), "more any?, k String?");
        assert_eq!(all(&*seen).await, json!([{ "more": 2, "k": "k" }]));
        for error in [
            seen.create(cx, &row([("k", "l".into())])).await.unwrap_err(),
            seen.delete_where(cx, &Filter::all()).await.unwrap_err(),
            seen.update_where(cx, &Filter::all(), &Changes::new().set_null(field_named("k"))).await.unwrap_err(),
        ] {
            assert_eq!((error.kind(), error.model()), (ErrorKind::Unsupported, Some("seen")));
        }
        let (_, odd) = open(store, "odd \"name.").await;
        odd.create(cx, &row([("select", 2.into()), ("a \"b", "l".into())])).await.unwrap();
        assert_eq!(odd.find(cx, &Key::new(["l"])).await.unwrap().unwrap().get("select"), Some(&2_i64.into()));
        assert_eq!(all(&*open(store, "text_index").await.1).await, json!([{ "body": "some words" }]));
        let tables = store.tables(cx).await.unwrap();
        let names: Vec<_> = tables.iter().map(|table| table.name()).collect();
        assert!(names.contains(&"text_index") && names.contains(&"odd \"name."), "{names:?}");
        assert!(
            !names.iter().any(|name| *name == "seen" || name.starts_with("sqlite_") || *name == "text_index_data"),
            "{names:?}"
        );
    }
}

/// What was described stays good for what it describes: after the table has changed, it is described anew, and both have
/// statements of their own.
#[tokio::test]
async fn a_changed_table_is_described_anew() {
    for fixture in stores().await {
        let (store, cx) = (&fixture.store, &Cx::new());
        run(store, &["CREATE TABLE thing (id INTEGER PRIMARY KEY, a TEXT)"]).await;
        let (before, old) = open(store, "thing").await;
        old.create(cx, &row([("a", "one".into())])).await.unwrap();
        run(store, &["ALTER TABLE thing ADD COLUMN b INT DEFAULT 5"]).await;
        let (after, new) = open(store, "thing").await;
        assert_eq!((before.columns().count(), after.columns().count()), (2, 3));
        assert_eq!(all(&*new).await, json!([{ "id": 1, "a": "one", "b": 5 }]));
        new.create(cx, &row([("a", "two".into()), ("b", 2.into())])).await.unwrap();
        old.create(cx, &row([("a", "three".into())])).await.unwrap();
        assert_eq!(shown(&[new.get(cx, &Key::new([3])).await.unwrap()]), json!([{ "id": 3, "a": "three", "b": 5 }]));
        assert_eq!(shown(&[old.get(cx, &Key::new([2])).await.unwrap()]), json!([{ "id": 2, "a": "two" }]));
        run(store, &["DROP TABLE thing"]).await;
        assert_eq!(new.count(cx, &Filter::all()).await.unwrap_err().kind(), ErrorKind::TableMissing);
        assert_eq!(store.describe(cx, "thing").await.unwrap_err().kind(), ErrorKind::TableMissing);
    }
}

/// Keys and references are those of the schema; an index that holds for some rows, or of an expression, is none.
#[tokio::test]
async fn keys_are_those_of_the_schema() {
    for fixture in stores().await {
        let store = &fixture.store;
        run(
            store,
            &[
                "CREATE TABLE up (id INTEGER PRIMARY KEY, code TEXT UNIQUE)",
                "CREATE TABLE down (b INT REFERENCES up, a TEXT REFERENCES up (code) ON DELETE CASCADE ON UPDATE SET NULL, \
                 c INT, PRIMARY KEY (a, b))",
                "CREATE UNIQUE INDEX some ON down (c) WHERE c > 1",
                "CREATE UNIQUE INDEX lower ON down (lower(a))",
                "CREATE UNIQUE INDEX both ON down (c, b)",
            ],
        )
        .await;
        let (down, _) = open(store, "down").await;
        assert_eq!(down.primary_key().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(down.unique_constraints().collect::<Vec<_>>(), [vec!["c", "b"]]);
        let shown = down.references().map(|one| format!("{one:?}")).collect::<Vec<_>>().join("\n");
        for part in [r#"["b"]"#, r#"["id"]"#, r#"["a"]"#, r#"["code"]"#, "Cascade", "SetNull", "NoAction"] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
    }
}
