//! What makes a transaction run again, what does not, and when it is given up.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use larder::{
    CancellationToken, Cx, Error, ErrorKind, Filter, Isolation, Locking, ReaderExt, Retry, SqlText, Store, Transactional,
    TransactionalExt, TxOptions,
};
use tokio::sync::{Barrier, oneshot};

use crate::{
    places::Place,
    support::{
        People,
        entities::{letter, note, page, person, strict},
        note, page, person,
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
#[derive(Default)]
struct Trace {
    attempts: Mutex<Vec<u32>>,
    hooks: Arc<AtomicU32>,
    errors: Mutex<Vec<(ErrorKind, Option<String>)>>,
}

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

    /// That there were so many attempts, one after another, whose last one's side effects alone have happened, and that the others met
    /// contention of this code.
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

/// Two transactions that change two models in opposite order: the engine ends one of them (40P01), which runs again from its start, so that
/// both are done.
#[cfg(feature = "postgres")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deadlock_is_run_again_and_both_are_done() {
    if Place::Postgres.is_skipped() {
        return;
    }
    let fixture = Place::Postgres.open().await;
    let (people, models) = two_people(&fixture.store).await;
    let (both_hold_one, store, people, models) = (&Barrier::new(2), &fixture.store, &people, &models);
    let traces = &[Trace::default(), Trace::default()];
    let change = |nth: usize| {
        store.tx_with(&Cx::new(), soon(5), move |cx| async move {
            let attempt = traces[nth].begin(&cx)?;
            for (step, of) in [nth, 1 - nth].into_iter().enumerate() {
                if (attempt, step) == (1, 1) {
                    both_hold_one.wait().await;
                }
                let read = people.get(&cx, &models[of].id).await?;
                let changed = person::Model { level: read.level.map(|level| level + 1), ..read };
                traces[nth].note(people.update(&cx, &changed).await)?;
            }
            Ok::<_, Error>(attempt)
        })
    };
    let (one, other) = tokio::join!(change(0), change(1));
    let attempts = [one.unwrap(), other.unwrap()];
    assert_eq!(attempts.iter().sum::<u32>(), 3);
    for (trace, attempts) in traces.iter().zip(attempts) {
        trace.shows(attempts, "40P01");
    }
}

/// A serializable transaction that cannot be put in an order with another (40001) runs again, whether a statement is refused or the commit.
#[cfg(feature = "postgres")]
#[tokio::test]
async fn what_fits_in_no_order_is_run_again() {
    if Place::Postgres.is_skipped() {
        return;
    }
    let fixture = Place::Postgres.open().await;
    let (people, models) = &two_people(&fixture.store).await;
    let (store, trace) = (&fixture.store, &Trace::default());
    let options = soon(5).isolation(Isolation::Serializable);
    let outcome = store.tx_with(&Cx::new(), options, |cx| async move {
        let attempt = trace.begin(&cx)?;
        let level: i64 = people.all(&cx).await?.iter().filter_map(|person| person.level).sum();
        people.update(&cx, &person::Model { level: Some(level + 1), ..models[0].clone() }).await?;
        if attempt < 3 {
            // Another has read the same, changes the other model, and is done first.
            let other = store.begin(&Cx::new().outside_tx(), options).await;
            let other = other.or_else(|error| Err(trace.note::<()>(Err(error)).unwrap_err()))?;
            let level: i64 = people.all(&other).await?.iter().filter_map(|person| person.level).sum();
            people.update(&other, &person::Model { level: Some(level + 10), ..models[1].clone() }).await?;
            other.commit().await?;
        }
        Ok::<_, Error>(attempt)
    });
    assert_eq!(outcome.await.unwrap(), 3);
    trace.shows(3, "40001");
    let levels: Vec<_> = people.all(&Cx::new()).await.unwrap().iter().map(|person| person.level.unwrap()).collect();
    // What the other wrote last was read afresh.
    assert_eq!(levels, [21, 20]);
}

/// A lock that is not to be had at once, or not in the time that was set for it (55P03), is contention: the transaction runs again until
/// whoever had it has let it go.
#[cfg(feature = "postgres")]
#[tokio::test]
async fn a_lock_that_is_not_to_be_had_is_run_again() {
    if Place::Postgres.is_skipped() {
        return;
    }
    let fixture = Place::Postgres.open().await;
    let (people, models) = &two_people(&fixture.store).await;
    let store = &fixture.store;
    for by_nowait in [true, false] {
        let (trace, holder) = (&Trace::default(), store.begin(&Cx::new(), TxOptions::new()).await.unwrap());
        people.update(&holder, &models[0]).await.unwrap();
        let holder = &Mutex::new(Some(holder));
        let outcome = store.tx_with(&Cx::new(), soon(5), |cx| async move {
            if trace.begin(&cx)? == 3 {
                let holder = holder.lock().unwrap().take().unwrap();
                holder.commit().await?;
            }
            let sql = store.sql()?;
            if by_nowait {
                let lock = SqlText::new("SELECT id FROM person ORDER BY id FOR UPDATE NOWAIT");
                trace.note(sql.query_as::<(i64,)>(&cx, &lock).await)?;
            } else {
                sql.execute(&cx, &SqlText::new("SET LOCAL lock_timeout = '20ms'")).await?;
            }
            trace.note(people.update(&cx, &person::Model { level: Some(7), ..models[0].clone() }).await)?;
            Ok::<_, Error>(cx.attempt())
        });
        assert_eq!(outcome.await.unwrap(), 3);
        trace.shows(3, "55P03");
    }
}

/// A writer of another store keeps the file for longer than SQLite waits, which is five seconds: that is contention, and the transaction runs
/// again. Where it cannot even begin, it is given up after the attempts that are allowed, and tells of the earlier ones.
#[cfg(feature = "sqlite")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_stays_busy_is_run_again() {
    let fixture = Place::Sqlite.open().await;
    let rival = Place::Sqlite.another(&fixture).await;
    let notes = &fixture.store.repository::<note::Entity>();
    let (trace, holder) = (&Trace::default(), &Mutex::new(Some(rival.begin(&Cx::new(), TxOptions::new()).await.unwrap())));
    let outcome = fixture.store.tx_with(&Cx::new(), soon(5).locking(Locking::Deferred), |cx| async move {
        trace.begin(&cx)?;
        let written = trace.note(notes.create(&cx, &note("once")).await);
        if written.is_err() {
            let holder = holder.lock().unwrap().take().unwrap();
            holder.rollback().await?;
        }
        written.map(drop)
    });
    outcome.await.unwrap();
    trace.shows(2, "5");

    let held = rival.begin(&Cx::new(), TxOptions::new()).await.unwrap();
    let never_begun = fixture.store.tx_with(&Cx::new(), soon(2), |_| async { panic!("the file is not free") });
    let error: Error = never_begun.await.map(|()| ()).unwrap_err();
    assert_eq!((error.kind(), error.code(), error.earlier().len()), (ErrorKind::Contention, Some("5"), 1), "{error}");
    held.rollback().await.unwrap();
    assert_eq!(notes.count(&Cx::new(), &Filter::all()).await.unwrap(), 1);
}

/// DuckDB tells only at the commit that another has stored the same id: the transaction runs again, sees the model that is there, and
/// changes it instead.
#[cfg(feature = "duckdb-linked")]
#[tokio::test]
async fn an_id_that_another_has_stored_meanwhile_is_run_again() {
    let fixture = Place::DuckDb.open().await;
    let (store, people) = (&fixture.store, &fixture.store.repository::<person::Entity>());
    let (trace, model) = (&Trace::default(), &person::Model { id: 7, level: Some(1), ..person("a@b") });
    let outcome = store.tx_with(&Cx::new(), soon(5), |cx| async move {
        trace.begin(&cx)?;
        let changed = person::Model { level: Some(2), ..model.clone() };
        if people.find(&cx, &7).await?.is_some() {
            return people.update(&cx, &changed).await;
        }
        let other = store.begin(&cx.outside_tx(), TxOptions::new()).await?;
        people.create(&other, model).await?;
        let created = people.create(&cx, &person::Model { email: "c@d".into(), ..changed }).await?;
        other.commit().await?;
        Ok(created)
    });
    let changed = outcome.await.unwrap();
    assert_eq!((changed.email.as_str(), changed.level), ("a@b", Some(2)));
    assert_eq!(people.all(&Cx::new()).await.unwrap(), [changed]);
    trace.shows(2, "TransactionContext");
}

/// What running again cannot help has one attempt, and is what the caller is told: data that is refused, a stale version, and a failure that
/// the closure hides. Only contention is run again.
async fn everything_but_contention_has_one_attempt(place: Place) {
    let fixture = place.open().await;
    let store = &fixture.store;
    let (people, letters) = (&store.repository::<person::Entity>(), &store.repository::<letter::Entity>());
    let stricts = &store.repository::<strict::Entity>();
    let pages = &store.repository_builder::<page::Entity>().version(page::Column::Version).build().unwrap();
    let there = &people.create(&Cx::new(), &person("there@b")).await.unwrap();
    pages.create(&Cx::new(), &page(1, "there")).await.unwrap();
    let checks = store.capabilities().check_constraints;
    let kinds = [
        ErrorKind::Duplicate,
        ErrorKind::ForeignKey,
        ErrorKind::Check,
        ErrorKind::NotNull,
        ErrorKind::NotFound,
        ErrorKind::Conflict,
        ErrorKind::InvalidInput,
        ErrorKind::TransactionAborted,
    ];
    for kind in kinds.into_iter().filter(|kind| checks || *kind != ErrorKind::Check) {
        let trace = &Trace::default();
        let outcome = store.tx_with(&Cx::new(), soon(5), |cx| async move {
            trace.begin(&cx)?;
            let model = strict::Model { id: 1, required: Some("r".into()), amount: 1 };
            match kind {
                ErrorKind::Duplicate => people.create(&cx, there).await.map(drop),
                ErrorKind::ForeignKey => {
                    let letter = letter::Model { id: 0, sender: 4711, answers: None, about: None };
                    letters.create(&cx, &letter).await.map(drop)
                }
                ErrorKind::Check => stricts.create(&cx, &strict::Model { amount: -1, ..model }).await.map(drop),
                ErrorKind::NotNull => stricts.create(&cx, &strict::Model { required: None, ..model }).await.map(drop),
                ErrorKind::NotFound => people.update(&cx, &person::Model { id: 4711, ..there.clone() }).await.map(drop),
                ErrorKind::Conflict => pages.update(&cx, &page::Model { version: 9, ..page(1, "stale") }).await.map(drop),
                ErrorKind::InvalidInput => people.create(&cx, &person("\0")).await.map(drop),
                _ => {
                    people.create(&cx, there).await.unwrap_err();
                    Ok(())
                }
            }
        });
        let error = outcome.await.unwrap_err();
        assert_eq!((error.kind(), error.earlier().len()), (kind, 0), "{error}");
        assert_eq!((trace.attempts.lock().unwrap().len(), trace.hooks.load(Ordering::SeqCst)), (1, 0), "{kind}");
    }
}

/// A commit whose answer was lost may have taken effect: it has one attempt.
#[cfg(feature = "postgres")]
#[tokio::test]
async fn a_commit_of_unknown_outcome_has_one_attempt() {
    if Place::Postgres.is_skipped() {
        return;
    }
    let fixture = Place::Postgres.open().await;
    let (store, trace) = (&fixture.store, &Trace::default());
    let notes = &store.repository::<note::Entity>();
    let outcome = store.tx_with(&Cx::new(), soon(5), |cx| async move {
        trace.begin(&cx)?;
        notes.create(&cx, &note("unknown")).await?;
        let sessions = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() \
                        AND state = 'idle in transaction'";
        store.sql()?.query_as::<(i64,)>(&cx.outside_tx(), &SqlText::new(sessions)).await.map(drop)
    });
    assert_eq!(outcome.await.unwrap_err().kind(), ErrorKind::CommitUnknown);
    assert_eq!((trace.attempts.lock().unwrap().len(), trace.hooks.load(Ordering::SeqCst)), (1, 0));
}

/// Where another attempt would have to wait past the deadline, or the work is cancelled while it waits, the transaction ends at once with the
/// contention that it has met.
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
