use std::sync::atomic::{AtomicU32, Ordering};

use larder::{Cx, Error, ErrorKind, Filter, Transactional, TransactionalExt, TxOptions};

use crate::testing::{Harness, entities::note, note};

fn key(key: &str) -> Cx {
    Cx::new().with_idempotency_key(key)
}

/// A transaction with a key commits once; the second time its closure is not run, and the store knows.
pub async fn let_it_be_done_once(harness: &'static dyn Harness) {
    let fixture = harness.narrow().await;
    let (store, notes) = (&fixture.store, &fixture.store.repository::<note::Entity>());
    let runs = &AtomicU32::new(0);
    let order = async || {
        let done = store.tx(&key("order"), |cx| async move {
            runs.fetch_add(1, Ordering::SeqCst);
            notes.create(&cx, &note("ordered")).await
        });
        done.await
    };
    assert!(!store.has_committed(&Cx::new(), "order").await.unwrap());
    order().await.unwrap();
    let again = order().await.unwrap_err();
    assert_eq!((again.kind(), again.model()), (ErrorKind::Duplicate, Some("larder_commits")));
    assert_eq!(runs.load(Ordering::SeqCst), 1);
    assert_eq!(notes.count(&Cx::new(), &Filter::all()).await.unwrap(), 1);
    assert!(store.has_committed(&Cx::new(), "order").await.unwrap());
    assert!(!store.has_committed(&Cx::new(), "other").await.unwrap());
}

/// The key of a transaction that fails is free again, and asking for one does not take it.
pub async fn are_undone_with_their_transaction(harness: &'static dyn Harness) {
    let fixture = harness.narrow().await;
    let (store, notes) = (&fixture.store, &fixture.store.repository::<note::Entity>());
    let failed = store.tx(&key("order"), |cx| async move {
        notes.create(&cx, &note("gone")).await?;
        Err::<(), _>(Error::new(ErrorKind::InvalidInput, "undo"))
    });
    failed.await.unwrap_err();
    for _ in 0..2 {
        assert!(!store.has_committed(&Cx::new(), "order").await.unwrap());
    }
    store.tx(&key("order"), |_| async { Ok::<_, Error>(()) }).await.unwrap();
    assert!(store.has_committed(&Cx::new(), "order").await.unwrap());
}

/// A write outside a transaction takes the key as one does; a read has no use for it.
pub async fn belong_to_single_writes(harness: &'static dyn Harness) {
    let fixture = harness.narrow().await;
    let (store, notes) = (&fixture.store, &fixture.store.repository::<note::Entity>());
    let made = notes.create(&key("note"), &note("once")).await.unwrap();
    for again in [
        notes.create(&key("note"), &note("twice")).await.map(drop),
        notes.create_batch(&key("note"), &[note("twice"), note("twice")]).await.map(drop),
        notes.update(&key("note"), &note::Model { body: "twice".into(), ..made.clone() }).await.map(drop),
        notes.delete(&key("note"), &made.id).await.map(drop),
    ] {
        assert_eq!(again.unwrap_err().kind(), ErrorKind::Duplicate);
    }
    assert_eq!(notes.find(&key("note"), &made.id).await.unwrap(), Some(made.clone()));
    assert_eq!(notes.count(&key("note"), &Filter::all()).await.unwrap(), 1);
    assert!(store.has_committed(&Cx::new(), "note").await.unwrap());
    // What is refused takes none.
    assert_eq!(notes.create(&key("refused"), &made).await.unwrap_err().kind(), ErrorKind::Duplicate);
    assert!(!store.has_committed(&Cx::new(), "refused").await.unwrap());
}

/// Inside its transaction the key is used up: operations and nested transactions do not take it again.
pub async fn are_used_up_by_their_transaction(harness: &'static dyn Harness) {
    let fixture = harness.narrow().await;
    let (store, notes) = (&fixture.store, &fixture.store.repository::<note::Entity>());
    let done = store.tx(&key("order"), |cx| async move {
        notes.create(&cx, &note("a")).await?;
        store.tx(&cx, |cx| async move { notes.create(&cx, &note("b")).await }).await
    });
    done.await.unwrap();
    assert_eq!(notes.count(&Cx::new(), &Filter::all()).await.unwrap(), 2);

    let inside = store.begin(&Cx::new(), TxOptions::new()).await.unwrap();
    assert_eq!(store.has_committed(&inside, "order").await.unwrap_err().kind(), ErrorKind::InvalidInput);
    inside.rollback().await.unwrap();
}

/// Whoever asks for the key of a transaction that has not ended waits for its end, whichever it is.
pub async fn are_told_when_their_transaction_has_ended(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let store = &fixture.store;
    for commits in [true, false] {
        let name = format!("order {commits}");
        let open = store.begin(&key(&name), TxOptions::new()).await.unwrap();
        let asked = tokio::spawn({
            let (store, name) = (store.clone(), name.clone());
            async move { store.has_committed(&Cx::new(), &name).await }
        });
        // However much time it has, there is nothing to answer.
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        assert!(!asked.is_finished());
        if commits {
            open.commit().await.unwrap()
        } else {
            open.rollback().await.unwrap()
        }
        assert_eq!(asked.await.unwrap().unwrap(), commits);
    }
}

/// What is no key is refused, and so is one on a store whose schema has no place for it.
pub async fn are_refused_where_they_are_none(harness: &'static dyn Harness) {
    let fixture = harness.narrow().await;
    let store = &fixture.store;
    let notes = store.repository::<note::Entity>();
    for none in [String::new(), "k".repeat(256), "a\0b".to_owned()] {
        assert_eq!(notes.create(&key(&none), &note("n")).await.unwrap_err().kind(), ErrorKind::InvalidInput);
        let begun = store.begin(&key(&none), TxOptions::new()).await.map(drop);
        assert_eq!(begun.unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(store.has_committed(&Cx::new(), &none).await.unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    let longest = "k".repeat(255);
    notes.create(&key(&longest), &note("n")).await.unwrap();
    assert!(store.has_committed(&Cx::new(), &longest).await.unwrap());
    if let Ok(sql) = store.sql() {
        let drop = sea_orm::sea_query::Table::drop().table("larder_commits").to_owned();
        sql.execute(&Cx::new(), &drop).await.unwrap();
        assert_eq!(notes.create(&key("k"), &note("n")).await.unwrap_err().kind(), ErrorKind::TableMissing);
        assert_eq!(store.has_committed(&Cx::new(), "k").await.unwrap_err().kind(), ErrorKind::TableMissing);
    }
}

/// Old keys are forgotten, and what they stood for can be done again.
pub async fn are_forgotten_by_age(harness: &'static dyn Harness) {
    let clock = std::sync::Arc::new(larder::ManualClock::at("2026-01-01T12:00:00Z".parse().unwrap()));
    let wanted = crate::testing::OpenWith { clock: Some(clock.clone()), ..Default::default() };
    let fixture = harness.open(wanted).await;
    let store = &fixture.store;
    let notes = store.repository::<note::Entity>();
    notes.create(&key("old"), &note("n")).await.unwrap();
    clock.advance(std::time::Duration::from_secs(3600));
    notes.create(&key("new"), &note("n")).await.unwrap();
    let years = |count: u64| std::time::Duration::from_secs(count * 366 * 24 * 3600);
    for age in [std::time::Duration::from_secs(7200), years(3_000), years(10_000), std::time::Duration::MAX] {
        assert_eq!(store.forget_commits(&Cx::new(), age).await.unwrap(), 0);
    }
    assert_eq!(store.forget_commits(&Cx::new(), std::time::Duration::from_secs(1800)).await.unwrap(), 1);
    assert!(!store.has_committed(&Cx::new(), "old").await.unwrap());
    assert!(store.has_committed(&Cx::new(), "new").await.unwrap());
    notes.create(&key("old"), &note("n")).await.unwrap();
}
