//! What happens when there is no room.

use std::{sync::Arc, time::Duration};

use larder::{Cx, Error, ErrorKind, FeedEvent, TransactionalExt as _, WhenFull, WriteBehind, WriteBehindOptions};
use tokio::time::{Instant, sleep};

use super::scripted::{Item, Scripted, item, items, queue, submit};
use crate::support::warnings::warnings;

const MS: Duration = Duration::from_millis(1);

fn small() -> WriteBehindOptions {
    WriteBehindOptions::new().batch_size(2).queue_size(5)
}

/// A queue whose repository is stopped, and which is full.
async fn full(options: WriteBehindOptions) -> (Arc<Scripted>, WriteBehind<Item>) {
    let repository = Scripted::sound();
    let queue = queue(&repository, options).await;
    repository.pause();
    (0..5).for_each(|id| submit(&queue, id));
    sleep(MS).await;
    (repository, queue)
}

/// A full queue says so at once, gives back what it does not take, and takes more when there is room; what is being written takes
/// room, too.
#[tokio::test(start_paused = true)]
async fn a_full_queue_refuses() {
    let (repository, queue) = full(small()).await;
    let began = Instant::now();
    let refused = queue.submit(&Cx::new(), &item(5)).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::QueueFull);
    let refused = queue.submit_many(&Cx::new(), &items(5..7)).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::QueueFull);
    assert_eq!(began.elapsed(), Duration::ZERO);
    repository.resume();
    queue.flush(&Cx::new()).await.unwrap();
    submit(&queue, 5);
    let stats = queue.close(&Cx::new()).await;
    assert_eq!(repository.stored(), [0, 1, 2, 3, 4, 5]);
    assert_eq!((stats.accepted, stats.rejected, stats.stored, stats.greatest_depth), (6, 3, 6, 5));
}

/// The log is told of a full queue once in ten seconds, whoever goes on submitting.
#[tokio::test(start_paused = true)]
async fn a_full_queue_is_warned_of_once_in_a_while() {
    let (_repository, queue) = full(small().write_timeout(Duration::from_secs(60))).await;
    let (warnings, _guard) = warnings();
    for times in 1..=2 {
        for _ in 0..9 {
            queue.submit(&Cx::new(), &item(5)).unwrap_err();
            sleep(1000 * MS).await;
        }
        assert_eq!(warnings.lock().unwrap().iter().filter(|said| said.contains("a queue is full")).count(), times);
        sleep(1000 * MS).await;
    }
}

/// More at once than the queue ever holds is an error of the caller's.
#[tokio::test(start_paused = true)]
async fn more_than_the_queue_holds_is_refused_for_good() {
    let queue = queue(&Scripted::sound(), small()).await;
    let refused = queue.submit_many(&Cx::new(), &items(0..6)).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidInput);
    assert_eq!(queue.stats().accepted, 0);
}

/// Bytes are limited as entries are, and one model is taken whatever it weighs.
#[tokio::test(start_paused = true)]
async fn bytes_are_limited_too() {
    let repository = Scripted::sound();
    let queue = queue(&repository, WriteBehindOptions::new().batch_bytes(500).queue_bytes(500)).await;
    repository.pause();
    let large = |id, bytes| Item { id, text: "x".repeat(bytes) };
    drop(queue.submit(&Cx::new(), &large(0, 900)).unwrap());
    assert_eq!(queue.submit(&Cx::new(), &large(1, 1)).unwrap_err().kind(), ErrorKind::QueueFull);
    repository.resume();
    queue.flush(&Cx::new()).await.unwrap();
    for id in 1..=4 {
        drop(queue.submit(&Cx::new(), &large(id, 90)).unwrap());
    }
    assert_eq!(queue.submit(&Cx::new(), &large(5, 90)).unwrap_err().kind(), ErrorKind::QueueFull);
    let both = queue.submit_many(&Cx::new(), &[large(6, 300), large(7, 300)]).unwrap_err();
    assert_eq!(both.kind(), ErrorKind::InvalidInput);
    assert_eq!(repository.stored(), [0]);
}

/// Who waits for room gets it in turn; who gives up waiting leaves nothing behind.
#[tokio::test(start_paused = true)]
async fn waiting_for_room_is_fair_and_can_be_given_up() {
    let (repository, queue) = full(small()).await;
    let waiting: Vec<_> = (5..15)
        .map(|id| {
            let queue = queue.clone();
            tokio::spawn(async move { queue.submit_wait(&Cx::new(), &item(id)).await.map(drop) })
        })
        .collect();
    sleep(MS).await;
    waiting[3].abort();
    let late = queue.submit_wait(&Cx::new().with_timeout(5 * MS), &item(99)).await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::DeadlineExceeded);
    repository.resume();
    for (index, waiting) in waiting.into_iter().enumerate() {
        assert_eq!(waiting.await.is_ok_and(|waited| waited.is_ok()), index != 3);
    }
    let stats = queue.close(&Cx::new()).await;
    assert_eq!(repository.stored(), (0..15).filter(|id| *id != 8).collect::<Vec<_>>());
    assert_eq!((stats.accepted, stats.stored, stats.depth, stats.bytes, stats.greatest_depth), (14, 14, 0, 0, 5));
}

/// Who waits for room while the queue is closed is told so.
#[tokio::test(start_paused = true)]
async fn closing_ends_the_wait_for_room() {
    let (repository, queue) = full(small()).await;
    let waiting: Vec<_> = (5..8)
        .map(|id| {
            let queue = queue.clone();
            tokio::spawn(async move { queue.submit_wait(&Cx::new(), &item(id)).await.map(drop) })
        })
        .collect();
    sleep(MS).await;
    let closing = tokio::spawn({
        let queue = queue.clone();
        async move { queue.close(&Cx::new()).await }
    });
    for waiting in waiting {
        assert_eq!(waiting.await.unwrap().unwrap_err().kind(), ErrorKind::Closed);
    }
    repository.resume();
    assert_eq!(closing.await.unwrap().stored, 5);
}

/// The oldest that wait make room, and their tickets say so; what is being written stays.
#[tokio::test(start_paused = true)]
async fn the_oldest_make_room_if_they_are_to() {
    let repository = Scripted::sound();
    let queue = queue(&repository, small().when_full(WhenFull::DropOldest)).await;
    let mut feed = queue.subscribe().unwrap();
    repository.pause();
    let mut tickets = queue.submit_many(&Cx::new(), &items(0..5)).unwrap();
    sleep(MS).await;
    tickets.push(queue.submit(&Cx::new(), &item(5)).unwrap());
    tickets.extend(queue.submit_many(&Cx::new(), &items(6..8)).unwrap());
    let too_many = queue.submit_many(&Cx::new(), &items(8..12)).unwrap_err();
    assert_eq!(too_many.kind(), ErrorKind::QueueFull);
    repository.resume();
    let stats = queue.close(&Cx::new()).await;
    let outcomes: Vec<_> = futures::future::join_all(tickets).await;
    let outcomes: Vec<_> =
        outcomes.into_iter().map(|outcome| outcome.map(|item| item.id).map_err(|error| error.kind())).collect();
    let dropped = Err(ErrorKind::QueueFull);
    // Those that could not come in anyway cost nobody anything.
    assert_eq!(outcomes, [Ok(0), Ok(1), dropped, dropped, dropped, Ok(5), Ok(6), Ok(7)]);
    assert_eq!((stats.accepted, stats.stored, stats.dropped, stats.rejected), (8, 5, 3, 4));
    let mut failed = Vec::new();
    while let Some(event) = feed.next().await {
        if let FeedEvent::Failed(item, error) = event {
            failed.push((item.id, error.kind()));
        }
    }
    assert_eq!(failed, [2, 3, 4].map(|id| (id, ErrorKind::QueueFull)));
}

/// A transaction that submits models makes room for them when it commits. If it rolls back, nothing was dropped for them.
#[tokio::test(start_paused = true)]
async fn a_transaction_that_rolls_back_drops_nothing() {
    let repository = Scripted::sound();
    let queue = &queue(&repository, small().when_full(WhenFull::DropOldest)).await;
    let store = larder::open("memory:").await.unwrap();
    repository.pause();
    (0..5).for_each(|id| submit(queue, id));
    sleep(MS).await;
    let transaction = async |ids: std::ops::Range<u64>, is_right: bool| {
        let models = &items(ids);
        let outcome = store.tx(&Cx::new(), |cx| async move {
            drop(queue.submit_many(&cx, models)?);
            if is_right { Ok(()) } else { Err(Error::new(ErrorKind::InvalidInput, "mine")) }
        });
        assert_eq!(outcome.await.is_ok(), is_right);
        queue.stats().dropped
    };
    assert_eq!(transaction(5..8, false).await, 0);
    assert_eq!(transaction(8..10, true).await, 2);
    repository.resume();
    let stats = queue.close(&Cx::new()).await;
    assert_eq!(repository.stored(), [0, 1, 4, 8, 9]);
    assert_eq!((stats.dropped, stats.greatest_depth), (2, 5));
}

/// What finds no room is created past the queue, if that is asked for, and its ticket is answered.
#[tokio::test(start_paused = true)]
async fn what_finds_no_room_is_created_past_the_queue() {
    let repository = Scripted::new(|call, _| if call == 0 { super::scripted::Act::Hang } else { super::scripted::Act::Store });
    let queue = queue(&repository, small()).await;
    (0..4).for_each(|id| submit(&queue, id));
    drop(queue.submit_or_create(&Cx::new(), &item(4)).await.unwrap());
    sleep(MS).await;
    let ticket = queue.submit_or_create(&Cx::new(), &item(5)).await.unwrap();
    assert_eq!(ticket.await.unwrap().text, "stored 5");
    assert_eq!(repository.stored(), [5]);
    let stats = queue.stats();
    assert_eq!((stats.accepted, stats.rejected), (5, 0));
}
