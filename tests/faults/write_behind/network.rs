//! A queue in front of Postgres, and the network between them.

use std::net::TcpListener;

use futures::future::join_all;
use larder::{Cx, ErrorKind, HealthStatus, Ticket, WriteBehind};

use super::{Numbered, adds_up, kind, options, patient, start, stored, submit};
use crate::{
    network::{Place, proxy::Fault, server_of, until},
    support::{
        entities::{note, ticket},
        postgres::is_skipped,
    },
};

/// The last is what a pooler answers when its server dies.
const FAULTS: [Fault; 4] = [Fault::CutAnswer(0), Fault::CutMessage(0), Fault::CutMessage(3), Fault::FatalAnswer("08P01")];

fn submit_all<M: Numbered>(queue: &WriteBehind<M>, numbers: std::ops::Range<i32>) -> Vec<Ticket<M>> {
    numbers.map(|number| submit(queue, number).unwrap()).collect()
}

/// The answer to what commits a batch is lost, or that itself, once or three times: all models are stored, once and in their
/// order, and tickets tell so.
async fn is_stored_once<M: Numbered>(commits: &str, count: i32) {
    for (fault, are_wanted) in FAULTS.into_iter().flat_map(|fault| [(fault, true), (fault, false)]) {
        let place = &Place::new().await;
        let queue = start::<M>(&place.store, patient().batch_size(10_000), None).await.unwrap();
        let times = if matches!(fault, Fault::CutMessage(_)) { 3 } else { 1 };
        place.proxy.at_each(commits, fault);
        let mut tickets = submit_all(&queue, 0..count);
        if !are_wanted {
            tickets.clear();
        }
        let faults = async {
            place.proxy.has_met(times).await;
            place.proxy.go_on();
        };
        let cx = Cx::new();
        futures::join!(queue.flush(&cx), faults).0.unwrap();
        for (number, told) in (0..).zip(join_all(tickets).await) {
            assert_eq!(told.unwrap().number(), number, "{fault:?}");
        }
        let stats = queue.close(&Cx::new()).await;
        adds_up(&stats);
        assert!(stats.stored == u64::try_from(count).unwrap() && stats.retries >= times as u64, "{stats:?}");
        assert_eq!(stored::<M>(&place.observer).await, (0..count).collect::<Vec<_>>(), "{fault:?} {are_wanted}");
    }
}

/// A batch whose commit was not answered is looked for by its ids, and what is not there is stored.
#[tokio::test]
async fn a_batch_in_doubt_is_stored_once_by_its_ids() {
    if is_skipped() {
        return;
    }
    is_stored_once::<note::Model>("INSERT", 20).await;
    is_stored_once::<note::Model>("COMMIT", 1_000).await;
}

/// It is asked for by its key, and done again if that is not there. The key stays the same in all attempts.
#[tokio::test]
async fn a_batch_in_doubt_is_stored_once_by_its_key() {
    if is_skipped() {
        return;
    }
    is_stored_once::<ticket::Model>("COMMIT", 20).await;
    is_stored_once::<ticket::Model>("COMMIT", 1_000).await;
}

/// Without either, the tickets of a batch whose commit was not answered say that nobody knows, and it is not written again; the
/// next batch is stored.
#[tokio::test]
async fn a_batch_in_doubt_is_not_written_again() {
    if is_skipped() {
        return;
    }
    for fault in FAULTS {
        let place = &Place::new().await;
        let people = place.store.repository::<ticket::Entity>();
        let queue = WriteBehind::builder(people).options(patient().batch_size(10_000)).start().await.unwrap();
        place.proxy.at("COMMIT", fault);
        let tickets = submit_all(&queue, 0..20);
        queue.flush(&Cx::new()).await.unwrap();
        let kinds: Vec<_> = join_all(tickets).await.into_iter().map(kind).collect();
        assert_eq!(kinds, [Some(ErrorKind::CommitUnknown); 20], "{fault:?}");
        let tickets = submit_all(&queue, 20..40);
        queue.flush(&Cx::new()).await.unwrap();
        assert!(join_all(tickets).await.iter().all(Result::is_ok));
        let stats = queue.close(&Cx::new()).await;
        adds_up(&stats);
        assert_eq!((stats.failed, stats.stored), (20, 20));
        let first = if matches!(fault, Fault::CutMessage(_)) { 20 } else { 0 };
        assert_eq!(stored::<ticket::Model>(&place.observer).await, (first..40).collect::<Vec<_>>());
    }
}

/// The server cannot be reached for a while: the queue goes on accepting, says that it is down, and stores all of it in its order
/// when the server is back. It attempts the first batch again until that is answered for.
async fn outlives_an_unreachable_server<M: Numbered>() {
    if is_skipped() {
        return;
    }
    let place = &Place::new().await;
    let queue = start::<M>(&place.store, options(), None).await.unwrap();
    let mut tickets = submit_all(&queue, 0..50);
    queue.flush(&Cx::new()).await.unwrap();
    assert_eq!(queue.health().status, HealthStatus::Up);

    let nowhere = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    place.proxy.moves_to(&nowhere);
    place.terminate_idle().await;
    tickets.extend(submit_all(&queue, 50..100));
    until(|| async { queue.health().status == HealthStatus::Down }).await;
    assert_eq!(queue.health().error.unwrap().kind(), ErrorKind::Connection);
    tickets.extend(submit_all(&queue, 100..150));
    assert_eq!(queue.stats().depth, 100);

    place.proxy.moves_to(server_of(&place.database.url()));
    for (number, told) in (0..).zip(join_all(tickets).await) {
        assert_eq!(told.unwrap().number(), number);
    }
    assert_eq!(queue.health().status, HealthStatus::Up);
    let stats = queue.close(&Cx::new()).await;
    adds_up(&stats);
    assert_eq!(stats.stored, 150);
    assert_eq!(stored::<M>(&place.observer).await, (0..150).collect::<Vec<_>>());
}

each! {
    by_id note: outlives_an_unreachable_server;
    by_key ticket: outlives_an_unreachable_server;
}
