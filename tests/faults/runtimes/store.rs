//! Stores that are used from several runtimes, of which one has ended or is blocked. What a store does in the background, and
//! what one caller does for others, does not depend on the runtime that it was begun in.

use std::time::Duration;
#[cfg(feature = "sqlite")]
use std::{path::Path, pin::pin, sync::mpsc, task::Poll};

#[cfg(feature = "sqlite")]
use futures::poll;
use futures::{StreamExt as _, stream};
use larder::{Cx, Dialect, Filter, OpenOptions, SqlText, TransactionalExt as _};
#[cfg(feature = "sqlite")]
use larder::{Durability, ReaderExt as _, Transactional as _, TxOptions};
use tokio::runtime::{Builder, Runtime};

use crate::{
    places::Place,
    support::{backend::Fixture, entities::note, note},
};

/// How many writes there are in the second runtime.
const WRITES: usize = 10_000;
const ON_SQLITE: usize = 200_000;

/// How long the log of SQLite may become.
#[cfg(feature = "sqlite")]
const LOG: u64 = 64 << 20;

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn options() -> OpenOptions {
    OpenOptions::new().acquire_timeout(Duration::from_secs(5))
}

/// Opens a store, and writes so much at once that the log of SQLite has to be moved.
async fn opened(place: Place) -> Fixture {
    let fixture = place.open_with(4, options()).await;
    let notes = fixture.store.repository::<note::Entity>();
    let first: Vec<_> = (0..2_000).map(|_| note(&"x".repeat(4_000))).collect();
    notes.create_batch(&Cx::new(), &first).await.unwrap();
    fixture
}

/// Writes some models by themselves, by several tasks at once and in every way there is, and then the others many at a time.
/// Nobody is told of an error.
async fn write(fixture: &Fixture, count: usize) {
    const ALONE: usize = 2_000;
    const AT_ONCE: usize = 1_000;
    let store = &fixture.store;
    let notes = &store.repository::<note::Entity>();
    let long = "x".repeat(400);
    let alone = stream::iter(0..ALONE).map(|nth| {
        let note = note(&format!("{nth} {long}"));
        async move {
            match nth % 4 {
                0 => store.tx(&Cx::new(), async |cx| notes.create(&cx, &note).await.map(drop)).await.unwrap(),
                1 => notes.create_many(&Cx::new(), &[note]).await.map(drop).unwrap(),
                _ => notes.create(&Cx::new(), &note).await.map(drop).unwrap(),
            }
        }
    });
    alone.buffer_unordered(8).collect::<Vec<()>>().await;
    for nth in 0..(count - ALONE) / AT_ONCE {
        if store.sql().is_ok_and(|sql| sql.dialect() == Dialect::Sqlite) {
            // In the order of their ids, so that the test takes seconds.
            let many = "INSERT INTO note WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT $1) \
                        SELECT unhex(printf('%032x', $2 + i)), $3 FROM n";
            let many = SqlText::new(many).bind(AT_ONCE as i64).bind((nth * AT_ONCE) as i64).bind(long.clone());
            assert_eq!(store.sql().unwrap().execute(&Cx::new(), &many).await.unwrap(), AT_ONCE as u64);
        } else {
            let many: Vec<_> = (0..AT_ONCE).map(|_| note(&long)).collect();
            notes.create_batch(&Cx::new(), &many).await.unwrap();
        }
    }
}

/// How long the log of SQLite is.
#[cfg(feature = "sqlite")]
fn log_of(fixture: &Fixture) -> u64 {
    let (_, url) = fixture.guard.downcast_ref::<(tempfile::TempDir, String)>().unwrap();
    let log = format!("{}-wal", url.strip_prefix("sqlite:").unwrap());
    Path::new(&log).metadata().map_or(0, |file| file.len())
}

fn serves_a_second_runtime(place: Place, first_ends: bool) {
    let first = runtime();
    let fixture = first.block_on(opened(place));
    let _first = if first_ends {
        drop(first);
        None
    } else {
        Some(first)
    };
    let second = runtime();
    let count = if place == Place::Sqlite { ON_SQLITE } else { WRITES };
    second.block_on(write(&fixture, count));
    #[cfg(feature = "sqlite")]
    if place == Place::Sqlite {
        let length = log_of(&fixture);
        assert!(length < LOG, "the log is {length} bytes long");
    }
    let stored = second.block_on(fixture.store.repository::<note::Entity>().count(&Cx::new(), &Filter::all())).unwrap();
    assert_eq!(stored, 2_000 + count as u64);
    second.block_on(fixture.store.close());
}

#[test]
fn memory_serves_a_second_runtime() {
    serves_a_second_runtime(Place::Memory, true);
    serves_a_second_runtime(Place::Memory, false);
}

#[cfg(feature = "sqlite")]
#[test]
fn sqlite_serves_a_second_runtime_when_the_first_has_ended() {
    serves_a_second_runtime(Place::Sqlite, true);
}

#[cfg(feature = "sqlite")]
#[test]
fn sqlite_serves_a_second_runtime_beside_one_that_nobody_drives() {
    serves_a_second_runtime(Place::Sqlite, false);
}

#[cfg(feature = "duckdb-linked")]
#[test]
fn duckdb_serves_a_second_runtime() {
    serves_a_second_runtime(Place::DuckDb, true);
    serves_a_second_runtime(Place::DuckDb, false);
}

/// A writer whose runtime is blocked as soon as it waits, or runs, keeps nobody else from writing.
#[cfg(feature = "sqlite")]
#[test]
fn a_blocked_runtime_leads_nobody() {
    for durability in [Durability::Process, Durability::Power] {
        for is_held in [false, true] {
            leads_nobody(durability, is_held);
        }
    }
}

#[cfg(feature = "sqlite")]
fn leads_nobody(durability: Durability, is_held: bool) {
    let (blocked, elsewhere) = (runtime(), runtime());
    let fixture = elsewhere.block_on(Place::Sqlite.open_with(4, options().durability(durability)));
    let notes = fixture.store.repository::<note::Entity>();
    let holder = is_held.then(|| elsewhere.block_on(fixture.store.begin(&Cx::new(), TxOptions::new())).unwrap());
    let (is_blocked, wait) = mpsc::channel();
    let (let_go, held_up) = mpsc::channel::<()>();
    let others = notes.clone();
    let thread = std::thread::spawn(move || {
        blocked.block_on(async {
            let cx = Cx::new();
            let first = note("first");
            let mut write = pin!(others.create(&cx, &first));
            let polled = poll!(&mut write);
            is_blocked.send(()).unwrap();
            held_up.recv().unwrap();
            match polled {
                Poll::Ready(written) => written,
                Poll::Pending => write.await,
            }
        })
    });
    wait.recv().unwrap();
    elsewhere.block_on(async {
        if let Some(holder) = holder {
            holder.commit().await.unwrap();
        }
        for nth in 0..5 {
            notes.create(&Cx::new(), &note(&nth.to_string())).await.unwrap();
        }
    });
    let_go.send(()).unwrap();
    // It was done, although nobody looked, or is done now.
    thread.join().unwrap().unwrap();
    let all = elsewhere.block_on(notes.all(&Cx::new())).unwrap();
    assert_eq!(all.len(), 6, "{durability:?}, {is_held}");
}

/// A writer whose runtime ends takes nobody else's write with it.
#[cfg(feature = "sqlite")]
#[test]
fn the_end_of_a_runtime_cancels_no_write_of_another() {
    let (ending, lasting) = (runtime(), runtime());
    let fixture = lasting.block_on(Place::Sqlite.open_with(4, options().durability(Durability::Power)));
    let notes = fixture.store.repository::<note::Entity>();
    let holder = lasting.block_on(fixture.store.begin(&Cx::new(), TxOptions::new())).unwrap();
    let first = notes.clone();
    drop(ending.spawn(async move { first.create(&Cx::new(), &note("of the runtime that ends")).await }));
    ending.block_on(async { tokio::time::sleep(Duration::from_millis(50)).await });
    let second = notes.clone();
    let second = lasting.spawn(async move { second.create(&Cx::new(), &note("of the other")).await });
    lasting.block_on(async { tokio::time::sleep(Duration::from_millis(50)).await });
    drop(ending);
    lasting.block_on(async {
        holder.commit().await.unwrap();
        second.await.unwrap().unwrap();
        let all = notes.all(&Cx::new()).await.unwrap();
        assert_eq!(all.len(), 1, "{all:?}");
    });
}
