//! What SQLite has to itself.

use std::sync::Arc;

use larder::ReaderExt as _;
use larder::{Cx, Durability, ErrorKind, ManualClock, OpenOptions, Store, Transactional, TransactionalExt, TxOptions};
use sea_orm::{
    ActiveModelTrait, Database, EntityTrait, IntoActiveModel,
    sea_query::{Alias, Expr, Query, SelectStatement},
};

use super::File;
use crate::support::{
    backend::Harness,
    create_tables,
    entities::{label, note, sample},
    note, sample, time,
};

/// The value of a pragma, as the text of a label.
fn pragma(name: &str, column: &str) -> SelectStatement {
    Query::select()
        .expr_as(Expr::val(name), "name")
        .expr_as(Expr::cust(format!("CAST({column} AS TEXT)")), "text")
        .from(Alias::new(format!("pragma_{name}")))
        .to_owned()
}

async fn pragmas(store: &Store, cx: &Cx) -> Vec<String> {
    let mut values = Vec::new();
    for (name, column) in [
        ("journal_mode", "journal_mode"),
        ("synchronous", "synchronous"),
        ("busy_timeout", "timeout"),
        ("foreign_keys", "foreign_keys"),
    ] {
        let labels = store.sql().unwrap().models::<label::Entity>(cx, &pragma(name, column)).await.unwrap();
        values.push(labels[0].text.clone().unwrap());
    }
    values
}

#[tokio::test]
async fn every_connection_has_the_settings() {
    let fixture = File.fresh().await;
    let mut open = Vec::new();
    for _ in 0..5 {
        open.push(fixture.store.begin(&Cx::new(), TxOptions::new().read_only()).await.unwrap());
    }
    for cx in &open {
        assert_eq!(pragmas(&fixture.store, cx).await, ["wal", "1", "5000", "1"]);
    }
}

#[tokio::test]
async fn durability_and_journal_are_settings() {
    let directory = tempfile::tempdir().unwrap();
    let url = |name: &str| format!("sqlite:{}", directory.path().join(name).display());
    let durable = OpenOptions::new().durability(Durability::Power).open(&url("durable")).await.unwrap();
    assert_eq!(pragmas(&durable, &Cx::new()).await[..2], ["wal", "2"]);
    let rollback = OpenOptions::new().write_ahead_log(false).open(&url("rollback")).await.unwrap();
    assert_eq!(pragmas(&rollback, &Cx::new()).await[..2], ["delete", "3"]);
}

#[tokio::test]
async fn a_file_keeps_what_was_stored() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", directory.path().join("kept with spaces.sqlite").display());
    let store = larder::open(&url).await.unwrap();
    create_tables(&store).await;
    let stored = store.repository::<note::Entity>().create(&Cx::new(), &note("kept")).await.unwrap();
    store.close().await;
    let store = larder::open(&url).await.unwrap();
    assert_eq!(store.repository::<note::Entity>().all(&Cx::new()).await.unwrap(), [stored]);
}

#[tokio::test]
async fn what_cannot_be_opened_is_told_by_kind() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    std::fs::write(path("text"), "not a database, but long enough to look like one ".repeat(50)).unwrap();
    for (url, kind) in [
        (format!("sqlite:{}", path("missing/folder.sqlite")), ErrorKind::Connection),
        (format!("sqlite:{}?mode=rw", path("missing.sqlite")), ErrorKind::Connection),
        (format!("sqlite:{}", path("text")), ErrorKind::Corrupt),
        (format!("sqlite:{}?mode=x", path("a")), ErrorKind::InvalidInput),
        ("sqlite:file::memory:?cache=shared".to_owned(), ErrorKind::InvalidInput),
        ("sqlite:".to_owned(), ErrorKind::InvalidInput),
    ] {
        assert_eq!(larder::open(&url).await.unwrap_err().kind(), kind, "{url}");
    }
}

#[tokio::test]
async fn a_connection_to_something_else_is_refused() {
    let nothing = sea_orm::DatabaseConnection::default();
    assert_eq!(Store::from_sea_orm(nothing).unwrap_err().kind(), ErrorKind::Unsupported);
}

/// What is stored and is not what the entity says is `Corrupt`, and not a model that does not exist.
#[tokio::test]
async fn stored_text_that_is_no_json_is_corrupt() {
    let fixture = File.fresh().await;
    let samples = fixture.store.repository::<sample::Entity>();
    let stored = samples.create(&Cx::new(), &sample("s")).await.unwrap();
    let spoil = Query::update().table(sample::Entity).value(sample::Column::Json, "{ no json").to_owned();
    fixture.store.sql().unwrap().execute(&Cx::new(), &spoil).await.unwrap();
    let error = samples.find(&Cx::new(), &stored.id).await.unwrap_err();
    assert_eq!((error.kind(), error.model()), (ErrorKind::Corrupt, Some("sample")));
    assert!(!format!("{error} {error:?}").contains("no json"));
}

/// A SeaORM connection that was handed in goes on working, on the same database.
#[tokio::test]
async fn a_connection_that_was_handed_in_is_shared() {
    let connection = Database::connect("sqlite::memory:").await.unwrap();
    let clock = Arc::new(ManualClock::at(time("2026-05-01T00:00:00Z")));
    let store = Store::from_sea_orm_with_clock(connection.clone(), clock).unwrap();
    assert_eq!(store.database_now(), time("2026-05-01T00:00:00Z"));
    create_tables(&store).await;
    let ours = store.repository::<note::Entity>().create(&Cx::new(), &note("ours")).await.unwrap();
    assert_eq!(note::Entity::find_by_id(ours.id).one(&connection).await.unwrap(), Some(ours));
    let theirs = note("theirs");
    note::Entity::insert(theirs.clone().into_active_model().reset_all()).exec(&connection).await.unwrap();
    assert_eq!(store.repository::<note::Entity>().find(&Cx::new(), &theirs.id).await.unwrap(), Some(theirs));
}

/// A store that only reads takes a file as it is, in whatever journal mode.
#[tokio::test]
async fn a_file_can_be_opened_to_read_only() {
    let directory = tempfile::tempdir().unwrap();
    for (name, write_ahead_log) in [("wal", true), ("rollback", false)] {
        let url = format!("sqlite:{}", directory.path().join(name).display());
        let store = OpenOptions::new().write_ahead_log(write_ahead_log).open(&url).await.unwrap();
        create_tables(&store).await;
        store.repository::<note::Entity>().create(&Cx::new(), &note("there")).await.unwrap();
        store.close().await;
        let notes = larder::open(&format!("{url}?mode=ro")).await.unwrap().repository::<note::Entity>();
        assert_eq!(notes.count(&Cx::new(), &larder::Filter::all()).await.unwrap(), 1);
        assert_eq!(notes.create(&Cx::new(), &note("refused")).await.unwrap_err().kind(), ErrorKind::ReadOnly);
    }
}

/// Outside of a runtime, a call is an error and no panic.
#[test]
fn a_call_outside_of_a_runtime_is_an_error() {
    use futures::executor::block_on;

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", directory.path().join("a.sqlite").display());
    assert_eq!(block_on(larder::open(&url)).unwrap_err().kind(), ErrorKind::InvalidInput);
    let stores = runtime.block_on(async {
        let store = larder::open(&url).await.unwrap();
        create_tables(&store).await;
        let durable = OpenOptions::new().durability(Durability::Power).open(&url).await.unwrap();
        [store, durable, Store::from_sea_orm(Database::connect(&url).await.unwrap()).unwrap()]
    });
    for store in &stores {
        let (cx, notes) = (&Cx::new(), &store.repository::<note::Entity>());
        let health = block_on(store.health(cx)).connectivity.error.unwrap();
        let errors = [
            block_on(notes.create(cx, &note("a"))).unwrap_err(),
            block_on(notes.all(cx)).unwrap_err(),
            block_on(notes.stream(cx, &larder::Query::new())).unwrap_err(),
            block_on(store.begin(cx, TxOptions::new())).unwrap_err(),
            block_on(store.tx(cx, |cx| async move { notes.create(&cx, &note("a")).await })).unwrap_err(),
            health,
        ];
        for error in errors {
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
            assert!(error.to_string().contains("outside of a tokio runtime"), "{error}");
        }
        assert!(runtime.block_on(store.repository::<note::Entity>().all(cx)).unwrap().is_empty());
    }
    runtime.block_on(async move { drop(stores) });
}
