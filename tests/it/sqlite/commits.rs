//! Single writes that share a commit, and the log that is moved behind their backs.

use std::{sync::Arc, time::Duration};

use futures::future::join_all;
use larder::{
    Cx, Durability, Error, ErrorKind, Filter, OpenOptions, ReaderExt as _, SqlText, Store, Transactional as _, TransactionalExt,
    TxOptions,
};

use crate::support::{
    create_tables, drop_at,
    entities::{label, note},
    note,
    warnings::warnings,
};

async fn durable(directory: &tempfile::TempDir, options: OpenOptions) -> Store {
    let url = format!("sqlite:{}", directory.path().join("durable.sqlite").display());
    let store = options.durability(Durability::Power).open(&url).await.unwrap();
    create_tables(&store).await;
    store
}

async fn run(store: &Store, sql: &str) {
    store.sql().unwrap().execute(&Cx::new(), &SqlText::new(sql)).await.unwrap();
}

/// Writes that wait while another transaction writes are committed together: the log grows by one commit, and each has its own
/// answer.
#[tokio::test]
async fn writes_that_wait_share_a_commit() {
    let directory = tempfile::tempdir().unwrap();
    let store = durable(&directory, OpenOptions::new()).await;
    let notes = store.repository::<note::Entity>();
    let first = notes.create(&Cx::new(), &note("there")).await.unwrap();
    let held = store.tx(&Cx::new(), |cx| {
        let (notes, first) = (notes.clone(), first.clone());
        async move {
            let writes = (0..30).map(|nth| {
                let (notes, first) = (notes.clone(), first.clone());
                tokio::spawn(async move {
                    // Every third is refused.
                    let model = if nth % 3 == 0 { first } else { note(&nth.to_string()) };
                    notes.create(&Cx::new(), &model).await.map_err(|error| error.kind())
                })
            });
            let writes: Vec<_> = writes.collect();
            for _ in 0..50 {
                tokio::task::yield_now().await;
            }
            notes.create(&cx, &note("held")).await?;
            Ok::<_, Error>(writes)
        }
    });
    let log = directory.path().join("durable.sqlite-wal");
    let writes = held.await.unwrap();
    let before = std::fs::metadata(&log).unwrap().len();
    for (nth, written) in join_all(writes).await.into_iter().enumerate() {
        let expected = (nth % 3 == 0).then_some(ErrorKind::Duplicate);
        assert_eq!(written.unwrap().err(), expected, "{nth}");
    }
    assert_eq!(notes.count(&Cx::new(), &Filter::all()).await.unwrap(), 22);
    // Twenty commits by themselves would write some of their pages twenty times.
    let grown = (std::fs::metadata(&log).unwrap().len() - before) / 4096;
    assert!(grown < 20, "{grown} pages");
}

/// A write that ends the whole transaction, or whose constraint is checked only by the commit, costs nobody else anything.
#[tokio::test]
async fn a_failed_write_costs_only_itself() {
    let directory = tempfile::tempdir().unwrap();
    let store = durable(&directory, OpenOptions::new()).await;
    run(&store, "CREATE TRIGGER ends BEFORE INSERT ON note WHEN NEW.body = 'end' BEGIN SELECT RAISE(ROLLBACK, 'ended'); END")
        .await;
    run(&store, "CREATE TABLE parent (id INTEGER PRIMARY KEY)").await;
    run(&store, "CREATE TABLE child (id INTEGER REFERENCES parent DEFERRABLE INITIALLY DEFERRED)").await;
    run(&store, "CREATE TRIGGER orphans AFTER INSERT ON note WHEN NEW.body = 'orphan' BEGIN INSERT INTO child VALUES (1); END")
        .await;
    let notes = store.repository::<note::Entity>();
    for bad in ["end", "orphan"] {
        let writes = (0..40).map(|nth| {
            let body = if nth % 8 == 3 { bad.to_owned() } else { format!("{bad} {nth}") };
            let notes = notes.clone();
            tokio::spawn(async move { notes.create(&Cx::new(), &note(&body)).await.map_err(|error| error.kind()) })
        });
        let kind = if bad == "end" { ErrorKind::Check } else { ErrorKind::ForeignKey };
        for (nth, written) in join_all(writes.collect::<Vec<_>>()).await.into_iter().enumerate() {
            assert_eq!(written.unwrap().err(), (nth % 8 == 3).then_some(kind), "{bad} {nth}");
        }
    }
    assert_eq!(notes.count(&Cx::new(), &Filter::all()).await.unwrap(), 70);
}

/// A write that fails leaves nothing, although SQLite would keep a part of it: what a trigger lets stand, and a model that cannot
/// be read back.
#[tokio::test]
async fn a_failed_write_leaves_nothing() {
    for options in [OpenOptions::new(), OpenOptions::new().durability(Durability::Power)] {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", directory.path().join("left.sqlite").display());
        let store = options.open(&url).await.unwrap();
        create_tables(&store).await;
        run(&store, "CREATE TRIGGER fails AFTER INSERT ON note WHEN NEW.body = 'fail' BEGIN SELECT RAISE(FAIL, 'failed'); END")
            .await;
        // What looks like a number becomes one in it.
        run(&store, "DROP TABLE label").await;
        run(&store, "CREATE TABLE label (name TEXT PRIMARY KEY, text NUMERIC)").await;
        let (notes, labels) = (store.repository::<note::Entity>(), store.repository::<label::Entity>());
        let writes = (0..12).map(|nth| {
            let (notes, labels) = (notes.clone(), labels.clone());
            tokio::spawn(async move {
                match nth % 3 {
                    0 => notes.create(&Cx::new(), &note("fail")).await.map(drop),
                    1 => {
                        labels.create(&Cx::new(), &label::Model { name: nth.to_string(), text: Some("7".into()) }).await.map(drop)
                    }
                    _ => notes.create(&Cx::new(), &note("kept")).await.map(drop),
                }
                .map_err(|error| error.kind())
            })
        });
        for (nth, written) in join_all(writes.collect::<Vec<_>>()).await.into_iter().enumerate() {
            let expected = [Some(ErrorKind::Check), Some(ErrorKind::Corrupt), None][nth % 3];
            assert_eq!(written.unwrap().err(), expected, "{nth}");
        }
        assert!(notes.all(&Cx::new()).await.unwrap().iter().all(|note| note.body == "kept"));
        assert_eq!(notes.count(&Cx::new(), &Filter::all()).await.unwrap(), 4);
        assert_eq!(labels.count(&Cx::new(), &Filter::all()).await.unwrap(), 0);
    }
}

/// Tasks that write one after another on several threads: whoever comes when the line has just ended is served as well.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_is_lost_at_the_end_of_the_line() {
    let directory = tempfile::tempdir().unwrap();
    let store = durable(&directory, OpenOptions::new()).await;
    run(&store, "PRAGMA synchronous = OFF").await;
    let tasks = (0..4).map(|task| {
        let notes = store.repository::<note::Entity>();
        tokio::spawn(async move {
            for nth in 0..300 {
                notes.create(&Cx::new(), &note(&format!("{task} {nth}"))).await.unwrap();
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    assert_eq!(store.repository::<note::Entity>().count(&Cx::new(), &Filter::all()).await.unwrap(), 1200);
}

/// A store goes on when the runtime that wrote to it has stopped running its tasks.
#[test]
fn a_store_is_not_tied_to_one_runtime() {
    let directory = tempfile::tempdir().unwrap();
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (first, second) = (runtime(), runtime());
    let store = first.block_on(durable(&directory, OpenOptions::new().acquire_timeout(Duration::from_secs(2))));
    let notes = store.repository::<note::Entity>();
    for nth in 0..20 {
        first.block_on(notes.create(&Cx::new(), &note(&nth.to_string()))).unwrap();
        second.block_on(notes.create(&Cx::new(), &note(&nth.to_string()))).unwrap();
    }
    second.block_on(store.close());
}

/// A write that is dropped while it waits never runs; one whose time is over is told so; neither holds up the others.
#[tokio::test]
async fn a_write_that_waits_can_be_given_up() {
    let directory = tempfile::tempdir().unwrap();
    let store = durable(&directory, OpenOptions::new().acquire_timeout(Duration::from_millis(300))).await;
    let notes = &store.repository::<note::Entity>();
    let held = store.tx(&Cx::new(), |cx| async move {
        notes.create(&cx, &note("held")).await?;
        let other = notes.clone();
        let timed_out = tokio::spawn(async move { other.create(&Cx::new(), &note("too late")).await });
        assert_eq!(timed_out.await.unwrap().unwrap_err().kind(), ErrorKind::PoolTimeout);
        let other = notes.clone();
        let dropped = tokio::spawn(async move { drop_at(3, other.create(&Cx::new(), &note("dropped"))).await.is_none() });
        tokio::time::sleep(Duration::from_millis(20)).await;
        let other = notes.clone();
        let waiting = tokio::spawn(async move { other.create(&Cx::new(), &note("waits")).await });
        tokio::time::sleep(Duration::from_millis(20)).await;
        dropped.abort();
        drop(dropped.await);
        Ok::<_, Error>(waiting)
    });
    held.await.unwrap().await.unwrap().unwrap();
    let mut bodies: Vec<_> = notes.all(&Cx::new()).await.unwrap().into_iter().map(|note| note.body).collect();
    bodies.sort();
    assert_eq!(bodies, ["held", "waits"]);
}

/// A writer that never pauses does not keep the log growing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_is_moved_while_writers_go_on() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log.sqlite");
    let store = larder::open(&format!("sqlite:{}", path.display())).await.unwrap();
    create_tables(&store).await;
    let notes = store.repository::<note::Entity>();
    let body = "x".repeat(3_000);
    for _ in 0..12_000 {
        notes.create(&Cx::new(), &note(&body)).await.unwrap();
    }
    let (log, file) =
        (std::fs::metadata(directory.path().join("log.sqlite-wal")).unwrap().len(), std::fs::metadata(&path).unwrap().len());
    // A log that is never moved would have some 190 MiB. How long it becomes depends on how soon the task gets the processor.
    assert!(log < 64 << 20 && file > 20 << 20, "a log of {log} bytes, a file of {file}");
}

/// A reader that goes on for long keeps the log from being moved. That is said once, until the log was moved again.
#[tokio::test]
async fn a_long_reader_is_warned_of() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", directory.path().join("long.sqlite").display());
    let (store, other) = (larder::open(&url).await.unwrap(), larder::open(&url).await.unwrap());
    create_tables(&store).await;
    let (notes, seen) = (store.repository::<note::Entity>(), other.repository::<note::Entity>());
    let body = "x".repeat(3_000);
    let (warnings, _guard) = warnings();
    for times in 1..=2 {
        let reading = other.begin(&Cx::new(), TxOptions::new().read_only()).await.unwrap();
        seen.count(&reading, &Filter::all()).await.unwrap();
        for _ in 0..4_000 {
            notes.create(&Cx::new(), &note(&body)).await.unwrap();
        }
        for _ in 0..50 {
            if warnings.lock().unwrap().len() < times {
                tokio::time::sleep(Duration::from_millis(100)).await;
                notes.create(&Cx::new(), &note("has the log grown")).await.unwrap();
            }
        }
        reading.commit().await.unwrap();
        let said = warnings.lock().unwrap().clone();
        assert_eq!(said.len(), times, "{said:?}");
        assert!(said.iter().all(|said| said.contains("a reader that goes on for long")), "{said:?}");
        for _ in 0..20 {
            notes.create(&Cx::new(), &note("has the log moved")).await.unwrap();
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// Closing waits for those who write, and leaves no log behind.
#[tokio::test]
async fn closing_waits_for_writes_that_share_a_commit() {
    let directory = tempfile::tempdir().unwrap();
    let store = durable(&directory, OpenOptions::new()).await;
    let notes = store.repository::<note::Entity>();
    let writes = (0..20).map(|nth| {
        let notes = notes.clone();
        tokio::spawn(async move { notes.create(&Cx::new(), &note(&nth.to_string())).await.map_err(|error| error.kind()) })
    });
    let writes: Vec<_> = writes.collect();
    tokio::task::yield_now().await;
    store.close().await;
    let outcomes: Vec<_> = join_all(writes).await.into_iter().map(Result::unwrap).collect();
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Ok(_) | Err(ErrorKind::Closed))), "{outcomes:?}");
    assert!(!directory.path().join("durable.sqlite-wal").exists());
    let stored = outcomes.iter().filter(|outcome| outcome.is_ok()).count() as u64;
    let again = larder::open(&format!("sqlite:{}", directory.path().join("durable.sqlite").display())).await.unwrap();
    assert_eq!(again.repository::<note::Entity>().count(&Cx::new(), &Filter::all()).await.unwrap(), stored);
    drop(Arc::new(again));
}
