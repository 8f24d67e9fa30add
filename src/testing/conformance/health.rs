use std::{sync::Arc, time::Duration};

use larder::{
    Cx, Error, ErrorKind, HealthStatus, Isolation, Locking, ManualClock, ReaderExt, Retry, Transactional, TransactionalExt,
    TxOptions,
};

use crate::testing::{Harness, OpenWith, entities::person, person};

/// A store that answers is up, and one that was closed is down and says so.
pub async fn tells_whether_the_store_answers(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let health = fixture.store.health(&Cx::new()).await;
    assert_eq!(health.status(), HealthStatus::Up, "{health:?}");
    assert_eq!((health.open_transactions, health.longest_transaction), (0, None));
    fixture.store.close().await;
    let health = fixture.store.health(&Cx::new()).await;
    assert_eq!(health.status(), HealthStatus::Down);
    assert_eq!(health.connectivity.error.unwrap().kind(), ErrorKind::Closed);
}

/// When all connections are in use the store is degraded, until one is free.
pub async fn tells_that_all_connections_are_in_use(harness: &'static dyn Harness) {
    let fixture = harness.hasty().await;
    let store = &fixture.store;
    let open = store.begin(&Cx::new(), TxOptions::new()).await.unwrap();
    let connectivity = store.health(&Cx::new()).await.connectivity;
    // Memory has no connections.
    if store.capabilities().schema {
        assert_eq!(connectivity.status, HealthStatus::Degraded);
        assert_eq!(connectivity.error.unwrap().kind(), ErrorKind::PoolTimeout);
    }
    open.rollback().await.unwrap();
    assert_eq!(store.health(&Cx::new()).await.status(), HealthStatus::Up);
}

/// A transaction of the context has no part in it: the store is asked beside it, or says at once that it has no other connection.
pub async fn is_asked_beside_the_transaction_of_its_context(harness: &'static dyn Harness) {
    let fixture = harness.narrow().await;
    let store = &fixture.store;
    let inside = store.tx(&Cx::new(), |cx| async move { Ok::<_, Error>(store.health(&cx).await.connectivity) });
    let connectivity = inside.await.unwrap();
    if store.capabilities().schema {
        assert_eq!(connectivity.status, HealthStatus::Degraded);
        assert_eq!(connectivity.error.unwrap().kind(), ErrorKind::NestedAcquire);
    }
    assert_eq!(store.health(&Cx::new()).await.status(), HealthStatus::Up);
}

/// A transaction that is open for long degrades the store until it ends.
pub async fn tells_of_a_long_transaction(harness: &'static dyn Harness) {
    let clock = Arc::new(ManualClock::at("2026-01-01T12:00:00Z".parse().unwrap()));
    let fixture = harness.open(OpenWith { clock: Some(clock.clone()), ..OpenWith::default() }).await;
    let store = &fixture.store;
    let open = store.begin(&Cx::new(), TxOptions::new()).await.unwrap();
    clock.advance(Duration::from_secs(59));
    assert_eq!(store.health(&Cx::new()).await.transactions.status, HealthStatus::Up);
    clock.advance(Duration::from_secs(2));
    let health = store.health(&Cx::new()).await;
    assert_eq!(health.transactions.status, HealthStatus::Degraded);
    assert_eq!((health.open_transactions, health.longest_transaction), (1, Some(Duration::from_secs(61))));
    // Although its context is still there.
    open.commit().await.unwrap();
    let health = store.health(&Cx::new()).await;
    assert_eq!((health.transactions.status, health.open_transactions), (HealthStatus::Up, 0));
}

/// Where transactions are in each other's way more often than they come through, the store is degraded.
pub async fn tells_of_contention(harness: &'static dyn Harness) {
    let Some((fixture, rival)) = harness.with_rival().await else { return };
    let store = &fixture.store;
    let people = &store.repository::<person::Entity>();
    let contested = &people.create(&Cx::new(), &person("contested@x")).await.unwrap();
    let options = match store.capabilities().concurrent_writers {
        true => TxOptions::new().isolation(Isolation::RepeatableRead),
        false => TxOptions::new().locking(Locking::Deferred),
    };
    // Twice: with hooks, the create is a transaction as well.
    for _ in 0..2 {
        let lost = store.tx_with(&Cx::new(), options.retry(Retry::never()), |cx| {
            let rival = rival.repository::<person::Entity>();
            async move {
                let read = people.get(&cx, &contested.id).await?;
                let changed = person::Model { level: Some(7), ..contested.clone() };
                tokio::spawn(async move { rival.update(&Cx::new(), &changed).await }).await.unwrap().unwrap();
                people.update(&cx, &person::Model { level: Some(8), ..read }).await
            }
        });
        assert_eq!(lost.await.unwrap_err().kind(), ErrorKind::Contention);
    }
    assert_eq!(store.health(&Cx::new()).await.transactions.status, HealthStatus::Degraded);
    for _ in 0..2 {
        store.tx(&Cx::new(), |cx| async move { people.get(&cx, &contested.id).await }).await.unwrap();
    }
    assert_eq!(store.health(&Cx::new()).await.transactions.status, HealthStatus::Up);
}
