//! What keeps a Postgres store from having connections, or from having good ones.

use std::time::Duration;

use larder::{Cx, ErrorKind, Filter, HealthStatus, OpenOptions, SqlText, Store, Transactional as _, TxOptions};

use crate::support::{
    entities::note,
    note,
    postgres::{TestDatabase, is_skipped},
};

async fn run(store: &Store, sql: &str) {
    store.sql().unwrap().execute(&Cx::new(), &SqlText::new(sql)).await.unwrap();
}

/// When the server has no connection left, the error says so, and not just that none became free; as soon as there is one, all is
/// well: the engine asks the server for the reason.
#[tokio::test]
async fn a_server_without_connections_is_told_apart_from_a_busy_pool() {
    if is_skipped() {
        return;
    }
    let database = TestDatabase::with_tables().await;
    let admin = larder::open(&database.url()).await.unwrap();
    let role = format!("limited_{}", database.url().rsplit_once('/').unwrap().1);
    run(&admin, &format!("CREATE ROLE \"{role}\" LOGIN PASSWORD 'limited' CONNECTION LIMIT 1")).await;
    let (_, place) = database.url().rsplit_once('@').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    let url = format!("postgres://{role}:limited@{place}");
    let options = OpenOptions::new().max_connections(3).acquire_timeout(Duration::from_millis(500));
    let (one, other) = (options.open(&url).await.unwrap(), options.open(&url).await.unwrap());
    let held = one.begin(&Cx::new(), TxOptions::new()).await.unwrap();

    let refused = other.begin(&Cx::new(), TxOptions::new()).await.map(drop).unwrap_err();
    assert_eq!((refused.kind(), refused.code()), (ErrorKind::ResourceExhausted, Some("53300")));
    assert_eq!(other.health(&Cx::new()).await.connectivity.status, HealthStatus::Down);
    assert_eq!(options.open(&url).await.unwrap_err().kind(), ErrorKind::ResourceExhausted);
    let busy = OpenOptions::new().max_connections(1).acquire_timeout(Duration::from_millis(500));
    let busy = busy.open(&database.url()).await.unwrap();
    let busy_held = busy.begin(&Cx::new(), TxOptions::new()).await.unwrap();
    assert_eq!(busy.begin(&Cx::new(), TxOptions::new()).await.map(drop).unwrap_err().kind(), ErrorKind::PoolTimeout);
    drop(busy_held);

    held.rollback().await.unwrap();
    one.close().await;
    assert_eq!(other.health(&Cx::new()).await.status(), HealthStatus::Up);
    other.close().await;
    run(&admin, &format!("DROP ROLE \"{role}\"")).await;
}

/// Calls that are begun and not polled keep their connections, so a write beside them waits in vain. As tasks, they give them
/// back.
#[tokio::test]
async fn calls_as_tasks_leave_connections_to_a_loop() {
    if is_skipped() {
        return;
    }
    let database = TestDatabase::with_tables().await;
    let store =
        OpenOptions::new().max_connections(2).acquire_timeout(Duration::from_secs(30)).open(&database.url()).await.unwrap();
    let notes = store.repository::<note::Entity>();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..40 {
        let notes = notes.clone();
        tasks.spawn(async move { notes.create(&Cx::new(), &note("task")).await });
    }
    while let Some(created) = tasks.join_next().await {
        let created = created.unwrap().unwrap();
        notes.update(&Cx::new(), &note::Model { body: "loop".into(), ..created }).await.unwrap();
    }
    assert_eq!(notes.count(&Cx::new(), &Filter::all()).await.unwrap(), 40);
}

/// A write that a server refuses because it has become one for reading is `ReadOnly`, and the next may go to another server: its
/// connection is closed, and not given back.
#[tokio::test]
async fn a_connection_to_a_server_that_only_reads_is_not_kept() {
    if is_skipped() {
        return;
    }
    let database = TestDatabase::with_tables().await;
    let admin = larder::open(&database.url()).await.unwrap();
    let name = database.url().rsplit_once('/').unwrap().1.to_owned();
    run(&admin, &format!("ALTER DATABASE \"{name}\" SET default_transaction_read_only = on")).await;
    let store = OpenOptions::new().max_connections(1).open(&database.url()).await.unwrap();
    let notes = store.repository::<note::Entity>();
    assert_eq!(notes.create(&Cx::new(), &note("n")).await.unwrap_err().kind(), ErrorKind::ReadOnly);
    let cx = store.begin(&Cx::new(), TxOptions::new()).await.unwrap();
    assert_eq!(notes.create(&cx, &note("n")).await.unwrap_err().kind(), ErrorKind::ReadOnly);
    cx.rollback().await.unwrap();

    // What a session that was there before does not notice. The session of the store's own is told.
    run(&admin, &format!("ALTER DATABASE \"{name}\" SET default_transaction_read_only = off")).await;
    notes.create(&Cx::new(), &note("n")).await.unwrap();

    // A transaction that was not to write says nothing of the server.
    let pid =
        async |cx: &Cx| -> i32 { store.sql().unwrap().query_as(cx, &SqlText::new("SELECT pg_backend_pid()")).await.unwrap()[0] };
    let before = pid(&Cx::new()).await;
    let cx = store.begin(&Cx::new(), TxOptions::new().read_only()).await.unwrap();
    assert_eq!(notes.create(&cx, &note("n")).await.unwrap_err().kind(), ErrorKind::ReadOnly);
    cx.rollback().await.unwrap();
    assert_eq!(pid(&Cx::new()).await, before);
}
