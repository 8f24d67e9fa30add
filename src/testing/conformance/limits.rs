use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use larder::{
    CancellationToken, Cx, Dialect, Error, ErrorKind, Filter, ReaderExt, SqlText, Store, Transactional, TransactionalExt,
    TxOptions,
};

use crate::testing::{Fixture, Harness, entities::note, note};

/// So short that what takes long is late, and so long that what does not is not.
const SHORT: Duration = Duration::from_millis(1_000);

/// Contexts of which nothing may come any more, and what is said of it.
fn spent() -> [(Cx, ErrorKind); 2] {
    let token = CancellationToken::new();
    token.cancel();
    [(Cx::new().with_timeout(Duration::ZERO), ErrorKind::DeadlineExceeded), (Cx::new().with_cancel(token), ErrorKind::Cancelled)]
}

/// Kinds of limits.
const KINDS: [ErrorKind; 2] = [ErrorKind::DeadlineExceeded, ErrorKind::Cancelled];

/// A context that reaches its limit soon.
fn short(kind: ErrorKind) -> Cx {
    if kind == ErrorKind::DeadlineExceeded {
        return Cx::new().with_timeout(SHORT);
    }
    let token = CancellationToken::new();
    let cancelled = Cx::new().with_cancel(CancellationToken::new()).with_cancel(token.clone());
    tokio::spawn(async move {
        tokio::time::sleep(SHORT).await;
        token.cancel();
    });
    cancelled
}

/// A statement that takes very long.
fn endless(store: &Store) -> Option<SqlText> {
    let text = match store.sql().ok()?.dialect() {
        Dialect::Postgres => "SELECT count(pg_sleep(600))",
        Dialect::Sqlite => "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
        _ => "SELECT count(*) FROM range(10000000000) a, range(100) b WHERE a.range % 7 = b.range % 7 + 1",
    };
    Some(SqlText::new(text))
}

async fn run_endless(fixture: &Fixture, cx: &Cx) -> Result<(), Error> {
    match endless(&fixture.store) {
        Some(text) => fixture.store.sql()?.query_as::<(i64,)>(cx, &text).await.map(drop),
        // Without SQL, there is nothing that takes long but to wait.
        None => {
            let notes = fixture.store.repository::<note::Entity>();
            let writing = fixture.store.begin(&Cx::new(), TxOptions::new()).await?;
            let late = notes.create(cx, &note("late")).await.map(drop);
            writing.rollback().await?;
            late
        }
    }
}

/// With a context whose time is over, or that was cancelled, nothing is begun.
pub async fn begin_nothing_late(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let notes = &fixture.store.repository::<note::Entity>();
    let there = notes.create(&Cx::new(), &note("there")).await.unwrap();
    for (cx, kind) in spent() {
        let kinds = [
            notes.create(&cx, &note("late")).await.unwrap_err().kind(),
            notes.create_batch(&cx, &[note("late"), note("late")]).await.unwrap_err().kind(),
            notes.find(&cx, &there.id).await.unwrap_err().kind(),
            notes.stream(&cx, &larder::Query::new()).await.unwrap_err().kind(),
            fixture.store.begin(&cx, TxOptions::new()).await.unwrap_err().kind(),
            fixture.store.tx(&cx, |_| async { Ok::<_, Error>(()) }).await.unwrap_err().kind(),
        ];
        assert_eq!(kinds, [kind; 6]);
    }
    assert_eq!(notes.all(&Cx::new().with_timeout(Duration::MAX)).await.unwrap(), [there]);
    assert_eq!(Cx::new().remaining(), None);
    let cx = Cx::new().with_timeout(Duration::ZERO).with_timeout(Duration::from_secs(60));
    assert_eq!(cx.remaining(), Some(Duration::ZERO));
}

/// Limits bound the wait for a connection, and say so: it is not the pool that ran out of time.
pub async fn bound_the_wait_for_a_connection(harness: &'static dyn Harness) {
    let fixture = harness.narrow().await;
    let notes = &fixture.store.repository::<note::Entity>();
    let open = fixture.store.begin(&Cx::new(), TxOptions::new()).await.unwrap();
    notes.create(&open, &note("kept")).await.unwrap();
    for kind in KINDS {
        let cx = short(kind);
        let error = notes.create(&cx, &note("late")).await.unwrap_err();
        assert_eq!(error.kind(), kind);
        let said = error.to_string();
        assert!(said.contains("waited") || said.contains("before it began"), "{said}");
    }
    open.commit().await.unwrap();
    assert_eq!(notes.count(&Cx::new(), &Filter::all()).await.unwrap(), 1);
}

/// A statement that takes too long is stopped, outside a transaction and inside, and its connection goes on.
pub async fn stop_what_runs(harness: &'static dyn Harness) {
    let fixture = harness.narrow().await;
    let notes = &fixture.store.repository::<note::Entity>();
    for kind in KINDS {
        let cx = short(kind);
        assert_eq!(run_endless(&fixture, &cx).await.unwrap_err().kind(), kind);
        for _ in 0..10 {
            notes.create(&Cx::new(), &note("after")).await.unwrap();
        }
    }
    if endless(&fixture.store).is_none() {
        return;
    }
    for kind in KINDS {
        let cx = short(kind);
        let outcome = fixture.store.tx(&cx, |cx| {
            let fixture = &fixture;
            async move {
                notes.create(&cx, &note("gone")).await?;
                run_endless(fixture, &cx).await
            }
        });
        assert_eq!(outcome.await.unwrap_err().kind(), kind);
        notes.create(&Cx::new(), &note("after")).await.unwrap();
    }
    assert_eq!(notes.count(&Cx::new(), &Filter::all()).await.unwrap(), 22);
}

/// A statement that was stopped fails its transaction, whatever the closure makes of it.
pub async fn fail_the_transaction(harness: &'static dyn Harness) {
    let fixture = harness.narrow().await;
    let notes = &fixture.store.repository::<note::Entity>();
    let outcome = fixture.store.tx(&Cx::new(), |cx| {
        let fixture = &fixture;
        async move {
            notes.create(&cx, &note("gone")).await?;
            if endless(&fixture.store).is_some() {
                let stopped = run_endless(fixture, &cx.with_timeout(SHORT)).await;
                assert_eq!(stopped.unwrap_err().kind(), ErrorKind::DeadlineExceeded);
                assert_eq!(notes.count(&cx, &Filter::all()).await.unwrap_err().kind(), ErrorKind::TransactionAborted);
            }
            Ok::<_, Error>(())
        }
    });
    let outcome = outcome.await.map_err(|error| error.kind());
    let expected = if endless(&fixture.store).is_some() { Err(ErrorKind::TransactionAborted) } else { Ok(()) };
    assert_eq!(outcome, expected);
    assert_eq!(notes.count(&Cx::new(), &Filter::all()).await.unwrap(), u64::from(expected.is_ok()));
}

/// A transaction that is late is not committed.
pub async fn commit_nothing_late(harness: &'static dyn Harness) {
    let fixture = harness.narrow().await;
    let notes = &fixture.store.repository::<note::Entity>();
    let outcome = fixture.store.tx_with(&Cx::new(), TxOptions::new().timeout(SHORT), |cx| async move {
        notes.create(&cx, &note("gone")).await?;
        std::thread::sleep(2 * SHORT);
        assert_eq!(cx.remaining(), Some(Duration::ZERO));
        Ok::<_, Error>(())
    });
    assert_eq!(outcome.await.unwrap_err().kind(), ErrorKind::DeadlineExceeded);
    let cx = fixture.store.begin(&Cx::new(), TxOptions::new().timeout(SHORT)).await.unwrap();
    notes.create(&cx, &note("gone")).await.unwrap();
    tokio::time::sleep(2 * SHORT).await;
    assert_eq!(cx.commit().await.unwrap_err().kind(), ErrorKind::DeadlineExceeded);
    assert_eq!(cx.commit().await.unwrap_err().kind(), ErrorKind::TransactionClosed);
    assert_eq!(notes.count(&Cx::new(), &Filter::all()).await.unwrap(), 0);
}

/// Tells that it was dropped.
struct Told(Arc<AtomicBool>);

impl Drop for Told {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// A closure that goes on past a limit of its transaction or of its context is dropped, its connection and its locks are free,
/// and nothing is stored.
pub async fn end_the_closure(harness: &'static dyn Harness) {
    let fixture = harness.narrow().await;
    let notes = &fixture.store.repository::<note::Entity>();
    for nth in 0..3 {
        let (cx, options, kind) = match nth {
            0 => (Cx::new(), TxOptions::new().timeout(SHORT), KINDS[0]),
            _ => (short(KINDS[nth - 1]), TxOptions::new(), KINDS[nth - 1]),
        };
        let dropped = Arc::new(AtomicBool::new(false));
        let endless = fixture.store.tx_with(&cx, options, |cx| {
            let told = Told(dropped.clone());
            async move {
                let _told = told;
                notes.create(&cx, &note("gone")).await?;
                std::future::pending::<Result<(), Error>>().await
            }
        });
        assert_eq!(endless.await.unwrap_err().kind(), kind);
        assert!(dropped.load(Ordering::SeqCst));
        let kept = notes.create(&Cx::new(), &note("kept")).await.unwrap();
        assert_eq!(notes.all(&Cx::new()).await.unwrap(), std::slice::from_ref(&kept));
        notes.delete(&Cx::new(), &kept.id).await.unwrap();
    }
    // A part that takes too long is undone by itself, where parts can be.
    let parts = fixture.store.tx(&Cx::new(), |cx| async move {
        notes.create(&cx, &note("kept")).await?;
        let endless = notes.tx_with(&cx, TxOptions::new().timeout(SHORT), |cx| async move {
            notes.create(&cx, &note("gone")).await?;
            std::future::pending::<Result<(), Error>>().await
        });
        assert_eq!(endless.await.unwrap_err().kind(), ErrorKind::DeadlineExceeded);
        Ok::<_, Error>(())
    });
    let parts = parts.await.map_err(|error| error.kind());
    let is_kept = fixture.store.capabilities().savepoints;
    assert_eq!(parts, if is_kept { Ok(()) } else { Err(ErrorKind::TransactionAborted) });
    assert_eq!(notes.count(&Cx::new(), &Filter::all()).await.unwrap(), u64::from(is_kept));
}

/// What is done in time is done, whatever the limits: also what would run by itself without them.
pub async fn leave_alone_what_is_in_time(harness: &'static dyn Harness) {
    let fixture = harness.narrow().await;
    let notes = &fixture.store.repository::<note::Entity>();
    let cx = Cx::new().with_timeout(Duration::from_secs(600)).with_cancel(CancellationToken::new());
    let made = notes.create(&cx, &note("made")).await.unwrap();
    assert_eq!(notes.create_batch(&cx, &(0..1000).map(|n| note(&n.to_string())).collect::<Vec<_>>()).await.unwrap(), 1000);
    assert_eq!(notes.find(&cx, &made.id).await.unwrap(), Some(made.clone()));
    let mut stream = notes.stream(&cx, &larder::Query::new()).await.unwrap();
    let mut count = 0;
    while stream.try_next().await.unwrap().is_some() {
        count += 1;
    }
    drop(stream);
    assert_eq!(count, 1001);
    let outcome = fixture.store.tx(&cx, |cx| {
        let made = &made;
        async move { notes.update_many(&cx, &[note::Model { body: "changed".into(), ..made.clone() }]).await }
    });
    outcome.await.unwrap();
    assert_eq!(notes.get(&cx, &made.id).await.unwrap().body, "changed");
}
