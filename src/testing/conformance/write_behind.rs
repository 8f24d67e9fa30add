use std::{collections::HashSet, sync::Arc, time::Duration};

use larder::{
    CancellationToken, Cx, Error, ErrorKind, Filter, Journal, Reader, ReaderExt, Result, Ticket, TransactionalExt, WriteBehind,
    WriteBehindBuilder, WriteBehindOptions,
};

use super::retry::Contest;
use crate::testing::{
    Harness, Notes, People,
    entities::{note, person},
    note, person,
};

fn options() -> WriteBehindOptions {
    WriteBehindOptions::new().write_timeout(Duration::from_secs(30))
}

async fn of_notes(notes: &Notes) -> WriteBehind<note::Model> {
    WriteBehind::builder(notes.clone()).options(options()).reconcile_by_id().start().await.unwrap()
}

async fn all<M: Send + Sync>(tickets: Vec<Ticket<M>>) -> Vec<Result<M>> {
    futures::future::join_all(tickets).await
}

/// Tickets tell the models as they are stored, each with its own generated id, in the order in which they were submitted.
pub async fn tells_what_the_engine_makes_up(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let people: People = fixture.store.repository::<person::Entity>();
    let builders = [WriteBehind::builder(people.clone()), WriteBehind::builder(people.clone()).reconcile_by_key()];
    for (which, builder) in builders.into_iter().enumerate() {
        let queue = builder.options(options().batch_size(70)).start().await.unwrap();
        let name = |number: usize| format!("{which}-{number}");
        let new: Vec<_> = (0..200).map(|number| person(&name(number))).collect();
        let tickets = queue.submit_many(&Cx::new(), &new).unwrap();
        let mut ids = HashSet::new();
        for (number, stored) in all(tickets).await.into_iter().enumerate() {
            let stored = stored.unwrap();
            assert_eq!((&stored.email, stored.level), (&name(number), Some(3)));
            assert!(ids.insert(stored.id));
            assert_eq!(people.find(&Cx::new(), &stored.id).await.unwrap(), Some(stored));
        }
        assert_eq!(queue.close(&Cx::new()).await.stored, 200);
    }
}

/// What nobody waits for is stored as well, in the fastest way there is.
pub async fn stores_what_nobody_waits_for(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let people: People = fixture.store.repository::<person::Entity>();
    let queue = WriteBehind::builder(people.clone()).options(options()).start().await.unwrap();
    for number in 0..250 {
        drop(queue.submit(&Cx::new(), &person(&number.to_string())).unwrap());
    }
    queue.flush(&Cx::new()).await.unwrap();
    assert_eq!(people.count(&Cx::new(), &Filter::all()).await.unwrap(), 250);
    assert_eq!(queue.close(&Cx::new()).await.batches, 3);
}

/// Of a batch, only what cannot be stored is not, wherever it is; it is told why, and the next batch is none the worse.
pub async fn costs_a_bad_model_only_itself(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let people: People = fixture.store.repository::<person::Entity>();
    people.create(&Cx::new(), &person("taken")).await.unwrap();
    let queue = WriteBehind::builder(people.clone()).options(options()).start().await.unwrap();
    let bad = [(0, "taken", ErrorKind::Duplicate), (50, "a\0b", ErrorKind::InvalidInput), (99, "7", ErrorKind::Duplicate)];
    let email = |number: usize| bad.iter().find(|bad| bad.0 == number).map_or_else(|| number.to_string(), |bad| bad.1.to_owned());
    let people_to_be: Vec<_> = (0..100).map(|number| person(&email(number))).collect();
    let tickets = queue.submit_many(&Cx::new(), &people_to_be).unwrap();
    for (number, outcome) in all(tickets).await.into_iter().enumerate() {
        let expected = bad.iter().find(|bad| bad.0 == number).map(|bad| bad.2);
        assert_eq!(outcome.as_ref().map_err(Error::kind).err(), expected, "{number}");
    }
    assert_eq!(people.count(&Cx::new(), &Filter::all()).await.unwrap(), 98);
    let good = queue.submit(&Cx::new(), &person("good")).unwrap();
    assert_eq!(good.await.unwrap().email, "good");
    let stats = queue.close(&Cx::new()).await;
    assert_eq!((stats.accepted, stats.stored, stats.failed), (101, 98, 3));
}

/// What is submitted in a transaction is accepted when that commits, once, and not otherwise; its room is given back.
pub async fn waits_for_the_commit(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let (store, notes) = (&fixture.store, &fixture.store.repository::<note::Entity>());
    let queue = &of_notes(notes).await;

    let committed = store.tx(&Cx::new(), |cx| async move {
        notes.create(&cx, &note("in the transaction")).await?;
        let mut tickets = queue.submit_many(&cx, &[note("behind it"), note("behind it, too")])?;
        tickets.push(queue.submit(&cx, &note("and this"))?);
        let stats = queue.stats();
        assert_eq!((stats.accepted, stats.depth, stats.reserved), (0, 0, 3));
        Ok::<_, Error>(tickets)
    });
    let tickets = committed.await.unwrap();
    assert!(all(tickets).await.iter().all(Result::is_ok));

    let left = &std::sync::Mutex::new(Vec::new());
    let undone = store.tx(&Cx::new(), |cx| async move {
        left.lock().unwrap().push(queue.submit(&cx, &note("never"))?);
        Err::<(), _>(Error::new(ErrorKind::InvalidInput, "undo"))
    });
    undone.await.unwrap_err();
    let ticket = left.lock().unwrap().pop().unwrap();
    assert_eq!(ticket.await.unwrap_err().kind(), ErrorKind::TransactionAborted);

    let stats = queue.close(&Cx::new()).await;
    assert_eq!((stats.accepted, stats.stored, stats.reserved, stats.bytes), (3, 3, 0, 0));
    assert_eq!(notes.count(&Cx::new(), &Filter::all()).await.unwrap(), 4);
}

/// Attempts of a transaction that are run again leave nothing in the queue: only the one that commits does.
pub async fn counts_only_the_attempt_that_commits(harness: &'static dyn Harness) {
    let Some(contest) = &Contest::on(harness).await else { return };
    let notes = &contest.fixture.store.repository::<note::Entity>();
    let queue = &of_notes(notes).await;
    let done = contest.fixture.store.tx_with(&Cx::new(), contest.options, |cx| async move {
        drop(queue.submit(&cx, &note(&format!("attempt {}", cx.attempt())))?);
        contest.change(&cx, 2).await
    });
    done.await.unwrap();
    assert_eq!(queue.close(&Cx::new()).await.accepted, 1);
    let stored = notes.all(&Cx::new()).await.unwrap();
    assert_eq!(stored.iter().map(|note| &*note.body).collect::<Vec<_>>(), ["attempt 3"]);
}

/// What is submitted in a nested transaction that is undone is not accepted, whatever becomes of the outer one.
pub async fn leaves_out_a_nested_part_that_is_undone(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let (store, notes) = (&fixture.store, &fixture.store.repository::<note::Entity>());
    if !store.capabilities().savepoints {
        return;
    }
    let queue = &of_notes(notes).await;
    let done = store.tx(&Cx::new(), |cx| async move {
        drop(queue.submit(&cx, &note("outer"))?);
        let nested = store.tx(&cx, |cx| async move {
            drop(queue.submit(&cx, &note("nested"))?);
            Err::<(), _>(Error::new(ErrorKind::InvalidInput, "undo"))
        });
        nested.await.unwrap_err();
        Ok::<_, Error>(())
    });
    done.await.unwrap();
    let stats = queue.close(&Cx::new()).await;
    assert_eq!((stats.accepted, stats.bytes), (1, 0));
    assert_eq!(notes.all(&Cx::new()).await.unwrap().len(), 1);
}

/// Nobody waits in a transaction for what may wait for that: a full queue says so, and so does a flush.
pub async fn never_waits_in_a_transaction(harness: &'static dyn Harness) {
    let fixture = harness.narrow().await;
    let (store, notes) = (&fixture.store, &fixture.store.repository::<note::Entity>());
    let small = options().batch_size(1).queue_size(2);
    let queue = &WriteBehind::builder(notes.clone()).options(small).start().await.unwrap();
    let done = store.tx(&Cx::new(), |cx| async move {
        drop(queue.submit_many(&cx, &[note("one"), note("two")])?);
        let full = queue.submit_wait(&cx, &note("three")).await.unwrap_err();
        assert_eq!(full.kind(), ErrorKind::QueueFull);
        assert_eq!(queue.flush(&cx).await.unwrap_err().kind(), ErrorKind::NestedAcquire);
        // There is no room, so it is created right here.
        let created = queue.submit_or_create(&cx, &note("four")).await?.await?;
        assert_eq!(notes.find(&cx, &created.id).await?.as_ref(), Some(&created));
        Ok::<_, Error>(cx)
    });
    let escaped = done.await.unwrap();
    let closed = queue.submit(&escaped, &note("too late")).unwrap_err();
    assert_eq!(closed.kind(), ErrorKind::TransactionClosed);
    // A caller outside may go on while the queue waits for its turn.
    drop(queue.submit_wait(&escaped.outside_tx(), &note("outside")).await.unwrap());
    let stats = queue.close(&Cx::new()).await;
    assert_eq!((stats.accepted, stats.stored, stats.rejected, stats.bytes), (3, 3, 1, 0));
    assert_eq!(notes.count(&Cx::new(), &Filter::all()).await.unwrap(), 4);
}

/// A sandbox has no queue, because the queue writes outside of it.
pub async fn is_refused_in_a_sandbox(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let (store, notes) = (&fixture.store, &fixture.store.repository::<note::Entity>());
    if !store.capabilities().savepoints {
        return;
    }
    let queue = of_notes(notes).await;
    let sandbox = store.sandbox(&Cx::new()).await.unwrap();
    assert_eq!(queue.submit(&sandbox, &note("no")).unwrap_err().kind(), ErrorKind::Unsupported);
    sandbox.rollback().await.unwrap();
    assert_eq!(queue.close(&Cx::new()).await.accepted, 0);
}

/// What was left in a journal is stored once by the next queue, by whichever way it is known what was stored; and in its order.
pub async fn replays_its_journal_once(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let notes: Notes = fixture.store.repository::<note::Entity>();
    let people: People = fixture.store.repository::<person::Entity>();

    let folder = tempfile::tempdir().unwrap();
    let lines: Vec<_> = (0..30).map(|number| note(&format!("{number:02}"))).collect();
    let by_id = || WriteBehind::builder(notes.clone()).reconcile_by_id();
    leave(by_id(), folder.path(), lines.clone()).await;
    // Some had been stored, and the answer had not come back.
    notes.create_batch(&Cx::new(), &lines[5..20]).await.unwrap();
    assert_eq!(replay(by_id(), folder.path()).await, (30, 30));
    assert_eq!(notes.count(&Cx::new(), &Filter::all()).await.unwrap(), 30);
    assert_eq!(replay(by_id(), folder.path()).await, (0, 0));

    let folder = tempfile::tempdir().unwrap();
    let by_key = || WriteBehind::builder(people.clone()).reconcile_by_key();
    leave(by_key(), folder.path(), (0..30).map(|number| person(&format!("{number:02}"))).collect()).await;
    assert_eq!(replay(by_key(), folder.path()).await, (30, 30));
    assert_eq!(replay(by_key(), folder.path()).await, (0, 0));
    // In the order of the ids, which is that in which they were stored.
    let stored = people.all(&Cx::new()).await.unwrap();
    let emails = (0..30).map(|number| format!("{number:02}"));
    assert!(stored.iter().map(|person| person.email.clone()).eq(emails), "{stored:?}");
}

/// Leaves models in a journal: they are accepted by a queue that has no time to write them.
async fn leave<M, C>(builder: WriteBehindBuilder<M, C>, folder: &std::path::Path, models: Vec<M>)
where
    M: Clone + serde::Serialize + serde::de::DeserializeOwned + Send + Sync + 'static,
    C: larder::Creator<M> + ?Sized + 'static,
{
    let slow = options().linger(WriteBehindOptions::MAX_LINGER);
    let queue = builder.options(slow).journal(Journal::at(folder)).start().await.unwrap();
    let count = models.len() as u64;
    let tickets = queue.submit_many(&Cx::new(), &models).unwrap();
    let given_up = CancellationToken::new();
    given_up.cancel();
    let stats = queue.close(&Cx::new().with_cancel(given_up)).await;
    assert_eq!((stats.accepted, stats.abandoned), (count, count));
    assert!(all(tickets).await.into_iter().all(|outcome| outcome.is_err_and(|error| error.kind() == ErrorKind::Closed)));
}

/// How many models a queue finds in a journal, and how many it says it has stored.
async fn replay<M, C>(builder: WriteBehindBuilder<M, C>, folder: &std::path::Path) -> (u64, u64)
where
    M: Clone + serde::Serialize + serde::de::DeserializeOwned + Send + Sync + 'static,
    C: larder::Creator<M> + ?Sized + 'static,
{
    let queue = builder.options(options().batch_size(7)).journal(Journal::at(folder)).start().await.unwrap();
    let replayed = queue.recovery().replayed;
    (replayed, queue.close(&Cx::new()).await.stored)
}

/// Where models are looked for by id, one whose id is left to the engine is refused: nobody could tell whether it is stored.
pub async fn refuses_ids_that_cannot_be_looked_for(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let people: People = fixture.store.repository::<person::Entity>();
    let queue = WriteBehind::builder(people.clone()).reconcile_by_id().start().await.unwrap();
    let refused = queue.submit(&Cx::new(), &person("whose")).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidInput);
    let known = person::Model { id: 77, ..person("known") };
    assert_eq!(queue.submit(&Cx::new(), &known).unwrap().await.unwrap().id, 77);
}

/// Many producers, one queue: every model is stored once, and those of each producer in their order.
pub async fn keeps_the_order_of_each_producer(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let people: People = fixture.store.repository::<person::Entity>();
    let options = options().batch_size(40).queue_size(120).linger(Duration::from_millis(5));
    let queue = WriteBehind::builder(people.clone()).options(options).start().await.unwrap();
    let producers = (0..8).map(|producer| {
        let queue = queue.clone();
        tokio::spawn(async move {
            let mut tickets = Vec::new();
            for number in 0..100 {
                tickets.push(queue.submit_wait(&Cx::new(), &person(&format!("{producer}-{number:03}"))).await.unwrap());
            }
            all(tickets).await.into_iter().map(|stored| stored.unwrap().id).collect::<Vec<_>>()
        })
    });
    for ids in futures::future::join_all(producers).await {
        let ids = ids.unwrap();
        assert!(ids.is_sorted() && ids.len() == 100, "{ids:?}");
    }
    let people: Arc<dyn Reader<person::Model, i64>> = people;
    assert_eq!(people.count(&Cx::new(), &Filter::all()).await.unwrap(), 800);
    assert!(queue.stats().greatest_depth <= 120);
}
