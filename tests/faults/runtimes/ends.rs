//! Runtimes that end while others use the same store.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use larder::{Cx, OpenOptions, Store, TransactionalExt as _};
use tokio::runtime::{Builder, Runtime};

use crate::{
    places::Place,
    support::{Notes, entities::note, note},
};

fn runtime(blocking: usize) -> Runtime {
    Builder::new_multi_thread().worker_threads(2).max_blocking_threads(blocking).enable_all().build().unwrap()
}

async fn call(store: &Store, notes: &Notes, way: u32) {
    match way {
        0 => drop(notes.create(&Cx::new(), &note("kept")).await.unwrap()),
        1 => drop(notes.count(&Cx::new(), &larder::field(note::COLUMN.body).contains("9")).await.unwrap()),
        _ => drop(store.tx(&Cx::new(), |cx| async move { notes.create(&cx, &note("kept")).await }).await.unwrap()),
    }
}

/// Calls of a runtime that ends, those that have not begun among them, interrupt nobody in another runtime.
fn ends_interrupt_nobody_else(place: Place) {
    let other = runtime(8);
    let fixture = other.block_on(place.open_with(4, OpenOptions::new().acquire_timeout(Duration::from_secs(60))));
    let (notes, has_ended) = (fixture.store.repository::<note::Entity>(), Arc::new(AtomicBool::new(false)));
    let all: Vec<_> = (0..2_000).map(|nth| note(&nth.to_string())).collect();
    other.block_on(notes.create_batch(&Cx::new(), &all)).unwrap();
    let users = (0..6).map(|nth| {
        let (notes, store, has_ended) = (notes.clone(), fixture.store.clone(), has_ended.clone());
        other.spawn(async move {
            while !has_ended.load(Ordering::Relaxed) {
                call(&store, &notes, nth % 3).await;
            }
        })
    });
    let users: Vec<_> = users.collect();
    for nth in 0..160 {
        // One thread for all that blocks: calls of the others wait for it.
        let ending = runtime(1);
        for _ in 0..6 {
            let notes = notes.clone();
            ending.spawn(async move {
                loop {
                    drop(notes.count(&Cx::new(), &larder::field(note::COLUMN.body).contains("8")).await);
                }
            });
        }
        std::thread::sleep(Duration::from_millis(5 + nth % 7));
        ending.shutdown_background();
    }
    has_ended.store(true, Ordering::Relaxed);
    other.block_on(async {
        for user in users {
            user.await.unwrap();
        }
        fixture.store.close().await;
    });
}

macro_rules! on {
    ($($module:ident $place:ident)*) => {
        $(
            mod $module {
                use crate::places::Place;

                #[test]
                fn ends_interrupt_nobody_else() {
                    super::ends_interrupt_nobody_else(Place::$place);
                }
            }
        )*
    };
}

on! { memory Memory }
#[cfg(feature = "sqlite")]
on! { sqlite Sqlite }
#[cfg(feature = "duckdb-linked")]
on! { duckdb DuckDb }
