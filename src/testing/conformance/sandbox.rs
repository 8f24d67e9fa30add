use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use larder::{Cx, Error, ErrorKind, Filter, Propagation, Storage, Store, TransactionalExt, TxOptions};
use uuid::Uuid;

use crate::testing::{
    Fixture, Harness, drop_at,
    entities::{label, note, person},
    note, person,
};

/// A store and a sandbox of it; none where there are none, which is said.
async fn open(harness: &'static dyn Harness) -> Option<(Fixture, Cx)> {
    let fixture = harness.narrow().await;
    let sandbox = fixture.store.sandbox(&Cx::new()).await;
    if !fixture.store.capabilities().savepoints {
        assert_eq!(sandbox.unwrap_err().kind(), ErrorKind::Unsupported);
        return None;
    }
    Some((fixture, sandbox.unwrap()))
}

fn notes(store: &Store) -> Arc<dyn Storage<note::Model, Uuid>> {
    store.repository::<note::Entity>()
}

async fn count(store: &Store, cx: &Cx) -> u64 {
    notes(store).count(cx, &Filter::all()).await.unwrap()
}

/// What runs in a sandbox commits, as far as it can see, and nothing of it is stored.
pub async fn stores_nothing(harness: &'static dyn Harness) {
    let Some((fixture, sandbox)) = open(harness).await else { return };
    let (store, notes) = (&fixture.store, &notes(&fixture.store));
    let hooks = Arc::new(AtomicU32::new(0));
    assert!(!sandbox.in_transaction());
    notes.create(&sandbox, &note("alone")).await.unwrap();
    let made = store.tx(&sandbox, |cx| {
        let hooks = hooks.clone();
        async move {
            assert!(cx.in_transaction());
            let hook = hooks.clone();
            cx.on_commit(move || {
                hook.fetch_add(1, Ordering::SeqCst);
            })?;
            notes.create_batch(&cx, &[note("a"), note("b")]).await?;
            assert_eq!(hooks.load(Ordering::SeqCst), 0);
            Ok::<_, Error>(())
        }
    });
    made.await.unwrap();
    assert_eq!((count(store, &sandbox).await, hooks.load(Ordering::SeqCst)), (3, 1));
    sandbox.rollback().await.unwrap();
    assert_eq!(count(store, &Cx::new()).await, 0);
    assert_eq!(notes.create(&sandbox, &note("late")).await.unwrap_err().kind(), ErrorKind::TransactionClosed);
}

/// A failure in a sandbox fails what it would fail outside of one: an operation by itself, or its transaction.
pub async fn fails_what_would_fail(harness: &'static dyn Harness) {
    let Some((fixture, sandbox)) = open(harness).await else { return };
    let (store, notes) = (&fixture.store, &notes(&fixture.store));
    let people = &store.repository::<person::Entity>();
    let first = people.create(&sandbox, &person("a@x")).await.unwrap();
    for _ in 0..3 {
        let twice = people.create_many(&sandbox, &[person("b@x"), person("a@x")]).await;
        assert_eq!(twice.unwrap_err().kind(), ErrorKind::Duplicate);
        assert_eq!(people.count(&sandbox, &Filter::all()).await.unwrap(), 1);
    }
    let swallowed = store.tx(&sandbox, |cx| async move {
        notes.create(&cx, &note("undone")).await?;
        people.create(&cx, &person("a@x")).await.unwrap_err();
        Ok::<_, Error>(())
    });
    assert_eq!(swallowed.await.unwrap_err().kind(), ErrorKind::TransactionAborted);
    let nested = store.tx(&sandbox, |cx| async move {
        notes.create(&cx, &note("kept")).await?;
        let inner = store.tx(&cx, |cx| async move {
            notes.create(&cx, &note("undone")).await?;
            people.create(&cx, &person("a@x")).await
        });
        assert_eq!(inner.await.unwrap_err().kind(), ErrorKind::Duplicate);
        notes.create(&cx, &note("kept")).await
    });
    nested.await.unwrap();
    assert_eq!(count(store, &sandbox).await, 2);
    assert_eq!(people.find(&sandbox, &first.id).await.unwrap(), Some(first));
    drop(sandbox);
    assert_eq!((count(store, &Cx::new()).await, people.count(&Cx::new(), &Filter::all()).await.unwrap()), (0, 0));
}

/// Options, propagation and hooks are in a sandbox what they are outside any transaction.
pub async fn is_no_transaction_to_what_runs_in_it(harness: &'static dyn Harness) {
    let Some((fixture, sandbox)) = open(harness).await else { return };
    let (store, notes) = (&fixture.store, &notes(&fixture.store));
    assert_eq!(sandbox.on_commit(|| ()).unwrap_err().kind(), ErrorKind::TransactionClosed);
    let with = async |propagation| {
        let options = TxOptions::new().propagation(propagation);
        let ran = store.tx_with(&sandbox, options, |cx| async move {
            notes.create(&cx, &note("n")).await?;
            Ok::<_, Error>(cx.in_transaction())
        });
        ran.await.map_err(|error| error.kind())
    };
    assert_eq!(with(Propagation::Required).await, Ok(true));
    assert_eq!(with(Propagation::Supports).await, Ok(false));
    assert_eq!(with(Propagation::Never).await, Ok(false));
    assert_eq!(with(Propagation::Mandatory).await, Err(ErrorKind::TransactionClosed));
    assert_eq!(with(Propagation::RequiresNew).await, Err(ErrorKind::Unsupported));
    assert_eq!(with(Propagation::NotSupported).await, Err(ErrorKind::Unsupported));
    has_no_outside(store, &sandbox).await;
    let isolation = store.capabilities().isolation[0];
    let options = TxOptions::new().isolation(isolation);
    store.tx_with(&sandbox, options, |cx| async move { notes.create(&cx, &note("n")).await }).await.unwrap();
    // Of one that is required and fails, nothing is left.
    let failed = store.tx_with(&sandbox, TxOptions::new().propagation(Propagation::Required), |cx| async move {
        notes.create(&cx, &note("n")).await?;
        Err::<(), _>(Error::new(ErrorKind::InvalidInput, "undo"))
    });
    failed.await.unwrap_err();
    assert_eq!(count(store, &sandbox).await, 4);
    assert_eq!(sandbox.commit().await.unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(count(store, &sandbox).await, 4);
    assert_eq!(store.sandbox(&sandbox).await.unwrap_err().kind(), ErrorKind::InvalidInput);
}

/// Neither in a sandbox nor in a transaction in it is there a way to write beside it.
async fn has_no_outside(store: &Store, sandbox: &Cx) {
    let notes = &notes(store);
    assert_eq!(notes.create(&sandbox.outside_tx(), &note("n")).await.unwrap_err().kind(), ErrorKind::Unsupported);
    let inside = store.tx(sandbox, |cx| async move {
        let beside = notes.create(&cx.outside_tx(), &note("n")).await;
        assert_eq!(beside.unwrap_err().kind(), ErrorKind::Unsupported);
        let beside = TxOptions::new().propagation(Propagation::RequiresNew);
        let beside = store.tx_with(&cx, beside, |cx| async move { notes.create(&cx, &note("n")).await });
        assert_eq!(beside.await.unwrap_err().kind(), ErrorKind::Unsupported);
        Ok::<_, Error>(())
    });
    inside.await.unwrap();
}

/// An idempotency key is taken in a sandbox by the transaction that it would be taken by, and is gone with it.
pub async fn takes_keys(harness: &'static dyn Harness) {
    let Some((fixture, sandbox)) = open(harness).await else { return };
    let (store, notes) = (&fixture.store, &notes(&fixture.store));
    let cx = &sandbox.with_idempotency_key("once");
    store.tx(cx, |cx| async move { notes.create_many(&cx, &[note("a"), note("b")]).await }).await.unwrap();
    let again = store.tx(cx, |cx| async move { notes.create(&cx, &note("c")).await });
    assert_eq!(again.await.unwrap_err().kind(), ErrorKind::Duplicate);
    assert_eq!(notes.create(cx, &note("c")).await.unwrap_err().kind(), ErrorKind::Duplicate);
    assert_eq!(count(store, &sandbox).await, 2);
    sandbox.rollback().await.unwrap();
    assert!(!store.has_committed(&Cx::new(), "once").await.unwrap());
    // One that the sandbox is given is left to what runs in it.
    let sandbox = store.sandbox(&Cx::new().with_idempotency_key("given")).await.unwrap();
    store.tx(&sandbox, |cx| async move { notes.create(&cx, &note("d")).await }).await.unwrap();
    assert_eq!(notes.create(&sandbox, &note("e")).await.unwrap_err().kind(), ErrorKind::Duplicate);
}

/// Of an operation by itself that is dropped anywhere, a sandbox has all or nothing, unless it has ended.
pub async fn keeps_nothing_by_half(harness: &'static dyn Harness) {
    let Some((fixture, sandbox)) = open(harness).await else { return };
    drop(sandbox);
    let (store, notes) = (&fixture.store, &notes(&fixture.store));
    let models: Vec<_> = (0..2_100).map(|i| note(&i.to_string())).collect();
    for polls in 0.. {
        let sandbox = store.sandbox(&Cx::new()).await.unwrap();
        let outcome = drop_at(polls, notes.create_batch(&sandbox, &models)).await;
        let counted = notes.count(&sandbox, &Filter::all()).await.map_err(|error| error.kind());
        if outcome.is_some() {
            assert_eq!(counted, Ok(2_100));
            break;
        }
        let expected = [Ok(0), Ok(2_100), Err(ErrorKind::TransactionAborted)];
        assert!(expected.contains(&counted), "{polls} polls: {counted:?}");
    }
}

/// Of two stores each has a sandbox, carried by one context, and a transaction of one writes nothing to the other.
pub async fn is_one_of_several(harness: &'static dyn Harness) {
    let Some((fixture, sandbox)) = open(harness).await else { return };
    let other = larder::open("memory:").await.unwrap();
    let labels = &other.repository::<label::Entity>();
    let label = &label::Model { name: "l".into(), text: None };
    assert_eq!(labels.create(&sandbox, label).await.unwrap_err().kind(), ErrorKind::ForeignTransaction);
    let both = &other.sandbox(&sandbox).await.unwrap();
    labels.create(both, label).await.unwrap();
    notes(&fixture.store).create(both, &note("n")).await.unwrap();
    let crossed = fixture.store.tx(both, |cx| async move { labels.delete(&cx, &"l".to_owned()).await });
    assert_eq!(crossed.await.unwrap_err().kind(), ErrorKind::ForeignTransaction);
    assert_eq!((count(&fixture.store, both).await, labels.count(both, &Filter::all()).await.unwrap()), (1, 1));
}
