//! Servers that die behind a pooler.

use larder::{Cx, ErrorKind, ReaderExt as _, SqlText, Store, TransactionalExt as _};

use super::started;
use crate::{
    network::{BOUND, replica::wait_for_nobody, until},
    support::{
        entities::note,
        note,
        postgres::{OwnServer, is_skipped},
    },
};

async fn run(store: &Store, text: &str) {
    store.sql().unwrap().execute(&Cx::new(), &SqlText::new(text)).await.unwrap();
}

/// The id of the server's checkpoint process, which changes when the server recovers from a killed process. `None` while the
/// server cannot be asked.
async fn checkpointer(store: &Store) -> Option<i32> {
    let query = SqlText::new("SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'");
    store.sql().unwrap().query_as(&Cx::new(), &query).await.ok()?.pop()
}

const STORED: &str = "wait_event = 'SyncRep'";
const NOT_STORED: &str = "wait_event = 'PgSleep'";

/// Kills the process of the server that waits for this, once there is one.
async fn kill_waiting(observer: &Store, waits: &str) {
    let waiting = &format!("SELECT count(*) FROM pg_stat_activity WHERE {waits}");
    until(|| async {
        let counts: Vec<i64> = observer.sql().unwrap().query_as(&Cx::new(), &SqlText::new(waiting)).await.unwrap();
        counts == [1]
    })
    .await;
    // The others end with it, also the one that asks for it.
    let kill = format!("COPY (SELECT pid FROM pg_stat_activity WHERE {waits}) TO PROGRAM 'read pid; kill -9 $pid'");
    drop(observer.sql().unwrap().execute(&Cx::new(), &SqlText::new(kill)).await);
}

/// Its process is killed in the middle of a commit, or of a write by itself, that it had stored or not: each time that is
/// `CommitUnknown`. The commit waits for a trigger, or for a standby that is not there.
#[tokio::test]
async fn a_commit_whose_server_dies_is_unknown() {
    if is_skipped() {
        return;
    }
    let Some(server) = OwnServer::started().await else { return };
    let database = &server.database().await;
    let pooler = started(&database.url(), &["pool_mode = session"]).await;
    let store = &larder::open(&pooler.url(&database.url())).await.unwrap();
    let observer = &larder::open(&database.url()).await.unwrap();
    let notes = &store.repository::<note::Entity>();
    let function = "CREATE FUNCTION sleep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(60); RETURN NULL; END'";
    run(observer, function).await;
    let trigger =
        "CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON note DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION sleep()";
    run(observer, trigger).await;
    for (waits, is_alone) in [(NOT_STORED, false), (NOT_STORED, true), (STORED, false), (STORED, true)] {
        if waits == STORED && !is_alone {
            run(observer, "DROP TRIGGER slow ON note").await;
            wait_for_nobody(observer).await;
        }
        let before = checkpointer(observer).await.unwrap();
        let write = async {
            if is_alone {
                return notes.create(&Cx::new(), &note("n")).await.map(drop);
            }
            store.tx(&Cx::new(), |cx| async move { notes.create(&cx, &note("n")).await.map(drop) }).await
        };
        let both = async { futures::join!(write, kill_waiting(observer, waits)) };
        let (written, ()) = tokio::time::timeout(BOUND, both).await.unwrap();
        assert_eq!(written.unwrap_err().kind(), ErrorKind::CommitUnknown, "{waits}, alone: {is_alone}");
        // The server answers for a moment before it recovers, and still lists the killed process.
        until(|| async { checkpointer(observer).await.is_some_and(|pid| pid != before) }).await;
    }
    assert_eq!(observer.repository::<note::Entity>().all(&Cx::new()).await.unwrap().len(), 2);
}
