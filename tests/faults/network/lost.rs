//! Connections that are cut while something is on its way.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use larder::{Changes, Cx, DeleterExt as _, Error, ErrorKind, Filter, Result, TransactionalExt as _, field};

use super::{
    Place,
    proxy::{COPIED, Fault},
};
use crate::support::{
    entities::note,
    note,
    postgres::{TestDatabase, is_skipped},
};

/// How often a transaction did what.
#[derive(Clone, Default)]
struct Counts {
    runs: Arc<AtomicU32>,
    hooks: Arc<AtomicU32>,
}

impl Counts {
    fn so_far(&self) -> (u32, u32) {
        (self.runs.load(Ordering::SeqCst), self.hooks.load(Ordering::SeqCst))
    }
}

/// Stores a note in a transaction that counts.
async fn transact(place: &Place, body: &str, counts: &Counts) -> Result<()> {
    let notes = &place.notes;
    let tx = place.store.tx(&Cx::new(), |cx| async move {
        counts.runs.fetch_add(1, Ordering::SeqCst);
        let hooks = counts.hooks.clone();
        cx.on_commit(move || {
            hooks.fetch_add(1, Ordering::SeqCst);
        })?;
        notes.create(&cx, &note(body)).await.map(drop)
    });
    tx.await
}

/// A transaction whose beginning is not answered, once or always, has not begun, and its closure does not run: the connection is
/// closed.
#[tokio::test]
async fn a_transaction_whose_beginning_is_lost_has_not_begun() {
    if is_skipped() {
        return;
    }
    let _server = TestDatabase::empty().await;
    for fault in [Fault::CutMessage(0), Fault::CutAnswer(0)] {
        let (place, counts) = (&Place::new().await, Counts::default());
        place.proxy.at("BEGIN", fault);
        assert_eq!(transact(place, "gone", &counts).await.unwrap_err().kind(), ErrorKind::Connection);
        place.works(&[]).await;

        let accepted = place.proxy.accepted();
        place.proxy.at_each("BEGIN", fault);
        for _ in 0..3 {
            assert_eq!(transact(place, "gone", &counts).await.unwrap_err().kind(), ErrorKind::Connection);
        }
        // The first is the one that there was.
        assert_eq!((place.proxy.accepted(), counts.so_far()), (accepted + 2, (0, 0)), "{fault:?}");
        place.proxy.go_on();
        transact(place, "goes on", &counts).await.unwrap();
        assert_eq!(counts.so_far(), (1, 1));
    }
}

/// When the answer to a commit is lost, once or always, nobody can tell whether it took effect: the error says so, and the
/// closure, which has taken effect here, is not run again.
#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_not_done_again() {
    if is_skipped() {
        return;
    }
    let (place, counts) = (&Place::new().await, Counts::default());
    place.proxy.at("COMMIT", Fault::CutAnswer(0));
    let error = transact(place, "once", &counts).await.unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::CommitUnknown, false));
    assert_eq!(counts.so_far(), (1, 0));
    place.works(&["once"]).await;

    place.proxy.at_each("COMMIT", Fault::CutAnswer(0));
    for _ in 0..3 {
        assert_eq!(transact(place, "on", &counts).await.unwrap_err().kind(), ErrorKind::CommitUnknown);
    }
    place.proxy.go_on();
    assert_eq!(counts.so_far(), (4, 0));
    assert_eq!(place.stored().await, ["next", "next, together", "on", "on", "on", "once"]);
    place.until_no_transaction_is_open().await;
}

/// A commit that does not come to the server, or not as a whole, stores nothing. Whether it came cannot be told on this side, and
/// so the error is the same, and the closure is not run again.
#[tokio::test]
async fn a_commit_that_may_have_been_sent_is_not_done_again() {
    if is_skipped() {
        return;
    }
    let (place, counts) = (&Place::new().await, Counts::default());
    for (round, bytes) in (1..).zip([0, 3, "Q1234COMMIT".len()]) {
        place.proxy.at("COMMIT", Fault::CutMessage(bytes));
        let error = transact(place, "gone", &counts).await.unwrap_err();
        assert_eq!((error.kind(), counts.so_far()), (ErrorKind::CommitUnknown, (round, 0)), "{bytes} bytes");
    }
    place.works(&[]).await;
}

/// Inside a transaction nothing takes effect before the commit: whatever is cut before, also while a nested part begins or ends,
/// is a lost connection and not an unknown outcome.
#[tokio::test]
async fn what_is_cut_before_the_commit_is_known_to_be_undone() {
    if is_skipped() {
        return;
    }
    let place = &Place::new().await;
    let notes = &place.notes;
    for fault in [Fault::CutMessage(0), Fault::CutAnswer(0)] {
        for text in ["INSERT", "SAVEPOINT", "RELEASE"] {
            place.proxy.at(text, fault);
            let tx = place.store.tx(&Cx::new(), |cx| async move {
                notes.create(&cx, &note("outer")).await?;
                notes.tx(&cx, |cx| async move { notes.create(&cx, &note("inner")).await.map(drop) }).await
            });
            let error: Error = tx.await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Connection, "{text} {fault:?}");
        }
        // Nor is it hidden by a closure that does not look, or by a rollback that fails after it.
        place.proxy.at("INSERT", fault);
        let tx = place.store.tx(&Cx::new(), |cx| async move {
            let _ignored = notes.create(&cx, &note("gone")).await;
            Ok::<_, Error>(())
        });
        assert_eq!(tx.await.unwrap_err().kind(), ErrorKind::TransactionAborted, "{fault:?}");
        place.proxy.at("ROLLBACK", fault);
        let tx = place.store.tx(&Cx::new(), |cx| async move {
            notes.create(&cx, &note("gone")).await?;
            Err::<(), _>(Error::new(ErrorKind::InvalidInput, "changed my mind"))
        });
        assert_eq!(tx.await.unwrap_err().kind(), ErrorKind::InvalidInput, "{fault:?}");
    }
    place.works(&[]).await;
}

/// A write outside a transaction commits by itself: when its answer is lost, it may have been stored, and is not called a
/// failure. What is read, is read again.
#[tokio::test]
async fn a_lost_answer_to_a_write_is_not_called_a_failure() {
    if is_skipped() {
        return;
    }
    let place = &Place::new().await;
    let (cx, notes) = (&Cx::new(), &place.notes);
    let stored = notes.create(cx, &note("stored")).await.unwrap();
    for (fault, is_done) in [(Fault::CutMessage(0), false), (Fault::CutAnswer(0), true)] {
        let body = || if is_done { "changed" } else { "stored" };
        let kind = |error: Error| error.kind();
        place.proxy.at("INSERT", fault);
        assert_eq!(notes.create(cx, &note("new")).await.map_err(kind), Err(ErrorKind::CommitUnknown));
        assert_eq!(place.stored().await.contains(&"new".to_owned()), is_done);
        place.proxy.at("UPDATE", fault);
        let changes = Changes::new().set(note::COLUMN.body, "changed");
        let mine = field(note::COLUMN.id).equals(stored.id);
        assert_eq!(notes.update_where(cx, &mine, &changes).await.map_err(kind), Err(ErrorKind::CommitUnknown));
        assert!(place.stored().await.contains(&body().to_owned()));
        place.proxy.at("SELECT", fault);
        assert_eq!(notes.find(cx, &stored.id).await.map_err(kind), Err(ErrorKind::Connection));
        assert_eq!(notes.find(cx, &stored.id).await.unwrap().unwrap().body, body());
        place.proxy.at("DELETE", fault);
        assert_eq!(notes.delete(cx, &stored.id).await.map_err(kind), Err(ErrorKind::CommitUnknown));
        assert_eq!(place.stored().await.contains(&body().to_owned()), !is_done);
    }
    notes.delete_all(cx).await.unwrap();
    place.works(&[]).await;
}

/// A batch takes effect with its own commit: cut before, none of it is stored and that is known; cut there, all of it is or none,
/// and which of the two is not.
#[tokio::test]
async fn a_batch_that_is_cut_is_whole_or_not_there() {
    if is_skipped() {
        return;
    }
    let place = &Place::new().await;
    let many: Vec<_> = (0..1_000).map(|i| note(&i.to_string())).collect();
    for (text, fault, kind, count) in [
        ("COPY", Fault::CutMessage(0), ErrorKind::Connection, 0),
        (COPIED, Fault::CutMessage(0), ErrorKind::Connection, 0),
        (COPIED, Fault::CutAnswer(0), ErrorKind::Connection, 0),
        ("COMMIT", Fault::CutMessage(0), ErrorKind::CommitUnknown, 0),
        ("COMMIT", Fault::CutAnswer(0), ErrorKind::CommitUnknown, 1_000),
    ] {
        place.proxy.at(text, fault);
        assert_eq!(place.notes.create_batch(&Cx::new(), &many).await.unwrap_err().kind(), kind, "{text} {fault:?}");
        assert_eq!(place.stored().await.len(), count, "{text} {fault:?}");
    }
    assert_eq!(place.notes.count(&Cx::new(), &Filter::all()).await.unwrap(), 1_000);
}
