//! A Postgres server that has forgotten the statements that were prepared: told to by a function, or by another user of the
//! connection.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use larder::{Cx, Filter, OnConflict, OpenOptions, Query, ReaderExt as _, Result, SqlText, Store, TransactionalExt as _};
use sea_orm::{ConnectOptions, ConnectionTrait as _, Database, DatabaseConnection};

use crate::support::{
    Notes,
    entities::note,
    note,
    postgres::{TestDatabase, is_skipped},
};

const FORGETS: &str =
    "CREATE FUNCTION forgets() RETURNS int LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'DEALLOCATE ALL'; RETURN 1; END $$";

async fn forget(store: &Store, cx: &Cx) -> Result<()> {
    let forgotten: Vec<i32> = store.sql()?.query_as(cx, &SqlText::new("SELECT forgets()")).await?;
    assert_eq!(forgotten, [1]);
    Ok(())
}

/// Every operation, on one connection that forgets before each.
async fn goes_on(store: &Store, forget: impl AsyncFn() + Copy) {
    // The second time, all statements are prepared.
    for _ in 0..2 {
        goes_on_with_one(store, forget).await;
        goes_on_with_many(store, forget).await;
    }
}

async fn goes_on_with_one(store: &Store, forget: impl AsyncFn()) {
    let (cx, notes): (&Cx, Notes) = (&Cx::new(), store.repository::<note::Entity>());
    forget().await;
    let mut stored = notes.create(cx, &note("n")).await.unwrap();
    forget().await;
    assert!(notes.find(cx, &stored.id).await.unwrap().is_some());
    forget().await;
    "changed".clone_into(&mut stored.body);
    notes.update(cx, &stored).await.unwrap();
    forget().await;
    notes.update_many(cx, std::slice::from_ref(&stored)).await.unwrap();
    forget().await;
    notes.upsert_batch(cx, std::slice::from_ref(&stored), &OnConflict::replace()).await.unwrap();
    forget().await;
    assert!(notes.count(cx, &Filter::all()).await.unwrap() > 0);
    forget().await;
    assert!(notes.delete(cx, &stored.id).await.unwrap());
}

async fn goes_on_with_many(store: &Store, forget: impl AsyncFn()) {
    let (cx, notes) = (&Cx::new(), &store.repository::<note::Entity>());
    let many: Vec<_> = (0..600).map(|i| note(&i.to_string())).collect();
    forget().await;
    notes.create_batch(cx, &many).await.unwrap();
    forget().await;
    assert!(notes.all(cx).await.unwrap().len() >= 600);
    forget().await;
    let mut stream = notes.stream(cx, &Query::new()).await.unwrap();
    while stream.try_next().await.unwrap().is_some() {}
    drop(stream);
    forget().await;
    store.tx(cx, |cx| async move { notes.create(&cx, &note("tx")).await.map(drop) }).await.unwrap();
    forget().await;
    let limited = cx.with_timeout(std::time::Duration::from_secs(60));
    assert!(notes.delete_where(&limited, &Filter::all()).await.unwrap() > 600);
}

#[tokio::test]
async fn statements_are_prepared_anew() {
    if is_skipped() {
        return;
    }
    let database = TestDatabase::with_tables().await;
    let store = OpenOptions::new().max_connections(1).open(&database.url()).await.unwrap();
    store.sql().unwrap().execute(&Cx::new(), &SqlText::new(FORGETS)).await.unwrap();
    goes_on(&store, async || forget(&store, &Cx::new()).await.unwrap()).await;
    is_run_again(&store).await;
}

async fn pool(database: &TestDatabase) -> DatabaseConnection {
    let mut options = ConnectOptions::new(database.url());
    options.max_connections(1);
    Database::connect(options).await.unwrap()
}

#[tokio::test]
async fn statements_are_prepared_anew_on_a_pool_of_sea_orm() {
    if is_skipped() {
        return;
    }
    let database = TestDatabase::with_tables().await;
    let connection = pool(&database).await;
    let store = Store::from_sea_orm(connection.clone()).unwrap();
    for statement in ["DEALLOCATE ALL", "DISCARD ALL"] {
        let forget = async || {
            connection.execute_unprepared(statement).await.unwrap();
        };
        goes_on(&store, forget).await;
    }
    store.sql().unwrap().execute(&Cx::new(), &SqlText::new(FORGETS)).await.unwrap();
    is_run_again(&store).await;
}

/// A transaction in which the server forgets is run again, and finds what it wants.
async fn is_run_again(store: &Store) {
    let (notes, runs): (Notes, _) = (store.repository::<note::Entity>(), &AtomicU32::new(0));
    let has_forgotten = &AtomicBool::new(false);
    let id = notes.create(&Cx::new(), &note("n")).await.unwrap().id;
    let found = store.tx(&Cx::new(), |cx| {
        let notes = notes.clone();
        async move {
            runs.fetch_add(1, Ordering::SeqCst);
            let before = notes.find(&cx, &id).await?;
            if !has_forgotten.load(Ordering::SeqCst) {
                forget(store, &cx).await?;
                has_forgotten.store(true, Ordering::SeqCst);
            }
            assert_eq!(notes.find(&cx, &id).await?, before);
            notes.create(&cx, &note("once")).await.map(drop)
        }
    });
    found.await.unwrap();
    assert!(has_forgotten.load(Ordering::SeqCst) && runs.load(Ordering::SeqCst) >= 2);
    assert_eq!(notes.count(&Cx::new(), &Filter::all()).await.unwrap(), 2);
}
