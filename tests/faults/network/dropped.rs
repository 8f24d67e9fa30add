//! Futures that are dropped while the server has something of theirs in hand.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use futures::StreamExt as _;
use larder::{Cx, Error, ErrorKind, Query, TransactionalExt as _};

use super::{
    Place,
    proxy::{COPIED, Fault},
};
use crate::support::{
    note,
    postgres::{TestDatabase, is_skipped},
};

/// The message has not come to the server yet, or its answer has not come back.
const IN_FLIGHT: [Fault; 2] = [Fault::HoldMessage, Fault::HoldAnswer];

/// A transaction that is dropped while a statement of its is in flight, the one that begins it as well, is never handed on to the
/// next user of its connection: the guard knows from before it begins that it has to be rolled back. A commit that is in flight
/// takes effect.
#[tokio::test]
async fn what_is_dropped_in_flight_is_not_handed_on() {
    if is_skipped() {
        return;
    }
    let _server = TestDatabase::empty().await;
    for fault in IN_FLIGHT {
        for (text, stored) in [("BEGIN", [].as_slice()), ("INSERT", &[]), ("ROLLBACK", &[]), ("COMMIT", &["a", "b"])] {
            let place = &Place::new().await;
            let notes = &place.notes;
            let hooks = &Arc::new(AtomicU32::new(0));
            place.proxy.at(text, fault);
            let tx = place.store.tx(&Cx::new(), |cx| async move {
                let hooks = hooks.clone();
                cx.on_commit(move || {
                    hooks.fetch_add(1, Ordering::SeqCst);
                })?;
                notes.create(&cx, &note("a")).await?;
                notes.create(&cx, &note("b")).await?;
                match text {
                    "ROLLBACK" => Err(Error::new(ErrorKind::InvalidInput, "changed my mind")),
                    _ => Ok(()),
                }
            });
            assert!(place.dropped_at_fault(1, tx).await.is_none(), "{text} {fault:?}");
            place.proxy.go_on();
            place.works(stored).await;
            assert_eq!(hooks.load(Ordering::SeqCst), 0, "{text} {fault:?}");
        }
    }
}

/// A nested transaction that is dropped while its savepoint is set or released fails the outer one as a whole; one that is
/// dropped while it is rolled back is rolled back again, and the outer one goes on. Never is a half of it stored: what was given
/// up in flight is remembered.
#[tokio::test]
async fn a_nested_part_dropped_in_flight_leaves_no_half() {
    if is_skipped() {
        return;
    }
    let _server = TestDatabase::empty().await;
    for fault in IN_FLIGHT {
        for text in ["SAVEPOINT", "RELEASE", "ROLLBACK TO"] {
            let place = &Place::new().await;
            let notes = &place.notes;
            place.proxy.at(text, fault);
            let outcome = place.store.tx(&Cx::new(), |cx| async move {
                notes.create(&cx, &note("outer")).await?;
                let inner = notes.tx(&cx, |cx| async move {
                    notes.create(&cx, &note("inner")).await?;
                    match text {
                        "ROLLBACK TO" => Err(Error::new(ErrorKind::InvalidInput, "changed my mind")),
                        _ => Ok(()),
                    }
                });
                assert!(place.dropped_at_fault(1, inner).await.is_none(), "{text} {fault:?}");
                place.proxy.go_on();
                notes.create(&cx, &note("outer, later")).await.map(drop)
            });
            match (text, outcome.await) {
                ("ROLLBACK TO", Ok(())) => place.works(&["outer", "outer, later"]).await,
                ("SAVEPOINT" | "RELEASE", Err(error)) if error.kind() == ErrorKind::TransactionAborted => place.works(&[]).await,
                (_, outcome) => panic!("{text} {fault:?}: {outcome:?}"),
            }
        }
    }
}

/// A stream that is dropped while it is begun or read leaves no transaction on its connection, which could only read: the guard
/// rolls back.
#[tokio::test]
async fn a_stream_dropped_in_flight_leaves_no_transaction() {
    if is_skipped() {
        return;
    }
    let _server = TestDatabase::empty().await;
    for fault in IN_FLIGHT {
        for text in ["BEGIN", "DECLARE", "FETCH"] {
            let place = &Place::new().await;
            place.notes.create(&Cx::new(), &note("there")).await.unwrap();
            place.proxy.at(text, fault);
            let read = async {
                let mut stream = place.notes.stream(&Cx::new(), &Query::new()).await?;
                // Its rows are there before it is asked whether there are more.
                while stream.next().await.transpose()?.is_some() {}
                Ok::<_, Error>(())
            };
            assert!(place.dropped_at_fault(1, read).await.is_none(), "{text} {fault:?}");
            place.proxy.go_on();
            place.works(&["there"]).await;
        }
    }
}

/// A write by itself that is dropped in flight takes effect as a whole, and its answer is not taken for the next statement's: the
/// connection is read empty before it is used again. A batch that is dropped on its way takes no effect: its connection is
/// closed.
#[tokio::test]
async fn a_write_dropped_in_flight_is_whole() {
    if is_skipped() {
        return;
    }
    let _server = TestDatabase::empty().await;
    for fault in IN_FLIGHT {
        let place = &Place::new().await;
        place.proxy.at("INSERT", fault);
        let written = [note("a"), note("b")];
        assert!(place.dropped_at_fault(1, place.notes.create_many(&Cx::new(), &written)).await.is_none());
        place.proxy.go_on();
        place.works(&["a", "b"]).await;
    }
    for (text, fault) in [("COPY", Fault::HoldMessage), (COPIED, Fault::HoldMessage), (COPIED, Fault::HoldAnswer)] {
        let place = &Place::new().await;
        place.proxy.at(text, fault);
        let many: Vec<_> = (0..1_000).map(|i| note(&i.to_string())).collect();
        assert!(place.dropped_at_fault(1, place.notes.create_batch(&Cx::new(), &many)).await.is_none());
        place.proxy.go_on();
        place.works(&[]).await;
    }
}
