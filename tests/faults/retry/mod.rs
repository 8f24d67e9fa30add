//! What makes a transaction run again, what does not, and when it is given up.

mod engines;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use larder::{CancellationToken, Cx, Error, ErrorKind, Isolation, Locking, ReaderExt, Retry, Store, TransactionalExt, TxOptions};
use tokio::sync::oneshot;

use crate::{
    places::Place,
    support::{
        People,
        entities::{letter, page, person, strict},
        page, person,
    },
};

everywhere! {
    everything_but_contention_has_one_attempt
    a_deadline_and_a_cancellation_end_the_wait_for_another_attempt
}

/// Longer than anybody waits.
const YEARS: Duration = Duration::from_secs(u32::MAX as u64);

/// So many attempts, soon after one another.
fn soon(attempts: u32) -> TxOptions {
    TxOptions::new().retry(Retry::attempts(attempts).wait(Duration::from_millis(1), Duration::from_millis(5)))
}

/// What the attempts of a transaction have left.
#[allow(dead_code)] // Each feature uses a part of it.
#[derive(Default)]
struct Trace {
    attempts: Mutex<Vec<u32>>,
    hooks: Arc<AtomicU32>,
    errors: Mutex<Vec<(ErrorKind, Option<String>)>>,
}

#[allow(dead_code)] // The same.
impl Trace {
    /// Notes an attempt, and a side effect that waits for its commit.
    fn begin(&self, cx: &Cx) -> Result<u32, Error> {
        let hooks = self.hooks.clone();
        self.attempts.lock().unwrap().push(cx.attempt());
        cx.on_commit(move || {
            hooks.fetch_add(1, Ordering::SeqCst);
        })?;
        Ok(cx.attempt())
    }

    fn note<T>(&self, result: Result<T, Error>) -> Result<T, Error> {
        result.inspect_err(|error| self.errors.lock().unwrap().push((error.kind(), error.code().map(str::to_owned))))
    }

    /// That there were so many attempts, one after another, whose last one's side effects alone have happened, and that the
    /// others met contention of this code.
    fn shows(&self, attempts: u32, code: &str) {
        assert_eq!(*self.attempts.lock().unwrap(), (1..=attempts).collect::<Vec<_>>());
        assert_eq!(self.hooks.load(Ordering::SeqCst), 1);
        for error in self.errors.lock().unwrap().iter() {
            assert_eq!(*error, (ErrorKind::Contention, Some(code.to_owned())));
        }
    }
}

async fn two_people(store: &Store) -> (People, [person::Model; 2]) {
    let people = store.repository::<person::Entity>();
    let models = [person("a@b"), person("c@d")].map(|person| person::Model { level: Some(0), ..person });
    let models = people.create_many(&Cx::new(), &models).await.unwrap();
    (people, models.try_into().unwrap())
}

/// What a transaction fails with that running it again cannot help.
const PERMANENT: [ErrorKind; 8] = [
    ErrorKind::Duplicate,
    ErrorKind::ForeignKey,
    ErrorKind::Check,
    ErrorKind::NotNull,
    ErrorKind::NotFound,
    ErrorKind::Conflict,
    ErrorKind::InvalidInput,
    ErrorKind::TransactionAborted,
];

/// Fails with this kind of error, or hides one from a transaction. A person and a page are there.
async fn fail(store: &Store, cx: &Cx, kind: ErrorKind, there: &person::Model) -> Result<(), Error> {
    let (people, letters) = (store.repository::<person::Entity>(), store.repository::<letter::Entity>());
    let stricts = store.repository::<strict::Entity>();
    let model = strict::Model { id: 1, required: Some("r".into()), amount: 1 };
    match kind {
        ErrorKind::Duplicate => people.create(cx, there).await.map(drop),
        ErrorKind::ForeignKey => {
            let letter = letter::Model { id: 0, sender: 4711, answers: None, about: None };
            letters.create(cx, &letter).await.map(drop)
        }
        ErrorKind::Check => stricts.create(cx, &strict::Model { amount: -1, ..model }).await.map(drop),
        ErrorKind::NotNull => stricts.create(cx, &strict::Model { required: None, ..model }).await.map(drop),
        ErrorKind::NotFound => people.update(cx, &person::Model { id: 4711, ..there.clone() }).await.map(drop),
        ErrorKind::Conflict => {
            let pages = store.repository_builder::<page::Entity>().version(page::Column::Version).build()?;
            pages.update(cx, &page::Model { version: 9, ..page(1, "stale") }).await.map(drop)
        }
        ErrorKind::InvalidInput => people.create(cx, &person("\0")).await.map(drop),
        _ => {
            people.create(cx, there).await.unwrap_err();
            Ok(())
        }
    }
}

/// What running again cannot help has one attempt, and is what the caller is told: data that is refused, a stale version, and a
/// failure that the closure hides. Only contention is run again.
async fn everything_but_contention_has_one_attempt(place: Place) {
    let fixture = place.open().await;
    let store = &fixture.store;
    let there = &store.repository::<person::Entity>().create(&Cx::new(), &person("there@b")).await.unwrap();
    store.repository::<page::Entity>().create(&Cx::new(), &page::Model { version: 1, ..page(1, "there") }).await.unwrap();
    let checks = store.capabilities().check_constraints;
    for kind in PERMANENT.into_iter().filter(|kind| checks || *kind != ErrorKind::Check) {
        let trace = &Trace::default();
        let outcome = store.tx_with(&Cx::new(), soon(5), |cx| async move {
            trace.begin(&cx)?;
            fail(store, &cx, kind, there).await
        });
        let error = outcome.await.unwrap_err();
        assert_eq!((error.kind(), error.earlier().len()), (kind, 0), "{error}");
        assert_eq!((trace.attempts.lock().unwrap().len(), trace.hooks.load(Ordering::SeqCst)), (1, 0), "{kind}");
    }
}

/// Where another attempt would have to wait past the deadline, or the work is cancelled while it waits, the transaction ends at
/// once with the contention that it has met.
async fn a_deadline_and_a_cancellation_end_the_wait_for_another_attempt(place: Place) {
    let fixture = place.open().await;
    let rival = &place.another(&fixture).await;
    let concurrent = fixture.store.capabilities().concurrent_writers;
    if !concurrent && !fixture.store.capabilities().locking {
        // Nobody can come between.
        return;
    }
    let options = match concurrent {
        true => TxOptions::new().isolation(Isolation::RepeatableRead),
        false => TxOptions::new().locking(Locking::Deferred),
    };
    let options = options.retry(Retry::attempts(9).wait(YEARS, YEARS));
    let (people, models) = &two_people(&fixture.store).await;
    for by_token in [false, true] {
        let (token, runs) = (CancellationToken::new(), &AtomicU32::new(0));
        let (failed, has_failed) = oneshot::channel();
        let failed = &Mutex::new(Some(failed));
        let cx = if by_token { Cx::new().with_cancel(token.clone()) } else { Cx::new().with_timeout(Duration::from_secs(300)) };
        tokio::spawn(async move {
            has_failed.await.unwrap();
            token.cancel();
        });
        let outcome = fixture.store.tx_with(&cx, options, |cx| async move {
            runs.fetch_add(1, Ordering::SeqCst);
            let read = people.get(&cx, &models[0].id).await?;
            let (others, changed) = (rival.repository::<person::Entity>(), read.clone());
            tokio::spawn(async move { others.update(&Cx::new(), &changed).await }).await.unwrap()?;
            let refused = people.update(&cx, &read).await;
            failed.lock().unwrap().take().unwrap().send(()).unwrap();
            refused.map(drop)
        });
        let in_time = tokio::time::timeout(Duration::from_secs(60), outcome).await.expect("the wait has been given up");
        let error = in_time.unwrap_err();
        assert_eq!((error.kind(), runs.load(Ordering::SeqCst)), (ErrorKind::Contention, 1), "{error}");
        // What the rival has locked is free, and so is what the transaction had.
        people.update(&Cx::new(), &models[0]).await.unwrap();
    }
}
