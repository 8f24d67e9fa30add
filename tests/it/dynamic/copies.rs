//! Tables that are copied from one store to another, by describing them.

use std::fmt::Debug;

use larder::{Cx, Query, ReaderExt as _, Storable, Store};
use serde_json::json;

use crate::support::{
    backend::Harness,
    entities::{edge, item, label, letter, note, page, person, price, sample, tally},
    item, note, page, person, sample,
};

/// Copies the rows of a table, in parts.
async fn copy(from: &Store, to: &Store, name: &str) {
    let cx = &Cx::new();
    let (source, target) = (from.describe(cx, name).await.unwrap(), to.describe(cx, name).await.unwrap());
    let (source, target) = (from.dynamic(&source), to.dynamic(&target));
    let mut rows = source.stream(cx, &Query::new()).await.unwrap();
    let mut part = Vec::new();
    while let Some(row) = rows.try_next().await.unwrap() {
        part.push(row);
        if part.len() == 3 {
            assert_eq!(target.create_batch(cx, &part).await.unwrap(), 3);
            part.clear();
        }
    }
    target.create_many(cx, &part).await.unwrap();
}

/// What an entity has stored in one store, it finds in the other after its table was copied.
async fn arrives<E: Storable<Model: PartialEq + Debug>>(from: &Store, to: &Store, models: &[E::Model]) {
    let (source, target, cx) = (from.repository::<E>(), to.repository::<E>(), &Cx::new());
    source.create_many(cx, models).await.unwrap();
    copy(from, to, sea_orm::EntityName::table_name(&E::default())).await;
    assert_eq!(target.all(cx).await.unwrap(), source.all(cx).await.unwrap());
}

fn items() -> Vec<item::Model> {
    let item = |id: i32| item::Model {
        nick: (id % 2 == 0).then(|| id.to_string()),
        status: Some(item::Status::Broken),
        large: Some(i64::MAX - i64::from(id)),
        real: Some(0.1 * f64::from(id)),
        single: Some(0.1),
        flag: Some(id % 3 == 0),
        bytes: Some(vec![0, 255]),
        hour: "12:30:00.5".parse().ok(),
        local: "2026-02-28T12:30:00.000001".parse().ok(),
        due: "2026-02-28T12:30:00.1+00:00".parse().ok(),
        json: Some(json!({ "id": id, "list": [null, 1.5, "ä"] })),
        ..item(id)
    };
    (0..10).map(item).collect()
}

async fn is_the_same_after_a_copy(from: &'static dyn Harness, to: &'static dyn Harness) {
    if from.is_skipped() || to.is_skipped() {
        return;
    }
    let (source, target) = (from.fresh().await, to.fresh().await);
    let (from, to) = (&source.store, &target.store);
    arrives::<item::Entity>(from, to, &items()).await;
    arrives::<sample::Entity>(from, to, &[sample("one"), sample::Model { day: "0001-01-01".parse().ok(), ..sample("two") }])
        .await;
    arrives::<note::Entity>(from, to, &(0..7).map(|nth| note(&nth.to_string())).collect::<Vec<_>>()).await;
    arrives::<label::Entity>(from, to, &[label::Model { name: "01".into(), text: None }]).await;
    arrives::<edge::Entity>(from, to, &[edge::Model { name: String::new(), version: i32::MIN }]).await;
    arrives::<page::Entity>(from, to, &[page(1, "a"), page(2, "b")]).await;
    let person = |id, level| person::Model { id, level, joined: None, ..person(&id.to_string()) };
    arrives::<person::Entity>(from, to, &[person(3, Some(1)), person(1, Some(i64::MIN))]).await;
    let letter = |id, answers| letter::Model { id, sender: 3, answers, about: None };
    arrives::<letter::Entity>(from, to, &[letter(1, None), letter(2, Some(1))]).await;
    let (of_source, of_target) = (from.capabilities(), to.capabilities());
    if of_source.unsigned && of_target.unsigned {
        arrives::<tally::Entity>(from, to, &[tally::Model { id: 1, count: u64::MAX }]).await;
    }
    if of_source.decimals && of_target.decimals {
        let price = price::Model { id: 1, amount: "-99999999.99".parse().unwrap(), exact: "0.000000000000000001".parse().ok() };
        arrives::<price::Entity>(from, to, &[price]).await;
    }
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn of_memory_in_sqlite_and_back() {
    is_the_same_after_a_copy(&crate::memory::Memory, &crate::sqlite::File).await;
    is_the_same_after_a_copy(&crate::sqlite::File, &crate::memory::Memory).await;
    is_the_same_after_a_copy(&crate::sqlite::SeaOrm, &crate::sqlite::File).await;
}

#[cfg(feature = "duckdb-linked")]
#[tokio::test]
async fn of_memory_in_duckdb_and_back() {
    is_the_same_after_a_copy(&crate::memory::Memory, &crate::duckdb::InMemory).await;
    is_the_same_after_a_copy(&crate::duckdb::File, &crate::memory::Memory).await;
    is_the_same_after_a_copy(&crate::duckdb::InMemory, &crate::sqlite::SeaOrm).await;
    is_the_same_after_a_copy(&crate::sqlite::InMemory, &crate::duckdb::File).await;
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn of_memory_in_postgres_and_back() {
    is_the_same_after_a_copy(&crate::memory::Memory, &crate::postgres::Server).await;
    is_the_same_after_a_copy(&crate::postgres::SeaOrm, &crate::memory::Memory).await;
    is_the_same_after_a_copy(&crate::postgres::Server, &crate::postgres::SeaOrm).await;
}

#[cfg(all(feature = "postgres", feature = "sqlite", feature = "duckdb-linked"))]
#[tokio::test]
async fn of_one_database_in_another() {
    is_the_same_after_a_copy(&crate::sqlite::File, &crate::postgres::Server).await;
    is_the_same_after_a_copy(&crate::postgres::Server, &crate::duckdb::File).await;
    is_the_same_after_a_copy(&crate::duckdb::File, &crate::postgres::SeaOrm).await;
    is_the_same_after_a_copy(&crate::postgres::SeaOrm, &crate::sqlite::SeaOrm).await;
}
