//! What SQLite has to itself.

use std::sync::Arc;

use larder::ReaderExt as _;
use larder::{
    Cx, Durability, Error, ErrorKind, Locking, ManualClock, OpenOptions, SqlText, Store, Transactional, TransactionalExt,
    TxOptions,
};
use sea_orm::{
    ActiveModelTrait, ConnectionTrait, Database, EntityTrait, IntoActiveModel,
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
async fn databases_in_memory_are_shared_by_name_only() {
    let shared = "sqlite:file:larder-shared-by-name?mode=memory&cache=shared";
    let first = larder::open(shared).await.unwrap();
    create_tables(&first).await;
    let second = larder::open(shared).await.unwrap();
    first.repository::<note::Entity>().create(&Cx::new(), &note("shared")).await.unwrap();
    first.close().await;
    assert_eq!(second.repository::<note::Entity>().count(&Cx::new(), &larder::Filter::all()).await.unwrap(), 1);
    second.close().await;

    let third = larder::open(shared).await.unwrap();
    assert_eq!(
        third.repository::<note::Entity>().count(&Cx::new(), &larder::Filter::all()).await.unwrap_err().kind(),
        ErrorKind::TableMissing
    );
    let (one, other) = (larder::open("sqlite::memory:").await.unwrap(), larder::open("sqlite::memory:").await.unwrap());
    create_tables(&one).await;
    assert_eq!(
        other.repository::<note::Entity>().count(&Cx::new(), &larder::Filter::all()).await.unwrap_err().kind(),
        ErrorKind::TableMissing
    );
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

/// A writing transaction has the write lock from its beginning; another handle on the file waits, and then is told.
#[tokio::test]
async fn another_handle_waits_for_the_writer() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", directory.path().join("busy.sqlite").display());
    let (one, other) = (larder::open(&url).await.unwrap(), larder::open(&url).await.unwrap());
    create_tables(&one).await;
    let writing = one.begin(&Cx::new(), TxOptions::new()).await.unwrap();
    let notes = other.repository::<note::Entity>();
    assert_eq!(notes.create(&Cx::new(), &note("refused")).await.unwrap_err().kind(), ErrorKind::Contention);
    writing.rollback().await.unwrap();
    notes.create(&Cx::new(), &note("stored")).await.unwrap();
}

/// SQLite ends the whole transaction on some errors, and would run the next statement by itself.
#[tokio::test]
async fn a_transaction_that_sqlite_ended_is_over() {
    let directory = tempfile::tempdir().unwrap();
    let url = |name: &str| format!("sqlite:{}?mode=rwc", directory.path().join(name).display());
    let connection = Database::connect(&url("sea_orm")).await.unwrap();
    is_over_when_sqlite_ends_it(&Store::from_sea_orm(connection).unwrap(), &url("sea_orm"), true).await;
    is_over_when_sqlite_ends_it(&larder::open(&url("own")).await.unwrap(), &url("own"), false).await;
    let durable = OpenOptions::new().durability(Durability::Power).open(&url("durable")).await.unwrap();
    is_over_when_sqlite_ends_it(&durable, &url("durable"), false).await;
}

/// sqlx says that there is nothing to roll back.
async fn is_over_when_sqlite_ends_it(store: &Store, url: &str, by_sqlx: bool) {
    create_tables(store).await;
    let trigger = "CREATE TRIGGER ends BEFORE INSERT ON note WHEN NEW.body = 'end' BEGIN SELECT RAISE(ROLLBACK, 'ended'); END";
    store.sql().unwrap().execute(&Cx::new(), &SqlText::new(trigger)).await.unwrap();

    let notes = &store.repository::<note::Entity>();
    let outcome = store.tx(&Cx::new(), |cx| async move {
        notes.create(&cx, &note("gone")).await?;
        assert_eq!(notes.create(&cx, &note("end")).await.unwrap_err().kind(), ErrorKind::Check);
        assert_eq!(notes.create(&cx, &note("alone")).await.unwrap_err().kind(), ErrorKind::TransactionAborted);
        Ok::<_, Error>(())
    });
    assert_eq!(outcome.await.unwrap_err().kind(), ErrorKind::TransactionAborted);
    let outcome = store.tx(&Cx::new(), |cx| async move {
        notes.create(&cx, &note("gone")).await?;
        let inner = notes.tx(&cx, |cx| async move { notes.create(&cx, &note("end")).await });
        assert_eq!(inner.await.unwrap_err().kind(), ErrorKind::Check);
        notes.create(&cx, &note("alone")).await.unwrap_err();
        Ok::<_, Error>(())
    });
    assert_eq!(outcome.await.unwrap_err().kind(), ErrorKind::TransactionAborted);
    let begun = store.begin(&Cx::new(), TxOptions::new()).await.unwrap();
    notes.create(&begun, &note("end")).await.unwrap_err();
    let rolled_back = begun.rollback().await;
    assert!(by_sqlx || rolled_back.is_ok(), "{rolled_back:?}");
    assert_eq!(notes.count(&Cx::new(), &larder::Filter::all()).await.unwrap(), 0);

    let watcher = larder::open(url).await.unwrap().repository::<note::Entity>();
    for round in 0..20 {
        let committed = notes.tx(&Cx::new(), |cx| async move {
            notes.create(&cx, &note("stored")).await?;
            if round % 2 == 0 { Ok(()) } else { Err(Error::new(ErrorKind::Internal, "undo")) }
        });
        assert_eq!(committed.await.is_ok(), round % 2 == 0);
        assert_eq!(watcher.count(&Cx::new(), &larder::Filter::all()).await.unwrap(), round / 2 + 1);
    }
}

/// Dropping what is left of a transaction after its runtime has gone is quiet.
#[test]
fn a_context_may_outlive_its_runtime() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", directory.path().join("left.sqlite").display());
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let first = runtime();
    let (store, cx) = first.block_on(async {
        let store = OpenOptions::new().min_connections(1).open(&url).await.unwrap();
        create_tables(&store).await;
        let cx = store.begin(&Cx::new(), TxOptions::new()).await.unwrap();
        store.repository::<note::Entity>().create(&cx, &note("gone")).await.unwrap();
        (store, cx)
    });
    drop(first);
    drop(cx);
    drop(store);
    let count = runtime().block_on(async {
        larder::open(&url).await?.repository::<note::Entity>().count(&Cx::new(), &larder::Filter::all()).await
    });
    assert_eq!(count.unwrap(), 0);
}

/// A database in memory outlives its connections: here the only one is lost with the runtime it was used in.
#[test]
fn a_database_in_memory_outlives_its_connection() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let first = runtime();
    let (store, cx) = first.block_on(async {
        let store = larder::open("sqlite::memory:").await.unwrap();
        create_tables(&store).await;
        let notes = store.repository::<note::Entity>();
        notes.create(&Cx::new(), &note("kept")).await.unwrap();
        let cx = store.begin(&Cx::new(), TxOptions::new()).await.unwrap();
        notes.create(&cx, &note("gone")).await.unwrap();
        (store, cx)
    });
    drop(first);
    drop(cx);
    let count = runtime().block_on(async { store.repository::<note::Entity>().count(&Cx::new(), &larder::Filter::all()).await });
    assert_eq!(count.unwrap(), 1);
}

/// When the write lock is taken can be chosen.
#[tokio::test]
async fn a_deferred_transaction_locks_at_its_first_write() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", directory.path().join("deferred.sqlite").display());
    let (one, other) = (larder::open(&url).await.unwrap(), larder::open(&url).await.unwrap());
    create_tables(&one).await;
    let deferred = one.begin(&Cx::new(), TxOptions::new().locking(Locking::Deferred)).await.unwrap();
    let (inside, beside) = (one.repository::<note::Entity>(), other.repository::<note::Entity>());
    assert_eq!(inside.count(&deferred, &larder::Filter::all()).await.unwrap(), 0);
    beside.create(&Cx::new(), &note("in between")).await.unwrap();
    // What it has read is outdated, and SQLite does not wait for that to change.
    let error = inside.create(&deferred, &note("too late")).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Contention, Some("517")));
    deferred.rollback().await.unwrap();
    inside.create(&Cx::new(), &note("again")).await.unwrap();
}

#[tokio::test]
async fn a_connection_to_something_else_is_refused() {
    let nothing = sea_orm::DatabaseConnection::default();
    assert_eq!(Store::from_sea_orm(nothing).unwrap_err().kind(), ErrorKind::Unsupported);
}

/// A statement that waits in SQLite for a table that its own task has locked would wait for ever.
#[tokio::test]
async fn stepping_outside_in_memory_never_waits() {
    let store = OpenOptions::new().max_connections(3).open("sqlite::memory:").await.unwrap();
    create_tables(&store).await;
    let notes = &store.repository::<note::Entity>();
    let outcome = store.tx(&Cx::new(), |cx| async move {
        notes.create(&cx, &note("inside")).await?;
        assert_eq!(notes.count(&cx.outside_tx(), &larder::Filter::all()).await.unwrap_err().kind(), ErrorKind::NestedAcquire);
        Ok::<_, Error>(())
    });
    outcome.await.unwrap();
}

/// A database in memory that SeaORM opened has no connection but the one; it is cleaned and kept.
#[tokio::test]
async fn a_transaction_that_sqlite_ended_costs_no_database_in_memory() {
    let connection = Database::connect("sqlite::memory:").await.unwrap();
    let store = Store::from_sea_orm(connection.clone()).unwrap();
    create_tables(&store).await;
    let trigger = "CREATE TRIGGER ends BEFORE INSERT ON note WHEN NEW.body = 'end' BEGIN SELECT RAISE(ROLLBACK, 'ended'); END";
    connection.execute_unprepared(trigger).await.unwrap();
    let notes = &store.repository::<note::Entity>();
    notes.create(&Cx::new(), &note("kept")).await.unwrap();
    let ended = store.tx(&Cx::new(), |cx| async move { notes.create(&cx, &note("end")).await });
    assert_eq!(ended.await.unwrap_err().kind(), ErrorKind::Check);
    assert_eq!(notes.count(&Cx::new(), &larder::Filter::all()).await.unwrap(), 1);
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

/// A database in memory is one for all connections, whatever its name.
#[tokio::test]
async fn a_named_database_in_memory_is_one() {
    let store = OpenOptions::new().max_connections(3).open("sqlite:plain-name?mode=memory").await.unwrap();
    create_tables(&store).await;
    let cx = &Cx::new();
    let readers: Vec<_> = (0..3).map(|_| store.begin(cx, TxOptions::new().read_only())).collect();
    for reader in futures::future::join_all(readers).await {
        assert_eq!(store.repository::<note::Entity>().count(&reader.unwrap(), &larder::Filter::all()).await.unwrap(), 0);
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
