//! When what is written.

use std::time::Duration;

use larder::{Cx, ErrorKind, FlushReason, WriteBehindOptions};
use tokio::time::{Instant, sleep, timeout};

use super::scripted::{Item, Scripted, item, items, queue, submit};

const MS: Duration = Duration::from_millis(1);

/// One short of a batch, nothing is written; with one more, all are, at once and together.
#[tokio::test(start_paused = true)]
async fn a_batch_is_written_when_it_is_full() {
    let repository = Scripted::sound();
    let queue = queue(&repository, WriteBehindOptions::new().batch_size(5)).await;
    (0..4).for_each(|id| submit(&queue, id));
    sleep(49 * MS).await;
    assert_eq!(repository.calls(), 0);
    submit(&queue, 4);
    sleep(MS / 2).await;
    assert_eq!(repository.batches(), [[0, 1, 2, 3, 4]]);
    assert_eq!(queue.stats().reasons, [(FlushReason::Size, 1)].into());
}

/// A model alone waits for the linger, from when it was accepted.
#[tokio::test(start_paused = true)]
async fn a_model_alone_is_written_after_the_linger() {
    let repository = Scripted::sound();
    let queue = queue(&repository, WriteBehindOptions::new()).await;
    sleep(30 * MS).await;
    let began = Instant::now();
    let ticket = queue.submit(&Cx::new(), &item(7)).unwrap();
    sleep(20 * MS).await;
    submit(&queue, 8);
    assert_eq!(ticket.await.unwrap(), Item { id: 7, text: "stored 7".into() });
    assert_eq!(began.elapsed(), 50 * MS);
    assert_eq!(repository.batches(), [[7, 8]]);
    assert_eq!(queue.stats().reasons, [(FlushReason::Age, 1)].into());
}

/// Bytes count as well, and one model that is larger than a batch is one.
#[tokio::test(start_paused = true)]
async fn a_batch_is_written_when_it_has_enough_bytes() {
    let repository = Scripted::sound();
    let queue = queue(&repository, WriteBehindOptions::new().batch_bytes(100)).await;
    let large = |id, bytes| Item { id, text: "x".repeat(bytes) };
    for (id, bytes) in [(0, 20), (1, 20), (2, 20), (3, 500), (4, 1)] {
        drop(queue.submit(&Cx::new(), &large(id, bytes)).unwrap());
    }
    sleep(60 * MS).await;
    assert_eq!(repository.batches(), [vec![0, 1], vec![2], vec![3], vec![4]]);
    assert_eq!(queue.stats().reasons, [(FlushReason::Bytes, 3), (FlushReason::Age, 1)].into());
}

/// What comes while a batch is written waits for the next, in order, and batches are never larger than they may be.
#[tokio::test(start_paused = true)]
async fn order_is_kept_over_batches() {
    let repository = Scripted::sound();
    let queue = queue(&repository, WriteBehindOptions::new().batch_size(10)).await;
    repository.pause();
    (0..35).for_each(|id| submit(&queue, id));
    sleep(MS).await;
    repository.resume();
    sleep(100 * MS).await;
    assert_eq!(repository.batches().iter().map(Vec::len).collect::<Vec<_>>(), [10, 10, 10, 5]);
    assert_eq!(repository.stored(), (0..35).collect::<Vec<_>>());
}

/// Models submitted together are next to each other, and their tickets are in their order.
#[tokio::test(start_paused = true)]
async fn many_are_submitted_at_once() {
    let repository = Scripted::sound();
    let queue = queue(&repository, WriteBehindOptions::new().batch_size(3)).await;
    let tickets = queue.submit_many(&Cx::new(), &items(0..7)).unwrap();
    assert!(queue.submit_many(&Cx::new(), &[]).unwrap().is_empty());
    let stored = futures::future::try_join_all(tickets).await.unwrap();
    assert_eq!(stored.iter().map(|item| item.id).collect::<Vec<_>>(), (0..7).collect::<Vec<_>>());
    assert_eq!(repository.stored(), (0..7).collect::<Vec<_>>());
}

/// A flush does not wait for the linger, waits for what was accepted before it, and not for what came after.
#[tokio::test(start_paused = true)]
async fn a_flush_is_a_barrier() {
    let repository = Scripted::sound();
    let queue = queue(&repository, WriteBehindOptions::new().batch_size(4).linger(Duration::from_secs(9))).await;
    let began = Instant::now();
    queue.flush(&Cx::new()).await.unwrap();
    (0..6).for_each(|id| submit(&queue, id));
    queue.flush(&Cx::new()).await.unwrap();
    assert_eq!(repository.stored(), (0..6).collect::<Vec<_>>());
    assert_eq!(began.elapsed(), Duration::ZERO);

    repository.pause();
    submit(&queue, 6);
    let flush = tokio::spawn({
        let queue = queue.clone();
        async move { queue.flush(&Cx::new()).await }
    });
    sleep(MS).await;
    submit(&queue, 7);
    assert!(!flush.is_finished());
    repository.resume();
    flush.await.unwrap().unwrap();
    sleep(MS).await;
    assert_eq!(repository.stored(), (0..7).collect::<Vec<_>>());
    assert_eq!(queue.stats().depth, 1);
}

/// A flush whose time is over says so, and what it was for is written all the same.
#[tokio::test(start_paused = true)]
async fn a_flush_has_a_deadline() {
    let repository = Scripted::sound();
    let queue = queue(&repository, WriteBehindOptions::new()).await;
    repository.pause();
    submit(&queue, 0);
    let late = queue.flush(&Cx::new().with_timeout(10 * MS)).await;
    assert_eq!(late.unwrap_err().kind(), ErrorKind::DeadlineExceeded);
    repository.resume();
    queue.flush(&Cx::new()).await.unwrap();
    assert_eq!(repository.stored(), [0]);
}

/// A batch that is full and flushed, twice at once, is written once.
#[tokio::test(start_paused = true)]
async fn reasons_that_come_together_write_once() {
    let repository = Scripted::sound();
    let queue = queue(&repository, WriteBehindOptions::new().batch_size(3)).await;
    (0..3).for_each(|id| submit(&queue, id));
    let cx = Cx::new();
    let (first, second) = tokio::join!(queue.flush(&cx), queue.flush(&cx));
    first.and(second).unwrap();
    sleep(200 * MS).await;
    assert_eq!(repository.batches(), [[0, 1, 2]]);
    assert_eq!(queue.stats().batches, 1);
}

/// A model that nobody waits for any more is stored as well, and one that was withdrawn is not.
#[tokio::test(start_paused = true)]
async fn a_ticket_may_be_dropped_and_withdrawn() {
    let repository = Scripted::sound();
    let queue = queue(&repository, WriteBehindOptions::new()).await;
    let mut tickets = queue.submit_many(&Cx::new(), &items(0..4)).unwrap();
    let last = tickets.pop().unwrap();
    let second = tickets.remove(1);
    assert_eq!(second.withdraw().unwrap(), item(1));
    drop(tickets);
    queue.flush(&Cx::new()).await.unwrap();
    assert_eq!(repository.stored(), [0, 2, 3]);
    let mut last = last.withdraw().unwrap_err();
    assert_eq!((&mut last).await.unwrap().id, 3);
    assert_eq!((&mut last).await.unwrap_err().kind(), ErrorKind::InvalidInput);
    let stats = queue.stats();
    assert_eq!((stats.accepted, stats.stored, stats.withdrawn, stats.depth, stats.bytes), (4, 3, 1, 0, 0));
}

/// A request that ends, or is given up, after its model was accepted takes nothing back; one that has ended before gets nothing
/// in.
#[tokio::test(start_paused = true)]
async fn the_end_of_a_request_takes_nothing_back() {
    let repository = Scripted::sound();
    let queue = queue(&repository, WriteBehindOptions::new()).await;
    let token = larder::CancellationToken::new();
    let request = Cx::new().with_cancel(token.clone()).with_timeout(10 * MS);
    let ticket = queue.submit(&request, &item(0)).unwrap();
    token.cancel();
    sleep(20 * MS).await;
    assert_eq!(queue.submit(&request, &item(1)).unwrap_err().kind(), ErrorKind::Cancelled);
    assert_eq!(ticket.await.unwrap().id, 0);
    assert_eq!(repository.stored(), [0]);
}

/// Waiting for a ticket can be given up, and taken up again.
#[tokio::test(start_paused = true)]
async fn a_ticket_is_waited_for_with_a_timeout() {
    let repository = Scripted::sound();
    let queue = queue(&repository, WriteBehindOptions::new()).await;
    let mut ticket = queue.submit(&Cx::new(), &item(0)).unwrap();
    assert!(timeout(10 * MS, &mut ticket).await.is_err());
    assert_eq!(ticket.await.unwrap().id, 0);
}
