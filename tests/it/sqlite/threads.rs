//! What runs on the caller's thread, and what does not.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use larder::{Cx, Filter, Query, ReaderExt as _, SqlText, Store, Transactional as _, TxOptions, field};

use super::File;
use crate::support::{
    backend::{Fixture, Harness},
    entities::{label, note},
    note,
};

/// Sets a flag when another task gets its turn.
fn other_task() -> Arc<AtomicBool> {
    let had_its_turn = Arc::new(AtomicBool::new(false));
    let flag = had_its_turn.clone();
    tokio::spawn(async move { flag.store(true, Ordering::SeqCst) });
    had_its_turn
}

async fn with_labels(count: u64) -> Fixture {
    let fixture = File.fresh().await;
    let fill = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT {count}) \
         INSERT INTO label SELECT printf('%07d', i), 'text' FROM n"
    );
    fixture.store.sql().unwrap().execute(&Cx::new(), &SqlText::new(fill)).await.unwrap();
    fixture
}

/// Whether another task has a turn while something is done, in one of some goes: what is done on another thread may be done
/// before anybody looks, and what is done in place never lets another task in.
async fn lets_others_in(mut go: impl AsyncFnMut()) -> bool {
    for _ in 0..10 {
        let other = other_task();
        go().await;
        if other.load(Ordering::SeqCst) {
            return true;
        }
        tokio::task::yield_now().await;
    }
    false
}

/// On a runtime with one thread, what takes long lets others have their turn: reads of many rows, changes of them, batches.
#[tokio::test]
async fn what_takes_long_holds_up_nobody() {
    let fixture = with_labels(20_000).await;
    let (cx, labels) = (Cx::new(), fixture.store.repository::<label::Entity>());
    let none = field(label::COLUMN.text).equals("none");
    let count = async || assert_eq!(labels.count(&cx, &none).await.unwrap(), 0);
    assert!(lets_others_in(count).await, "a count held up the thread");
    let query = async || assert_eq!(labels.all(&cx).await.unwrap().len(), 20_000);
    assert!(lets_others_in(query).await, "a query held up the thread");

    let tx = fixture.store.begin(&cx, TxOptions::new()).await.unwrap();
    let inside = async || assert_eq!(labels.count(&tx, &none).await.unwrap(), 0);
    assert!(lets_others_in(inside).await, "a count in a transaction held up the thread");
    tx.commit().await.unwrap();

    let mut thousands = 1..20;
    let delete = async || {
        let thousand = field(label::COLUMN.name).starts_with(format!("{:04}", thousands.next().unwrap()));
        assert_eq!(labels.delete_where(&cx, &thousand).await.unwrap(), 1000);
    };
    assert!(lets_others_in(delete).await, "a delete held up the thread");
}

/// A statement of few instructions takes long all the same if one of them reads, searches or writes a large value.
#[tokio::test]
async fn large_values_hold_up_nobody() {
    let fixture = with_labels(10).await;
    let (cx, labels) = (Cx::new(), fixture.store.repository::<label::Entity>());
    let large = |name: &str| label::Model { name: name.to_owned(), text: Some("x".repeat(4 << 20)) };
    labels.create(&cx, &large("large")).await.unwrap();
    let contains = field(label::COLUMN.text).contains("xy");
    let count = async || assert_eq!(labels.count(&cx, &contains).await.unwrap(), 0);
    assert!(lets_others_in(count).await, "a search in a large value held up the thread");
    let find = async || assert!(labels.find(&cx, &"large".to_owned()).await.unwrap().is_some());
    assert!(lets_others_in(find).await, "a find of a large value held up the thread");
    let query = Query::new().order_by_desc(label::COLUMN.text).limit(1);
    let first = async || assert_eq!(labels.query(&cx, &query).await.unwrap()[0].name, "large");
    assert!(lets_others_in(first).await, "an order of large values held up the thread");
    let mut names = (0..).map(|nth| format!("made {nth}"));
    let create = async || drop(labels.create(&cx, &large(&names.next().unwrap())).await.unwrap());
    assert!(lets_others_in(create).await, "a create of a large value held up the thread");
    let update = async || drop(labels.update(&cx, &large("large")).await.unwrap());
    assert!(lets_others_in(update).await, "an update to a large value held up the thread");

    let tx = fixture.store.begin(&cx, TxOptions::new()).await.unwrap();
    let count = async || assert_eq!(labels.count(&tx, &contains).await.unwrap(), 0);
    assert!(lets_others_in(count).await, "a search in a transaction held up the thread");
    let create = async || drop(labels.create(&tx, &large(&names.next().unwrap())).await.unwrap());
    assert!(lets_others_in(create).await, "a create in a transaction held up the thread");
    tx.commit().await.unwrap();
    assert!(labels.count(&cx, &Filter::all()).await.unwrap() >= 13);

    // A long text is as much to prepare.
    let ids: Vec<_> = (0..5_000).map(|nth| nth.to_string()).collect();
    let find_many = async || assert!(labels.find_many(&cx, &ids).await.unwrap().is_empty());
    assert!(lets_others_in(find_many).await, "a long statement held up the thread");
}

/// What is brief is answered without a turn of another task, and still a task that never waits does not keep the thread for
/// itself.
#[tokio::test]
async fn what_is_brief_runs_in_place() {
    let fixture = with_labels(1000).await;
    let (cx, labels) = (Cx::new(), fixture.store.repository::<label::Entity>());
    let notes = fixture.store.repository::<note::Entity>();
    // The first opens a connection, and the log begins with it, which waits for the disk.
    labels.find(&cx, &"0000001".to_owned()).await.unwrap();
    notes.create(&cx, &note("first")).await.unwrap();
    let other = other_task();
    assert!(labels.find(&cx, &"0000500".to_owned()).await.unwrap().is_some());
    let first_page = Query::new().limit(20);
    assert_eq!(labels.query(&cx, &first_page).await.unwrap().len(), 20);
    let made = notes.create(&cx, &note("brief")).await.unwrap();
    notes.update(&cx, &note::Model { body: "changed".to_owned(), ..made }).await.unwrap();
    assert!(!other.load(Ordering::SeqCst));
    for _ in 0..1000 {
        labels.find(&cx, &"0000500".to_owned()).await.unwrap();
    }
    assert!(other.load(Ordering::SeqCst), "a task kept the thread for itself");
}

/// A delete that has to look for what refers to the model everywhere is undone, begun again elsewhere, and done once.
#[tokio::test]
async fn a_delete_that_takes_long_is_begun_again() {
    let fixture = with_labels(1).await;
    let sql = fixture.store.sql().unwrap();
    let notes = fixture.store.repository::<note::Entity>();
    let cx = Cx::new();
    let run = async |text: &str| sql.execute(&cx, &SqlText::new(text)).await.unwrap();
    run("CREATE TABLE mention (note BLOB REFERENCES note (id) ON DELETE CASCADE, n INTEGER)").await;
    run("CREATE TABLE gone (n INTEGER)").await;
    run("CREATE TRIGGER counts AFTER DELETE ON note BEGIN INSERT INTO gone VALUES (1); END").await;
    let fill = async |note: &note::Model, count: u64| {
        let fill =
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT $2) INSERT INTO mention SELECT $1, i FROM n";
        notes.create(&cx, note).await.unwrap();
        sql.execute(&cx, &SqlText::new(fill).bind(note.id).bind(count)).await.unwrap();
    };
    fill(&note("kept"), 20_000).await;
    let deleted: Vec<_> = (0..10).map(|nth| note(&nth.to_string())).collect();
    for note in &deleted {
        fill(note, 100).await;
    }
    let mut goes = 0;
    let delete = async || {
        assert!(notes.delete(&cx, &deleted[goes].id).await.unwrap());
        goes += 1;
    };
    assert!(lets_others_in(delete).await, "a delete held up the thread");
    let counts = SqlText::new("SELECT (SELECT count(*) FROM mention), (SELECT count(*) FROM gone)");
    let counts: Vec<(u64, usize)> = sql.query_as(&cx, &counts).await.unwrap();
    assert_eq!(counts, [(20_000 + 100 * (10 - goes as u64), goes)]);
}

/// Statements are prepared once, and found prepared after that.
#[tokio::test]
async fn statements_are_kept_prepared() {
    let fixture = with_labels(10).await;
    let (cx, labels) = (Cx::new(), fixture.store.repository::<label::Entity>());
    labels.find(&cx, &"0000001".to_owned()).await.unwrap();
    let before = fixture.store.statement_counts().unwrap();
    for nth in 1..=100 {
        labels.find(&cx, &format!("{nth:07}")).await.unwrap();
    }
    let after = fixture.store.statement_counts().unwrap();
    assert_eq!((after.prepared - before.prepared, after.reused - before.reused), (0, 100));
    assert_eq!(larder::open("memory:").await.unwrap().statement_counts(), None);
}

/// Ten that write and five that read get on with each other, and readers with a long batch.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_and_writers_do_not_wait_for_each_other() {
    let fixture = with_labels(100).await;
    let done = Arc::new(AtomicBool::new(false));
    let reads = Arc::new(AtomicU64::new(0));
    let spawn_reader = |store: &Store| {
        let (labels, done, reads) = (store.repository::<label::Entity>(), done.clone(), reads.clone());
        tokio::spawn(async move {
            while !done.load(Ordering::SeqCst) {
                labels.find(&Cx::new(), &"0000007".to_owned()).await.unwrap().unwrap();
                labels.count(&Cx::new(), &Filter::all()).await.unwrap();
                reads.fetch_add(1, Ordering::SeqCst);
                tokio::task::yield_now().await;
            }
        })
    };
    let readers: Vec<_> = (0..5).map(|_| spawn_reader(&fixture.store)).collect();
    let writers = (0..10).map(|_| {
        let notes = fixture.store.repository::<note::Entity>();
        tokio::spawn(async move {
            for nth in 0..100 {
                notes.create(&Cx::new(), &note(&nth.to_string())).await.unwrap();
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let before = reads.load(Ordering::SeqCst);
    let batch: Vec<_> = (0..20_000).map(|nth| note(&nth.to_string())).collect();
    fixture.store.repository::<note::Entity>().create_batch(&Cx::new(), &batch).await.unwrap();
    assert!(reads.load(Ordering::SeqCst) > before, "nobody read while the batch was written");
    done.store(true, Ordering::SeqCst);
    for reader in readers {
        reader.await.unwrap();
    }
    assert_eq!(fixture.store.repository::<note::Entity>().count(&Cx::new(), &Filter::all()).await.unwrap(), 21_000);
}
