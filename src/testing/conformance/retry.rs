use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use larder::{
    Cx, Error, ErrorKind, Filter, Isolation, Locking, ReaderExt, Retry, Storage, Store, Transactional, TransactionalExt,
    TxOptions,
};

use crate::testing::{
    Fixture, Harness,
    entities::{note, person},
    note, person,
};

/// A model that two write, each through a store of its own.
pub(super) struct Contest {
    pub(super) fixture: Fixture,
    rival: Store,
    pub(super) options: TxOptions,
    contested: person::Model,
    runs: AtomicU32,
}

impl Contest {
    /// None where nobody can come between.
    pub(super) async fn on(harness: &'static dyn Harness) -> Option<Self> {
        let (fixture, rival) = harness.with_rival().await?;
        let options = match fixture.store.capabilities().concurrent_writers {
            true => TxOptions::new().isolation(Isolation::RepeatableRead),
            false => TxOptions::new().locking(Locking::Deferred),
        };
        let options = options.retry(Retry::attempts(4).wait(Duration::from_millis(1), Duration::from_millis(5)));
        let contested = fixture.store.repository::<person::Entity>().create(&Cx::new(), &person("contested@x")).await.unwrap();
        Some(Self { fixture, rival, options, contested, runs: AtomicU32::new(0) })
    }

    fn people(&self) -> Arc<dyn Storage<person::Model, i64>> {
        self.fixture.store.repository::<person::Entity>()
    }

    /// Reads the model and changes it; the rival changes it in between for so many runs.
    pub(super) async fn change(&self, cx: &Cx, disturbed: u32) -> Result<(), Error> {
        let people = self.people();
        let run = self.runs.fetch_add(1, Ordering::SeqCst);
        let read = people.get(cx, &self.contested.id).await?;
        if run < disturbed {
            let rival = self.rival.repository::<person::Entity>();
            let changed = person::Model { level: Some(100 + i64::from(run)), ..self.contested.clone() };
            // Somebody else's doing, from outside this closure.
            tokio::spawn(async move { rival.update(&Cx::new(), &changed).await }).await.unwrap().unwrap();
        }
        people.update(cx, &person::Model { level: read.level.map(|level| level + 1), ..read }).await.map(drop)
    }

    async fn level(&self) -> Option<i64> {
        self.people().get(&Cx::new(), &self.contested.id).await.unwrap().level
    }

    fn runs(&self) -> u32 {
        self.runs.load(Ordering::SeqCst)
    }
}

/// After contention the whole closure runs again from a clean state, and knows that it does; what waits for the commit happens
/// once.
pub async fn runs_the_closure_again(harness: &'static dyn Harness) {
    let Some(contest) = &Contest::on(harness).await else { return };
    let notes = &contest.fixture.store.repository::<note::Entity>();
    let (attempts, hooks) = (&std::sync::Mutex::new(Vec::new()), &Arc::new(AtomicU32::new(0)));
    let outcome = contest.fixture.store.tx_with(&Cx::new(), contest.options, |cx| async move {
        attempts.lock().unwrap().push(cx.attempt());
        let hooks = hooks.clone();
        cx.on_commit(move || {
            hooks.fetch_add(1, Ordering::SeqCst);
        })?;
        if contest.fixture.store.capabilities().concurrent_writers {
            notes.create(&cx, &note("once")).await?;
        }
        contest.change(&cx, 2).await?;
        Ok::<_, Error>(cx.attempt())
    });
    assert_eq!(outcome.await.unwrap(), 3);
    assert_eq!((attempts.lock().unwrap().as_slice(), hooks.load(Ordering::SeqCst)), ([1, 2, 3].as_slice(), 1));
    // What the rival wrote last, and one.
    assert_eq!(contest.level().await, Some(102));
    assert!(notes.count(&Cx::new(), &Filter::all()).await.unwrap() <= 1);
    assert_eq!(Cx::new().attempt(), 1);
}

/// Contention that lasts is reported after the attempts that are allowed, with what was in the way of each.
pub async fn gives_up_with_the_history(harness: &'static dyn Harness) {
    let Some(contest) = &Contest::on(harness).await else { return };
    let outcome = contest.fixture.store.tx_with(&Cx::new(), contest.options, |cx| async move { contest.change(&cx, 100).await });
    let error = outcome.await.unwrap_err();
    assert_eq!((error.kind(), contest.runs()), (ErrorKind::Contention, 4), "{error}");
    assert_eq!(error.earlier().iter().map(Error::kind).collect::<Vec<_>>(), [ErrorKind::Contention; 3]);
    assert!(error.earlier()[2].earlier().is_empty());
    assert!(error.to_string().contains("4 attempts"), "{error}");
    assert_eq!(contest.level().await, Some(103));
}

/// What counts is what happened to the transaction, and not what the closure makes of it.
pub async fn looks_through_what_the_closure_answers(harness: &'static dyn Harness) {
    let Some(contest) = &Contest::on(harness).await else { return };
    let renamed = contest.fixture.store.tx_with(&Cx::new(), contest.options, |cx| async move {
        let changed = contest.change(&cx, 1).await;
        changed.map_err(|_| Error::new(ErrorKind::InvalidInput, "renamed"))
    });
    renamed.await.unwrap();
    assert_eq!(contest.runs(), 2);
    let swallowed = contest.fixture.store.tx_with(&Cx::new(), contest.options, |cx| async move {
        let _swallowed = contest.change(&cx, 3).await;
        Ok::<_, Error>(())
    });
    swallowed.await.unwrap();
    assert_eq!((contest.runs(), contest.level().await), (4, Some(103)));
}

/// A nested transaction is not run again by itself: the outermost is.
pub async fn runs_the_outermost_again(harness: &'static dyn Harness) {
    let Some(contest) = &Contest::on(harness).await else { return };
    let outer = &AtomicU32::new(0);
    let outcome = contest.fixture.store.tx_with(&Cx::new(), contest.options, |cx| async move {
        outer.fetch_add(1, Ordering::SeqCst);
        contest.people().count(&cx, &Filter::all()).await?;
        let inner = contest.fixture.store.tx(&cx, |cx| async move {
            contest.change(&cx, 1).await?;
            Ok(cx.attempt())
        });
        inner.await
    });
    let outcome: Result<u32, Error> = outcome.await;
    assert_eq!((outcome.unwrap(), outer.load(Ordering::SeqCst), contest.runs()), (2, 2, 2));
}

/// A transaction that is told so, or begun by hand, runs once; `tx_once` takes closures that cannot run again.
pub async fn runs_once_where_that_is_asked(harness: &'static dyn Harness) {
    let Some(contest) = &Contest::on(harness).await else { return };
    let store = &contest.fixture.store;
    let options = contest.options.retry(Retry::never());
    let outcome = store.tx_with(&Cx::new(), options, |cx| async move { contest.change(&cx, 100).await });
    let error = outcome.await.unwrap_err();
    assert_eq!((error.kind(), error.earlier().len(), contest.runs()), (ErrorKind::Contention, 0, 1));
    let cx = store.begin(&Cx::new(), contest.options).await.unwrap();
    assert_eq!(contest.change(&cx, 100).await.unwrap_err().kind(), ErrorKind::Contention);
    assert_eq!(cx.commit().await.unwrap_err().kind(), ErrorKind::TransactionAborted);
    assert_eq!(contest.runs(), 2);
}

/// Contention that the closure has dealt with is over: what goes wrong after it is not retried, and what is committed is not done
/// again.
pub async fn forgets_what_was_dealt_with(harness: &'static dyn Harness) {
    let Some(contest) = &Contest::on(harness).await else { return };
    let store = &contest.fixture.store;
    if !store.capabilities().savepoints || !store.capabilities().concurrent_writers {
        return;
    }
    let outcome = store.tx_with(&Cx::new(), contest.options, |cx| async move {
        contest.people().count(&cx, &Filter::all()).await?;
        let inner = store.tx(&cx, |cx| async move { contest.change(&cx, 100).await });
        assert_eq!(inner.await.unwrap_err().kind(), ErrorKind::Contention);
        let again = person::Model { id: 0, ..contest.contested.clone() };
        contest.people().create(&cx, &again).await
    });
    assert_eq!(outcome.await.unwrap_err().kind(), ErrorKind::Duplicate);
    assert_eq!(contest.runs(), 1);
    let outcome = store.tx_with(&Cx::new(), contest.options, |cx| async move {
        contest.people().count(&cx, &Filter::all()).await?;
        let inner = store.tx(&cx, |cx| async move { contest.change(&cx, 100).await });
        assert_eq!(inner.await.unwrap_err().kind(), ErrorKind::Contention);
        cx.commit().await
    });
    assert_eq!(outcome.await.unwrap_err().kind(), ErrorKind::TransactionClosed);
    assert_eq!(contest.runs(), 2);
}

/// Nothing but contention is retried.
pub async fn retries_nothing_else(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let notes = &fixture.store.repository::<note::Entity>();
    let there = &notes.create(&Cx::new(), &note("there")).await.unwrap();
    let runs = &AtomicU32::new(0);
    let outcome = fixture.store.tx(&Cx::new(), |cx| async move {
        runs.fetch_add(1, Ordering::SeqCst);
        notes.create(&cx, there).await
    });
    assert_eq!(outcome.await.unwrap_err().kind(), ErrorKind::Duplicate);
    let outcome = fixture.store.tx(&Cx::new(), |cx| async move {
        runs.fetch_add(1, Ordering::SeqCst);
        notes.count(&cx, &Filter::all()).await?;
        Err::<(), _>(Error::new(ErrorKind::Contention, "said, and not met"))
    });
    assert_eq!(outcome.await.unwrap_err().kind(), ErrorKind::Contention);
    assert_eq!(runs.load(Ordering::SeqCst), 2);
}
