//! Futures that nobody polls while others need what they wait for, or what they have used, such as the writes of a
//! `buffer_unordered` whose loop writes as well.

use std::time::Duration;

use futures::{FutureExt as _, StreamExt as _, future::BoxFuture, stream};
use larder::{Cx, Filter, OpenOptions, Store, Transactional as _, TransactionalExt as _, TxOptions};
#[cfg(feature = "sqlite")]
use larder::{Durability, ReaderExt as _};

use crate::{
    places::Place,
    support::{Notes, entities::note, note},
};

const CONNECTIONS: u32 = 3;

fn options() -> OpenOptions {
    OpenOptions::new().acquire_timeout(Duration::from_secs(3))
}

/// Polls some futures until one that is ready at once is, and then only after each thing that the loop does.
async fn loop_with(buffered: Vec<BoxFuture<'_, ()>>, mut body: impl AsyncFnMut()) {
    let count = buffered.len() + 1;
    let ready = std::iter::once(std::future::ready(()).boxed());
    let mut buffered = stream::iter(buffered.into_iter().chain(ready)).buffer_unordered(count);
    while let Some(()) = buffered.next().await {
        body().await;
    }
}

/// The ways to write one model.
fn writes<'a>(store: &'a Store, notes: &'a Notes) -> Vec<BoxFuture<'a, ()>> {
    let in_time = async || {
        let cx = Cx::new().with_timeout(Duration::from_secs(60));
        notes.create(&cx, &note("in time")).await.map(drop)
    };
    vec![
        async { notes.create(&Cx::new(), &note("alone")).await.map(drop).unwrap() }.boxed(),
        async { store.tx(&Cx::new(), async |cx| notes.create(&cx, &note("together")).await.map(drop)).await.unwrap() }.boxed(),
        async move { in_time().await.unwrap() }.boxed(),
    ]
}

async fn waiters_are_passed_over(place: Place) {
    let fixture = place.open_with(CONNECTIONS, options()).await;
    let (store, notes) = (&fixture.store, &fixture.store.repository::<note::Entity>());
    let held = store.begin(&Cx::new(), TxOptions::new()).await.unwrap();
    let holding = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(100)).await;
        held.commit().await.unwrap();
    });
    let body = async || {
        notes.create(&Cx::new(), &note("of the loop")).await.unwrap();
        store.tx(&Cx::new(), async |cx| notes.create(&cx, &note("of the loop")).await.map(drop)).await.unwrap();
    };
    loop_with(writes(store, notes), body).await;
    holding.await.unwrap();
    assert_eq!(notes.count(&Cx::new(), &Filter::all()).await.unwrap(), 3 + 2 * 4);
}

#[tokio::test]
async fn memory_passes_over_waiters() {
    waiters_are_passed_over(Place::Memory).await;
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn sqlite_passes_over_waiters() {
    waiters_are_passed_over(Place::Sqlite).await;
}

/// What has been done holds nothing, although nobody has asked for the answer yet: neither a write, nor a transaction whose
/// commit waited for the disk.
#[cfg(feature = "sqlite")]
#[tokio::test]
async fn what_is_done_holds_no_turn() {
    for durability in [Durability::Process, Durability::Power] {
        for nth in 0..3 {
            let fixture = Place::Sqlite.open_with(CONNECTIONS, options()).await;
            // The first commit of another store begins the log.
            let (_, url) = fixture.guard.downcast_ref::<(tempfile::TempDir, String)>().unwrap();
            fixture.store.close().await;
            let store = &options().max_connections(CONNECTIONS).durability(durability).open(url).await.unwrap();
            let notes = &store.repository::<note::Entity>();
            let buffered = writes(store, notes).swap_remove(nth);
            loop_with(vec![buffered], async || drop(notes.create(&Cx::new(), &note("of the loop")).await.unwrap())).await;
            assert_eq!(notes.count(&Cx::new(), &Filter::all()).await.unwrap(), 3, "{durability:?}, {nth}");
        }
    }
}

/// Reads that took long hold no connection.
#[cfg(feature = "sqlite")]
#[tokio::test]
async fn what_is_read_holds_no_connection() {
    let fixture = Place::Sqlite.open_with(CONNECTIONS, options()).await;
    let notes = &fixture.store.repository::<note::Entity>();
    let many: Vec<_> = (0..5_000).map(|nth| note(&nth.to_string())).collect();
    notes.create_batch(&Cx::new(), &many).await.unwrap();
    // The forms of the values are looked for once.
    notes.all(&Cx::new()).await.unwrap();
    let mut reads: Vec<BoxFuture<'_, ()>> = Vec::new();
    for _ in 0..2 * CONNECTIONS {
        reads.push(async { assert!(notes.all(&Cx::new()).await.unwrap().len() >= 5_000) }.boxed());
    }
    let body = async || {
        notes.create(&Cx::new(), &note("of the loop")).await.unwrap();
        notes.count(&Cx::new(), &Filter::all()).await.unwrap();
    };
    loop_with(reads, body).await;
}
