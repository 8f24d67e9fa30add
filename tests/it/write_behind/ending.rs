//! How a queue ends, and what becomes of what it holds then.

use std::{sync::Arc, time::Duration};

use larder::{
    CancellationToken, Cx, Error, ErrorKind, HealthStatus, Ticket, Transactional as _, TxOptions, WriteBehind, WriteBehindOptions,
};
use tokio::time::{Instant, sleep, timeout};

use super::scripted::{Act, Item, Scripted, item, items, queue, submit};
use crate::support::{entities::note, note};

const MS: Duration = Duration::from_millis(1);

fn kinds(outcomes: Vec<Result<Item, Error>>) -> Vec<Result<u64, ErrorKind>> {
    outcomes.into_iter().map(|outcome| outcome.map(|item| item.id).map_err(|error| error.kind())).collect()
}

async fn answers(tickets: Vec<Ticket<Item>>) -> Vec<Result<u64, ErrorKind>> {
    kinds(futures::future::join_all(tickets).await)
}

/// Closing writes what there is without waiting for more, takes nothing more, and can be done twice.
#[tokio::test(start_paused = true)]
async fn closing_writes_what_there_is() {
    let repository = Scripted::sound();
    let queue = queue(&repository, WriteBehindOptions::bursts()).await;
    (0..12_000).for_each(|id| submit(&queue, id));
    let began = Instant::now();
    let stats = queue.close(&Cx::new()).await;
    assert_eq!((stats.accepted, stats.stored, stats.depth, began.elapsed()), (12_000, 12_000, 0, Duration::ZERO));
    assert_eq!(repository.stored(), (0..12_000).collect::<Vec<_>>());
    assert_eq!(queue.close(&Cx::new()).await, stats);
    let refused = queue.submit(&Cx::new(), &item(1)).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Closed);
    assert_eq!(queue.submit_many(&Cx::new(), &items(1..3)).unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(queue.submit_wait(&Cx::new(), &item(1)).await.unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(queue.submit_or_create(&Cx::new(), &item(1)).await.unwrap_err().kind(), ErrorKind::Closed);
    assert!(queue.subscribe().is_err());
    queue.flush(&Cx::new()).await.unwrap();
}

/// Whatever the repository does, closing ends soon after its deadline, everything is told, and the numbers add up.
#[tokio::test(start_paused = true)]
async fn closing_has_a_deadline() {
    type Acts = fn(usize) -> Act;
    let acts: [(&str, Acts, u64, ErrorKind); 4] = [
        ("fails", |_| Act::Fail(ErrorKind::Connection), 0, ErrorKind::Closed),
        ("hangs", |_| Act::Hang, 0, ErrorKind::CommitUnknown),
        (
            "is down after a while",
            |call| if call < 2 { Act::Store } else { Act::Fail(ErrorKind::PoolTimeout) },
            20,
            ErrorKind::Closed,
        ),
        ("hangs after a while", |call| if call < 2 { Act::Store } else { Act::Hang }, 20, ErrorKind::CommitUnknown),
    ];
    for (what, act, stored, of_the_next) in acts {
        let repository = Scripted::new(move |call, _| act(call));
        let queue = queue(&repository, WriteBehindOptions::new().batch_size(10)).await;
        let tickets = queue.submit_many(&Cx::new(), &items(0..35)).unwrap();
        let began = Instant::now();
        let stats = queue.close(&Cx::new().with_timeout(Duration::from_secs(3))).await;
        assert!(began.elapsed() <= Duration::from_secs(4), "{what}");
        assert_eq!((stats.stored, stats.stored + stats.failed + stats.abandoned, stats.depth), (stored, 35, 0), "{what}");
        let outcomes = answers(tickets).await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count() as u64, stored, "{what}");
        assert_eq!(outcomes[stored as usize], Err(of_the_next), "{what}");
        assert_eq!(outcomes[34], Err(ErrorKind::Closed), "{what}");
    }
}

/// What waits for a transaction is waited for, until that commits and it is written, or until that is rolled back.
#[tokio::test(start_paused = true)]
async fn closing_waits_for_open_transactions() {
    for commits in [true, false] {
        let store = larder::open("memory:").await.unwrap();
        let queue = WriteBehind::builder(store.repository::<note::Entity>()).start().await.unwrap();
        let begun = store.begin(&Cx::new(), TxOptions::new()).await.unwrap();
        let ticket = queue.submit(&begun, &note("n")).unwrap();
        let closing = tokio::spawn({
            let queue = queue.clone();
            async move { queue.close(&Cx::new()).await }
        });
        sleep(10 * MS).await;
        assert!(!closing.is_finished());
        let ended = if commits { begun.commit().await } else { begun.rollback().await };
        ended.unwrap();
        let stats = timeout(Duration::from_secs(60), closing).await.unwrap().unwrap();
        let stored = u64::from(commits);
        assert_eq!((stats.accepted, stats.stored, stats.reserved), (stored, stored, 0));
        let told = ticket.await.map(drop).map_err(|error| error.kind());
        assert_eq!(told, if commits { Ok(()) } else { Err(ErrorKind::TransactionAborted) });
    }
}

/// A cancelled context is a deadline as well, and a future that is dropped leaves the queue writing.
#[tokio::test(start_paused = true)]
async fn closing_can_be_cancelled_and_dropped() {
    let repository = Scripted::sound();
    let first = queue(&repository, WriteBehindOptions::new()).await;
    repository.pause();
    let tickets = first.submit_many(&Cx::new(), &items(0..3)).unwrap();
    assert!(tokio::time::timeout(MS, first.close(&Cx::new())).await.is_err());
    repository.resume();
    assert_eq!(answers(tickets).await, [Ok(0), Ok(1), Ok(2)]);

    let second = queue(&repository, WriteBehindOptions::new()).await;
    repository.pause();
    submit(&second, 3);
    let token = CancellationToken::new();
    token.cancel();
    let stats = second.close(&Cx::new().with_cancel(token)).await;
    assert_eq!((stats.accepted, stats.stored), (1, 0));
}

/// Dropping the last handle writes what there is; tickets outlive it.
#[tokio::test(start_paused = true)]
async fn dropping_the_last_handle_writes_what_there_is() {
    let repository = Scripted::sound();
    let queue = queue(&repository, WriteBehindOptions::new()).await;
    let other = queue.clone();
    let tickets = queue.submit_many(&Cx::new(), &items(0..3)).unwrap();
    drop(queue);
    sleep(MS).await;
    assert_eq!(repository.calls(), 0);
    drop(other);
    let began = Instant::now();
    assert_eq!(answers(tickets).await, [Ok(0), Ok(1), Ok(2)]);
    assert_eq!(began.elapsed(), Duration::ZERO);
}

/// If that does not come to an end, what is left is reported after half a minute, and nothing goes on in the background.
#[tokio::test(start_paused = true)]
async fn a_dropped_queue_does_not_try_for_ever() {
    let repository = Scripted::new(|_, _| Act::Fail(ErrorKind::Connection));
    let queue = queue(&repository, WriteBehindOptions::new()).await;
    let tickets = queue.submit_many(&Cx::new(), &items(0..3)).unwrap();
    drop(queue);
    let began = Instant::now();
    assert_eq!(answers(tickets).await, vec![Err(ErrorKind::Closed); 3]);
    assert!((Duration::from_secs(30)..Duration::from_secs(31)).contains(&began.elapsed()));
    let calls = repository.calls();
    sleep(Duration::from_secs(60)).await;
    assert_eq!((repository.calls(), Arc::strong_count(&repository)), (calls, 1));
}

/// A runtime that shuts down takes the worker with it: tickets tell so, and nothing more is accepted.
#[test]
fn the_end_of_the_runtime_is_the_end_of_the_queue() {
    let repository = Scripted::sound();
    repository.pause();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (queue, tickets) = runtime.block_on(async {
        let queue = queue(&repository, WriteBehindOptions::new().batch_size(2)).await;
        let tickets = queue.submit_many(&Cx::new(), &items(0..5)).unwrap();
        while repository.calls() == 0 {
            sleep(MS).await;
        }
        (queue, tickets)
    });
    drop(runtime);
    let other = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    other.block_on(async {
        let of_those_in_the_queue = Err(ErrorKind::Closed);
        let of_those_in_the_air = Err(ErrorKind::CommitUnknown);
        let expected =
            [of_those_in_the_air, of_those_in_the_air, of_those_in_the_queue, of_those_in_the_queue, of_those_in_the_queue];
        assert_eq!(answers(tickets).await, expected);
        assert_eq!(queue.submit(&Cx::new(), &item(5)).unwrap_err().kind(), ErrorKind::Closed);
        assert_eq!(queue.health().status, HealthStatus::Down);
        queue.flush(&Cx::new()).await.unwrap();
        queue.close(&Cx::new()).await;
    });
}

/// So does a runtime that never ran it.
#[test]
fn a_queue_that_never_ran_ends_with_its_runtime() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let queue = runtime.block_on(queue(&Scripted::sound(), WriteBehindOptions::new()));
    drop(runtime);
    assert_eq!(queue.submit(&Cx::new(), &item(0)).unwrap_err().kind(), ErrorKind::Closed);
    futures::executor::block_on(queue.close(&Cx::new()));
}

/// Without a runtime there is no queue.
#[test]
fn a_queue_wants_a_runtime() {
    let started = futures::executor::block_on(WriteBehind::builder(Scripted::sound()).start());
    assert_eq!(started.map(drop).unwrap_err().kind(), ErrorKind::InvalidInput);
}

/// Producers race the end: what is accepted is stored, the rest is told that it is too late, and there is nothing else.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_races_the_end_is_stored_or_refused() {
    for round in 0..60_u64 {
        let repository = Scripted::sound();
        let queue = queue(&repository, WriteBehindOptions::new().batch_size(7).linger(MS)).await;
        let producers: Vec<_> = (0..16_u64)
            .map(|producer| {
                let queue = queue.clone();
                tokio::spawn(async move {
                    let mut accepted = Vec::new();
                    for number in 0.. {
                        match queue.submit(&Cx::new(), &item(producer * 1_000_000 + number)) {
                            Ok(ticket) => accepted.push(ticket),
                            Err(refused) if refused.kind() == ErrorKind::Closed => break,
                            Err(refused) if refused.kind() == ErrorKind::QueueFull => tokio::task::yield_now().await,
                            Err(refused) => panic!("{refused}"),
                        }
                        if number % 16 == 0 {
                            tokio::task::yield_now().await;
                        }
                    }
                    answers(accepted).await
                })
            })
            .collect();
        tokio::time::sleep(Duration::from_micros(round * 50)).await;
        let stats = queue.close(&Cx::new()).await;
        let mut told = Vec::new();
        for producer in producers {
            told.extend(producer.await.unwrap().into_iter().map(Result::unwrap));
        }
        let mut stored = repository.stored();
        stored.sort_unstable();
        told.sort_unstable();
        assert_eq!((told.len() as u64, stored), (stats.accepted, told));
        assert_eq!((stats.stored, stats.depth), (stats.accepted, 0));
    }
}
