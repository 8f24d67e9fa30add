//! Calls and transactions that are dropped at any moment, without any limit of larder's: nothing of them goes on.

use std::{sync::Arc, time::Duration};

use futures::StreamExt as _;
use larder::{Cx, Error, Filter, OpenOptions, Query, ReaderExt as _, SqlText, Store, TransactionalExt as _};

use crate::{
    places::Place,
    support::{
        backend::Fixture,
        entities::{label, note},
        note,
    },
};

const CONNECTIONS: u32 = 5;

/// How many calls are dropped, on each store.
const CALLS: usize = 1000;

/// After this, nothing of them may be left.
const SOON: Duration = Duration::from_secs(2);

/// A statement that reads, and one that writes, for as long as it is let.
fn endless(store: &Store) -> Option<[SqlText; 2]> {
    let dialect = store.sql().ok()?.dialect();
    let texts = match dialect {
        larder::Dialect::Postgres => [
            "SELECT count(*) FROM generate_series(1, 10000000000)",
            "INSERT INTO label SELECT 'endless ' || n, 'x' FROM generate_series(1, 10000000000) n",
        ],
        larder::Dialect::Sqlite => [
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
            "INSERT INTO label WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT 'endless ' || i, 'x' FROM n",
        ],
        _ => [
            "SELECT count(*) FROM range(10000000000) a, range(100) b WHERE a.range % 7 = b.range % 7 + 1",
            "INSERT INTO label SELECT 'endless ' || a.range, 'x' FROM range(10000000000) a",
        ],
    };
    Some(texts.map(SqlText::new))
}

async fn read_for_ever(store: &Store, cx: &Cx) -> Result<(), Error> {
    match endless(store) {
        Some([read, _]) => store.sql()?.query_as::<(i64,)>(cx, &read).await.map(drop),
        None => std::future::pending().await,
    }
}

async fn write_for_ever(store: &Store, cx: &Cx) -> Result<(), Error> {
    match endless(store) {
        Some([_, write]) => store.sql()?.execute(cx, &write).await.map(drop),
        None => std::future::pending().await,
    }
}

/// One of the calls. Whether it fails or not is its own affair.
async fn one_call(store: &Store, kind: usize) -> Result<(), Error> {
    let (notes, labels) = (store.repository::<note::Entity>(), store.repository::<label::Entity>());
    let (notes, labels, cx) = (&notes, &labels, &Cx::new());
    let contested = &label::Model { name: "contested".to_owned(), text: Some(fastrand::u64(..).to_string()) };
    match kind {
        0 => notes.count(cx, &Filter::all()).await.map(drop),
        1 => notes.create(cx, &note("given up")).await.map(drop),
        2 => notes.create_batch(cx, &(0..500).map(|n| note(&n.to_string())).collect::<Vec<_>>()).await.map(drop),
        3 => {
            let mut stream = notes.stream(cx, &Query::new()).await?;
            while let Some(read) = stream.next().await {
                read?;
            }
            Ok(())
        }
        4 => labels.update(cx, contested).await.map(drop),
        5 => read_for_ever(store, cx).await,
        6 => write_for_ever(store, cx).await,
        _ => one_transaction(store, kind, contested).await,
    }
}

async fn one_transaction(store: &Store, kind: usize, contested: &label::Model) -> Result<(), Error> {
    let (notes, labels) = (&store.repository::<note::Entity>(), &store.repository::<label::Entity>());
    let cx = &Cx::new();
    match kind {
        7 => {
            let idle = store.tx(cx, |cx| async move {
                labels.update(&cx, contested).await?;
                std::future::pending::<Result<(), Error>>().await
            });
            idle.await
        }
        8 => {
            let reading = store.tx(cx, |cx| async move {
                labels.update(&cx, contested).await?;
                read_for_ever(store, &cx).await
            });
            reading.await
        }
        9 => {
            let writing = store.tx(cx, |cx| async move {
                notes.create(&cx, &note("given up")).await?;
                write_for_ever(store, &cx).await
            });
            writing.await
        }
        _ => {
            let nested = store.tx(cx, |cx| async move {
                labels.update(&cx, contested).await?;
                store.tx(&cx, |cx| async move { read_for_ever(store, &cx).await }).await
            });
            nested.await
        }
    }
}

async fn give_up_many(store: &Store) {
    let labels = store.repository::<label::Entity>();
    labels.create(&Cx::new(), &label::Model { name: "contested".to_owned(), text: None }).await.unwrap();
    let seeded = Arc::new(std::sync::Mutex::new(fastrand::Rng::with_seed(17)));
    let calls = futures::stream::iter(0..CALLS).for_each_concurrent(12, |nth| {
        let (store, seeded) = (store.clone(), seeded.clone());
        async move {
            let (kind, after) = {
                let mut rng = seeded.lock().unwrap();
                (if nth % 11 < 5 { rng.usize(0..5) } else { rng.usize(5..11) }, Duration::from_micros(rng.u64(0..30_000)))
            };
            drop(tokio::time::timeout(after, one_call(&store, kind)).await);
        }
    });
    calls.await;
}

/// The pool is whole, no lock is held, and of what never ends nothing is stored.
async fn is_as_before(store: &Store, context: &str) {
    let (notes, labels) = (store.repository::<note::Entity>(), store.repository::<label::Entity>());
    let soon = || Cx::new().with_timeout(Duration::from_secs(5));
    let at_once = futures::future::join_all((0..CONNECTIONS).map(|_| {
        let notes = notes.clone();
        async move { notes.count(&soon(), &Filter::all()).await }
    }));
    for counted in at_once.await {
        counted.unwrap_or_else(|error| panic!("{context}: {error:?}"));
    }
    let contested = label::Model { name: "contested".to_owned(), text: Some("free".to_owned()) };
    labels.update(&soon(), &contested).await.unwrap_or_else(|error| panic!("{context}: {error:?}"));
    notes.create(&soon(), &note("after")).await.unwrap_or_else(|error| panic!("{context}: {error:?}"));
    assert_eq!(labels.all(&soon()).await.unwrap(), [contested], "{context}");
}

async fn nothing_goes_on(place: Place) {
    let Fixture { store, guard: _guard } = place.open_with(CONNECTIONS, OpenOptions::new()).await;
    give_up_many(&store).await;
    tokio::time::sleep(SOON).await;
    is_as_before(&store, &format!("{place:?}")).await;
    nothing_is_active(&store).await;
}

everywhere! {
    nothing_goes_on
}

/// What the server says of the sessions of the database.
async fn nothing_is_active(store: &Store) {
    let Ok(sql) = store.sql() else { return };
    if sql.dialect() != larder::Dialect::Postgres {
        return;
    }
    let text = "SELECT coalesce(string_agg(state || ': ' || query, '; '), '') FROM pg_stat_activity \
                WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'";
    let active: Vec<String> = sql.query_as(&Cx::new(), &SqlText::new(text)).await.unwrap();
    assert_eq!(active, [""]);
    let text = "SELECT count(*) FROM pg_locks WHERE pid <> pg_backend_pid() AND locktype = 'relation' \
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    let locks: Vec<i64> = sql.query_as(&Cx::new(), &SqlText::new(text)).await.unwrap();
    assert_eq!(locks, [0]);
}

#[cfg(feature = "sqlite")]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_goes_on_behind_sea_orm_on_sqlite() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}?mode=rwc", directory.path().join("test.sqlite").display());
    let mut wanted = sea_orm::ConnectOptions::new(url);
    wanted.max_connections(CONNECTIONS).sqlx_logging(false);
    let store = Store::from_sea_orm(sea_orm::Database::connect(wanted).await.unwrap()).unwrap();
    crate::support::create_tables(&store).await;
    give_up_many(&store).await;
    tokio::time::sleep(SOON).await;
    is_as_before(&store, "SeaORM").await;
}

#[cfg(feature = "postgres")]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_goes_on_behind_sea_orm_on_postgres() {
    if Place::Postgres.is_skipped() {
        return;
    }
    let database = crate::support::postgres::TestDatabase::with_tables().await;
    let mut wanted = sea_orm::ConnectOptions::new(database.url());
    wanted.max_connections(CONNECTIONS).sqlx_logging(false);
    let store = Store::from_sea_orm(sea_orm::Database::connect(wanted).await.unwrap()).unwrap();
    give_up_many(&store).await;
    tokio::time::sleep(SOON).await;
    is_as_before(&store, "SeaORM").await;
    nothing_is_active(&store).await;
}
