//! Connections that the server ends.

use larder::{Cx, Error, ErrorKind, SqlText, TransactionalExt as _};

use super::{BOUND, Place};
use crate::support::{note, postgres::is_skipped};

/// When the server has ended connections that were idle, whatever comes next works at the first try: the pool asks whether such a
/// connection lives before it hands it out.
#[tokio::test]
async fn idle_connections_that_were_ended_are_replaced() {
    if is_skipped() {
        return;
    }
    let place = &Place::new().await;
    let notes = &place.notes;
    let stored = notes.create(&Cx::new(), &note("a")).await.unwrap();
    let accepted = place.proxy.accepted();
    place.terminate_idle().await;
    notes.create(&Cx::new(), &note("b")).await.unwrap();
    place.terminate_idle().await;
    assert_eq!(notes.find(&Cx::new(), &stored.id).await.unwrap(), Some(stored));
    place.terminate_idle().await;
    place.store.tx(&Cx::new(), |cx| async move { notes.create(&cx, &note("c")).await }).await.unwrap();
    place.terminate_idle().await;
    place.works(&["a", "b", "c"]).await;
    assert_eq!(place.proxy.accepted(), accepted + 4);
}

/// A connection that was used a moment ago is used again without asking whether it lives. Two round trips remain: the statement,
/// and the pool's question when the connection is given back.
#[tokio::test]
async fn a_connection_in_use_is_not_asked_whether_it_lives() {
    if is_skipped() {
        return;
    }
    let place = &Place::new().await;
    let notes = &place.notes;
    let stored = notes.create(&Cx::new(), &note("a")).await.unwrap();
    notes.find(&Cx::new(), &stored.id).await.unwrap();
    let asked = place.proxy.asked();
    for _ in 0..20 {
        notes.find(&Cx::new(), &stored.id).await.unwrap();
    }
    // With a third one there would be at least 59. A machine that stands still for a second adds one.
    let round_trips = place.proxy.asked() - asked;
    assert!((39..50).contains(&round_trips), "{round_trips}");
}

/// When the server has ended a connection that was used a moment ago, the next statement on it says so, and the one after that has
/// another connection. Whether the write was stored, this side cannot know.
#[tokio::test]
async fn a_connection_in_use_that_was_ended_says_so_once() {
    if is_skipped() {
        return;
    }
    let place = &Place::new().await;
    let notes = &place.notes;
    let stored = notes.create(&Cx::new(), &note("a")).await.unwrap();
    place.terminate_others().await;
    // If the machine stood still for a second, the connection is taken for idle, and replaced.
    if let Err(error) = notes.find(&Cx::new(), &stored.id).await {
        assert_eq!(error.kind(), ErrorKind::Connection);
    }
    assert_eq!(notes.find(&Cx::new(), &stored.id).await.unwrap(), Some(stored));
    place.terminate_others().await;
    let before: &[&str] = match notes.create(&Cx::new(), &note("b")).await {
        Ok(_) => &["a", "b"],
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::CommitUnknown);
            &["a"]
        }
    };
    place.works(before).await;
}

/// When the server ends the connection of a transaction, nothing of it is stored and the next statement says that the connection
/// is lost. When the commit is what comes next, its outcome is unknown: that the server had not seen it is more than this side
/// can tell.
#[tokio::test]
async fn a_transaction_whose_connection_was_ended_stores_nothing() {
    if is_skipped() {
        return;
    }
    let place = &Place::new().await;
    let notes = &place.notes;
    for (goes_on, kind) in [(true, ErrorKind::Connection), (false, ErrorKind::CommitUnknown)] {
        let tx = place.store.tx(&Cx::new(), |cx| async move {
            notes.create(&cx, &note("gone")).await?;
            place.terminate_others().await;
            if goes_on {
                notes.create(&cx, &note("gone as well")).await?;
            }
            Ok::<_, Error>(())
        });
        assert_eq!(tx.await.unwrap_err().kind(), kind);
        assert!(place.stored().await.is_empty());
    }
    place.works(&[]).await;
}

/// When the server ends a connection while a statement runs, a read and a transaction have lost their connection, and a write by
/// itself has an unknown outcome. The pool gives the next user another one.
#[tokio::test]
async fn a_statement_whose_connection_was_ended_says_so() {
    if is_skipped() {
        return;
    }
    let place = &Place::new().await;
    let sql = &place.store.sql().unwrap();
    let sleep = "SELECT count(pg_sleep(600))";
    let write = "DELETE FROM note WHERE (SELECT count(pg_sleep(600))) > 0";
    let end = || async {
        place.until_sessions("query LIKE '%pg_sleep(600)%' AND state = 'active'", 1).await;
        place.terminate_others().await;
    };
    let sleeping = async |cx: &Cx| sql.query_as::<i64>(cx, &SqlText::new(sleep)).await.map(drop);
    let cx = &Cx::new();
    let (read, ()) = tokio::join!(sleeping(cx), end());
    assert_eq!(read.unwrap_err().kind(), ErrorKind::Connection);
    let tx = place.store.tx(&Cx::new(), |cx| async move { sleeping(&cx).await });
    let (tx, ()) = tokio::join!(tx, end());
    assert_eq!(tx.unwrap_err().kind(), ErrorKind::Connection);
    let write = &SqlText::new(write);
    let (written, ()) = tokio::join!(sql.execute(cx, write), end());
    assert_eq!(written.unwrap_err().kind(), ErrorKind::CommitUnknown);
    // A limited one is a transaction of its own.
    let limited = &cx.with_timeout(BOUND);
    let (written, ()) = tokio::join!(sql.execute(limited, write), end());
    assert_eq!(written.unwrap_err().kind(), ErrorKind::Connection);
    place.works(&[]).await;
}

/// What a transaction has claimed is free again when its connection is ended, and is claimed by the next who asks.
#[tokio::test]
async fn a_claim_whose_connection_was_ended_is_free_again() {
    use larder::{Changes, Query};
    if is_skipped() {
        return;
    }
    let place = &Place::new().await;
    let notes = &place.notes;
    notes.create_many(&Cx::new(), &[note("a"), note("b")]).await.unwrap();
    let body = crate::support::entities::note::COLUMN.body;
    let next = || Query::new().filter(larder::field(body).less_than("x")).order_by(body).limit(1);
    let claim = || Changes::new().set(body, "x");
    let others = place.observer.repository::<crate::support::entities::note::Entity>();
    let others = &*others;
    let ended = place.store.tx(&Cx::new(), |cx| async move {
        assert_eq!(notes.update_first(&cx, &next(), &claim()).await?.len(), 1);
        // Nobody else waits for it.
        assert_eq!(others.delete_first(&Cx::new(), &next()).await?[0].body, "b");
        place.terminate_others().await;
        notes.update_first(&cx, &next(), &claim()).await
    });
    assert_eq!(ended.await.unwrap_err().kind(), ErrorKind::Connection);
    let claimed = notes.delete_first(&Cx::new(), &next()).await.unwrap();
    assert_eq!(claimed.iter().map(|note| note.body.as_str()).collect::<Vec<_>>(), ["a"]);
    place.works(&[]).await;
}
