//! [`Hooks`](larder::layer::Hooks).

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use larder::{
    Changes, Cx, Error, ErrorKind, Filter, OnConflict, Query, ReaderExt, Result, Storage, TransactionalExt, field,
    layer::{Hook, Hooks, WriteKind, Written},
};
use uuid::Uuid;

use crate::{
    memory::Memory,
    support::{
        backend::{Fixture, Harness},
        entities::{note, person},
        note, person,
    },
};

/// Stores a person for each note, refuses a note with the text `no`, and writes down what it is told.
struct Observer {
    people: Arc<dyn Storage<person::Model, i64>>,
    told: Arc<Mutex<Vec<String>>>,
}

impl Observer {
    fn tell(&self, when: &str, written: &Written<note::Model>) {
        let bodies: Vec<_> = written.models.iter().map(|note| note.body.as_str()).collect();
        self.told.lock().unwrap().push(format!("{when} {:?} {} {}", written.kind, written.count, bodies.join(",")));
    }
}

#[async_trait]
impl Hook<note::Model> for Observer {
    async fn before_commit(&self, cx: &Cx, written: &Written<note::Model>) -> Result<()> {
        self.tell("before", written);
        if written.kind == WriteKind::Create {
            for note in &written.models {
                self.people.create(cx, &person(&note.id.to_string())).await?;
            }
        }
        match written.models.iter().any(|note| note.body == "no") {
            true => Err(Error::new(ErrorKind::Check, "refused by the hook")),
            false => Ok(()),
        }
    }

    fn after_commit(&self, written: &Written<note::Model>) {
        self.tell("after", written);
    }
}

struct Setup {
    fixture: Fixture,
    notes: Arc<dyn Storage<note::Model, Uuid>>,
    people: Arc<dyn Storage<person::Model, i64>>,
    told: Arc<Mutex<Vec<String>>>,
}

async fn setup(harness: &'static dyn Harness) -> Setup {
    let fixture: Fixture = harness.fresh().await;
    let (people, told) = (fixture.store.repository::<person::Entity>(), Arc::default());
    let hooks = Hooks::new().on::<note::Entity>(Observer { people: people.clone(), told: Arc::clone(&told) });
    let notes = fixture.store.layer(&hooks).repository::<note::Entity>();
    Setup { fixture, notes, people, told }
}

impl Setup {
    fn told(&self) -> Vec<String> {
        std::mem::take(&mut self.told.lock().unwrap())
    }

    async fn counts(&self) -> (u64, u64) {
        let cx = &Cx::new();
        (self.notes.count(cx, &Filter::all()).await.unwrap(), self.people.count(cx, &Filter::all()).await.unwrap())
    }
}

/// A write and what its hook stores are stored together, or not at all.
async fn is_one_with_its_write(harness: &'static dyn Harness) {
    let (setup, cx) = (setup(harness).await, &Cx::new());
    setup.notes.create(cx, &note("yes")).await.unwrap();
    assert_eq!(setup.counts().await, (1, 1));
    assert_eq!(setup.told(), ["before Create 1 yes", "after Create 1 yes"]);
    let refused = setup.notes.create(cx, &note("no")).await.unwrap_err();
    assert_eq!((refused.kind(), setup.counts().await), (ErrorKind::Check, (1, 1)));
    assert_eq!(setup.told(), ["before Create 1 no"]);
}

/// A hook is told what was written by every operation, as models where they are known.
async fn is_told_what_was_written(harness: &'static dyn Harness) {
    let (setup, cx) = (setup(harness).await, &Cx::new());
    let (notes, both) = (&setup.notes, [note("a"), note("b")]);
    notes.create_batch(cx, &both).await.unwrap();
    notes.upsert_batch(cx, &both, &OnConflict::replace()).await.unwrap();
    notes.update(cx, &both[0]).await.unwrap();
    notes.update_many(cx, &both).await.unwrap();
    notes.delete(cx, &both[0].id).await.unwrap();
    notes.delete_where(cx, &Filter::all()).await.unwrap();
    // Nothing is written.
    notes.delete(cx, &both[0].id).await.unwrap();
    notes.create_batch(cx, &[]).await.unwrap();
    let told: Vec<_> = setup.told().into_iter().filter_map(|entry| entry.strip_prefix("after ").map(str::to_owned)).collect();
    assert_eq!(told, ["Create 2 a,b", "Upsert 2 a,b", "Update 1 a", "Update 2 a,b", "Delete 1 ", "Delete 1 "]);
}

/// A hook is told of the models that a write answers, and not of an upsert that has changed nothing.
async fn is_told_what_was_answered(harness: &'static dyn Harness) {
    let (setup, cx) = (setup(harness).await, &Cx::new());
    let (notes, [a, b]) = (&setup.notes, [note("a"), note("b")]);
    let rename = |body: &str| Changes::new().set(note::COLUMN.body, body);
    let first = || Query::new().order_by(note::COLUMN.body).limit(1);
    notes.upsert(cx, &a, &OnConflict::ignore()).await.unwrap();
    notes.upsert(cx, &a, &OnConflict::ignore()).await.unwrap();
    notes.upsert(cx, &note::Model { body: "c".into(), ..a.clone() }, &OnConflict::replace()).await.unwrap();
    notes.upsert(cx, &b, &OnConflict::replace()).await.unwrap();
    notes.update_first(cx, &first(), &rename("d")).await.unwrap();
    notes.update_where_returning(cx, &field(note::COLUMN.body).equals("d"), &rename("e")).await.unwrap();
    let refused = notes.update_first(cx, &first(), &rename("no")).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Check);
    notes.delete_first(cx, &first()).await.unwrap();
    notes.delete_where_returning(cx, &Filter::all()).await.unwrap();
    // Nothing is left.
    notes.delete_first(cx, &first()).await.unwrap();
    notes.update_where_returning(cx, &Filter::all(), &rename("f")).await.unwrap();
    let told: Vec<_> = setup.told().into_iter().filter_map(|entry| entry.strip_prefix("after ").map(str::to_owned)).collect();
    assert_eq!(told, ["Upsert 1 a", "Upsert 1 c", "Upsert 1 b", "Update 1 d", "Update 1 e", "Delete 1 c", "Delete 1 e"]);
}

/// Statements of SQL are no writes of models: no hook is called.
#[cfg(feature = "sqlite")]
#[tokio::test]
async fn are_not_called_for_sql() {
    let (setup, cx) = (setup(&crate::sqlite::File).await, &Cx::new());
    let hooks = Hooks::new().on::<note::Entity>(Observer { people: setup.people.clone(), told: Arc::clone(&setup.told) });
    let sql = setup.fixture.store.layer(&hooks).sql().unwrap();
    let insert = larder::SqlText::new("INSERT INTO note (id, body) VALUES (x'00112233445566778899aabbccddeeff', 'no')");
    assert_eq!(sql.execute(cx, &insert).await.unwrap(), 1);
    assert_eq!((setup.told(), setup.counts().await), (Vec::new(), (1, 0)));
}

/// In a transaction of the caller's, a refusal keeps that from committing, and what runs after the commit waits for it.
async fn takes_part_in_the_callers_transaction(harness: &'static dyn Harness) {
    let (setup, cx) = (setup(harness).await, &Cx::new());
    let (notes, told) = (&setup.notes, &setup.told);
    let committed = setup.fixture.store.tx(cx, |cx| async move {
        notes.create(&cx, &note("yes")).await?;
        assert_eq!(*told.lock().unwrap(), ["before Create 1 yes"]);
        Ok::<_, Error>(())
    });
    committed.await.unwrap();
    assert_eq!(setup.told(), ["before Create 1 yes", "after Create 1 yes"]);
    let swallowed = setup.fixture.store.tx(cx, |cx| async move {
        notes.create(&cx, &note("fine")).await?;
        assert_eq!(notes.create(&cx, &note("no")).await.unwrap_err().kind(), ErrorKind::Check);
        Ok::<_, Error>(())
    });
    assert_eq!(swallowed.await.unwrap_err().kind(), ErrorKind::TransactionAborted);
    assert_eq!(setup.counts().await, (1, 1));
    assert_eq!(setup.told(), ["before Create 1 fine", "before Create 1 no"]);
    assert!(setup.notes.all(cx).await.unwrap().iter().all(|note| note.body == "yes"));
}

/// A hook that is called with a context of its own, and not with the one it was given, would wait for itself. It is told so.
async fn never_waits_for_itself(harness: &'static dyn Harness) {
    struct Stray(Arc<dyn Storage<person::Model, i64>>);

    #[async_trait]
    impl Hook<note::Model> for Stray {
        async fn before_commit(&self, _: &Cx, _: &Written<note::Model>) -> Result<()> {
            self.0.create(&Cx::new(), &person("stray")).await.map(drop)
        }
    }

    let fixture: Fixture = harness.fresh().await;
    let hooks = Hooks::new().on::<note::Entity>(Stray(fixture.store.repository::<person::Entity>()));
    let notes = fixture.store.layer(&hooks).repository::<note::Entity>();
    assert_eq!(notes.create(&Cx::new(), &note("a")).await.unwrap_err().kind(), ErrorKind::NestedAcquire);
    assert!(notes.all(&Cx::new()).await.unwrap().is_empty());
}

macro_rules! on {
    ($name:ident: $backend:expr) => {
        mod $name {
            #[tokio::test]
            async fn is_one_with_its_write() {
                super::is_one_with_its_write(&$backend).await;
            }

            #[tokio::test]
            async fn is_told_what_was_written() {
                super::is_told_what_was_written(&$backend).await;
            }

            #[tokio::test]
            async fn is_told_what_was_answered() {
                super::is_told_what_was_answered(&$backend).await;
            }

            #[tokio::test]
            async fn takes_part_in_the_callers_transaction() {
                super::takes_part_in_the_callers_transaction(&$backend).await;
            }

            #[tokio::test]
            async fn never_waits_for_itself() {
                super::never_waits_for_itself(&$backend).await;
            }
        }
    };
}

on!(memory: super::Memory);
#[cfg(feature = "sqlite")]
on!(sqlite: crate::sqlite::File);
#[cfg(feature = "duckdb-linked")]
on!(duckdb: crate::duckdb::File);
#[cfg(feature = "postgres")]
on!(postgres: crate::postgres::Server);
