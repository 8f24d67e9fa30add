//! Limits and settings of the server's that refuse what a store asks for.

use std::sync::{
    Mutex,
    atomic::{AtomicU32, Ordering},
};

use larder::{Cx, Error, ErrorKind, Filter, OpenOptions, SqlText, Transactional as _, TransactionalExt as _, TxOptions};

use super::{BOUND, IDLE, Place, proxy::Proxy, server_of, until};
use crate::support::{
    entities::note,
    note,
    postgres::{TestDatabase, is_skipped},
};

impl Place {
    /// Sets something of the database, for sessions that begin after that.
    async fn set(&self, setting: &str) {
        self.observe(format!(r#"ALTER DATABASE "{}" {setting}"#, self.database.name())).await;
    }
}

/// A statement that the server itself gives up, after its `statement_timeout`, is cancelled, and so is its transaction: it is not
/// run again.
#[tokio::test]
async fn a_statement_that_the_server_gives_up_is_cancelled() {
    if is_skipped() {
        return;
    }
    let place = &Place::new().await;
    place.set("SET statement_timeout = '1s'").await;
    let sql = &place.store.sql().unwrap();
    let sleep = async |cx: &Cx| sql.query_as::<i64>(cx, &SqlText::new("SELECT count(pg_sleep(600))")).await.map(drop);
    let error = sleep(&Cx::new()).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Cancelled, Some("57014")));
    let runs = &AtomicU32::new(0);
    let tx = place.store.tx(&Cx::new(), |cx| async move {
        runs.fetch_add(1, Ordering::SeqCst);
        place.notes.create(&cx, &note("gone")).await?;
        sleep(&cx).await
    });
    assert_eq!((tx.await.unwrap_err().kind(), runs.load(Ordering::SeqCst)), (ErrorKind::Cancelled, 1));
    place.set("RESET statement_timeout").await;
    place.terminate_idle().await;
    place.works(&[]).await;
}

/// A lock that is not had within the server's `lock_timeout` is contention: a statement by itself says so, and a transaction is
/// run again.
#[tokio::test]
async fn a_lock_that_is_not_had_is_contention() {
    if is_skipped() {
        return;
    }
    let place = &Place::new().await;
    let notes = &place.notes;
    place.set("SET lock_timeout = '200ms'").await;
    let mine = &notes.create(&Cx::new(), &note("mine")).await.unwrap();
    let rival = place.observer.begin(&Cx::new(), TxOptions::new()).await.unwrap();
    let theirs = note::Model { body: "theirs".into(), ..mine.clone() };
    place.observer.repository::<note::Entity>().update(&rival, &theirs).await.unwrap();
    let error = notes.update(&Cx::new(), mine).await.unwrap_err();
    assert_eq!((error.kind(), error.code(), error.is_retryable()), (ErrorKind::Contention, Some("55P03"), true));

    let (rival, runs) = (&Mutex::new(Some(rival)), &AtomicU32::new(0));
    let tx = place.store.tx(&Cx::new(), |cx| async move {
        runs.fetch_add(1, Ordering::SeqCst);
        if cx.attempt() == 2 {
            let rival = rival.lock().unwrap().take().unwrap();
            rival.rollback().await?;
        }
        notes.update(&cx, mine).await.map(drop)
    });
    tx.await.unwrap();
    assert_eq!(runs.load(Ordering::SeqCst), 2);
    place.works(&["mine"]).await;
}

/// A transaction that did nothing for longer than the server's `idle_in_transaction_session_timeout` has lost its connection:
/// nothing of it is stored, whatever comes next, and the next user has another connection.
#[tokio::test]
async fn a_transaction_that_idled_too_long_has_lost_its_connection() {
    if is_skipped() {
        return;
    }
    let place = &Place::new().await;
    let notes = &place.notes;
    place.set("SET idle_in_transaction_session_timeout = '1s'").await;
    for goes_on in [true, false] {
        let tx = place.store.tx(&Cx::new(), |cx| async move {
            notes.create(&cx, &note("gone")).await?;
            place.until_sessions("true", 0).await;
            if goes_on {
                notes.create(&cx, &note("gone")).await?;
            }
            Ok::<_, Error>(())
        });
        let error = tx.await.unwrap_err();
        // That is the server's last word, and it came before the commit.
        assert_eq!((error.kind(), error.code()), (ErrorKind::Connection, Some("25P03")), "{goes_on}");
        assert!(place.stored().await.is_empty());
    }
    place.set("RESET idle_in_transaction_session_timeout").await;
    place.terminate_idle().await;
    place.works(&[]).await;
}

/// A server that may only be read, as after a failover, refuses every write as such and answers what is read. When it may be
/// written again, the store writes.
#[tokio::test]
async fn a_server_that_may_only_be_read_says_so() {
    if is_skipped() {
        return;
    }
    let place = &Place::new().await;
    let notes = &place.notes;
    let there = &notes.create(&Cx::new(), &note("there")).await.unwrap();
    place.set("SET default_transaction_read_only = on").await;
    place.terminate_idle().await;
    let many: Vec<_> = (0..1_000).map(|i| note(&i.to_string())).collect();
    let (cx, kind) = (&Cx::new(), |error: Error| error.kind());
    assert_eq!(notes.create(cx, &note("gone")).await.map_err(kind), Err(ErrorKind::ReadOnly));
    assert_eq!(notes.create_batch(cx, &many).await.map_err(kind), Err(ErrorKind::ReadOnly));
    assert_eq!(notes.update(cx, there).await.map_err(kind), Err(ErrorKind::ReadOnly));
    assert_eq!(notes.delete(cx, &there.id).await.map_err(kind), Err(ErrorKind::ReadOnly));
    assert_eq!(notes.find(cx, &there.id).await.unwrap().as_ref(), Some(there));
    let runs = &AtomicU32::new(0);
    let tx = place.store.tx(cx, |cx| async move {
        runs.fetch_add(1, Ordering::SeqCst);
        notes.count(&cx, &Filter::all()).await?;
        notes.create(&cx, &note("gone")).await.map(drop)
    });
    assert_eq!((tx.await.map_err(kind), runs.load(Ordering::SeqCst)), (Err(ErrorKind::ReadOnly), 1));
    place.set("RESET default_transaction_read_only").await;
    place.terminate_idle().await;
    place.works(&["there"]).await;
}

/// When the server does not take the password any more, or the database is not there, each call says so after one attempt to
/// connect, and the store goes on as soon as it is set right: sqlx tries again only what may pass by itself.
#[tokio::test]
async fn a_store_that_is_not_let_in_any_more_tries_once_a_call() {
    if is_skipped() {
        return;
    }
    let place = &Place::new().await;
    let role = format!("{}_role", place.database.name());
    place.observe(format!(r#"CREATE ROLE "{role}" LOGIN PASSWORD 'one'"#)).await;
    place.observe(format!(r#"GRANT ALL ON note TO "{role}""#)).await;
    let through = place.proxy.url(&place.database.url());
    let (_, server) = through.rsplit_once('@').unwrap();
    let url = |password: &str| format!("postgres://{role}:{password}@{server}");
    let accepted = place.proxy.accepted();
    assert_eq!(larder::open(&url("two")).await.unwrap_err().kind(), ErrorKind::Auth);
    assert_eq!(larder::open(&format!("{}_missing", url("one"))).await.unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(place.proxy.accepted(), accepted + 2);

    let store = &OpenOptions::new().max_connections(1).acquire_timeout(BOUND).open(&url("one")).await.unwrap();
    let notes = &store.repository::<note::Entity>();
    notes.create(&Cx::new(), &note("before")).await.unwrap();
    place.observe(format!(r#"ALTER ROLE "{role}" PASSWORD 'two'"#)).await;
    place.terminate_idle().await;
    let (accepted, kind) = (place.proxy.accepted(), |error: Error| error.kind());
    assert_eq!(notes.create(&Cx::new(), &note("gone")).await.map_err(kind), Err(ErrorKind::Auth));
    assert_eq!(notes.count(&Cx::new(), &Filter::all()).await.map_err(kind), Err(ErrorKind::Auth));
    let tx = store.tx(&Cx::new(), |_| async { Ok::<_, Error>(()) });
    assert_eq!(tx.await.map_err(kind), Err(ErrorKind::Auth));
    let limited = Cx::new().with_timeout(BOUND);
    assert_eq!(notes.create(&limited, &note("gone")).await.map_err(kind), Err(ErrorKind::Auth));
    assert_eq!(place.proxy.accepted(), accepted + 4);
    place.observe(format!(r#"ALTER ROLE "{role}" PASSWORD 'one'"#)).await;
    notes.create(&Cx::new(), &note("after")).await.unwrap();
    assert_eq!(place.stored().await, ["after", "before"]);

    store.close().await;
    place.observe(format!(r#"DROP OWNED BY "{role}""#)).await;
    place.observe(format!(r#"DROP ROLE "{role}""#)).await;
}

/// When the database is gone, each call says so after one attempt to connect, and the store goes on when it is back.
#[tokio::test]
async fn a_store_whose_database_is_gone_tries_once_a_call() {
    if is_skipped() {
        return;
    }
    let database = TestDatabase::with_tables().await;
    let proxy = Proxy::to(server_of(&database.url())).await;
    let options = OpenOptions::new().max_connections(1).acquire_timeout(BOUND);
    let store = options.open(&proxy.url(&database.url())).await.unwrap();
    let notes = store.repository::<note::Entity>();
    notes.create(&Cx::new(), &note("before")).await.unwrap();

    let (admin, name) = (options.open(&database.admin_url()).await.unwrap().sql().unwrap(), database.name());
    let end = SqlText::new("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = $1").bind(name);
    let rename = |from: &str, to: &str| SqlText::new(format!(r#"ALTER DATABASE "{from}" RENAME TO "{to}""#));
    let away = format!("{name}_away");
    // Only a database that nobody is connected to can be renamed.
    until(|| async {
        admin.query_as::<i64>(&Cx::new(), &end).await.unwrap();
        admin.execute(&Cx::new(), &rename(name, &away)).await.is_ok()
    })
    .await;
    tokio::time::sleep(IDLE).await;
    let accepted = proxy.accepted();
    for _ in 0..3 {
        let error = notes.create(&Cx::new(), &note("gone")).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::InvalidInput, Some("3D000")));
    }
    assert_eq!(proxy.accepted(), accepted + 3);
    admin.execute(&Cx::new(), &rename(&away, name)).await.unwrap();
    notes.create(&Cx::new(), &note("after")).await.unwrap();
    assert_eq!(notes.count(&Cx::new(), &Filter::all()).await.unwrap(), 2);
}

/// When a table is changed under the statements that a connection has prepared for it, a call by itself says that it may be tried
/// again, and then works; a transaction is run again, and works.
#[tokio::test]
async fn a_changed_table_outdates_prepared_statements() {
    if is_skipped() {
        return;
    }
    let place = &Place::new().await;
    let notes = &place.notes;
    let id = &notes.create(&Cx::new(), &note("n")).await.unwrap().id;
    let found = async |cx: &Cx| notes.find(cx, id).await.map(|found| found.unwrap().body);
    assert_eq!(found(&Cx::new()).await.unwrap(), "n");
    place.observe("ALTER TABLE note ALTER COLUMN body TYPE varchar(900)").await;
    let error = found(&Cx::new()).await.unwrap_err();
    assert_eq!((error.kind(), error.code(), error.is_retryable()), (ErrorKind::Contention, Some("0A000"), true));
    assert_eq!(found(&Cx::new()).await.unwrap(), "n");

    place.observe("ALTER TABLE note ALTER COLUMN body TYPE text").await;
    let runs = &AtomicU32::new(0);
    let tx = place.store.tx(&Cx::new(), |cx| async move {
        runs.fetch_add(1, Ordering::SeqCst);
        found(&cx).await
    });
    assert_eq!((tx.await.unwrap().as_str(), runs.load(Ordering::SeqCst)), ("n", 2));
    place.works(&["n"]).await;
}
