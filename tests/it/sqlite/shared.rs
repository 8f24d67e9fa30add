//! Databases in memory whose connections share a cache, and with it a lock inside SQLite that a statement holds for as long as it
//! runs.

use std::{future::Future, time::Duration};

use futures::future::BoxFuture;
use larder::{Cx, Filter, OpenOptions, Result, SqlText, Store, Transactional as _, TransactionalExt as _, TxOptions};
use tokio::time::timeout;

use crate::support::{create_tables, entities::note, note};

/// Some seconds, if nobody stops it.
const LONG: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 30000000) \
                    SELECT count(*) FROM n, note WHERE length(note.body) <> i";

fn options() -> OpenOptions {
    OpenOptions::new().max_connections(16).acquire_timeout(Duration::from_secs(20))
}

fn boxed<'a, T>(call: impl Future<Output = Result<T>> + Send + 'a) -> BoxFuture<'a, bool> {
    Box::pin(async move { call.await.is_ok() })
}

/// Beside a long statement of a store, other calls on the same data wait, but not on the thread of the runtime.
async fn others_wait_elsewhere(busy: Store, store: Store) {
    let notes = store.repository::<note::Entity>();
    let (cx, limited) = (Cx::new(), Cx::new().with_timeout(Duration::from_millis(50)));
    let first = notes.create(&cx, &note("first")).await.unwrap();
    let read_only = TxOptions::new().read_only();
    let running = || {
        let busy = busy.clone();
        tokio::spawn(async move { busy.sql().unwrap().query_as::<(i64,)>(&Cx::new(), &SqlText::new(LONG)).await })
    };
    let long = running();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let (second, everything) = (note("second"), Filter::all());
    let calls = [
        boxed(notes.find(&cx, &first.id)),
        boxed(notes.find(&limited, &first.id)),
        boxed(notes.create(&cx, &second)),
        boxed(notes.count(&cx, &everything)),
        boxed(store.tx_with(&cx, read_only, async |cx| notes.find(&cx, &first.id).await)),
        boxed(store.begin(&cx, TxOptions::new())),
    ];
    for call in calls {
        drop(timeout(Duration::from_millis(50), call).await);
        // A statement that has ended meanwhile is known to have ended only when its task has had a turn.
        tokio::time::sleep(Duration::from_millis(5)).await;
        assert!(!long.is_finished(), "a call waited on the thread of the runtime");
    }
    long.abort();
    assert!(long.await.is_err());
    assert!(notes.find(&cx, &first.id).await.unwrap().is_some());
    notes.create(&cx, &note("afterwards")).await.unwrap();
}

#[tokio::test]
async fn connections_of_one_store_wait_elsewhere() {
    let store = options().open("sqlite::memory:").await.unwrap();
    create_tables(&store).await;
    others_wait_elsewhere(store.clone(), store).await;
}

#[tokio::test]
async fn stores_of_one_cache_wait_elsewhere() {
    let url = "sqlite:file:stores_of_one_cache?mode=memory&cache=shared";
    let busy = OpenOptions::new().open(url).await.unwrap();
    create_tables(&busy).await;
    others_wait_elsewhere(busy, options().open(url).await.unwrap()).await;
}
