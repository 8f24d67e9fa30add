use larder::{Cx, Error, ErrorKind, Filter, Propagation, Transactional, TransactionalExt, TxOptions};

use crate::testing::{Harness, entities::note, note};

fn options(propagation: Propagation) -> TxOptions {
    TxOptions::new().propagation(propagation)
}

fn failure() -> Error {
    Error::new(ErrorKind::InvalidInput, "mine")
}

/// `Required` and `Mandatory` take part in the transaction that is there: with them, all of it fails.
pub async fn takes_part(harness: &'static dyn Harness) {
    let fixture = harness.narrow().await;
    let (store, notes) = (&fixture.store, &fixture.store.repository::<note::Entity>());
    for propagation in [Propagation::Required, Propagation::Mandatory, Propagation::Supports] {
        let outcome = store.tx(&Cx::new(), |cx| async move {
            notes.create(&cx, &note("outer")).await?;
            let inner = store.tx_with(&cx, options(propagation), |cx| async move {
                notes.create(&cx, &note("inner")).await?;
                Err::<(), _>(failure())
            });
            assert_eq!(inner.await.unwrap_err().kind(), ErrorKind::InvalidInput);
            Ok::<_, Error>(())
        });
        assert_eq!(outcome.await.unwrap_err().kind(), ErrorKind::TransactionAborted, "{propagation:?}");
        assert_eq!(notes.count(&Cx::new(), &Filter::all()).await.unwrap(), 0);

        let outcome = store.tx(&Cx::new(), |cx| async move {
            let inner = store.tx_with(&cx, options(propagation), |cx| async move {
                assert!(cx.in_transaction());
                notes.create(&cx, &note("inner")).await
            });
            inner.await?;
            // What it did, it did for the whole.
            let count = notes.count(&cx, &Filter::all()).await?;
            notes.delete_where(&cx, &Filter::all()).await?;
            Ok::<_, Error>(count)
        });
        assert_eq!(outcome.await.unwrap(), 1, "{propagation:?}");
    }
}

/// Outside a transaction, `Required` and `RequiresNew` make one, `Mandatory` refuses, and the others do without.
pub async fn begins_one_where_there_is_none(harness: &'static dyn Harness) {
    let fixture = harness.narrow().await;
    let (store, notes) = (&fixture.store, &fixture.store.repository::<note::Entity>());
    let made = async |propagation| {
        let outcome = store.tx_with(&Cx::new(), options(propagation), |cx| async move {
            notes.create(&cx, &note("made")).await?;
            Ok::<_, Error>(cx.in_transaction())
        });
        outcome.await.map_err(|error| error.kind())
    };
    assert_eq!(made(Propagation::Required).await, Ok(true));
    assert_eq!(made(Propagation::RequiresNew).await, Ok(true));
    assert_eq!(made(Propagation::Mandatory).await, Err(ErrorKind::TransactionClosed));
    for propagation in [Propagation::Supports, Propagation::NotSupported, Propagation::Never] {
        assert_eq!(made(propagation).await, Ok(false));
        let by_hand = store.begin(&Cx::new(), options(propagation)).await.map(drop);
        assert_eq!(by_hand.unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    assert_eq!(notes.count(&Cx::new(), &Filter::all()).await.unwrap(), 5);
}

/// `RequiresNew` and `NotSupported` run beside the transaction, and stay when it is undone; where there is no second connection,
/// or only one can write, they are refused at once.
pub async fn runs_beside(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let (store, notes) = (&fixture.store, &fixture.store.repository::<note::Entity>());
    for propagation in [Propagation::RequiresNew, Propagation::NotSupported] {
        let outcome = store.tx(&Cx::new(), |cx| async move {
            notes.create(&cx, &note("undone")).await?;
            let beside = store.tx_with(&cx, options(propagation), |cx| async move { notes.create(&cx, &note("stays")).await });
            let beside: Result<_, Error> = beside.await;
            let expected = if store.capabilities().concurrent_writers { Ok(()) } else { Err(ErrorKind::NestedAcquire) };
            assert_eq!(beside.map(drop).map_err(|error| error.kind()), expected, "{propagation:?}");
            Err::<(), _>(failure())
        });
        assert_eq!(outcome.await.unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    let stayed = if store.capabilities().concurrent_writers { 2 } else { 0 };
    assert_eq!(notes.count(&Cx::new(), &Filter::all()).await.unwrap(), stayed);

    let fixture = harness.narrow().await;
    let (store, notes) = (&fixture.store, &fixture.store.repository::<note::Entity>());
    let outcome = store.tx(&Cx::new(), |cx| async move {
        notes.create(&cx, &note("outer")).await?;
        let beside = store.tx_with(&cx, options(Propagation::RequiresNew), |_| async { Ok::<_, Error>(()) });
        assert_eq!(beside.await.unwrap_err().kind(), ErrorKind::NestedAcquire);
        Ok::<_, Error>(())
    });
    outcome.await.unwrap();
}

/// `Never` refuses to be called inside a transaction, which goes on.
pub async fn refuses_one(harness: &'static dyn Harness) {
    let fixture = harness.narrow().await;
    let (store, notes) = (&fixture.store, &fixture.store.repository::<note::Entity>());
    let outcome = store.tx(&Cx::new(), |cx| async move {
        let never = store.tx_with(&cx, options(Propagation::Never), |_| async { Ok::<_, Error>(()) });
        assert_eq!(never.await.unwrap_err().kind(), ErrorKind::InvalidInput);
        notes.create(&cx, &note("kept")).await
    });
    outcome.await.unwrap();
    assert_eq!(notes.count(&Cx::new(), &Filter::all()).await.unwrap(), 1);
}

/// What takes part in a nested transaction fails that one, and not what is around it, where the nested one can fail by itself.
pub async fn fails_up_to_the_nearest_savepoint(harness: &'static dyn Harness) {
    let fixture = harness.narrow().await;
    let (store, notes) = (&fixture.store, &fixture.store.repository::<note::Entity>());
    let outcome = store.tx(&Cx::new(), |cx| async move {
        notes.create(&cx, &note("outer")).await?;
        let nested = store.tx(&cx, |cx| async move {
            notes.create(&cx, &note("nested")).await?;
            let part = store.tx_with(&cx, options(Propagation::Required), |cx| async move {
                notes.create(&cx, &note("part")).await?;
                Err::<(), _>(failure())
            });
            part.await.unwrap_err();
            assert_eq!(notes.count(&cx, &Filter::all()).await.unwrap_err().kind(), ErrorKind::TransactionAborted);
            Ok::<_, Error>(())
        });
        assert_eq!(nested.await.unwrap_err().kind(), ErrorKind::TransactionAborted);
        Ok::<_, Error>(())
    });
    let expected = if store.capabilities().savepoints { Ok(()) } else { Err(ErrorKind::TransactionAborted) };
    assert_eq!(outcome.await.map_err(|error| error.kind()), expected);
    assert_eq!(notes.count(&Cx::new(), &Filter::all()).await.unwrap(), u64::from(expected.is_ok()));
}

/// Beside a transaction that was begun by hand nothing waits for its connection, either.
pub async fn never_waits_for_itself(harness: &'static dyn Harness) {
    let fixture = harness.narrow().await;
    let (store, notes) = (&fixture.store, &fixture.store.repository::<note::Entity>());
    let cx = store.begin(&Cx::new(), TxOptions::new()).await.unwrap();
    let beside = store.begin(&cx, options(Propagation::RequiresNew)).await.map(drop);
    assert_eq!(beside.unwrap_err().kind(), ErrorKind::NestedAcquire);
    assert_eq!(notes.create(&cx.outside_tx(), &note("beside")).await.unwrap_err().kind(), ErrorKind::NestedAcquire);
    notes.create(&cx, &note("kept")).await.unwrap();
    cx.commit().await.unwrap();
    assert_eq!(notes.count(&Cx::new(), &Filter::all()).await.unwrap(), 1);
}
