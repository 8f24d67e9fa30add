//! Connections that the server ends, that all are in use, and that are given back.

use std::{error::Error as _, time::Duration};

use larder::{Cx, Error, ErrorKind, OpenOptions, Result, Store, Transactional, TransactionalExt, TxOptions};
use sea_orm::sea_query::{Alias, Expr, Query, SelectStatement};

use super::Server;
use crate::support::{
    backend::Harness,
    drop_at,
    entities::{label, note},
    note,
    postgres::{TestDatabase, is_skipped},
};

/// Two columns of a system view, as labels.
pub(super) fn labels(name: &str, text: &str, view: &str, condition: &str) -> SelectStatement {
    Query::select()
        .expr_as(Expr::cust(format!("CAST({name} AS TEXT)")), "name")
        .expr_as(Expr::cust(format!("CAST({text} AS TEXT)")), "text")
        .from(Alias::new(view))
        .cond_where(Expr::cust(condition.to_owned()))
        .to_owned()
}

pub(super) async fn read(store: &Store, cx: &Cx, select: &SelectStatement) -> Vec<label::Model> {
    store.sql().unwrap().models::<label::Entity>(cx, select).await.unwrap()
}

/// Ends every other connection to the store's database.
async fn terminate_others(store: &Store) {
    let others = "datname = current_database() AND pid <> pg_backend_pid()";
    read(store, &Cx::new(), &labels("pg_terminate_backend(pid)", "pid", "pg_stat_activity", others)).await;
}

#[tokio::test]
async fn a_connection_the_server_ended_is_replaced() {
    if is_skipped() {
        return;
    }
    let database = TestDatabase::with_tables().await;
    let store = OpenOptions::new().max_connections(1).open(&database.url()).await.unwrap();
    let other = OpenOptions::new().max_connections(1).open(&database.url()).await.unwrap();
    let notes = &store.repository::<note::Entity>();
    notes.create(&Cx::new(), &note("before")).await.unwrap();
    terminate_others(&other).await;
    // A connection that was idle for a second is asked whether it lives before it is used.
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    assert_eq!(notes.count(&Cx::new(), &larder::Filter::all()).await.unwrap(), 1);

    let other = &other;
    let outcome = store.tx(&Cx::new(), |cx| async move {
        notes.create(&cx, &note("gone")).await?;
        terminate_others(other).await;
        notes.create(&cx, &note("gone")).await.map(drop)
    });
    assert_eq!(outcome.await.unwrap_err().kind(), ErrorKind::Connection);
    assert_eq!(notes.count(&Cx::new(), &larder::Filter::all()).await.unwrap(), 1);
}

#[tokio::test]
async fn a_lost_commit_is_not_called_a_failure() {
    if is_skipped() {
        return;
    }
    let database = TestDatabase::with_tables().await;
    let store = larder::open(&database.url()).await.unwrap();
    let other = &OpenOptions::new().max_connections(1).open(&database.url()).await.unwrap();
    let notes = &store.repository::<note::Entity>();
    let outcome = store.tx(&Cx::new(), |cx| async move {
        notes.create(&cx, &note("unknown")).await?;
        terminate_others(other).await;
        Ok::<_, Error>(())
    });
    let error = outcome.await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::CommitUnknown);
    assert!(!error.is_retryable());
    assert_eq!(error.source().unwrap().downcast_ref::<Error>().unwrap().kind(), ErrorKind::Connection);
}

#[tokio::test]
async fn a_full_pool_is_waited_for_and_then_told() {
    if is_skipped() {
        return;
    }
    let database = TestDatabase::with_tables().await;
    let options = OpenOptions::new().max_connections(2).acquire_timeout(Duration::from_millis(1_000));
    let store = options.open(&database.url()).await.unwrap();
    let notes = store.repository::<note::Entity>();
    let first = store.begin(&Cx::new(), TxOptions::new()).await.unwrap();
    let second = store.begin(&Cx::new(), TxOptions::new()).await.unwrap();
    let error = notes.count(&Cx::new(), &larder::Filter::all()).await.unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::PoolTimeout, true));
    first.rollback().await.unwrap();
    assert_eq!(notes.count(&Cx::new(), &larder::Filter::all()).await.unwrap(), 0);
    second.rollback().await.unwrap();
}

#[tokio::test]
async fn a_dropped_transaction_is_not_left_open_on_the_server() {
    if is_skipped() {
        return;
    }
    let fixture = Server.fresh().await;
    let notes = &fixture.store.repository::<note::Entity>();
    for _ in 0..20 {
        let tx = fixture.store.tx(&Cx::new(), |cx| async move {
            notes.create(&cx, &note("gone")).await?;
            std::future::pending::<Result<()>>().await
        });
        assert!(tokio::time::timeout(Duration::from_millis(20), tx).await.is_err());
    }
    let open = "datname = current_database() AND state LIKE 'idle in transaction%'";
    let open = labels("pid", "state", "pg_stat_activity", open);
    for _ in 0..100 {
        if read(&fixture.store, &Cx::new(), &open).await.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(read(&fixture.store, &Cx::new(), &open).await.is_empty());
    assert_eq!(notes.count(&Cx::new(), &larder::Filter::all()).await.unwrap(), 0);
}

/// Wherever a transaction is dropped, while it is being begun as well, the connection is not handed on inside it: what the next
/// user of it writes is there for others.
#[tokio::test]
async fn a_connection_is_never_handed_on_inside_a_transaction() {
    if is_skipped() {
        return;
    }
    let database = TestDatabase::with_tables().await;
    let store = OpenOptions::new().max_connections(1).open(&database.url()).await.unwrap();
    let notes = &store.repository::<note::Entity>();
    let others = larder::open(&database.url()).await.unwrap().repository::<note::Entity>();
    for polls in 0.. {
        let tx = store.tx(&Cx::new(), |cx| async move { notes.create(&cx, &note("in a transaction")).await });
        let ended = drop_at(polls, tx).await.is_some();
        let written = notes.create(&Cx::new(), &note("by itself")).await.unwrap();
        assert_eq!(others.find(&Cx::new(), &written.id).await.unwrap(), Some(written), "{polls} polls");
        if ended {
            break;
        }
    }
}

#[tokio::test]
async fn no_error_shows_the_password() {
    if is_skipped() {
        return;
    }
    let database = TestDatabase::empty().await;
    let (_, server) = database.url().rsplit_once('@').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    for (url, kind) in [
        (format!("postgres://postgres:t0psecret@{server}"), ErrorKind::Auth),
        (format!("{}_missing", database.url()), ErrorKind::InvalidInput),
        ("postgres://postgres:t0psecret@127.0.0.1:1/none".to_owned(), ErrorKind::Connection),
        ("postgres://postgres:t0psecret@host:port/none".to_owned(), ErrorKind::InvalidInput),
        ("postgresql://postgres:t0psecret@[::1".to_owned(), ErrorKind::InvalidInput),
        ("postgre://postgres:t0psecret@host/none".to_owned(), ErrorKind::InvalidInput),
    ] {
        let error = larder::open(&url).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{url}");
        let mut text = format!("{error} {error:?}");
        let mut source = error.source();
        while let Some(cause) = source {
            text.push_str(&format!(" {cause} {cause:?}"));
            source = cause.source();
        }
        assert!(!text.contains("t0psecret"), "{text}");
    }
}
