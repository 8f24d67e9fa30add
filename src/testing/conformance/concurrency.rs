use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use futures::TryStreamExt;
use larder::{Changes, Cx, Error, ErrorKind, Locking, Projection, Query, Transactional, TransactionalExt, TxOptions, field};

use crate::testing::{
    Harness,
    entities::{
        note::{self, COLUMN},
        person,
    },
    note, person,
};

/// 64 tasks with 200 operations each lose nothing and count nothing twice.
pub async fn counts_exactly_under_load(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let notes = fixture.store.repository::<note::Entity>();
    let tasks = (0..64).map(|task| {
        let notes = notes.clone();
        tokio::spawn(async move {
            for i in 0..50 {
                let made = notes.create(&Cx::new(), &note(&format!("{task} {i}"))).await.unwrap();
                assert_eq!(notes.find(&Cx::new(), &made.id).await.unwrap().as_ref(), Some(&made));
                let changed = note::Model { body: "changed".into(), ..made };
                notes.update(&Cx::new(), &changed).await.unwrap();
                assert!(notes.delete(&Cx::new(), &changed.id).await.unwrap());
                if i % 10 == 0 {
                    notes.create(&Cx::new(), &changed).await.unwrap();
                }
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    assert_eq!(notes.count(&Cx::new(), &larder::Filter::all()).await.unwrap(), 64 * 5);
}

/// Two calls of one transaction may be awaited together: they run one after the other.
pub async fn shares_one_transaction_between_joined_calls(harness: &'static dyn Harness) {
    let fixture = harness.narrow().await;
    let people = &fixture.store.repository::<person::Entity>();
    let outcome = fixture.store.tx(&Cx::new(), |cx| async move {
        let create = |email: String| {
            let cx = cx.clone();
            async move { people.create(&cx, &person(&email)).await }
        };
        let made = futures::future::try_join_all((0..20).map(|i| create(format!("{i}@b")))).await?;
        Ok::<_, Error>(made.len())
    });
    assert_eq!(outcome.await.unwrap(), 20);
    assert_eq!(people.count(&Cx::new(), &larder::Filter::all()).await.unwrap(), 20);
}

/// Transactions that write the same model one after another all get their turn: none is refused, no increment is lost.
pub async fn gives_way_to_waiting_writers(harness: &'static dyn Harness) {
    let fixture = harness.narrow().await;
    let people = fixture.store.repository::<person::Entity>();
    let counter = people.create(&Cx::new(), &person::Model { level: Some(0), ..person("a@b") }).await.unwrap().id;
    let tasks = (0..16).map(|_| {
        let people = people.clone();
        tokio::spawn(async move {
            let people = &people;
            for _ in 0..10 {
                let raised = people.tx(&Cx::new(), |cx| async move {
                    let mut counter = people.find(&cx, &counter).await?.unwrap();
                    counter.level = counter.level.map(|level| level + 1);
                    people.update(&cx, &counter).await
                });
                raised.await.unwrap();
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    assert_eq!(people.find(&Cx::new(), &counter).await.unwrap().unwrap().level, Some(160));
}

/// Of 20 customers who each read how many of 20 apples are left, and buy one, all get one, and none is left: no update is lost.
pub async fn sells_each_apple_once(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let people = fixture.store.repository::<person::Entity>();
    let apples = people.create(&Cx::new(), &person::Model { level: Some(20), ..person("apples@x") }).await.unwrap().id;
    let customers = (0..20).map(|_| {
        let people = people.clone();
        tokio::spawn(async move {
            let people = &people;
            let bought = people.tx(&Cx::new(), |cx| async move {
                let stock = people.find(&cx, &apples).await?.unwrap();
                let left = stock.level.unwrap();
                if left == 0 {
                    return Ok::<_, Error>(false);
                }
                people.update(&cx, &person::Model { level: Some(left - 1), ..stock }).await.map(|_| true)
            });
            bought.await.unwrap()
        })
    });
    let mut sold = 0;
    for customer in customers.collect::<Vec<_>>() {
        sold += u32::from(customer.await.unwrap());
    }
    let left = people.find(&Cx::new(), &apples).await.unwrap().unwrap().level;
    assert_eq!((sold, left), (20, Some(0)));
}

/// What a transaction has read stays as it was read until its end, on every store and without asking.
pub async fn reads_the_same_again(harness: &'static dyn Harness) {
    let Some((fixture, rival)) = harness.with_rival().await else { return };
    let (people, rival) = (fixture.store.repository::<person::Entity>(), rival.repository::<person::Entity>());
    let read = people.create(&Cx::new(), &person::Model { level: Some(1), ..person("a@b") }).await.unwrap();
    let options = match fixture.store.capabilities().locking {
        true => TxOptions::new().locking(Locking::Deferred),
        false => TxOptions::new(),
    };
    let cx = fixture.store.begin(&Cx::new(), options).await.unwrap();
    assert_eq!(people.find(&cx, &read.id).await.unwrap().unwrap().level, Some(1));
    rival.update(&Cx::new(), &person::Model { level: Some(2), ..read.clone() }).await.unwrap();
    assert_eq!(people.find(&cx, &read.id).await.unwrap().unwrap().level, Some(1));
    // Begun by hand, it is not run again.
    let lost = people.update(&cx, &person::Model { level: Some(3), ..read.clone() }).await.unwrap_err();
    assert_eq!(lost.kind(), ErrorKind::Contention);
    cx.rollback().await.unwrap();
    assert_eq!(people.find(&Cx::new(), &read.id).await.unwrap().unwrap().level, Some(2));
}

/// A long operation, or a loop of short ones, lets the other tasks of its runtime have their turns meanwhile.
pub async fn lets_other_tasks_have_their_turns(harness: &'static dyn Harness) {
    let done = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(takes_turns(harness));
    });
    done.await.unwrap();
}

/// How many turns another task has during a piece of work.
async fn turns_during<T>(work: impl Future<Output = larder::Result<T>>) -> usize {
    let turns = Arc::new(AtomicUsize::new(0));
    let counter = turns.clone();
    let other = tokio::spawn(async move {
        loop {
            counter.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
        }
    });
    work.await.unwrap();
    other.abort();
    turns.load(Ordering::Relaxed)
}

async fn takes_turns(harness: &'static dyn Harness) {
    // An engine works on a thread of its own. If the machine keeps this thread from running until the engine has answered, nobody
    // had a turn, and nothing was blocked. An operation that blocks its thread gives no turns in any attempt.
    let mut without = operations_without_turns(harness).await;
    for _ in 0..4 {
        if without.is_empty() {
            return;
        }
        let again = operations_without_turns(harness).await;
        without.retain(|name| again.contains(name));
    }
    assert!(without.is_empty(), "{without:?}");
}

async fn operations_without_turns(harness: &'static dyn Harness) -> Vec<&'static str> {
    let fixture = harness.fresh().await;
    let (notes, cx) = (&fixture.store.repository::<note::Entity>(), &Cx::new());
    let given: Vec<_> = (0..20_000).map(|number| note(&format!("{number} of a long text"))).collect();
    let ids: Vec<_> = given.iter().map(|note| note.id).collect();
    let contains = field(COLUMN.body).contains("9");
    let by_body = Query::new().order_by_desc(COLUMN.body);
    let each_body = Projection::of(COLUMN.body).distinct();
    let changes = Changes::new().set(COLUMN.body, "changed");
    let many_finds = async {
        for id in ids.iter().take(1_000) {
            notes.find(cx, id).await?;
        }
        Ok(())
    };
    let turns = [
        ("create_batch", turns_during(notes.create_batch(cx, &given)).await),
        ("query", turns_during(notes.query(cx, &by_body)).await),
        ("find_many", turns_during(notes.find_many(cx, &ids)).await),
        ("project", turns_during(notes.project(cx, &Query::new(), &each_body)).await),
        ("stream", turns_during(async { notes.stream(cx, &Query::new()).await?.try_collect::<Vec<_>>().await }).await),
        ("find, repeated", turns_during(many_finds).await),
        ("update_where", turns_during(notes.update_where(cx, &contains, &changes)).await),
        ("delete_many", turns_during(notes.delete_many(cx, &ids)).await),
    ];
    // How many there are depends on the machine; how long one may be is in `turns`.
    turns.into_iter().filter(|(_, turns)| *turns == 0).map(|(name, _)| name).collect()
}
