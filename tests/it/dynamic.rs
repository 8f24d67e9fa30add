//! Tables and rows that are known only when the program runs, beyond what is promised for every backend: tables of other
//! programs, and rows on their way from one store to another.

mod copies;
#[cfg(feature = "duckdb-linked")]
mod duckdb;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use larder::{
    Cx, ErrorKind, Filter, Key, ReaderExt as _, Row, SqlText, Storage, Store, Table, WriteBehind, WriteBehindOptions,
    layer::{Hook, Hooks, Written},
};
use sea_orm::Value;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::{
    memory::Memory,
    support::{
        backend::Harness,
        entities::{note, person},
        note,
    },
};

/// Runs statements, one after another.
async fn run(store: &Store, statements: &[&'static str]) {
    for statement in statements {
        store.sql().unwrap().execute(&Cx::new(), &SqlText::new(*statement)).await.unwrap();
    }
}

/// A table, and a repository of its rows.
async fn open(store: &Store, table: &str) -> (Arc<Table>, Arc<dyn Storage<Row, Key>>) {
    let table = store.describe(&Cx::new(), table).await.unwrap();
    let rows = store.dynamic(&table);
    (table, rows)
}

/// The types of a table's columns, with what else is said of them.
fn types(table: &Table) -> Vec<String> {
    let column = |column: larder::ColumnDetails<'_>| {
        let value_type = column.value_type.map_or("any".to_owned(), |value_type| format!("{value_type:?}"));
        let said = [(column.is_text_form, "~"), (column.is_nullable, "?"), (column.has_default, "="), (column.is_computed, "!")];
        let said: String = said.iter().filter(|(is, _)| *is).map(|(_, sign)| *sign).collect();
        format!("{} {value_type}{said}", column.name)
    };
    table.details().map(column).collect()
}

fn row<const N: usize>(columns: [(&str, Value); N]) -> Row {
    Row::from_iter(columns)
}

/// Rows as JSON.
fn shown(rows: &[Row]) -> Json {
    serde_json::to_value(rows).unwrap()
}

/// All rows, in the order of the table.
async fn all(rows: &dyn Storage<Row, Key>) -> Json {
    shown(&rows.all(&Cx::new()).await.unwrap())
}

/// Whatever is written as rows, hooks of an entity's models are not told: they would have to be given models.
#[tokio::test]
async fn hooks_of_an_entity_are_not_told_of_rows() {
    struct Count(Arc<AtomicU64>);

    impl Hook<note::Model> for Count {
        fn after_commit(&self, written: &Written<note::Model>) {
            self.0.fetch_add(written.count, Ordering::Relaxed);
        }
    }

    let (fixture, cx, told) = (Memory.fresh().await, &Cx::new(), Arc::<AtomicU64>::default());
    let store = fixture.store.layer(&Hooks::new().on::<note::Entity>(Count(told.clone())));
    store.repository::<note::Entity>().create(cx, &note("one")).await.unwrap();
    let (_, rows) = open(&store, "note").await;
    rows.create(cx, &row([("id", Uuid::nil().into()), ("body", "two".into())])).await.unwrap();
    assert_eq!((told.load(Ordering::Relaxed), rows.count(cx, &Filter::all()).await.unwrap()), (1, 2));
}

/// A queue takes rows like any models.
#[tokio::test]
async fn rows_go_through_a_queue() {
    let (fixture, cx) = (Memory.fresh().await, &Cx::new());
    let people = fixture.store.repository::<person::Entity>();
    let (_, rows) = open(&fixture.store, "person").await;
    let queue = WriteBehind::builder(rows).options(WriteBehindOptions::new().batch_size(2)).start().await.unwrap();
    let emails = ["a", "b", "c"].map(|email| row([("email", email.into())]));
    let tickets = queue.submit_many(cx, &emails).unwrap();
    queue.close(cx).await;
    for (ticket, email) in tickets.into_iter().zip(["a", "b", "c"]) {
        assert_eq!(ticket.await.unwrap().get("email"), Some(&email.into()));
    }
    assert_eq!(people.all(cx).await.unwrap().iter().map(|person| person.level).collect::<Vec<_>>(), [Some(3); 3]);
}

/// A store without a schema takes a table of any other store; one of which rows have no ids is refused.
#[cfg(feature = "sqlite")]
#[tokio::test]
async fn memory_takes_tables_of_other_stores() {
    let (lite, memory, cx) = (larder::open("sqlite::memory:").await.unwrap(), larder::open("memory:").await.unwrap(), &Cx::new());
    let city =
        "CREATE TABLE city (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, people INT DEFAULT 3, twin INT REFERENCES city)";
    run(&lite, &[city, "CREATE TABLE plain (a INT)", "INSERT INTO city VALUES (1, 'Oslo', 4, NULL)"]).await;
    let (table, cities) = open(&lite, "city").await;
    let copied = memory.dynamic(&table);
    copied.create_many(cx, &cities.all(cx).await.unwrap()).await.unwrap();
    // There is no default here.
    copied.create(cx, &row([("name", "Bergen".into()), ("twin", 1.into())])).await.unwrap();
    let expected = json!([
        { "id": 1, "name": "Oslo", "people": 4, "twin": null },
        { "id": 2, "name": "Bergen", "people": null, "twin": 1 }
    ]);
    assert_eq!(all(&*copied).await, expected);
    let refused = copied.create(cx, &row([("name", "Oslo".into())])).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Duplicate);
    let refused = copied.create(cx, &row([("name", "Rome".into()), ("twin", 9.into())])).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ForeignKey);
    let refused = memory.dynamic(&open(&lite, "plain").await.0).create(cx, &row([("a", 1.into())])).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unsupported);
}
