//! Runtimes that are shut down while streams, transactions and waiting writers of a store are open.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::StreamExt as _;
use larder::{Cx, OpenOptions, Query, Store, Transactional as _, TxOptions};
use tokio::{
    runtime::{Builder, Runtime},
    sync::Notify,
};

use crate::{
    places::Place,
    support::{backend::Fixture, entities::note, note},
};

/// How a runtime ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Dropped,
    InBackground,
    /// By a task of another runtime.
    Elsewhere,
    /// Two guards hold the last handles to it.
    InsideOfItself,
    /// What is held is given to a task of it when it has ended already.
    BeforeATask,
}

const ENDS: [End; 5] = [End::Dropped, End::InBackground, End::Elsewhere, End::InsideOfItself, End::BeforeATask];

fn runtime(threads: usize) -> Runtime {
    let mut builder = if threads == 0 { Builder::new_current_thread() } else { Builder::new_multi_thread() };
    builder.worker_threads(threads.max(1)).enable_all().build().unwrap()
}

/// What is held open while the runtime ends: dropped in this order, after it or with it.
type Held = Vec<Box<dyn Any + Send>>;

impl End {
    /// Ends a runtime while something is held.
    fn of(self, inner: Runtime, outer: &Runtime, held: &mut Held) {
        match self {
            End::Dropped => drop(inner),
            End::InBackground => inner.shutdown_background(),
            End::Elsewhere => outer.block_on(async { inner.shutdown_background() }),
            End::InsideOfItself => {
                let handle = inner.handle().clone();
                let first = outer.enter();
                let second = handle.enter();
                inner.shutdown_background();
                drop(second);
                drop(first);
            }
            End::BeforeATask => {
                let handle = inner.handle().clone();
                let _inside = handle.enter();
                inner.shutdown_background();
                let held = std::mem::take(held);
                drop(tokio::spawn(async move { drop(held) }));
            }
        }
    }
}

/// Opens streams, a transaction, and writers that wait for it.
async fn open(store: &Store, is_kept: bool) -> Held {
    let notes = store.repository::<note::Entity>();
    let mut held: Held = Vec::new();
    let mut stream = notes.stream(&Cx::new(), &Query::new()).await.unwrap();
    assert!(stream.next().await.unwrap().is_ok());
    let reached = Arc::new(Notify::new());
    let (signal, reading) = (reached.clone(), notes.clone());
    // One that belongs to a task of the runtime.
    drop(tokio::spawn(async move {
        let mut stream = reading.stream(&Cx::new(), &Query::new()).await.unwrap();
        assert!(stream.next().await.unwrap().is_ok());
        signal.notify_one();
        std::future::pending::<()>().await;
    }));
    reached.notified().await;
    let cx = store.begin(&Cx::new(), TxOptions::new()).await.unwrap();
    notes.create(&cx, &note("undone")).await.unwrap();
    for _ in 0..2 {
        let writing = notes.clone();
        drop(tokio::spawn(async move { writing.create(&Cx::new(), &note("waits")).await }));
    }
    tokio::time::sleep(Duration::from_millis(30)).await;
    if is_kept {
        held.push(Box::new(stream));
        held.push(Box::new(cx));
    } else {
        drop(tokio::spawn(async move {
            std::future::pending::<()>().await;
            drop((stream, cx));
        }));
        tokio::task::yield_now().await;
    }
    held
}

/// What threads of the process panicked with meanwhile.
fn panics(work: impl FnOnce()) -> Vec<String> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let told = Arc::new(Mutex::new(Vec::new()));
    let (hook, telling) = (std::panic::take_hook(), told.clone());
    std::panic::set_hook(Box::new(move |panic| telling.lock().unwrap().push(panic.to_string())));
    let outcome = catch_unwind(AssertUnwindSafe(work));
    std::panic::set_hook(hook);
    let mut told = std::mem::take(&mut *told.lock().unwrap());
    // Tests beside this one panic on purpose.
    told.retain(|panic| !panic.contains("as the test wants it"));
    if outcome.is_err() && told.is_empty() {
        told.push("a panic without words".to_owned());
    }
    told
}

fn ends_without_a_panic(place: Place) {
    if place.is_skipped() {
        return;
    }
    let outer = runtime(1);
    #[cfg(feature = "postgres")]
    let _server = (place == Place::Postgres).then(|| outer.block_on(crate::support::postgres::TestDatabase::empty()));
    for (threads, end, is_kept) in
        [0, 2].into_iter().flat_map(|n| ENDS.into_iter().flat_map(move |end| [(n, end, true), (n, end, false)]))
    {
        let told = panics(|| {
            let inner = runtime(threads);
            let options = || OpenOptions::new().acquire_timeout(Duration::from_secs(5));
            let (fixture, mut held) = inner.block_on(async {
                let fixture = place.open_with(6, options()).await;
                let notes: Vec<_> = (0..3_000).map(|i| note(&i.to_string())).collect();
                fixture.store.repository::<note::Entity>().create_batch(&Cx::new(), &notes).await.unwrap();
                let held = open(&fixture.store, is_kept).await;
                (fixture, held)
            });
            let Fixture { store, guard } = fixture;
            end.of(inner, &outer, &mut held);
            // Outside of any runtime.
            drop(held);
            drop(store);
            drop(guard);
        });
        assert!(told.is_empty(), "{threads} threads, {end:?}, {is_kept}: {told:#?}");
    }
}

#[test]
fn on_memory() {
    ends_without_a_panic(Place::Memory);
}

#[cfg(feature = "sqlite")]
#[test]
fn on_sqlite() {
    ends_without_a_panic(Place::Sqlite);
}

#[cfg(feature = "duckdb-linked")]
#[test]
fn on_duckdb() {
    ends_without_a_panic(Place::DuckDb);
}

#[cfg(feature = "postgres")]
#[test]
fn on_postgres() {
    ends_without_a_panic(Place::Postgres);
}
