//! Tables whose columns hold the same values in other types, collations and forms, and are looked into by one another.

use larder::{Cx, Filter, Store, field};
use uuid::Uuid;

use crate::support::entities::{label, note};

/// A text and a UUID that point at other tables.
mod pointer {
    use sea_orm::entity::prelude::*;
    use serde::{Deserialize, Serialize};

    #[sea_orm::compact_model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Serialize, Deserialize)]
    #[sea_orm(table_name = "pointer")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i64,
        pub name: Option<String>,
        pub other: Option<String>,
        pub note: Option<Uuid>,
        pub at: Option<DateTimeUtc>,
        pub seen: Option<DateTimeUtc>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use pointer::COLUMN;

async fn ids(store: &Store, filter: Filter<pointer::Model>) -> Vec<i64> {
    let pointers = store.repository::<pointer::Entity>();
    let found = pointers.query(&Cx::new(), &filter.into()).await.unwrap();
    found.into_iter().map(|pointer| pointer.id).collect()
}

/// Of four pointers, 1 and 2 name the label `a`, once in another case, 3 names none and 4 nothing.
async fn compares_by_bytes(store: &Store, case: &str) {
    let named = || field(COLUMN.name).exists_in(label::COLUMN.name, Filter::all());
    assert_eq!(ids(store, named()).await, [1], "{case}");
    assert_eq!(ids(store, !named()).await, [2, 3, 4], "{case}");
    let labels = store.repository::<label::Entity>();
    let pointed = field(label::COLUMN.name).exists_in(COLUMN.name, Filter::all());
    assert_eq!(labels.count(&Cx::new(), &pointed).await.unwrap(), 1, "{case}");
    assert_eq!(ids(store, field(COLUMN.name).equals_column(COLUMN.other)).await, [1], "{case}");
    assert_eq!(ids(store, field(COLUMN.name).not_equals_column(COLUMN.other)).await, [2, 3], "{case}");
    assert_eq!(ids(store, field(COLUMN.name).less_than_column(COLUMN.other)).await, [2], "{case}");
    assert_eq!(ids(store, field(COLUMN.name).greater_than_column(COLUMN.other)).await, [3], "{case}");
}

/// The tables, with these types of the label's name and of the pointer's two texts.
#[cfg(any(feature = "postgres", feature = "duckdb-linked"))]
fn tables(label: &str, name: &str, other: &str) -> String {
    format!(
        "DROP TABLE IF EXISTS label; DROP TABLE IF EXISTS pointer;
         CREATE TABLE label (name {label} PRIMARY KEY, text text);
         CREATE TABLE pointer (id bigint PRIMARY KEY, name {name}, other {other}, note uuid, \"at\" timestamptz, seen timestamptz);
         INSERT INTO label VALUES ('a', NULL), ('c', NULL);
         INSERT INTO pointer (id, name, other) VALUES (1, 'a', 'a'), (2, 'A', 'a'), (3, 'b', 'B'), (4, NULL, 'a');"
    )
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn text_of_two_collations_of_postgres_is_compared_by_its_bytes() {
    use crate::{
        postgres::{is_skipped, psql, stores},
        support::postgres::TestDatabase,
    };

    if is_skipped() {
        return;
    }
    let database = &TestDatabase::in_english().await;
    psql(
        database,
        "CREATE EXTENSION citext; CREATE COLLATION folded (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
    );
    let types =
        ["text", "text COLLATE \"C\"", "text COLLATE \"en-x-icu\"", "varchar(9)", "citext", "text COLLATE folded", "char(1)"];
    for (nth, label) in types.iter().enumerate() {
        for (beside, name) in types.iter().enumerate() {
            let other = types[(nth + beside) % types.len()];
            psql(database, &tables(label, name, other));
            for store in stores(database).await {
                compares_by_bytes(&store, &format!("{label}, {name}, {other}")).await;
            }
        }
    }
}

#[cfg(feature = "duckdb-linked")]
#[tokio::test]
async fn text_of_two_collations_of_duckdb_is_compared_by_its_bytes() {
    use crate::duckdb::client::File;

    let types = ["VARCHAR", "VARCHAR COLLATE NOCASE", "VARCHAR COLLATE de"];
    for label in types {
        for (name, other) in types.iter().flat_map(|name| types.iter().map(move |other| (name, other))) {
            let file = File::new();
            file.python(&format!("c.execute(\"\"\"{}\"\"\")", tables(label, name, other)));
            compares_by_bytes(&file.open().await, &format!("{label}, {name}, {other}")).await;
        }
    }
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn text_of_two_collations_of_sqlite_is_compared_by_its_bytes() {
    let types = ["TEXT", "TEXT COLLATE NOCASE", "TEXT COLLATE RTRIM", "BLOB"];
    for label in types {
        for (name, other) in types.iter().flat_map(|name| types.iter().map(move |other| (name, other))) {
            let sql = format!(
                "CREATE TABLE label (name {label} PRIMARY KEY, text TEXT);
CREATE TABLE pointer (id INTEGER PRIMARY KEY, name {name}, other {other}, note BLOB, at TEXT, seen TEXT);
INSERT INTO label VALUES ('a', NULL), ('c', NULL);
INSERT INTO pointer (id, name, other) VALUES (1, 'a', 'a'), (2, 'A', 'a'), (3, 'b', 'B'), (4, NULL, 'a');
"
            );
            for place in crate::sqlite::places(&sql).await {
                compares_by_bytes(&place.store, &format!("{}: {label}, {name}, {other}", place.name)).await;
            }
        }
    }
}

/// SQLite's other programs store UUIDs as text or bytes and times in many forms. They compare by what they mean.
#[cfg(feature = "sqlite")]
#[tokio::test]
async fn values_in_other_forms_are_found_by_what_they_mean() {
    let sql = "CREATE TABLE note (id BLOB PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE pointer (id INTEGER PRIMARY KEY, name TEXT, other TEXT, note BLOB, at TIMESTAMP, seen TIMESTAMP);
INSERT INTO note VALUES (x'00000000000000000000000000000007', 'seven');
INSERT INTO pointer (id, note, at, seen) VALUES
    (1, x'00000000000000000000000000000007', '2026-01-01T02:00:00+02:00', '2026-01-01 00:00:00'),
    (2, x'00000000000000000000000000000008', '2026-01-01T00:00:00Z', 1767225601),
    (3, NULL, '2026-01-01 00:00:01', NULL);
";
    for place in crate::sqlite::places(sql).await {
        let seven = field(COLUMN.note).exists_in(note::COLUMN.id, field(note::COLUMN.id).equals(Uuid::from_u128(7)));
        assert_eq!(ids(&place.store, seven).await, [1], "{}", place.name);
        assert_eq!(ids(&place.store, field(COLUMN.at).equals_column(COLUMN.seen)).await, [1], "{}", place.name);
        assert_eq!(ids(&place.store, field(COLUMN.at).less_than_column(COLUMN.seen)).await, [2], "{}", place.name);
        let seen_by_another = field(COLUMN.at).exists_in(COLUMN.seen, Filter::all());
        assert_eq!(ids(&place.store, seen_by_another).await, [1, 2, 3], "{}", place.name);
    }
}
