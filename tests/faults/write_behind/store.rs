//! A store that goes away under a queue, or has no room.

use std::time::{Duration, Instant};

use futures::future::join_all;
use larder::{Cx, ErrorKind, HealthStatus, Journal, OpenOptions};

use super::{Numbered, adds_up, kind, options, patient, settled, start, stored, submit};
use crate::{disk::room::Room, places::Place, support::create_tables};

/// A store is closed while a queue in front of it holds models: what was stored is told, all else is told not to be, and the
/// queue takes nothing more; with a journal, the next queue stores the rest.
async fn is_closed_under_a_queue<M: Numbered>() {
    let folder = tempfile::tempdir().unwrap();
    for journal in [None, Some(Journal::at(folder.path()))] {
        let fixture = Place::Sqlite.open().await;
        let (store, reopened) = (&fixture.store, Place::Sqlite.another(&fixture).await);
        let queue = start::<M>(store, patient().batch_size(20), journal.clone()).await.unwrap();
        let mut tickets: Vec<_> = (0..199).map(|number| submit(&queue, number).unwrap()).collect();
        // In the middle of it.
        tickets.remove(30).await.unwrap();
        store.close().await;
        // The last are not enough for a batch by themselves.
        queue.flush(&Cx::new()).await.unwrap();
        let told = join_all(tickets).await;
        let stored_before = stored::<M>(&reopened).await;
        let told_stored = told.iter().filter(|told| told.is_ok()).count() + 1;
        let unknown = told.iter().filter(|told| matches!(told, Err(error) if error.kind() == ErrorKind::CommitUnknown)).count();
        assert!((told_stored..=told_stored + unknown).contains(&stored_before.len()), "{told:?}");
        let mut rest: Vec<_> = told.into_iter().filter_map(kind).collect();
        rest.dedup();
        assert!(rest.ends_with(&[ErrorKind::Closed]) && rest.len() <= 2, "{rest:?}");
        let stats = queue.close(&Cx::new()).await;
        adds_up(&stats);
        assert_eq!((stats.accepted, stats.stored, stats.failed), (199, told_stored as u64, 0));
        assert_eq!(kind(submit(&queue, 200)), Some(ErrorKind::Closed));
        assert_eq!(queue.health().status, HealthStatus::Down);
        if let Some(journal) = journal {
            let (numbers, replayed) = settled::<M>(&reopened, &journal).await;
            assert_eq!((numbers, replayed), ((0..199).collect(), 199 - told_stored as u64));
        }
    }
}

/// A store whose handles are all dropped is kept by the queue, which has all of it stored.
async fn is_dropped_under_a_queue<M: Numbered>() {
    let fixture = Place::Sqlite.open().await;
    let reopened = Place::Sqlite.another(&fixture).await;
    let queue = start::<M>(&fixture.store, options(), None).await.unwrap();
    drop(fixture.store);
    let tickets: Vec<_> = (0..200).map(|number| submit(&queue, number).unwrap()).collect();
    assert!(join_all(tickets).await.iter().all(Result::is_ok));
    adds_up(&queue.close(&Cx::new()).await);
    assert_eq!(stored::<M>(&reopened).await, (0..200).collect::<Vec<_>>());
}

/// The database has no room any more while a queue holds models: the queue holds what comes until it is full, says that it is
/// down, and when there is room again all that it accepted is stored, in its order. A full disk is the store's fault and not that
/// of a model.
async fn has_no_room_for_a_while<M: Numbered>() {
    let room = Room::of(2_000);
    let url = format!("sqlite:{}", room.path().join("a.sqlite").display());
    let store = OpenOptions::new().max_connections(1).open(&url).await.unwrap();
    create_tables(&store).await;
    let queue = start::<M>(&store, options().batch_size(100).queue_size(1_000), None).await.unwrap();
    let pad = std::fs::File::create(room.path().join("pad")).unwrap();
    while std::io::Write::write(&mut &pad, &[0; 512]).is_ok() {}
    let mut tickets = Vec::new();
    let began = Instant::now();
    let full = loop {
        assert!(began.elapsed() < Duration::from_secs(60), "{:?}", queue.health());
        match submit(&queue, i32::try_from(tickets.len()).unwrap()) {
            Ok(ticket) => tickets.push(ticket),
            Err(error) if error.kind() == ErrorKind::QueueFull && queue.health().status == HealthStatus::Down => {
                break queue.health();
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::QueueFull),
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(full.error.unwrap().kind(), ErrorKind::ResourceExhausted);
    room.grow(50_000);
    let count = tickets.len();
    assert!(join_all(tickets).await.iter().all(Result::is_ok));
    assert_eq!(queue.health().status, HealthStatus::Up);
    let stats = queue.close(&Cx::new()).await;
    adds_up(&stats);
    assert_eq!((stats.accepted, stats.stored, stats.failed), (count as u64, count as u64, 0));
    assert_eq!(stored::<M>(&store).await, (0..i32::try_from(count).unwrap()).collect::<Vec<_>>());
}

each! {
    by_id note: is_closed_under_a_queue is_dropped_under_a_queue has_no_room_for_a_while;
    by_key ticket: is_closed_under_a_queue is_dropped_under_a_queue has_no_room_for_a_while;
}
