//! Connections that stand still, drip, or break in the middle of an answer.

use std::time::Duration;

use futures::StreamExt as _;
use larder::{Cx, ErrorKind, Filter, Query, ReaderExt as _, TransactionalExt as _};

use super::{Place, ended, proxy::Fault};
use crate::support::{note, postgres::is_skipped};

const SHORT: Duration = Duration::from_millis(300);

fn short() -> Cx {
    Cx::new().with_timeout(SHORT)
}

/// When nothing comes through any more and nobody says so, each call ends at its own deadline: a statement, one inside a transaction, what
/// waits for a connection or makes one, and a commit, which is unknown. Afterwards that connection is closed and not used again.
#[tokio::test]
async fn a_black_hole_is_left_at_the_deadline() {
    if is_skipped() {
        return;
    }
    for (text, kind) in [
        (r#"SELECT "note""#, ErrorKind::DeadlineExceeded),
        ("INSERT", ErrorKind::DeadlineExceeded),
        ("COMMIT", ErrorKind::CommitUnknown),
    ] {
        let place = &Place::new().await;
        let notes = &place.notes;
        notes.create(&Cx::new(), &note("before")).await.unwrap();
        place.proxy.at(text, Fault::BlackHole);
        let late = place.store.tx(&short(), |cx| async move {
            notes.all(&cx).await?;
            notes.create(&cx, &note("gone")).await.map(drop)
        });
        assert_eq!(ended(late).await, kind, "{text}");
        // The one connection is in there still, or another is being made.
        assert_eq!(ended(notes.count(&short(), &Filter::all())).await, ErrorKind::DeadlineExceeded, "{text}");
        assert_eq!(ended(notes.create(&short(), &note("gone"))).await, ErrorKind::DeadlineExceeded, "{text}");
        let accepted = place.proxy.accepted();
        place.proxy.go_on();
        place.works(&["before"]).await;
        assert!(place.proxy.accepted() > accepted, "{text}");
        place.proxy.has_open(1).await;
    }
}

/// A statement without a deadline that is dropped in a black hole does not take its place in the pool along: a connection that says nothing
/// when it is given back is closed.
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

/// When the connection is reset in the middle of an answer, what was read until then is not taken for all of it: a stream and a list end in an
/// error, and the next statement has another connection.
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

/// When an answer comes in drips, the call ends at its deadline, and its connection is closed and not used again: the rest of the answer would
/// be taken for the next one.
#[tokio::test]
async fn an_answer_in_drips_is_left_at_the_deadline() {
    if is_skipped() {
        return;
    }
    let place = &Place::new().await;
    let long = note(&"long".repeat(10_000));
    place.notes.create(&Cx::new(), &long).await.unwrap();
    for is_together in [false, true] {
        let accepted = place.proxy.accepted();
        place.proxy.at(r#"SELECT "note""#, Fault::SlowAnswer(Duration::from_millis(100)));
        let notes = &place.notes;
        let late = async {
            match is_together {
                false => notes.all(&short()).await,
                true => place.store.tx(&short(), |cx| async move { notes.all(&cx).await }).await,
            }
        };
        assert_eq!(ended(late).await, ErrorKind::DeadlineExceeded);
        assert_eq!(notes.find(&Cx::new(), &long.id).await.unwrap().as_ref(), Some(&long));
        assert!(place.proxy.accepted() > accepted);
        place.proxy.has_open(1).await;
    }
    let deleted = larder::Deleter::delete(&*place.notes, &Cx::new(), &long.id).await;
    assert!(deleted.unwrap());
    place.works(&[]).await;
}
