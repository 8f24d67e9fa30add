//! Tasks that are aborted, race for one model or panic, and what they leave to the others.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use fastrand::Rng;
use futures::poll;
use larder::{Cx, Error, ErrorKind, Filter, OnConflict, ReaderExt, Retry, Store, Transactional, TransactionalExt, TxOptions};
use tokio::task::yield_now;

use crate::{
    places::Place,
    support::{
        Items,
        backend::OpenWith,
        drop_at,
        entities::{item, label, note, page},
        item, note, page,
    },
};

everywhere! {
    aborted_tasks_leave_neither_half_transfers_nor_transactions
    tasks_that_store_one_key_at_once_store_one_model
    a_version_lets_no_increment_be_lost
    joined_operations_of_one_transaction_take_turns
    what_is_dropped_by_a_panic_is_rolled_back
}

const TASKS: usize = 8;
const CONNECTIONS: usize = 4;
const ACCOUNTS: i32 = 10;
const BALANCE: i32 = 1_000;

/// With so few models, hardly a transaction is alone.
fn patient() -> TxOptions {
    TxOptions::new().retry(Retry::attempts(500).wait(Duration::from_millis(1), Duration::from_millis(30)))
}

/// A thousand transfers by eight workers on four connections are aborted at random moments. Then no money is missing, all
/// connections are to be had at once and none is inside a transaction: whatever a task held is rolled back by its own end.
async fn aborted_tasks_leave_neither_half_transfers_nor_transactions(place: Place) {
    let requests = std::env::var("LARDER_ABORTED_TASKS").map_or(1_000, |count| count.parse().unwrap());
    let fixture = place.open_with(CONNECTIONS as u32, OpenWith::default().options()).await;
    let accounts: Items = fixture.store.repository::<item::Entity>();
    let opened: Vec<_> = (0..ACCOUNTS).map(|id| item::Model { small: BALANCE, ..item(id) }).collect();
    accounts.create_batch(&Cx::new(), &opened).await.unwrap();

    let (next, done) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let workers = (0..TASKS as u64).map(|seed| {
        let (store, accounts, next, done) = (fixture.store.clone(), accounts.clone(), next.clone(), done.clone());
        let mut random = Rng::with_seed(seed);
        tokio::spawn(async move {
            while next.fetch_add(1, Ordering::Relaxed) < requests {
                let transfer = transfer(store.clone(), accounts.clone(), random.fork());
                if let Some(outcome) = aborted(transfer, &mut random).await {
                    outcome.unwrap();
                    done.fetch_add(1, Ordering::Relaxed);
                }
            }
        })
    });
    for worker in workers.collect::<Vec<_>>() {
        worker.await.unwrap();
    }
    println!("{place:?}: {} of {requests} came to their end", done.load(Ordering::Relaxed));

    is_at_rest(place, &fixture.store).await;
    let balances: Vec<_> = accounts.all(&Cx::new()).await.unwrap().iter().map(|account| account.small).collect();
    assert_eq!(balances.iter().sum::<i32>(), ACCOUNTS * BALANCE, "{balances:?}");
}

/// Aborts a transfer: half of them at an await, the others at any moment; sooner and later ones alike, whatever a transfer takes.
/// Returns its outcome if it ended before.
async fn aborted<F>(transfer: F, random: &mut Rng) -> Option<Result<(), Error>>
where
    F: Future<Output = Result<(), Error>> + Send + 'static,
{
    if random.bool() {
        let most = random.u32(1..11);
        let polls = random.usize(0..1 << most);
        return tokio::spawn(async move { drop_at(polls, transfer).await }).await.unwrap();
    }
    let task = tokio::spawn(transfer);
    let most = random.u32(8..20);
    tokio::time::sleep(Duration::from_micros(random.u64(0..1 << most))).await;
    task.abort();
    match task.await {
        Ok(outcome) => Some(outcome),
        Err(error) => (!error.is_cancelled()).then(|| panic!("{error}")),
    }
}

/// Moves some money, the payer's half in a nested transaction.
async fn transfer(store: Store, accounts: Items, mut random: Rng) -> Result<(), Error> {
    let payer = random.i32(0..ACCOUNTS);
    let payee = (payer + random.i32(1..ACCOUNTS)) % ACCOUNTS;
    let amount = random.i32(1..100);
    let (accounts, store) = (&accounts, &store);
    let isolation = *store.capabilities().isolation.last().unwrap();
    let transfer = store.tx_with(&Cx::new(), patient().isolation(isolation), |cx| async move {
        let payee = accounts.get(&cx, &payee).await?;
        let paid = store.tx(&cx, |cx| async move {
            let payer = accounts.get(&cx, &payer).await?;
            yield_now().await;
            accounts.update(&cx, &item::Model { small: payer.small - amount, ..payer }).await
        });
        paid.await?;
        yield_now().await;
        accounts.update(&cx, &item::Model { small: payee.small + amount, ..payee }).await?;
        Ok(())
    });
    transfer.await
}

/// That all connections of a store can be had at once, that one can write, and that the server sees no session inside a
/// transaction.
async fn is_at_rest(place: Place, store: &Store) {
    let mut open = Vec::new();
    for _ in 0..CONNECTIONS {
        open.push(store.begin(&Cx::new(), TxOptions::new().read_only()).await.unwrap());
    }
    for cx in open {
        store.repository::<item::Entity>().count(&cx, &Filter::all()).await.unwrap();
        cx.rollback().await.unwrap();
    }
    let notes = store.repository::<note::Entity>();
    let cx = store.begin(&Cx::new(), TxOptions::new()).await.unwrap();
    notes.create(&cx, &note("stored")).await.unwrap();
    cx.commit().await.unwrap();
    if place == Place::Postgres {
        let text =
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
        let inside: Vec<(i64,)> = store.sql().unwrap().query_as(&Cx::new(), &larder::SqlText::new(text)).await.unwrap();
        assert_eq!(inside, [(0,)], "sessions inside a transaction");
    }
}

/// Eight tasks that store one key at once, round after round, store one model, and none of them is told of another: an upsert is
/// one statement that the engine runs as a whole, and where writers are in each other's way the transaction is run again.
async fn tasks_that_store_one_key_at_once_store_one_model(place: Place) {
    let fixture = place.open().await;
    let labels = fixture.store.repository::<label::Entity>();
    for round in 0..10 {
        let start = Arc::new(tokio::sync::Barrier::new(TASKS));
        let tasks = (0..TASKS).map(|task| {
            let (start, labels) = (start.clone(), labels.clone());
            tokio::spawn(async move {
                let given = &[label::Model { name: format!("key {round}"), text: Some(task.to_string()) }];
                let labels = &labels;
                start.wait().await;
                let stored = labels.tx_with(&Cx::new(), patient(), |cx| async move {
                    labels.count(&cx, &Filter::all()).await?;
                    yield_now().await;
                    labels.upsert_batch(&cx, given, &OnConflict::replace()).await
                });
                stored.await.unwrap().inserted
            })
        });
        let mut inserted = 0;
        for task in tasks.collect::<Vec<_>>() {
            inserted += task.await.unwrap();
        }
        assert_eq!(inserted, 1);
        assert_eq!(labels.count(&Cx::new(), &Filter::all()).await.unwrap(), round + 1);
    }
}

/// Eight tasks increase a number two hundred times each, by reading the model and updating it: the number comes to be how many
/// updates were answered with `Ok`, because an update of a version that is no longer the stored one is refused.
async fn a_version_lets_no_increment_be_lost(place: Place) {
    let fixture = place.open().await;
    let pages = fixture.store.repository_builder::<page::Entity>().version(page::Column::Version).build().unwrap();
    pages.create(&Cx::new(), &page(1, "0")).await.unwrap();
    let tasks = (0..TASKS).map(|_| {
        let pages = pages.clone();
        tokio::spawn(async move {
            let mut stored = 0;
            for _ in 0..200 {
                let read = pages.get(&Cx::new(), &1).await.unwrap();
                let number: u32 = read.title.parse().unwrap();
                yield_now().await;
                match pages.update(&Cx::new(), &page::Model { title: (number + 1).to_string(), ..read }).await {
                    Ok(_) => stored += 1,
                    Err(error) => assert!([ErrorKind::Conflict, ErrorKind::Contention].contains(&error.kind()), "{error}"),
                }
            }
            stored
        })
    });
    let mut stored = 0;
    for task in tasks.collect::<Vec<_>>() {
        stored += task.await.unwrap();
    }
    let page = pages.get(&Cx::new(), &1).await.unwrap();
    println!("{place:?}: {stored} of {} updates", TASKS * 200);
    assert_eq!((page.title, page.version), (stored.to_string(), 1 + stored));
}

/// Operations of one transaction that are awaited together, nested transactions among them, take turns: one of the outer level is
/// refused while a nested one is open, none waits for ever, and what was answered with `Ok` is stored. Each holds the connection
/// for one statement.
async fn joined_operations_of_one_transaction_take_turns(place: Place) {
    let fixture = place.open_with(1, OpenWith::default().options()).await;
    let (store, notes) = (&fixture.store, &fixture.store.repository::<note::Entity>());
    let joined = store.tx(&Cx::new(), |cx| async move {
        let plain = async {
            let mut stored = 0;
            for _ in 0..20 {
                match notes.create(&cx, &note("plain")).await {
                    Ok(_) => stored += 1,
                    Err(error) => assert_eq!(error.kind(), ErrorKind::NestedAcquire, "{error}"),
                }
                yield_now().await;
            }
            stored
        };
        let nested = async {
            for _ in 0..5 {
                let inner = store.tx(&cx, |cx| async move {
                    notes.create(&cx, &note("nested")).await?;
                    yield_now().await;
                    notes.create(&cx, &note("nested")).await
                });
                inner.await?;
            }
            Ok::<_, Error>(10)
        };
        let (plain, nested) = tokio::join!(plain, nested);
        Ok::<_, Error>(plain + nested?)
    });
    let stored = tokio::time::timeout(Duration::from_secs(60), joined).await.expect("nobody waits for ever").unwrap();
    assert_eq!(notes.count(&Cx::new(), &Filter::all()).await.unwrap(), stored);
}

/// A panic drops, while it unwinds, a transaction that is half done and another that was begun by hand: both are rolled back, and
/// the connections serve the next.
async fn what_is_dropped_by_a_panic_is_rolled_back(place: Place) {
    let fixture = place.open_with(1, OpenWith::default().options()).await;
    let notes = fixture.store.repository::<note::Entity>();
    for by_hand in [false, true] {
        let (store, inside) = (fixture.store.clone(), notes.clone());
        let task = tokio::spawn(async move {
            if by_hand {
                let cx = store.begin(&Cx::new(), TxOptions::new()).await.unwrap();
                inside.create(&cx, &note("gone")).await.unwrap();
                panic!("as the test wants it");
            }
            let written = &AtomicUsize::new(0);
            let inside = &inside;
            let mut half_done = Box::pin(store.tx(&Cx::new(), |cx| async move {
                inside.create(&cx, &note("gone")).await?;
                written.store(1, Ordering::SeqCst);
                std::future::pending::<Result<(), Error>>().await
            }));
            while written.load(Ordering::SeqCst) == 0 {
                assert!(poll!(&mut half_done).is_pending());
                yield_now().await;
            }
            panic!("as the test wants it");
        });
        assert!(task.await.unwrap_err().is_panic());
        assert_eq!(notes.count(&Cx::new(), &Filter::all()).await.unwrap(), 0);
        let cx = fixture.store.begin(&Cx::new(), TxOptions::new()).await.unwrap();
        notes.create(&cx, &note("gone, too")).await.unwrap();
        cx.rollback().await.unwrap();
    }
}
