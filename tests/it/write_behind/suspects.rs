//! Models that are refused with a code which reads like the state of the database.

use std::{collections::BTreeSet, time::Duration};

use futures::future::join_all;
use larder::{Cx, ErrorKind, HealthStatus, WriteBehindOptions};
use tokio::time::{Instant, sleep};

use super::scripted::{Act, Scripted, item, items, queue, submit};

/// The kinds of errors that one model can cause although they tell of the whole store.
const KINDS: [ErrorKind; 9] = [
    ErrorKind::Auth,
    ErrorKind::TableMissing,
    ErrorKind::Contention,
    ErrorKind::ReadOnly,
    ErrorKind::Io,
    ErrorKind::Connection,
    ErrorKind::ResourceExhausted,
    ErrorKind::DeadlineExceeded,
    ErrorKind::Cancelled,
];

fn refusing(kind: ErrorKind, bad: impl Into<BTreeSet<u64>>) -> std::sync::Arc<Scripted> {
    let bad = bad.into();
    Scripted::new(move |_, items| match items.iter().any(|item| bad.contains(&item.id)) {
        true => Act::Refuse(kind),
        false => Act::Store,
    })
}

/// Wherever such models are in a batch, each of their tickets tells why, and the others are stored once, in order.
#[tokio::test(start_paused = true)]
async fn are_reported_when_others_are_stored() {
    for kind in KINDS {
        for bad in [vec![0], vec![19], vec![7], vec![0, 1, 2], vec![3, 9, 19], (1..20).collect::<Vec<_>>()] {
            let repository = refusing(kind, bad.iter().copied().collect::<BTreeSet<_>>());
            let queue = queue(&repository, WriteBehindOptions::new()).await;
            let tickets = queue.submit_many(&Cx::new(), &items(0..20)).unwrap();
            // Something is stored after the last of them.
            let last = queue.submit(&Cx::new(), &item(20)).unwrap();
            for (id, told) in (0..20).zip(join_all(tickets).await) {
                let expected = if bad.contains(&id) { Err(kind) } else { Ok(id) };
                assert_eq!(told.map(|item| item.id).map_err(|error| error.kind()), expected, "{kind:?} {bad:?}");
            }
            assert_eq!(last.await.unwrap().id, 20);
            let expected: Vec<_> = (0..=20).filter(|id| !bad.contains(id)).collect();
            assert_eq!(repository.stored(), expected, "{kind:?} {bad:?}");
            assert_eq!(queue.health().status, HealthStatus::Up);
            let stats = queue.close(&Cx::new()).await;
            assert_eq!((stats.stored, stats.failed, stats.depth), (21 - bad.len() as u64, bad.len() as u64, 0));
        }
    }
}

/// As long as nothing else is stored, it may be the store: the model waits, and what comes after it is stored before it is
/// reported.
#[tokio::test(start_paused = true)]
async fn wait_until_others_are_stored() {
    let repository = refusing(ErrorKind::Auth, [0]);
    let queue = queue(&repository, WriteBehindOptions::new()).await;
    let ticket = queue.submit(&Cx::new(), &item(0)).unwrap();
    sleep(Duration::from_secs(300)).await;
    assert_eq!((queue.health().status, queue.stats().depth), (HealthStatus::Down, 1));
    for id in 1..100 {
        submit(&queue, id);
        sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(ticket.await.unwrap_err().kind(), ErrorKind::Auth);
    assert_eq!(repository.stored(), (1..100).collect::<Vec<_>>());
    assert_eq!(queue.health().status, HealthStatus::Up);
    queue.flush(&Cx::new()).await.unwrap();
}

/// A store that refuses everything for a while loses nothing: all is stored, in order, when it has recovered.
#[tokio::test(start_paused = true)]
async fn are_stored_in_order_if_the_store_was_at_fault() {
    for kind in KINDS {
        let began = Instant::now();
        let repository = Scripted::new(move |_, _| match began.elapsed() < Duration::from_secs(90) {
            true => Act::Refuse(kind),
            false => Act::Store,
        });
        let queue = queue(&repository, WriteBehindOptions::new().batch_size(10)).await;
        (0..40).for_each(|id| submit(&queue, id));
        sleep(Duration::from_secs(60)).await;
        (40..60).for_each(|id| submit(&queue, id));
        let flushed = Instant::now();
        queue.flush(&Cx::new()).await.unwrap();
        assert!(flushed.elapsed() < Duration::from_secs(40), "{kind:?}");
        assert_eq!(repository.stored(), (0..60).collect::<Vec<_>>(), "{kind:?}");
        // Not in a hurry.
        assert!(repository.calls() < 500, "{}", repository.calls());
        let stats = queue.close(&Cx::new()).await;
        assert_eq!((stats.stored, stats.failed), (60, 0));
    }
}

/// What is flushed is settled, also if a model before it was held back.
#[tokio::test(start_paused = true)]
async fn are_waited_for_by_a_flush() {
    let repository = refusing(ErrorKind::TableMissing, [3]);
    let queue = queue(&repository, WriteBehindOptions::new().batch_size(4)).await;
    let tickets = queue.submit_many(&Cx::new(), &items(0..40)).unwrap();
    queue.flush(&Cx::new()).await.unwrap();
    let stats = queue.stats();
    assert_eq!((stats.depth, stats.stored, stats.failed), (0, 39, 1));
    assert_eq!(join_all(tickets).await.iter().filter(|told| told.is_err()).count(), 1);
}
