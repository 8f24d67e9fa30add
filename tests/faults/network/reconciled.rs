//! Outcomes that were lost, and found out.

use larder::{Cx, ErrorKind, Result, SqlText, Transactional as _, TransactionalExt as _, TxOptions};

use super::{Place, proxy::Fault};
use crate::support::{entities::note, note, postgres::is_skipped};

const KEY: &str = "order 4711";

/// Stores a note in a transaction with a key.
async fn order(place: &Place) -> Result<note::Model> {
    let notes = &place.notes;
    let cx = Cx::new().with_idempotency_key(KEY);
    place.store.tx(&cx, |cx| async move { notes.create(&cx, &note("ordered")).await }).await
}

/// After an unknown outcome the store knows, by the key that was written with everything else, whether the transaction committed;
/// and run again with the same key it is done once.
#[tokio::test]
async fn a_lost_outcome_is_found_out_by_its_key() {
    if is_skipped() {
        return;
    }
    for (fault, committed) in [(Fault::CutAnswer(0), true), (Fault::CutMessage(0), false), (Fault::CutMessage(3), false)] {
        let place = &Place::new().await;
        place.proxy.at("COMMIT", fault);
        assert_eq!(order(place).await.unwrap_err().kind(), ErrorKind::CommitUnknown);
        assert_eq!(place.store.has_committed(&Cx::new(), KEY).await.unwrap(), committed, "{fault:?}");
        let again = order(place).await.map(drop).map_err(|error| error.kind());
        assert_eq!(again, if committed { Err(ErrorKind::Duplicate) } else { Ok(()) }, "{fault:?}");
        assert_eq!(place.stored().await, ["ordered"]);
    }
}

/// The same of a write outside any transaction.
#[tokio::test]
async fn the_lost_outcome_of_a_write_is_found_out_by_its_key() {
    if is_skipped() {
        return;
    }
    let place = &Place::new().await;
    let cx = Cx::new().with_idempotency_key(KEY);
    place.proxy.at("COMMIT", Fault::CutAnswer(0));
    assert_eq!(place.notes.create(&cx, &note("ordered")).await.unwrap_err().kind(), ErrorKind::CommitUnknown);
    assert!(place.store.has_committed(&Cx::new(), KEY).await.unwrap());
    assert_eq!(place.notes.create(&cx, &note("ordered")).await.unwrap_err().kind(), ErrorKind::Duplicate);
    assert_eq!(place.stored().await, ["ordered"]);
}

/// A commit that the server is still at, although its client is gone, is waited for: the answer is not "no" now and "yes" later.
/// Whoever asks wants to write the same key, and the server makes them wait.
#[tokio::test]
async fn a_commit_that_is_still_on_its_way_is_waited_for() {
    if is_skipped() {
        return;
    }
    let place = &Place::new().await;
    // Checked at the commit, which waits for whoever holds the lock.
    let wait = "BEGIN PERFORM pg_advisory_xact_lock(7); RETURN NULL; END";
    place.observe(format!("CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $${wait}$$")).await;
    let late = "AFTER INSERT ON note DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait()";
    place.observe(format!("CREATE CONSTRAINT TRIGGER late {late}")).await;
    let holder = larder::open(&place.database.url()).await.unwrap();
    let lock = holder.begin(&Cx::new(), TxOptions::new()).await.unwrap();
    holder.sql().unwrap().query_as::<String>(&lock, &SqlText::new("SELECT pg_advisory_xact_lock(7)::text")).await.unwrap();

    place.proxy.at("COMMIT", Fault::CutMessage("Q1234COMMIT0".len()));
    assert_eq!(order(place).await.unwrap_err().kind(), ErrorKind::CommitUnknown);
    let asked = tokio::spawn({
        let store = place.store.clone();
        async move { store.has_committed(&Cx::new(), KEY).await }
    });
    place.until_sessions("wait_event_type = 'Lock'", 2).await;
    assert!(!asked.is_finished());
    lock.rollback().await.unwrap();
    assert!(asked.await.unwrap().unwrap());
    assert_eq!(place.stored().await, ["ordered"]);
}
