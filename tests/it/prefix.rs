//! Tables with a prefix.

use larder::{Capabilities, Cx, Filter, Reader, ReaderExt as _, SqlText, testing::Harness};

use crate::support::{
    entities::{label, letter, person},
    person,
};

/// A repository of a store with a prefix has its own table, and one without does not see it.
async fn is_before_the_name(harness: &'static dyn Harness) {
    if harness.is_skipped() {
        return;
    }
    let (fixture, cx) = (harness.fresh().await, &Cx::new());
    let Capabilities { sql, .. } = fixture.store.capabilities();
    if sql {
        let table = SqlText::new("CREATE TABLE pre_label (name varchar(20) NOT NULL PRIMARY KEY, text varchar(20))");
        fixture.store.sql().unwrap().execute(cx, &table).await.unwrap();
    }
    let plain = fixture.store.repository::<label::Entity>();
    let prefixed = fixture.store.with_table_prefix("pre_").repository::<label::Entity>();
    let label = |text: &str| label::Model { name: "a".to_owned(), text: Some(text.to_owned()) };
    plain.create(cx, &label("plain")).await.unwrap();
    prefixed.create(cx, &label("prefixed")).await.unwrap();
    for (labels, text) in [(&plain, "plain"), (&prefixed, "prefixed")] {
        assert_eq!(labels.all(cx).await.unwrap(), [label(text)]);
        assert_eq!(labels.get(cx, &"a".to_owned()).await.unwrap(), label(text));
    }
    let error = prefixed.create(cx, &label("again")).await.unwrap_err();
    assert_eq!((error.kind(), error.model()), (larder::ErrorKind::Duplicate, Some("pre_label")));
    prefixed.update(cx, &label("changed")).await.unwrap();
    assert_eq!(prefixed.delete_where(cx, &Filter::all()).await.unwrap(), 1);
    assert_eq!(plain.all(cx).await.unwrap(), [label("plain")]);
}

#[tokio::test]
async fn is_before_the_name_in_memory() {
    is_before_the_name(&crate::memory::Memory).await;
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn is_before_the_name_on_sqlite() {
    is_before_the_name(&crate::sqlite::File).await;
    is_before_the_name(&crate::sqlite::SeaOrm).await;
}

#[cfg(feature = "duckdb-linked")]
#[tokio::test]
async fn is_before_the_name_on_duckdb() {
    is_before_the_name(&crate::duckdb::File).await;
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn is_before_the_name_on_postgres() {
    is_before_the_name(&crate::postgres::Server).await;
    is_before_the_name(&crate::postgres::SeaOrm).await;
}

/// The prefix is before the names of the tables that are referred to as well, and the store can be opened with it.
#[tokio::test]
async fn is_before_what_is_referred_to() {
    let (store, cx) = (larder::OpenOptions::new().table_prefix("pre_").open("memory:").await.unwrap(), &Cx::new());
    let sender = store.repository::<person::Entity>().create(cx, &person("a@b")).await.unwrap().id;
    let letter = letter::Model { id: 0, sender, answers: None, about: None };
    store.repository::<letter::Entity>().create(cx, &letter).await.unwrap();
    let plain = store.with_table_prefix("").repository::<letter::Entity>();
    assert_eq!(plain.create(cx, &letter).await.unwrap_err().kind(), larder::ErrorKind::ForeignKey);
    let people: &dyn Reader<person::Model, i64> = &*store.with_table_prefix("").repository::<person::Entity>();
    assert_eq!(people.count(cx, &Filter::all()).await.unwrap(), 0);
}
