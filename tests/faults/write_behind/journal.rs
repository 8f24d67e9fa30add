//! A journal on a disk that is full, until there is room again.

use larder::{CancellationToken, Cx, ErrorKind, HealthStatus, Journal, WriteBehind};

use super::{Numbered, adds_up, kind, patient, settled, start, stored, submit};
use crate::{
    child::{Again, Fault, failed_calls, run, told},
    crash::engine::SQLITE,
    disk::room::Room,
    places::Place,
    support::entities::note,
};

/// Submits numbers until several were refused for want of room, and says which were accepted.
fn fill<M: Numbered>(queue: &WriteBehind<M>, first: i32) -> Vec<i32> {
    let (mut accepted, mut refused) = (Vec::new(), 0);
    for number in first.. {
        match submit(queue, number) {
            Ok(ticket) => drop((ticket, accepted.push(number))),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::ResourceExhausted);
                refused += 1;
                if refused == 5 {
                    break;
                }
            }
        }
    }
    accepted
}

/// The disk fills while a queue accepts: what finds no room is refused and given back, and when there is room again the queue
/// accepts more; what was accepted is stored once, and nothing of what was refused.
async fn a_full_journal_refuses<M: Numbered>() {
    let (fixture, room) = (Place::Sqlite.open().await, Room::of(64));
    let journal = Journal::at(room.path()).segment_bytes(8_000);
    let queue = start::<M>(&fixture.store, patient().batch_size(10_000), Some(journal.clone())).await.unwrap();
    let mut accepted = fill(&queue, 0);
    assert!(accepted.len() > 300);
    room.grow(1_000);
    for number in 10_000..10_010 {
        drop(submit(&queue, number).unwrap());
        accepted.push(number);
    }
    let stats = queue.close(&Cx::new()).await;
    assert_eq!((stats.accepted, stats.stored), (accepted.len() as u64, accepted.len() as u64));
    adds_up(&stats);
    assert_eq!(settled::<M>(&fixture.store, &journal).await, (accepted, 0));
}

/// Many models of which only some find room are refused as a whole: none of them is in the journal, whoever opens that next. What
/// was written of them is cut off at once.
async fn a_part_is_not_accepted<M: Numbered>() {
    let (fixture, room) = (Place::Sqlite.open().await, Room::of(64));
    let journal = Journal::at(room.path());
    let options = || patient().batch_size(10_000);
    let queue = start::<M>(&fixture.store, options(), Some(journal.clone())).await.unwrap();
    drop(queue.submit_many(&Cx::new(), &(0..100).map(M::of).collect::<Vec<_>>()).unwrap());
    let refused = queue.submit_many(&Cx::new(), &(100..5_000).map(M::of).collect::<Vec<_>>());
    assert_eq!(kind(refused), Some(ErrorKind::ResourceExhausted));
    abandon(&queue).await;
    room.grow(1_000);
    assert_eq!(settled::<M>(&fixture.store, &journal).await, ((0..100).collect(), 100));
}

/// A journal that is opened on a full disk is not touched: it says that there is no room, and is whole when there is.
async fn a_full_disk_costs_the_next_queue_nothing<M: Numbered>() {
    let (fixture, room) = (Place::Sqlite.open().await, Room::of(64));
    let journal = Journal::at(room.path()).segment_bytes(8_000);
    let queue = start::<M>(&fixture.store, patient().batch_size(10_000), Some(journal.clone())).await.unwrap();
    let accepted = fill(&queue, 0);
    abandon(&queue).await;
    for _ in 0..2 {
        let started = start::<M>(&fixture.store, patient(), Some(journal.clone())).await;
        assert_eq!(kind(started), Some(ErrorKind::ResourceExhausted));
    }
    room.grow(1_000);
    let found = accepted.len() as u64;
    assert_eq!(settled::<M>(&fixture.store, &journal).await, (accepted, found));
}

/// A queue by id makes room for itself: it stores what it holds, whether or not the journal can note that, and deletes the files
/// that are not needed any more.
#[tokio::test]
async fn a_full_journal_has_room_when_its_models_are_stored() {
    let (fixture, room) = (Place::Sqlite.open().await, Room::of(64));
    let journal = Journal::at(room.path()).segment_bytes(8_000);
    let queue = start::<note::Model>(&fixture.store, patient().batch_size(10_000), Some(journal.clone())).await.unwrap();
    let mut accepted = fill(&queue, 0);
    for round in 1..5 {
        queue.flush(&Cx::new()).await.unwrap();
        assert_eq!((stored::<note::Model>(&fixture.store).await, queue.health().status), (accepted.clone(), HealthStatus::Up));
        let more = fill(&queue, round * 10_000);
        assert!(more.len() > 300, "{}", more.len());
        accepted.extend(more);
    }
    abandon(&queue).await;
    room.grow(1_000);
    assert_eq!(settled::<note::Model>(&fixture.store, &journal).await.0, accepted);
}

/// What a failed append has left and could not be cut off at once is cut off before the next: nothing of it is stored.
#[test]
fn what_could_not_be_cut_off_is_cut_off_later() {
    if let (Some(url), Some(folder)) = (told("URL"), told("JOURNAL")) {
        return run(async {
            let store = larder::open(&url).await.unwrap();
            let queue = start::<note::Model>(&store, patient().batch_size(10_000), Some(Journal::at(folder))).await.unwrap();
            let refused = queue.submit_many(&Cx::new(), &(100..5_000).map(note::Model::of).collect::<Vec<_>>());
            assert_eq!(kind(refused), Some(ErrorKind::ResourceExhausted));
            drop(submit(&queue, 0).unwrap());
            abandon(&queue).await;
        });
    }
    let (directory, room) = (tempfile::tempdir().unwrap(), Room::of(64));
    SQLITE.make(directory.path());
    let url = SQLITE.url(directory.path());
    let fault = Fault { calls: "ftruncate", what: "error=EIO", when: "1".to_owned() };
    let test = concat!(module_path!(), "::what_could_not_be_cut_off_is_cut_off_later");
    let file = room.path().join("0000000000000001.journal").display().to_string();
    let child = Again::with_fault(&fault, directory.path(), &[&file], test).tell("URL", &url);
    let (_, ended) = child.tell("JOURNAL", room.path()).start().end();
    assert!(ended.success() && failed_calls(directory.path()) == 1);
    room.grow(1_000);
    run(async {
        let store = larder::open(&url).await.unwrap();
        assert_eq!(settled::<note::Model>(&store, &Journal::at(room.path())).await, (vec![0], 1));
        store.close().await;
    });
}

/// Ends a queue before it has written anything more.
async fn abandon<M: Numbered>(queue: &WriteBehind<M>) {
    let token = CancellationToken::new();
    token.cancel();
    queue.close(&Cx::new().with_cancel(token)).await;
}

each! {
    by_id note: a_full_journal_refuses a_part_is_not_accepted a_full_disk_costs_the_next_queue_nothing;
    by_key ticket: a_full_journal_refuses a_part_is_not_accepted a_full_disk_costs_the_next_queue_nothing;
}
