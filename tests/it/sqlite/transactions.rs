//! When a transaction has the write lock, and how it ends.

use larder::{
    Cx, Durability, Error, ErrorKind, Locking, OpenOptions, SqlText, Store, Transactional, TransactionalExt, TxOptions,
};
use sea_orm::Database;

use crate::support::{create_tables, entities::note, note};

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
