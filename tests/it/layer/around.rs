//! What holds for every layer.

use std::sync::{Arc, Mutex};

use larder::{
    Cx, Filter, Query, ReaderExt, Result, TransactionalExt,
    backend::{Access, Answer},
    layer::{Around, Call},
};

use crate::{
    memory::Memory,
    support::{
        backend::Harness,
        entities::{note, person},
        note, person,
    },
};

/// Writes down what goes through it.
#[derive(Clone)]
struct Log(&'static str, Arc<Mutex<Vec<String>>>);

#[async_trait::async_trait]
impl Around for Log {
    async fn around(&self, cx: &Cx, call: Call<'_>) -> Result<Answer> {
        let table = call.table().map_or(String::new(), |table| format!(" {}", table.name()));
        let access = if call.access() == Access::Write { "!" } else { "" };
        self.1.lock().unwrap().push(format!("{}: {}{access}{table}", self.0, call.name()));
        call.run(cx).await
    }
}

fn taken(log: &Arc<Mutex<Vec<String>>>) -> Vec<String> {
    std::mem::take(&mut log.lock().unwrap())
}

/// The layer that is added last is the outermost.
#[tokio::test]
async fn layers_are_in_order() {
    let (fixture, log) = (Memory.fresh().await, Arc::default());
    let store = fixture.store.layer(&Log("inner", Arc::clone(&log))).layer(&Log("outer", Arc::clone(&log)));
    store.repository::<note::Entity>().create(&Cx::new(), &note("a")).await.unwrap();
    assert_eq!(taken(&log), ["outer: insert! note", "inner: insert! note"]);
    fixture.store.repository::<note::Entity>().create(&Cx::new(), &note("b")).await.unwrap();
    assert!(taken(&log).is_empty());
}

/// Every operation goes through a layer.
#[tokio::test]
async fn a_layer_sees_every_operation() {
    let (fixture, log, cx) = (Memory.fresh().await, Arc::default(), &Cx::new());
    let notes = fixture.store.layer(&Log("log", Arc::clone(&log))).repository::<note::Entity>();
    let stored = notes.create(cx, &note("a")).await.unwrap();
    notes.create_batch(cx, &[note("b")]).await.unwrap();
    notes.upsert_batch(cx, std::slice::from_ref(&stored), &larder::OnConflict::replace()).await.unwrap();
    notes.update(cx, &stored).await.unwrap();
    notes.update_where(cx, &Filter::none(), &larder::Changes::new().set(note::COLUMN.body, "c")).await.unwrap();
    notes.find(cx, &stored.id).await.unwrap();
    notes.find_many(cx, &[stored.id]).await.unwrap();
    notes.query(cx, &Query::new()).await.unwrap();
    notes.stream(cx, &Query::new()).await.unwrap();
    notes.count(cx, &Filter::all()).await.unwrap();
    notes.aggregate(cx, &Filter::all(), &larder::Aggregation::new().and(larder::Aggregate::count())).await.unwrap();
    notes.delete(cx, &stored.id).await.unwrap();
    notes.delete_where(cx, &Filter::all()).await.unwrap();
    notes.tx(cx, |_| async { Ok::<_, larder::Error>(()) }).await.unwrap();
    fixture.store.layer(&Log("log", Arc::clone(&log))).has_committed(cx, "key").await.unwrap();
    let seen = taken(&log);
    let seen: Vec<_> = seen.iter().map(|entry| entry.trim_start_matches("log: ")).collect();
    let expected = [
        "insert! note",
        "insert! note",
        "upsert! note",
        "update! note",
        "update_where! note",
        "find note",
        "find note",
        "select note",
        "stream note",
        "count note",
        "aggregate note",
        "delete! note",
        "delete_where! note",
        "begin!",
        "has_committed",
    ];
    assert_eq!(seen, expected);
}

/// A layered store is the same store: a transaction that was begun on either is joined by the repositories of the other.
#[tokio::test]
async fn a_layered_store_is_the_same_store() {
    let (fixture, log) = (Memory.fresh().await, Arc::default());
    let (plain, layered) = (&fixture.store, fixture.store.layer(&Log("log", Arc::clone(&log))));
    for (begun_on, other) in [(plain, &layered), (&layered, plain)] {
        let (notes, people) = (&begun_on.repository::<note::Entity>(), &other.repository::<person::Entity>());
        let undone = begun_on.tx(&Cx::new(), |cx| async move {
            notes.create(&cx, &note("a")).await?;
            people.create(&cx, &person("a@b")).await?;
            assert_eq!(people.all(&cx).await?.len(), 1);
            Err::<(), _>(larder::Error::new(larder::ErrorKind::Check, "undo"))
        });
        assert_eq!(undone.await.unwrap_err().kind(), larder::ErrorKind::Check);
        assert!(notes.all(&Cx::new()).await.unwrap().is_empty() && people.all(&Cx::new()).await.unwrap().is_empty());
    }
}

/// A layer around one repository alone is around no other.
#[tokio::test]
async fn a_layer_is_around_one_repository_alone() {
    let (fixture, log) = (Memory.fresh().await, Arc::default());
    let builder = fixture.store.repository_builder::<note::Entity>();
    let notes = builder.layer(&Log("log", Arc::clone(&log))).build().unwrap();
    notes.create(&Cx::new(), &note("a")).await.unwrap();
    fixture.store.repository::<person::Entity>().create(&Cx::new(), &person("a@b")).await.unwrap();
    assert_eq!(taken(&log), ["log: insert! note"]);
}

/// A layer may run an operation again.
#[tokio::test]
async fn a_layer_runs_an_operation_again() {
    #[derive(Clone)]
    struct Twice;

    #[async_trait::async_trait]
    impl Around for Twice {
        async fn around(&self, cx: &Cx, call: Call<'_>) -> Result<Answer> {
            call.run(cx).await?;
            call.run(cx).await
        }
    }

    let fixture = Memory.fresh().await;
    let people = fixture.store.layer(&Twice).repository::<person::Entity>();
    let error = people.create(&Cx::new(), &person("a@b")).await.unwrap_err();
    assert_eq!(error.kind(), larder::ErrorKind::Duplicate);
    assert_eq!(people.all(&Cx::new()).await.unwrap().len(), 1);
}
