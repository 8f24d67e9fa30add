use larder::DeleterExt as _;
use larder::{Cx, Error, ErrorKind, TransactionalExt};

use crate::testing::{
    Harness, drop_at,
    entities::{label, note, person},
    note, person,
};

/// Dropped at any await, a transaction leaves no row, no open transaction, and the only connection usable.
pub async fn leaves_nothing_wherever_a_transaction_is_dropped(harness: &'static dyn Harness) {
    let fixture = harness.narrow().await;
    let notes = &fixture.store.repository::<note::Entity>();
    let labels = &fixture.store.repository::<label::Entity>();
    for polls in 0.. {
        let tx = fixture.store.tx(&Cx::new(), |cx| async move {
            notes.create(&cx, &note("n")).await?;
            let inner = notes.tx(&cx, |cx| async move { notes.create_many(&cx, &[note("a"), note("b")]).await });
            inner.await?;
            labels.create(&cx, &label::Model { name: "l".into(), text: None }).await?;
            tokio::task::yield_now().await;
            notes.count(&cx, &larder::Filter::all()).await
        });
        let outcome = drop_at(polls, tx).await;
        let counts = (
            notes.count(&Cx::new(), &larder::Filter::all()).await.unwrap(),
            labels.count(&Cx::new(), &larder::Filter::all()).await.unwrap(),
        );
        match outcome {
            Some(counted) => {
                assert_eq!((counted.unwrap(), counts), (3, (3, 1)));
                break;
            }
            // A commit that was on its way may still take effect, as a whole.
            None => assert!(counts == (0, 0) || counts == (3, 1), "{polls} polls: {counts:?}"),
        }
        notes.delete_all(&Cx::new()).await.unwrap();
        labels.delete_all(&Cx::new()).await.unwrap();
    }
}

/// A batch of several statements, dropped anywhere, is stored as a whole or not at all.
pub async fn leaves_all_or_nothing_of_a_batch(harness: &'static dyn Harness) {
    let fixture = harness.narrow().await;
    let notes = &fixture.store.repository::<note::Entity>();
    let models: Vec<_> = (0..2_100).map(|i| note(&i.to_string())).collect();
    for polls in 0.. {
        let outcome = drop_at(polls, notes.create_batch(&Cx::new(), &models)).await;
        let count = notes.count(&Cx::new(), &larder::Filter::all()).await.unwrap();
        assert!(count == 0 || count == 2_100, "{polls} polls: {count}");
        if outcome.is_some() {
            assert_eq!(count, 2_100);
            break;
        }
        notes.delete_all(&Cx::new()).await.unwrap();
    }
}

/// A nested transaction that is dropped is undone; the outer one goes on without it or fails as a whole, and never keeps half.
pub async fn leaves_the_outer_part_usable_or_aborted(harness: &'static dyn Harness) {
    let fixture = harness.narrow().await;
    let notes = &fixture.store.repository::<note::Entity>();
    for polls in 0.. {
        let finished = &std::sync::atomic::AtomicBool::new(false);
        let outcome = fixture.store.tx(&Cx::new(), |cx| async move {
            notes.create(&cx, &note("outer")).await?;
            let inner = notes.tx(&cx, |cx| async move {
                notes.create(&cx, &note("inner")).await?;
                tokio::task::yield_now().await;
                notes.create(&cx, &note("inner")).await.map(drop)
            });
            let inner = drop_at(polls, inner).await;
            finished.store(inner.is_some(), std::sync::atomic::Ordering::SeqCst);
            notes.create(&cx, &note("outer")).await.map(drop)
        });
        let (outcome, finished) = (outcome.await, finished.load(std::sync::atomic::Ordering::SeqCst));
        let count = notes.count(&Cx::new(), &larder::Filter::all()).await.unwrap();
        match outcome {
            Ok(()) => assert_eq!(count, if finished { 4 } else { 2 }, "{polls} polls"),
            Err(error) => {
                assert_eq!((error.kind(), count), (ErrorKind::TransactionAborted, 0), "{polls} polls");
                assert!(!finished);
            }
        }
        if finished {
            break;
        }
        notes.delete_all(&Cx::new()).await.unwrap();
    }
}

/// A statement that is dropped before it is answered may have been refused, so its transaction does not commit.
pub async fn aborts_a_transaction_whose_statement_was_dropped(harness: &'static dyn Harness) {
    let fixture = harness.narrow().await;
    let people = &fixture.store.repository::<person::Entity>();
    let batch =
        &(0..2_500).map(|i| person(&if i == 2_499 { "taken@b".to_owned() } else { format!("{i}@b") })).collect::<Vec<_>>();
    let outcome = fixture.store.tx(&Cx::new(), |cx| async move {
        people.create(&cx, &person("taken@b")).await?;
        // Where the answer comes with the first poll it is the refusal, which this closure hides as well.
        drop(drop_at(1, people.create_batch(&cx, batch)).await);
        Ok::<_, Error>(())
    });
    assert_eq!(outcome.await.unwrap_err().kind(), ErrorKind::TransactionAborted);
    assert_eq!(people.count(&Cx::new(), &larder::Filter::all()).await.unwrap(), 0);
}

/// A context that was leaked to another task keeps neither the transaction open nor the connection busy.
pub async fn keeps_a_leaked_context_from_holding_the_connection(harness: &'static dyn Harness) {
    let fixture = harness.narrow().await;
    let notes = &fixture.store.repository::<note::Entity>();
    let leaked = &std::sync::Mutex::new(None);
    let never = fixture.store.tx(&Cx::new(), |cx| async move {
        notes.create(&cx, &note("gone")).await?;
        *leaked.lock().unwrap() = Some(cx);
        std::future::pending::<Result<(), Error>>().await
    });
    let mut never = Box::pin(never);
    while leaked.lock().unwrap().is_none() {
        assert!(futures::poll!(&mut never).is_pending());
        tokio::task::yield_now().await;
    }
    drop(never);
    assert_eq!(notes.count(&Cx::new(), &larder::Filter::all()).await.unwrap(), 0);
    let leaked = leaked.lock().unwrap().take().unwrap();
    assert_eq!(notes.count(&leaked, &larder::Filter::all()).await.unwrap_err().kind(), ErrorKind::TransactionClosed);
}

/// When a transaction is dropped while statements of it wait for each other in other tasks, the last of them lets the connection
/// go, although their contexts live on.
pub async fn frees_the_connection_although_others_wait_for_it(harness: &'static dyn Harness) {
    let fixture = harness.narrow().await;
    let notes = &fixture.store.repository::<note::Entity>();
    let batch: Vec<_> = (0..4_000).map(|i| note(&i.to_string())).collect();
    let leaked = &std::sync::Mutex::new(None);
    let tx = fixture.store.tx(&Cx::new(), |cx| {
        let batch = batch.clone();
        async move {
            let (started, mut starting) = tokio::sync::mpsc::unbounded_channel();
            for _ in 0..3 {
                let (notes, cx, batch, started) = (notes.clone(), cx.clone(), batch.clone(), started.clone());
                tokio::spawn(async move {
                    started.send(()).unwrap();
                    notes.create_batch(&cx, &batch).await
                });
            }
            for _ in 0..3 {
                starting.recv().await;
            }
            *leaked.lock().unwrap() = Some(cx);
            std::future::pending::<Result<(), Error>>().await
        }
    });
    let mut tx = Box::pin(tx);
    while leaked.lock().unwrap().is_none() {
        assert!(futures::poll!(&mut tx).is_pending());
        tokio::task::yield_now().await;
    }
    // Long enough for the first to have the connection and for the others to wait for it, too short for it to be done.
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    drop(tx);
    notes.create(&Cx::new(), &note("free")).await.unwrap();
    assert_eq!(notes.count(&Cx::new(), &larder::Filter::all()).await.unwrap(), 1);
    assert!(!leaked.lock().unwrap().as_ref().unwrap().in_transaction());
}
