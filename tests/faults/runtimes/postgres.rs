//! Postgres stores that several runtimes use, of which some have ended and some are not driven.

use std::{sync::Arc, time::Duration};

use larder::{Cx, ErrorKind, Filter, OpenOptions, Result, SqlText, Store, Transactional as _, TxOptions};
use sea_orm::{ConnectOptions, Database};
use tokio::{
    runtime::{Builder, Runtime},
    task::JoinSet,
};

use crate::support::{
    entities::note,
    note,
    postgres::{TestDatabase, is_skipped},
};

fn driven_by_itself() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// A runtime that nobody drives between two calls of `block_on`.
fn driven_by_calls() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// A store by URL and one of a pool of SeaORM's.
async fn opened(database: &TestDatabase, is_of_sea_orm: bool) -> Store {
    let timeout = Duration::from_secs(10);
    if is_of_sea_orm {
        let mut options = ConnectOptions::new(database.url());
        options.max_connections(4).acquire_timeout(timeout);
        return Store::from_sea_orm(Database::connect(options).await.unwrap()).unwrap();
    }
    OpenOptions::new().max_connections(4).acquire_timeout(timeout).open(&database.url()).await.unwrap()
}

/// Writes that many notes, some at the same time.
async fn write(store: &Store, count: usize) -> Vec<Result<note::Model>> {
    const TASKS: usize = 8;
    let mut tasks = JoinSet::new();
    for _ in 0..TASKS {
        let notes = store.repository::<note::Entity>();
        tasks.spawn(async move {
            let mut outcomes = Vec::new();
            for _ in 0..count / TASKS {
                outcomes.push(notes.create(&Cx::new(), &note("n")).await);
            }
            outcomes
        });
    }
    tasks.join_all().await.into_iter().flatten().collect()
}

fn kinds(outcomes: Vec<Result<note::Model>>) -> Vec<ErrorKind> {
    outcomes.into_iter().filter_map(Result::err).map(|error| error.kind()).collect()
}

async fn count(store: &Store) -> u64 {
    store.repository::<note::Entity>().count(&Cx::new(), &Filter::all()).await.unwrap()
}

/// Nobody is told `Cancelled` or `CommitUnknown` because another runtime has ended.
#[test]
fn a_store_outlives_the_runtime_that_opened_it() {
    if is_skipped() {
        return;
    }
    for is_of_sea_orm in [false, true] {
        let (first, second) = (driven_by_itself(), driven_by_itself());
        let database = second.block_on(TestDatabase::with_tables());
        let store = first.block_on(opened(&database, is_of_sea_orm));
        assert_eq!(kinds(first.block_on(write(&store, 80))), []);
        drop(first);
        assert_eq!(kinds(second.block_on(write(&store, 10_000))), []);
        assert_eq!(second.block_on(count(&store)), 10_080);
        second.block_on(store.close());
    }
}

/// The runtime that opened the store ends while another writes.
#[test]
fn a_runtime_ends_while_another_writes() {
    if is_skipped() {
        return;
    }
    for (is_of_sea_orm, round) in [false, true].into_iter().flat_map(|of_sea_orm| (0..4).map(move |round| (of_sea_orm, round))) {
        let (first, second) = (driven_by_itself(), driven_by_itself());
        let database = second.block_on(TestDatabase::with_tables());
        let store = Arc::new(first.block_on(opened(&database, is_of_sea_orm)));
        assert_eq!(kinds(first.block_on(write(&store, 80))), []);
        let both = store.clone();
        drop(first.spawn(async move { write(&both, 100_000).await }));
        let writing = store.clone();
        let written = second.spawn(async move { write(&writing, 800).await });
        std::thread::sleep(Duration::from_millis(20 + 10 * round));
        first.shutdown_background();
        assert_eq!(kinds(second.block_on(written).unwrap()), [], "{round}");
        second.block_on(store.close());
    }
}

/// A runtime to which nothing is given to do keeps no connection from others: neither one that is idle nor one whose transaction
/// was dropped.
#[test]
fn a_runtime_that_is_not_driven_keeps_no_connections() {
    if is_skipped() {
        return;
    }
    for is_of_sea_orm in [false, true] {
        let others: Vec<_> = (0..8).map(|_| driven_by_calls()).collect();
        let last = driven_by_calls();
        let database = last.block_on(TestDatabase::with_tables());
        let store = others[0].block_on(opened(&database, is_of_sea_orm));
        let notes = store.repository::<note::Entity>();
        for runtime in &others {
            assert_eq!(runtime.block_on(notes.create(&Cx::new(), &note("n"))).map(drop).map_err(|error| error.kind()), Ok(()));
        }
        let outcomes = last.block_on(write(&store, 80));
        assert_eq!(kinds(outcomes), []);
        assert_eq!(last.block_on(count(&store)), 88);
        last.block_on(store.close());
    }
}

/// The rollback of a dropped transaction is sent, although nobody drives the runtime that it was dropped in.
#[test]
fn a_dropped_transaction_keeps_no_locks() {
    if is_skipped() {
        return;
    }
    for is_of_sea_orm in [false, true] {
        let (first, second) = (driven_by_calls(), driven_by_calls());
        let database = second.block_on(TestDatabase::with_tables());
        let store = first.block_on(opened(&database, is_of_sea_orm));
        first.block_on(async {
            let cx = store.begin(&Cx::new(), TxOptions::new()).await.unwrap();
            store.sql().unwrap().execute(&cx, &SqlText::new("LOCK TABLE note")).await.unwrap();
        });
        let cx = Cx::new().with_timeout(Duration::from_secs(5));
        let written = second.block_on(store.repository::<note::Entity>().create(&cx, &note("n")));
        assert_eq!(written.map(drop).map_err(|error| error.kind()), Ok(()));
        second.block_on(store.close());
    }
}
