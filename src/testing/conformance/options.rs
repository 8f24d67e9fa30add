use std::sync::atomic::{AtomicBool, Ordering};

use larder::{Cx, Error, ErrorKind, Isolation, Locking, Transactional, TransactionalExt, TxOptions};

use crate::testing::{Harness, entities::note, note};

/// An isolation level is given at least; one that neither the store's levels nor a stronger one reach, and a way of locking that
/// it does not have, is `Unsupported`.
pub async fn refuse_what_the_store_cannot_give(harness: &'static dyn Harness) {
    let fixture = &harness.narrow().await;
    let capabilities = fixture.store.capabilities();
    let try_with = async |options| fixture.store.tx_with(&Cx::new(), options, |_| async { Ok::<_, Error>(()) }).await;
    for isolation in [Isolation::ReadCommitted, Isolation::RepeatableRead, Isolation::Serializable] {
        let outcome = try_with(TxOptions::new().isolation(isolation)).await;
        match capabilities.isolation.iter().any(|offered| *offered >= isolation) {
            true => outcome.unwrap(),
            false => assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Unsupported),
        }
    }
    // What the outermost transaction gives is given to the nested ones.
    let nested = fixture.store.tx(&Cx::new(), |cx| async move {
        for isolation in [Isolation::ReadCommitted, Isolation::RepeatableRead] {
            fixture.store.tx_with(&cx, TxOptions::new().isolation(isolation), |_| async { Ok::<_, Error>(()) }).await?;
        }
        let more = TxOptions::new().isolation(Isolation::Serializable);
        let more = fixture.store.tx_with(&cx, more, |_| async { Ok::<_, Error>(()) }).await;
        assert_eq!(more.unwrap_err().kind(), ErrorKind::Unsupported);
        Ok::<_, Error>(())
    });
    nested.await.unwrap();
    // The default is given everywhere.
    try_with(TxOptions::new().isolation(Isolation::RepeatableRead)).await.unwrap();
    for locking in [Locking::Deferred, Locking::Immediate, Locking::Exclusive] {
        let outcome = try_with(TxOptions::new().locking(locking)).await;
        match capabilities.locking {
            true => outcome.unwrap(),
            false => assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Unsupported),
        }
    }
}

/// A write in a read-only transaction is `ReadOnly`; reads are answered.
pub async fn keep_a_read_only_transaction_from_writing(harness: &'static dyn Harness) {
    let fixture = harness.narrow().await;
    let notes = &fixture.store.repository::<note::Entity>();
    notes.create(&Cx::new(), &note("there")).await.unwrap();
    let outcome = fixture.store.tx_with(&Cx::new(), TxOptions::new().read_only(), |cx| async move {
        assert_eq!(notes.count(&cx, &larder::Filter::all()).await?, 1);
        notes.create(&cx, &note("refused")).await.map(drop)
    });
    assert_eq!(outcome.await.unwrap_err().kind(), ErrorKind::ReadOnly);
    let outcome = fixture
        .store
        .tx_with(&Cx::new(), TxOptions::new().read_only(), |cx| async move { notes.count(&cx, &larder::Filter::all()).await });
    assert_eq!(outcome.await.unwrap(), 1);
}

/// What a transaction was asked to be ends with it, however it ended.
pub async fn leave_the_connection_as_it_was(harness: &'static dyn Harness) {
    let fixture = harness.narrow().await;
    let notes = &fixture.store.repository::<note::Entity>();
    for fail in [false, true] {
        let outcome = fixture.store.tx_with(&Cx::new(), TxOptions::new().read_only(), |cx| async move {
            notes.count(&cx, &larder::Filter::all()).await?;
            if fail { Err(Error::new(ErrorKind::Internal, "undo")) } else { Ok(()) }
        });
        assert_eq!(outcome.await.is_err(), fail);
        notes.create(&Cx::new(), &note("written")).await.unwrap();
    }
    let reached = &AtomicBool::new(false);
    let dropped = fixture.store.tx_with(&Cx::new(), TxOptions::new().read_only(), |cx| async move {
        notes.count(&cx, &larder::Filter::all()).await?;
        reached.store(true, Ordering::SeqCst);
        std::future::pending::<Result<(), Error>>().await
    });
    let mut dropped = Box::pin(dropped);
    while !reached.load(Ordering::SeqCst) {
        assert!(futures::poll!(&mut dropped).is_pending());
        tokio::task::yield_now().await;
    }
    drop(dropped);
    notes.create(&Cx::new(), &note("written")).await.unwrap();
    assert_eq!(notes.count(&Cx::new(), &larder::Filter::all()).await.unwrap(), 3);
}

/// The store's capabilities are the ones its backend is known for.
pub async fn offer_what_is_declared(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let capabilities = fixture.store.capabilities();
    assert!(harness.declares(&capabilities), "{capabilities:?}");
    let notes = fixture.store.repository::<note::Entity>();
    assert_eq!(Transactional::capabilities(&fixture.store), capabilities);
    assert_eq!(Transactional::capabilities(&*notes), capabilities);
    assert!(capabilities.isolation.is_sorted());
}
