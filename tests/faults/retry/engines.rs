//! The contention that each engine has a way of its own to tell.

#![allow(unused_imports)] // Each feature uses a part of them.

use std::sync::{Mutex, atomic::Ordering};

use larder::{
    Cx, Error, ErrorKind, Filter, HealthStatus, Isolation, Locking, ReaderExt, SqlText, Transactional, TransactionalExt,
    TxOptions,
};
use tokio::sync::Barrier;

use super::{Trace, soon, two_people};
use crate::{
    places::Place,
    support::{
        entities::{note, person},
        note, person,
    },
};

/// Two transactions that change two models in opposite order: the engine ends one of them (40P01), which runs again from its
/// start, so that both are done.
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

/// A serializable transaction that cannot be put in an order with another (40001) runs again, whether a statement is refused or
/// the commit.
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
            let other = store.begin(&cx.outside_tx(), options).await?;
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

/// A lock that is not to be had at once, or not in the time that was set for it (55P03), is contention: the transaction runs
/// again until whoever had it has let it go.
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

/// A writer of another store keeps the file for longer than SQLite waits, which is five seconds: that is contention, and the
/// transaction runs again. Where it cannot even begin, it is given up after the attempts that are allowed, and tells of the
/// earlier ones.
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
    let never_begun = fixture.store.tx_with(&Cx::new(), soon(2), |cx| async move { notes.create(&cx, &note("never")).await });
    let error = never_begun.await.unwrap_err();
    assert_eq!((error.kind(), error.code(), error.earlier().len()), (ErrorKind::Contention, Some("5"), 1), "{error}");
    // Of four attempts one has come through: those that could not begin are counted as well.
    assert_eq!(fixture.store.health(&Cx::new()).await.transactions.status, HealthStatus::Degraded);
    held.rollback().await.unwrap();
    assert_eq!(notes.count(&Cx::new(), &Filter::all()).await.unwrap(), 1);
}

/// DuckDB tells only at the commit that another has stored the same id: the transaction runs again, sees the model that is there,
/// and changes it instead.
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
