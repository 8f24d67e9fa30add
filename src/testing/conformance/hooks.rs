use std::sync::{Arc, Mutex};

use larder::{Cx, Error, ErrorKind, Transactional, TransactionalExt, TxOptions};

use crate::testing::{Harness, entities::note, note};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn hook(&self, name: &str) -> impl FnOnce() + Send + 'static {
        let (log, name) = (self.clone(), name.to_owned());
        move || log.0.lock().unwrap().push(name)
    }

    fn entries(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

/// Hooks run after the outermost commit, in the order they were registered, before `tx` returns.
pub async fn run_after_the_commit_in_order(harness: &'static dyn Harness) {
    let fixture = harness.narrow().await;
    let (store, log) = (&fixture.store, &Log::default());
    let outcome = store.tx(&Cx::new(), |cx| async move {
        cx.on_commit(log.hook("first"))?;
        store.tx(&cx, |cx| async move { cx.on_commit(log.hook("inner")) }).await?;
        cx.on_commit(log.hook("last"))?;
        assert!(log.entries().is_empty());
        Ok::<_, Error>(())
    });
    outcome.await.unwrap();
    assert_eq!(log.entries(), ["first", "inner", "last"]);
    assert_eq!(Cx::new().on_commit(|| ()).unwrap_err().kind(), ErrorKind::TransactionClosed);
}

/// Hooks do not run if the transaction is rolled back or aborted.
pub async fn do_not_run_after_a_rollback(harness: &'static dyn Harness) {
    let fixture = harness.narrow().await;
    let notes = &fixture.store.repository::<note::Entity>();
    let log = &Log::default();
    let failed = fixture.store.tx(&Cx::new(), |cx| async move {
        cx.on_commit(log.hook("never"))?;
        Err::<(), _>(Error::new(ErrorKind::Internal, "undo"))
    });
    failed.await.unwrap_err();
    let aborted = fixture.store.tx(&Cx::new(), |cx| async move {
        cx.on_commit(log.hook("never"))?;
        let made = notes.create(&cx, &note("gone")).await?;
        notes.create(&cx, &made).await.unwrap_err();
        Ok::<_, Error>(())
    });
    aborted.await.unwrap_err();
    assert!(log.entries().is_empty());
}

/// A hook of a nested part that was undone does not run, although the outer part commits, where it can.
pub async fn do_not_run_for_a_nested_part_that_failed(harness: &'static dyn Harness) {
    let fixture = harness.narrow().await;
    let (store, log) = (&fixture.store, &Log::default());
    let outcome = store.tx(&Cx::new(), |cx| async move {
        let inner = store.tx(&cx, |cx| async move {
            cx.on_commit(log.hook("never"))?;
            Err::<(), _>(Error::new(ErrorKind::Internal, "undo"))
        });
        inner.await.unwrap_err();
        cx.on_commit(log.hook("outer"))
    });
    let outcome = outcome.await.map_err(|error| error.kind());
    if store.capabilities().savepoints {
        assert_eq!((outcome, log.entries()), (Ok(()), vec!["outer".to_owned()]));
    } else {
        assert_eq!((outcome, log.entries()), (Err(ErrorKind::TransactionAborted), vec![]));
    }
}

/// A hook that panics neither undoes the commit nor stops the others.
pub async fn do_not_stop_at_a_panic(harness: &'static dyn Harness) {
    let fixture = harness.narrow().await;
    let log = &Log::default();
    let outcome = fixture.store.tx(&Cx::new(), |cx| async move {
        cx.on_commit(|| panic!("as the test wants it"))?;
        cx.on_commit(log.hook("after"))
    });
    outcome.await.unwrap();
    assert_eq!(log.entries(), ["after"]);
}

/// A hook may hold the context it was registered with, whatever becomes of the transaction, and finds it ended.
pub async fn may_hold_their_context(harness: &'static dyn Harness) {
    let fixture = harness.narrow().await;
    let (store, log) = (&fixture.store, &Log::default());
    let watch = |cx: &Cx| {
        let (held, log) = (cx.clone(), log.clone());
        move || log.0.lock().unwrap().push(format!("open: {}", held.in_transaction()))
    };
    for commits in [false, true] {
        let outcome = store.tx(&Cx::new(), |cx| async move {
            store.tx(&cx, |cx| async move { cx.on_commit(watch(&cx)) }).await?;
            cx.on_commit(watch(&cx))?;
            if commits { Ok(()) } else { Err(Error::new(ErrorKind::Internal, "undo")) }
        });
        assert_eq!(outcome.await.is_ok(), commits);
        assert_eq!(log.entries().len(), if commits { 2 } else { 0 });
    }
    assert_eq!(log.entries(), ["open: false", "open: false"]);
    let notes = store.repository::<note::Entity>();
    notes.create(&Cx::new(), &note("the connection is free")).await.unwrap();
}

/// Hooks of a transaction that was begun by hand run with its commit; one that can no longer commit takes none.
pub async fn run_for_a_transaction_begun_by_hand(harness: &'static dyn Harness) {
    let fixture = harness.narrow().await;
    let (notes, log) = (fixture.store.repository::<note::Entity>(), Log::default());
    let cx = fixture.store.begin(&Cx::new(), TxOptions::new()).await.unwrap();
    cx.on_commit(log.hook("first")).unwrap();
    let inner = fixture.store.begin(&cx, TxOptions::new()).await.unwrap();
    assert_eq!(cx.on_commit(log.hook("never")).unwrap_err().kind(), ErrorKind::NestedAcquire);
    inner.commit().await.unwrap();
    cx.commit().await.unwrap();
    assert_eq!(log.entries(), ["first"]);

    let cx = fixture.store.begin(&Cx::new(), TxOptions::new()).await.unwrap();
    let made = notes.create(&cx, &note("gone")).await.unwrap();
    notes.create(&cx, &made).await.unwrap_err();
    assert_eq!(cx.on_commit(log.hook("never")).unwrap_err().kind(), ErrorKind::TransactionAborted);
    assert_eq!(cx.commit().await.unwrap_err().kind(), ErrorKind::TransactionAborted);
    assert_eq!(log.entries(), ["first"]);
}
