//! Databases in memory, which all connections of a store share.

use larder::{Cx, Error, ErrorKind, OpenOptions, Store, Transactional, TransactionalExt, TxOptions};
use sea_orm::{ConnectionTrait, Database};

use crate::support::{create_tables, entities::note, note};

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
