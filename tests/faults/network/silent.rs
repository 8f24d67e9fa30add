//! Connections that stand still, drip, or break in the middle of an answer.

use std::time::Duration;

use futures::StreamExt as _;
use larder::{CancellationToken, Cx, ErrorKind, Filter, OpenOptions, Query, ReaderExt as _, Transactional as _, TxOptions};

use super::{BOUND, Place, ended, proxy::Fault};
use crate::support::{
    entities::note,
    note,
    postgres::{TestDatabase, is_skipped},
};

/// The same work, which has a second from now on.
fn short(cx: &Cx) -> Cx {
    cx.with_timeout(Duration::from_secs(1))
}

/// When nothing comes through any more and nobody says so, each call ends at its own deadline: what reads, what writes, what
/// waits for the connection, and a commit, which is unknown. Afterwards that connection is closed and not used again.
#[tokio::test]
async fn a_black_hole_is_left_at_the_deadline() {
    if is_skipped() {
        return;
    }
    let _server = TestDatabase::empty().await;
    for text in ["SELECT", "INSERT", "COMMIT"] {
        let place = &Place::new().await;
        let notes = &place.notes;
        notes.create(&Cx::new(), &note("before")).await.unwrap();
        let cx = place.store.begin(&Cx::new(), TxOptions::new()).await.unwrap();
        // Under a deadline that is not met, so that what comes next has nothing else to send.
        notes.create(&cx.with_timeout(BOUND), &note("gone")).await.unwrap();
        notes.all(&cx).await.unwrap();
        place.proxy.at(text, Fault::BlackHole);
        let (late, kind) = match text {
            "SELECT" => (ended(notes.all(&short(&cx))).await, ErrorKind::DeadlineExceeded),
            "INSERT" => (ended(notes.create(&short(&cx), &note("gone"))).await, ErrorKind::DeadlineExceeded),
            _ => (ended(short(&cx).commit()).await, ErrorKind::CommitUnknown),
        };
        assert_eq!(late, kind, "{text}");
        place.proxy.has_met(1).await;
        drop(cx);
        assert_eq!(ended(notes.count(&short(&Cx::new()), &Filter::all())).await, ErrorKind::DeadlineExceeded, "{text}");
        assert_eq!(ended(notes.create(&short(&Cx::new()), &note("gone"))).await, ErrorKind::DeadlineExceeded, "{text}");
        let accepted = place.proxy.accepted();
        place.proxy.go_on();
        place.works(&["before"]).await;
        assert!(place.proxy.accepted() > accepted, "{text}");
        place.proxy.has_open(1).await;
    }
}

/// A connection that cannot be made, because nobody answers, is waited for until the deadline, and without one as long as the
/// store waits for any connection.
#[tokio::test]
async fn a_black_hole_is_not_connected_to() {
    if is_skipped() {
        return;
    }
    let place = &Place::new().await;
    place.proxy.goes_dark();
    assert_eq!(ended(place.notes.count(&short(&Cx::new()), &Filter::all())).await, ErrorKind::DeadlineExceeded);
    let hasty = OpenOptions::new().acquire_timeout(Duration::from_secs(1));
    let url = place.proxy.url(&place.database.url());
    assert_eq!(ended(hasty.open(&url)).await, ErrorKind::PoolTimeout);
    place.proxy.go_on();
    let store = hasty.open(&url).await.unwrap();
    place.proxy.goes_dark();
    assert_eq!(ended(store.repository::<note::Entity>().count(&Cx::new(), &Filter::all())).await, ErrorKind::PoolTimeout);
    place.proxy.go_on();
    place.works(&[]).await;
    place.proxy.has_open(1).await;
}

/// A statement without a deadline that is dropped in a black hole does not take its place in the pool along: a connection that
/// says nothing when it is given back is closed.
#[tokio::test]
async fn a_black_hole_keeps_no_connection_of_the_pool() {
    if is_skipped() {
        return;
    }
    let place = &Place::new().await;
    place.notes.create(&Cx::new(), &note("before")).await.unwrap();
    place.proxy.at("SELECT", Fault::BlackHole);
    assert!(place.dropped_at_fault(1, place.notes.count(&Cx::new(), &Filter::all())).await.is_none());
    place.proxy.go_on();
    place.works(&["before"]).await;
    place.proxy.has_open(1).await;
}

/// When the connection is reset in the middle of an answer, what was read until then is not taken for all of it: a stream and a
/// list end in an error, and the next statement has another connection.
#[tokio::test]
async fn a_reset_in_the_middle_of_rows_is_an_error() {
    if is_skipped() {
        return;
    }
    let place = &Place::new().await;
    let many: Vec<_> = (0..10_000).map(|i| note(&i.to_string())).collect();
    place.notes.create_batch(&Cx::new(), &many).await.unwrap();
    for fault in [Fault::ResetAnswer(20_000), Fault::CutAnswer(20_000)] {
        let mut stream = place.notes.stream(&Cx::new(), &Query::new()).await.unwrap();
        stream.next().await.unwrap().unwrap();
        // It is some parts ahead of what was taken, and not at the end.
        place.proxy.at("FETCH", fault);
        let last = loop {
            match stream.next().await {
                Some(Ok(_)) => {}
                last => break last,
            }
        };
        assert_eq!(last.expect("an end that is no error").unwrap_err().kind(), ErrorKind::Connection, "{fault:?}");
        assert!(stream.next().await.is_none());
        drop(stream);
        let accepted = place.proxy.accepted();
        place.proxy.at("SELECT", fault);
        assert_eq!(place.notes.all(&Cx::new()).await.unwrap_err().kind(), ErrorKind::Connection, "{fault:?}");
        assert_eq!(place.notes.all(&Cx::new()).await.unwrap().len(), 10_000);
        assert_eq!(place.proxy.accepted(), accepted + 2, "{fault:?}");
    }
}

/// When an answer comes in drips, a call is given up at its deadline or by its token, and its connection is closed and not used
/// again: the rest of the answer would be taken for the next one.
#[tokio::test]
async fn an_answer_in_drips_is_not_waited_for() {
    if is_skipped() {
        return;
    }
    let place = &Place::new().await;
    let notes = &place.notes;
    let long = &note(&"long".repeat(10_000));
    notes.create(&Cx::new(), long).await.unwrap();
    let drips = Fault::SlowAnswer(Duration::from_millis(100));
    let read = r#"SELECT "note""#;

    let cx = place.store.begin(&Cx::new(), TxOptions::new()).await.unwrap();
    notes.all(&cx.with_timeout(BOUND)).await.unwrap();
    place.proxy.at(read, drips);
    assert_eq!(ended(notes.all(&short(&cx))).await, ErrorKind::DeadlineExceeded);
    place.proxy.has_met(1).await;
    drop(cx);
    let accepted = place.proxy.accepted();
    assert_eq!(notes.find(&Cx::new(), &long.id).await.unwrap().as_ref(), Some(long));
    assert!(place.proxy.accepted() > accepted);
    place.proxy.has_open(1).await;

    place.proxy.at(read, drips);
    let token = CancellationToken::new();
    let cx = Cx::new().with_cancel(token.clone());
    let (given_up, ()) = tokio::join!(ended(notes.all(&cx)), async {
        place.proxy.has_met(2).await;
        token.cancel();
    });
    assert_eq!(given_up, ErrorKind::Cancelled);
    let accepted = place.proxy.accepted();
    assert_eq!(notes.find(&Cx::new(), &long.id).await.unwrap().as_ref(), Some(long));
    assert!(place.proxy.accepted() > accepted);
    place.proxy.has_open(1).await;
    notes.delete(&Cx::new(), &long.id).await.unwrap();
    place.works(&[]).await;
}
