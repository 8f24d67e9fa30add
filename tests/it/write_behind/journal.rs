//! What a journal keeps, and what becomes of it when it is damaged.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use larder::{
    CancellationToken, Cx, ErrorKind, Filter, Journal, JournalSync, ReaderExt, TransactionalExt as _, WriteBehind,
    WriteBehindOptions,
};
use tempfile::TempDir;

use crate::support::{Notes, entities::note, note};

async fn notes() -> (larder::Store, Notes) {
    let store = larder::open("memory:").await.unwrap();
    let notes = store.repository::<note::Entity>();
    (store, notes)
}

async fn start(notes: &Notes, journal: Journal) -> larder::Result<WriteBehind<note::Model>> {
    let options = WriteBehindOptions::new().linger(WriteBehindOptions::MAX_LINGER);
    WriteBehind::builder(notes.clone()).reconcile_by_id().options(options).journal(journal).start().await
}

/// Ends a queue before it has written anything more.
async fn abandon(queue: &WriteBehind<note::Model>) {
    let token = CancellationToken::new();
    token.cancel();
    queue.close(&Cx::new().with_cancel(token)).await;
}

fn submit(queue: &WriteBehind<note::Model>, bodies: impl IntoIterator<Item = u32>) {
    for body in bodies {
        drop(queue.submit(&Cx::new(), &note(&body.to_string())).unwrap());
    }
}

async fn bodies(notes: &Notes) -> Vec<u32> {
    let mut bodies: Vec<_> = notes.all(&Cx::new()).await.unwrap().iter().map(|note| note.body.parse().unwrap()).collect();
    bodies.sort_unstable();
    bodies
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = paths.filter(|path| path.extension().is_some_and(|other| other == extension)).collect();
    paths.sort();
    paths
}

/// A journal with these notes in it, which none has written, in one file.
async fn left(numbers: std::ops::Range<u32>) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let (_store, notes) = notes().await;
    let queue = start(&notes, Journal::at(folder.path())).await.unwrap();
    submit(&queue, numbers);
    abandon(&queue).await;
    let file = files(folder.path(), "journal").pop().unwrap();
    (folder, file)
}

/// What was accepted and is not stored is stored by the next queue, again and again until it is; then it is forgotten.
#[tokio::test]
async fn what_was_accepted_is_stored_by_the_next_queue() {
    let folder = tempfile::tempdir().unwrap();
    let (_store, notes) = notes().await;
    for round in 0..3 {
        let queue = start(&notes, Journal::at(folder.path())).await.unwrap();
        assert_eq!(u64::from(round) * 10, queue.recovery().replayed);
        submit(&queue, round * 10..(round + 1) * 10);
        abandon(&queue).await;
    }
    let queue = start(&notes, Journal::at(folder.path())).await.unwrap();
    queue.flush(&Cx::new()).await.unwrap();
    assert_eq!(bodies(&notes).await, (0..30).collect::<Vec<_>>());
    submit(&queue, 30..31);
    queue.close(&Cx::new()).await;
    let queue = start(&notes, Journal::at(folder.path())).await.unwrap();
    assert_eq!(queue.recovery(), &larder::JournalRecovery::default());
    assert_eq!(bodies(&notes).await, (0..31).collect::<Vec<_>>());
}

/// What was reported is not replayed: not what could not be stored, and not what was withdrawn.
#[tokio::test]
async fn what_was_reported_is_not_replayed() {
    let folder = tempfile::tempdir().unwrap();
    let (_store, notes) = notes().await;
    let queue = start(&notes, Journal::at(folder.path())).await.unwrap();
    let taken = note("0");
    notes.create(&Cx::new(), &taken).await.unwrap();
    let duplicate = queue.submit(&Cx::new(), &taken).unwrap();
    let withdrawn = queue.submit(&Cx::new(), &note("1")).unwrap();
    assert_eq!(withdrawn.withdraw().unwrap().body, "1");
    queue.flush(&Cx::new()).await.unwrap();
    assert_eq!(duplicate.await.unwrap_err().kind(), ErrorKind::Duplicate);
    abandon(&queue).await;
    assert_eq!(start(&notes, Journal::at(folder.path())).await.unwrap().recovery().replayed, 0);
}

/// A file is deleted when all that it and the older ones hold is settled; what is left is in the others.
#[tokio::test]
async fn files_that_are_not_needed_are_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let (_store, notes) = notes().await;
    let queue = start(&notes, Journal::at(folder.path()).segment_bytes(2000)).await.unwrap();
    for round in 0..40 {
        submit(&queue, round * 50..(round + 1) * 50);
        assert!(files(folder.path(), "journal").len() > 1);
        queue.flush(&Cx::new()).await.unwrap();
        assert!(files(folder.path(), "journal").len() <= 2, "{round}");
    }
    submit(&queue, 2000..2100);
    abandon(&queue).await;
    let queue = start(&notes, Journal::at(folder.path())).await.unwrap();
    assert_eq!(queue.recovery().replayed, 100);
    queue.close(&Cx::new()).await;
    assert_eq!(bodies(&notes).await, (0..2100).collect::<Vec<_>>());
}

/// Wherever the last append ended, all before it is replayed, and the rest is cut off.
#[tokio::test]
async fn a_torn_tail_is_cut() {
    let (folder, file) = left(0..3).await;
    let whole = fs::read(&file).unwrap();
    for cut in (0..whole.len()).step_by(7) {
        fs::write(&file, &whole[..cut]).unwrap();
        let (_store, notes) = notes().await;
        let queue = start(&notes, Journal::at(folder.path())).await.unwrap();
        let recovery = queue.recovery().clone();
        assert!(recovery.set_aside.is_empty() && recovery.cut_bytes < whole.len() as u64 / 3, "{cut}: {recovery:?}");
        queue.close(&Cx::new()).await;
        assert_eq!(bodies(&notes).await, (0..u32::try_from(recovery.replayed).unwrap()).collect::<Vec<_>>());
        assert_eq!(recovery.replayed as usize, cut * 3 / whole.len());
        for file in files(folder.path(), "journal") {
            fs::remove_file(file).unwrap();
        }
    }
}

/// What is damaged in the middle costs only itself: it is kept, and said where; all else is replayed.
#[tokio::test]
async fn a_damaged_middle_is_set_aside() {
    let (folder, file) = left(0..9).await;
    let mut bytes = fs::read(&file).unwrap();
    let (middle, record) = (bytes.len() / 2, bytes.len() / 9);
    bytes[middle] ^= 1;
    fs::write(&file, &bytes).unwrap();
    let (_store, notes) = notes().await;
    let queue = start(&notes, Journal::at(folder.path())).await.unwrap();
    let recovery = queue.recovery().clone();
    assert_eq!((recovery.replayed, recovery.cut_bytes, recovery.set_aside.len()), (8, 0, 1));
    assert_eq!(fs::read(&recovery.set_aside[0]).unwrap(), bytes[4 * record..5 * record]);
    queue.close(&Cx::new()).await;
    assert_eq!(bodies(&notes).await, [0, 1, 2, 3, 5, 6, 7, 8]);
    // It is said once.
    assert!(start(&notes, Journal::at(folder.path())).await.unwrap().recovery().set_aside.is_empty());
}

/// What is no model any more, because the model has changed, is set aside, readable.
#[tokio::test]
async fn what_is_no_model_is_set_aside() {
    use super::scripted::{Item, Scripted};

    let folder = tempfile::tempdir().unwrap();
    let (store, _notes) = notes().await;
    let people = store.repository::<crate::support::entities::person::Entity>();
    let slow = WriteBehindOptions::new().linger(WriteBehindOptions::MAX_LINGER);
    let queue =
        WriteBehind::builder(people).reconcile_by_key().options(slow).journal(Journal::at(folder.path())).start().await.unwrap();
    drop(queue.submit(&Cx::new(), &crate::support::person("an old form")).unwrap());
    let token = CancellationToken::new();
    token.cancel();
    queue.close(&Cx::new().with_cancel(token)).await;

    let (_store, notes) = notes().await;
    let queue = start(&notes, Journal::at(folder.path())).await.unwrap();
    let recovery = queue.recovery();
    assert_eq!((recovery.replayed, recovery.set_aside.len()), (0, 1));
    assert!(fs::read_to_string(&recovery.set_aside[0]).unwrap().contains("an old form"));

    // A repository that cannot be asked is none for a journal.
    let builder = WriteBehind::<Item>::builder(Scripted::sound()).journal(Journal::at(folder.path().join("other")));
    assert_eq!(builder.start().await.map(drop).unwrap_err().kind(), ErrorKind::InvalidInput);
}

/// A journal belongs to one queue at a time; when that has ended, to the next.
#[tokio::test]
async fn a_journal_belongs_to_one_queue() {
    let folder = tempfile::tempdir().unwrap();
    let (_store, notes) = notes().await;
    let queue = start(&notes, Journal::at(folder.path())).await.unwrap();
    assert_eq!(start(&notes, Journal::at(folder.path())).await.map(drop).unwrap_err().kind(), ErrorKind::Connection);
    queue.close(&Cx::new()).await;
    start(&notes, Journal::at(folder.path())).await.unwrap();
}

/// A folder that cannot be made, and a file in its place, are errors when the queue is started.
#[tokio::test]
async fn a_place_that_is_no_folder_is_an_error() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let (_store, notes) = notes().await;
    assert!(start(&notes, Journal::at(file.path())).await.is_err());
}

/// However it is synced, what was waited for is stored, by however many.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_is_synced_as_it_is_asked_to() {
    for sync in [JournalSync::Each, JournalSync::Every(Duration::from_millis(5)), JournalSync::System] {
        let folder = tempfile::tempdir().unwrap();
        let (_store, notes) = notes().await;
        let queue = start(&notes, Journal::at(folder.path()).sync(sync)).await.unwrap();
        let producers = (0..8_u32).map(|producer| {
            let queue = queue.clone();
            tokio::spawn(async move {
                for number in 0..20 {
                    drop(queue.submit_wait(&Cx::new(), &note(&(producer * 20 + number).to_string())).await.unwrap());
                }
            })
        });
        for producer in futures::future::join_all(producers).await {
            producer.unwrap();
        }
        queue.close(&Cx::new()).await;
        assert_eq!(bodies(&notes).await, (0..160).collect::<Vec<_>>(), "{sync:?}");
    }
}

/// Who waits for the disk while the queue ends is answered all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_is_the_end_of_waiting_for_the_disk() {
    for round in 0..20 {
        let folder = tempfile::tempdir().unwrap();
        let (_store, notes) = notes().await;
        let queue = start(&notes, Journal::at(folder.path()).sync(JournalSync::Each)).await.unwrap();
        let waiting: Vec<_> = (0..8)
            .map(|number| {
                let queue = queue.clone();
                tokio::spawn(async move { queue.submit_wait(&Cx::new(), &note(&number.to_string())).await.map(drop) })
            })
            .collect();
        tokio::time::sleep(Duration::from_micros(round * 40)).await;
        let stats = queue.close(&Cx::new()).await;
        let mut accepted = 0;
        for waiting in waiting {
            match waiting.await.unwrap() {
                Ok(()) => accepted += 1,
                Err(error) => assert_eq!(error.kind(), ErrorKind::Closed),
            }
        }
        assert_eq!((stats.accepted, stats.stored), (accepted, accepted));
    }
}

/// What an earlier process has left is not dropped to make room: it may be stored already.
#[tokio::test]
async fn what_is_replayed_is_not_dropped() {
    let (folder, _) = left(0..50).await;
    let (_store, notes) = notes().await;
    let options = WriteBehindOptions::new().batch_size(4).queue_size(10).when_full(larder::WhenFull::DropOldest);
    let builder = WriteBehind::builder(notes.clone()).reconcile_by_id().options(options).journal(Journal::at(folder.path()));
    let queue = builder.start().await.unwrap();
    assert_eq!(queue.submit(&Cx::new(), &note("50")).unwrap_err().kind(), ErrorKind::QueueFull);
    assert_eq!(queue.close(&Cx::new()).await.stored, 50);
}

/// Beyond its size, a journal takes nothing more, until what is in it is stored.
#[tokio::test]
async fn a_journal_has_a_size() {
    let folder = tempfile::tempdir().unwrap();
    let (_store, notes) = notes().await;
    let queue = start(&notes, Journal::at(folder.path()).segment_bytes(500).max_bytes(2000)).await.unwrap();
    let mut accepted = 0;
    let full = loop {
        match queue.submit(&Cx::new(), &note(&accepted.to_string())) {
            Ok(_ticket) => accepted += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(full.kind(), ErrorKind::ResourceExhausted);
    assert!((10..40).contains(&accepted), "{accepted}");
    queue.flush(&Cx::new()).await.unwrap();
    submit(&queue, accepted..accepted + 5);
    queue.close(&Cx::new()).await;
    assert_eq!(bodies(&notes).await, (0..accepted + 5).collect::<Vec<_>>());
}

/// Nothing is dropped to make room for a model that the journal does not take.
#[tokio::test]
async fn what_is_not_accepted_needs_no_room() {
    let folder = tempfile::tempdir().unwrap();
    let (_store, notes) = notes().await;
    let linger = WriteBehindOptions::new().linger(WriteBehindOptions::MAX_LINGER);
    let options = linger.batch_size(2).queue_size(2).when_full(larder::WhenFull::DropOldest);
    let journal = Journal::at(folder.path()).max_bytes(1);
    let builder = WriteBehind::builder(notes.clone()).reconcile_by_id().options(options).journal(journal);
    let queue = builder.start().await.unwrap();
    let tickets = queue.submit_many(&Cx::new(), &[note("0"), note("1")]).unwrap();
    let refused = queue.submit(&Cx::new(), &note("2")).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ResourceExhausted);
    let (other, queue) = (larder::open("memory:").await.unwrap(), &queue);
    let submitted = other.tx(&Cx::new(), |cx| async move { queue.submit(&cx, &note("3")) }).await.unwrap();
    assert_eq!(submitted.await.unwrap_err().kind(), ErrorKind::ResourceExhausted);
    for ticket in tickets {
        ticket.await.unwrap();
    }
    assert_eq!(queue.close(&Cx::new()).await.dropped, 0);
}

/// A model that a queue is to hold past its room comes from the journal all the same, and the queue is full until it is stored.
#[tokio::test]
async fn what_is_replayed_needs_no_room() {
    let (folder, _) = left(0..50).await;
    let (_store, notes) = notes().await;
    let small = WriteBehindOptions::new().batch_size(4).queue_size(10);
    let builder = WriteBehind::builder(notes.clone()).reconcile_by_id().options(small).journal(Journal::at(folder.path()));
    let queue = builder.start().await.unwrap();
    let ticket = queue.submit_wait(&Cx::new(), &note("50")).await.unwrap();
    assert_eq!(ticket.await.unwrap().body, "50");
    assert_eq!(notes.count(&Cx::new(), &Filter::all()).await.unwrap(), 51);
    queue.close(&Cx::new()).await;
}
