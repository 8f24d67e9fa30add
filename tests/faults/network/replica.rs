//! Standbys, and commits that wait for them.

use std::time::Duration;

use larder::{Cx, ErrorKind, HealthStatus, OpenOptions, ReaderExt as _, SqlText, Store, TransactionalExt as _};
use larder_migration::Migrations;

use super::{BOUND, until};
use crate::support::{
    entities::note,
    note,
    postgres::{OwnServer, is_skipped},
};

async fn run(store: &Store, text: &str) {
    store.sql().unwrap().execute(&Cx::new(), &SqlText::new(text)).await.unwrap();
}

/// Lets all commits of a server wait for a standby that does not come.
pub(crate) async fn wait_for_nobody(store: &Store) {
    run(store, "ALTER SYSTEM SET synchronous_standby_names = 'nobody'").await;
    run(store, "SELECT pg_reload_conf()").await;
    // Another process of the server's tells those that commit.
    tokio::time::sleep(Duration::from_secs(1)).await;
}

async fn number(store: &Store, text: &str) -> i64 {
    store.sql().unwrap().query_as(&Cx::new(), &SqlText::new(text)).await.unwrap()[0]
}

/// A commit that waits for a standby is not stopped, neither by a deadline, nor by the server's own limit of the transaction, nor
/// because its future is dropped: it is seen by nobody until the standby has it.
#[tokio::test]
async fn a_commit_that_waits_for_a_standby_is_not_stopped() {
    if is_skipped() {
        return;
    }
    let Some(server) = OwnServer::started().await else { return };
    let database = server.database().await;
    let (observer, store) = (larder::open(&database.url()).await.unwrap(), larder::open(&database.url()).await.unwrap());
    let notes = &store.repository::<note::Entity>();
    wait_for_nobody(&observer).await;
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    let limited = Cx::new().with_timeout(Duration::from_secs(2));
    let late = store.tx(&limited, |cx| async move { notes.create(&cx, &note("late")).await.map(drop) });
    let second = note("alone");
    let alone = notes.create(&limited, &second);
    let (late, alone) = futures::join!(late, alone);
    assert_eq!(late.unwrap_err().kind(), ErrorKind::CommitUnknown);
    assert_eq!(alone.unwrap_err().kind(), ErrorKind::CommitUnknown);
    let patient = Cx::new().with_timeout(BOUND);
    let dropped = store.tx(&patient, |cx| async move { notes.create(&cx, &note("dropped")).await.map(drop) });
    drop(tokio::time::timeout(Duration::from_secs(2), dropped).await);
    // The server's own limit is a second longer than that of the transaction.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let seen = || async { observer.repository::<note::Entity>().all(&Cx::new()).await.unwrap().len() };
    assert_eq!((number(&observer, waiting).await, seen().await), (3, 0));

    run(&observer, "ALTER SYSTEM RESET synchronous_standby_names").await;
    run(&observer, "SELECT pg_reload_conf()").await;
    until(|| async { seen().await == 3 }).await;
}

/// Makes a standby of a server, and starts it beside the server.
const STANDBY: &str = "PGPASSWORD=postgres pg_basebackup -h 127.0.0.1 -U postgres -D /tmp/standby -R -c fast && \
                       pg_ctl -D /tmp/standby -o '-p 5433 -c listen_addresses=*' -w -l /tmp/standby.log start";

/// Which of the two a store opens is what its URL asks for.
async fn are_told_apart_by_the_url(primary: &str, standby: &str) {
    for (attributes, at_primary, at_standby) in [
        ("any", None, None),
        ("prefer-standby", None, None),
        ("read-write", None, Some(ErrorKind::ReadOnly)),
        ("primary", None, Some(ErrorKind::ReadOnly)),
        ("read-only", Some(ErrorKind::Connection), None),
        ("standby", Some(ErrorKind::Connection), None),
    ] {
        let opened = async |url: &str| {
            let url = format!("{url}?target_session_attrs={attributes}");
            OpenOptions::new().open(&url).await.map(drop).map_err(|error| error.kind()).err()
        };
        assert_eq!((opened(primary).await, opened(standby).await), (at_primary, at_standby), "{attributes}");
    }
    let wanted = larder::open(&format!("{standby}?target_session_attrs=standby")).await.unwrap();
    assert_eq!(wanted.health(&Cx::new()).await.status(), HealthStatus::Up);
}

/// A store on a standby says so in its health; it reads which steps of the schema are applied, and that a transaction has
/// committed. That one has not, it does not know. Where the URL asks for a server that writes, it is not opened.
#[tokio::test]
async fn a_standby_is_read_and_known_for_one() {
    if is_skipped() {
        return;
    }
    let Some(server) = OwnServer::started().await else { return };
    let database = server.database().await;
    let primary = larder::open(&database.url()).await.unwrap();
    let cx = &Cx::new();
    let notes = &primary.repository::<note::Entity>();
    let create = |cx: Cx| async move { notes.create(&cx, &note("there")).await.map(drop) };
    primary.tx(&cx.with_idempotency_key("done"), create).await.unwrap();
    server.script(STANDBY).await;
    let url = format!("postgres://postgres:postgres@{}:5433/{}", server.address().await, database.name());
    let standby = larder::open(&url).await.unwrap();
    until(|| async { standby.repository::<note::Entity>().all(cx).await.is_ok_and(|notes| notes.len() == 1) }).await;

    let health = standby.health(cx).await;
    assert_eq!(health.status(), HealthStatus::Degraded);
    assert_eq!(health.connectivity.error.map(|error| error.kind()), Some(ErrorKind::ReadOnly));
    assert_eq!(primary.health(cx).await.status(), HealthStatus::Up);
    assert_eq!(standby.repository::<note::Entity>().create(cx, &note("n")).await.unwrap_err().kind(), ErrorKind::ReadOnly);
    assert!(standby.has_committed(cx, "done").await.unwrap());
    assert_eq!(standby.has_committed(cx, "unknown").await.unwrap_err().kind(), ErrorKind::ReadOnly);
    assert!(!primary.has_committed(cx, "unknown").await.unwrap());
    let status = |store: Store| async move { Migrations::default().status(&store).await.unwrap() };
    assert_eq!(status(standby.clone()).await, status(primary.clone()).await);

    are_told_apart_by_the_url(&database.url(), &url).await;
}
