use larder::{Cx, ErrorKind, Isolation, ReaderExt, Result, TransactionalExt, TxOptions};

use crate::testing::{
    Harness,
    entities::item::{self},
    item,
};

/// `find_locked` finds a model in a transaction; outside of one, or in one that only reads, it is refused.
pub async fn are_taken_in_transactions(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let items = &fixture.store.repository::<item::Entity>();
    items.create(&Cx::new(), &item(1)).await.unwrap();
    let find = |options: TxOptions, id: i32| {
        fixture.store.tx_with(&Cx::new(), options, move |cx| async move { items.find_locked(&cx, &id).await })
    };
    if !fixture.store.capabilities().row_locks {
        let refused = find(TxOptions::new(), 1).await.unwrap_err();
        assert_eq!((refused.kind(), refused.operation()), (ErrorKind::Unsupported, Some("find_locked")));
        return;
    }
    assert_eq!(find(TxOptions::new(), 1).await.unwrap(), Some(item(1)));
    assert_eq!(find(TxOptions::new(), 2).await.unwrap(), None);
    assert_eq!(find(TxOptions::new().read_only(), 1).await.unwrap_err().kind(), ErrorKind::ReadOnly);
    let outside = items.find_locked(&Cx::new(), &1).await.unwrap_err();
    assert_eq!((outside.kind(), outside.operation()), (ErrorKind::InvalidInput, Some("find_locked")));
    let rewritten = fixture.store.tx(&Cx::new(), |cx| async move {
        let mut found = items.find_locked(&cx, &1).await?.unwrap();
        found.small += 1;
        items.update(&cx, &found).await?;
        items.find_locked(&cx, &1).await
    });
    assert_eq!(rewritten.await.unwrap().map(|item| item.small), Some(1));
}

/// What is read by `find_locked` is what the writes that follow meet, at any isolation: nothing is lost that others write.
pub async fn keep_others_from_the_model(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    if !fixture.store.capabilities().row_locks {
        return;
    }
    let (store, items) = (&fixture.store, &fixture.store.repository::<item::Entity>());
    items.create_batch(&Cx::new(), &[item(1), item(2)]).await.unwrap();
    let options = TxOptions::new().isolation(Isolation::ReadCommitted);
    let raise = |_: usize| async move {
        for _ in 0..10 {
            let raised = store.tx_with(&Cx::new(), options, |cx| async move {
                let mut found = items.find_locked(&cx, &1).await?.unwrap();
                tokio::task::yield_now().await;
                found.small += 1;
                items.update(&cx, &found).await.map(drop)
            });
            raised.await.unwrap();
        }
    };
    futures::future::join_all((0..6).map(raise)).await;
    assert_eq!(items.get(&Cx::new(), &1).await.unwrap().small, 60);
}

/// A transaction that has read before it locks a model meets the model that it read, or is told of contention.
pub async fn meet_what_was_read(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    if !fixture.store.capabilities().row_locks {
        return;
    }
    let (store, items) = (&fixture.store, &fixture.store.repository::<item::Entity>());
    items.create(&Cx::new(), &item(1)).await.unwrap();
    let raise = |_: usize| async move {
        for _ in 0..5 {
            let raised = store.tx(&Cx::new(), |cx| async move {
                let seen = items.get(&cx, &1).await?;
                tokio::task::yield_now().await;
                let mut found = items.find_locked(&cx, &1).await?.unwrap();
                assert_eq!(found, seen);
                found.small += 1;
                items.update(&cx, &found).await.map(drop)
            });
            let raised: Result<()> = raised.await;
            raised.unwrap_or_else(|error| assert_eq!(error.kind(), ErrorKind::Contention));
        }
    };
    futures::future::join_all((0..3).map(raise)).await;
    assert!(items.get(&Cx::new(), &1).await.unwrap().small > 0);
}
