//! What becomes of what the repository refuses, and of everything else then.

use std::{sync::Arc, time::Duration};

use larder::{Cx, Error, ErrorKind, HealthStatus, WriteBehind, WriteBehindOptions};
use tokio::time::sleep;

use super::scripted::{Act, Item, Scripted, item, items, queue, submit};

const MS: Duration = Duration::from_millis(1);

/// What became of each of them.
async fn outcomes(queue: &WriteBehind<Item>, ids: std::ops::Range<u64>) -> Vec<Result<u64, ErrorKind>> {
    let tickets = queue.submit_many(&Cx::new(), &items(ids)).unwrap();
    let outcomes = futures::future::join_all(tickets).await;
    outcomes.into_iter().map(|outcome: Result<Item, Error>| outcome.map(|item| item.id).map_err(|error| error.kind())).collect()
}

/// Wherever in a batch models are that cannot be stored, each of their tickets tells why, and the others are stored once, in
/// order.
#[tokio::test(start_paused = true)]
async fn a_bad_model_costs_only_itself() {
    for bad in [vec![0], vec![49], vec![99], vec![0, 99], vec![10, 11, 12], vec![3, 50, 51, 97], (0..100).collect()] {
        let repository = Scripted::poisoned_by(bad.clone());
        let queue = queue(&repository, WriteBehindOptions::new()).await;
        for (id, outcome) in (0..100).zip(outcomes(&queue, 0..100).await) {
            assert_eq!(outcome, if bad.contains(&id) { Err(ErrorKind::Duplicate) } else { Ok(id) });
        }
        let expected: Vec<_> = (0..100).filter(|id| !bad.contains(id)).collect();
        assert_eq!(repository.stored(), expected);
        // The next batch is none the worse.
        assert_eq!(outcomes(&queue, 100..102).await, [Ok(100), Ok(101)]);
        let stats = queue.stats();
        assert_eq!((stats.accepted, stats.stored + stats.failed), (102, 102));
        assert_eq!(queue.health().status, HealthStatus::Up);
    }
}

/// One bad model among a thousand takes two attempts for each halving, and no more.
#[tokio::test(start_paused = true)]
async fn a_bad_model_is_found_by_halves() {
    let repository = Scripted::poisoned_by([617]);
    let queue = queue(&repository, WriteBehindOptions::new().batch_size(1024)).await;
    (0..1024).for_each(|id| submit(&queue, id));
    queue.flush(&Cx::new()).await.unwrap();
    assert_eq!((repository.calls(), repository.stored().len()), (21, 1023));
}

/// After batches that were all bad, models are written one by one; when they are good again, in batches again.
#[tokio::test(start_paused = true)]
async fn after_bad_batches_models_are_written_one_by_one_for_a_while() {
    let repository = Scripted::poisoned_by([0, 8, 16]);
    let queue = queue(&repository, WriteBehindOptions::new().batch_size(8)).await;
    (0..24).for_each(|id| submit(&queue, id));
    queue.flush(&Cx::new()).await.unwrap();
    assert_eq!(queue.stats().batch_limit, 1);
    (24..60).for_each(|id| submit(&queue, id));
    queue.flush(&Cx::new()).await.unwrap();
    let sizes: Vec<_> = repository.batches().iter().filter(|batch| batch[0] >= 24).map(Vec::len).collect();
    assert_eq!(sizes, [1, 2, 4, 8, 8, 8, 5]);
}

/// A store that is down is waited for: nothing is lost, the queue fills, callers and health say so, and it recovers by itself.
#[tokio::test(start_paused = true)]
async fn a_store_that_is_down_is_waited_for() {
    for kind in [
        ErrorKind::Connection,
        ErrorKind::Contention,
        ErrorKind::PoolTimeout,
        ErrorKind::Overloaded,
        ErrorKind::ResourceExhausted,
        ErrorKind::ReadOnly,
        ErrorKind::TableMissing,
        ErrorKind::Auth,
        ErrorKind::Io,
        ErrorKind::DeadlineExceeded,
    ] {
        let began = tokio::time::Instant::now();
        let repository = Scripted::new(move |_, _| match began.elapsed() < Duration::from_secs(30) {
            true => Act::Fail(kind),
            false => Act::Store,
        });
        let queue = queue(&repository, WriteBehindOptions::new().batch_size(10).queue_size(40)).await;
        (0..40).for_each(|id| submit(&queue, id));
        sleep(Duration::from_secs(20)).await;
        assert_eq!(queue.submit(&Cx::new(), &item(40)).unwrap_err().kind(), ErrorKind::QueueFull, "{kind:?}");
        let health = queue.health();
        assert_eq!((health.status, health.error.unwrap().kind()), (HealthStatus::Down, kind));
        // Not in a hurry: half a second between attempts, on average.
        assert!((10..400).contains(&repository.calls()), "{kind:?}: {}", repository.calls());
        sleep(Duration::from_secs(13)).await;
        assert_eq!(queue.health().status, HealthStatus::Up, "{kind:?}");
        let stats = queue.close(&Cx::new()).await;
        assert_eq!(repository.stored(), (0..40).collect::<Vec<_>>(), "{kind:?}");
        assert_eq!((stats.stored, stats.failed, stats.rejected), (40, 0, 1));
        assert!(stats.retries > 0);
    }
}

/// A batch that is never done in its time is written in halves.
#[tokio::test(start_paused = true)]
async fn a_batch_that_takes_too_long_is_divided() {
    let repository = Scripted::new(|_, items| match items.len() > 2 {
        true => Act::Fail(ErrorKind::DeadlineExceeded),
        false => Act::Store,
    });
    let queue = queue(&repository, WriteBehindOptions::new()).await;
    assert_eq!(outcomes(&queue, 0..8).await, (0..8).map(Ok).collect::<Vec<_>>());
    assert_eq!(repository.batches(), [[0, 1], [2, 3], [4, 5], [6, 7]]);
}

/// A model that brings the engine down each time is found, and not written any more; the others are stored.
#[tokio::test(start_paused = true)]
async fn a_model_that_brings_the_engine_down_is_reported() {
    let repository = Scripted::new(|_, items| match items.contains(&item(5)) {
        true => Act::Fail(ErrorKind::EngineDown),
        false => Act::Store,
    });
    let queue = queue(&repository, WriteBehindOptions::new()).await;
    let outcomes = outcomes(&queue, 0..8).await;
    assert_eq!(outcomes[5], Err(ErrorKind::EngineDown));
    assert_eq!(repository.stored(), [0, 1, 2, 3, 4, 6, 7]);
    assert!(repository.calls() <= 4 * 3 + 3);
}

/// An outage in between is no proof against a model, and an engine that was down already is none at all.
#[tokio::test(start_paused = true)]
async fn an_outage_is_no_models_fault() {
    let repository = Scripted::new(|call, _| match call {
        0..20 | 22..30 => Act::Fail(ErrorKind::Connection),
        20 | 21 | 30 | 31 => Act::Fail(ErrorKind::EngineDown),
        _ => Act::Store,
    });
    let queue = queue(&repository, WriteBehindOptions::new()).await;
    assert_eq!(outcomes(&queue, 0..1).await, [Ok(0)]);
}

/// What may be stored is not written again without a way to know: its tickets are told that nobody knows.
#[tokio::test(start_paused = true)]
async fn an_unknown_outcome_is_reported_as_such() {
    let repository = Scripted::new(|call, _| if call == 0 { Act::StoreAndFail(ErrorKind::CommitUnknown) } else { Act::Store });
    let queue = queue(&repository, WriteBehindOptions::new()).await;
    assert_eq!(outcomes(&queue, 0..3).await, vec![Err(ErrorKind::CommitUnknown); 3]);
    assert_eq!(queue.health().status, HealthStatus::Degraded);
    assert_eq!(outcomes(&queue, 3..4).await, [Ok(3)]);
    assert_eq!(queue.health().status, HealthStatus::Up);
    assert_eq!(repository.batches(), [vec![0, 1, 2], vec![3]]);
}

/// A repository that panics may have stored what it was given; and the queue goes on.
#[tokio::test(start_paused = true)]
async fn a_panic_is_an_unknown_outcome_and_ends_nothing() {
    let repository = Scripted::new(|call, _| if call == 0 { Act::Panic } else { Act::Store });
    let queue = queue(&repository, WriteBehindOptions::new()).await;
    assert_eq!(outcomes(&queue, 0..3).await, vec![Err(ErrorKind::CommitUnknown); 3]);
    assert_eq!(outcomes(&queue, 3..5).await, [Ok(3), Ok(4)]);
}

/// A repository that does not answer, and takes no notice of its context's deadline, is given up some time after that.
#[tokio::test(start_paused = true)]
async fn a_repository_that_hangs_is_given_up() {
    let repository = Scripted::new(|call, _| if call == 0 { Act::Hang } else { Act::Store });
    let queue = queue(&repository, WriteBehindOptions::new().write_timeout(Duration::from_secs(2))).await;
    let began = tokio::time::Instant::now();
    assert_eq!(outcomes(&queue, 0..2).await, vec![Err(ErrorKind::CommitUnknown); 2]);
    assert_eq!(began.elapsed(), 50 * MS + Duration::from_secs(7));
    assert_eq!(outcomes(&queue, 2..3).await, [Ok(2)]);
}

/// A store that was closed ends the queue: everything is told so.
#[tokio::test(start_paused = true)]
async fn a_closed_store_ends_the_queue() {
    let repository = Scripted::new(|_, _| Act::Fail(ErrorKind::Closed));
    let queue = queue(&repository, WriteBehindOptions::new().batch_size(2)).await;
    assert_eq!(outcomes(&queue, 0..5).await, vec![Err(ErrorKind::Closed); 5]);
    assert_eq!(queue.submit(&Cx::new(), &item(5)).unwrap_err().kind(), ErrorKind::Closed);
    let stats = queue.close(&Cx::new()).await;
    assert_eq!((stats.accepted, stats.abandoned, repository.calls()), (5, 5, 1));
    assert_eq!(queue.health().status, HealthStatus::Down);
}

/// A repository that answers for fewer models than it was given is not believed.
#[tokio::test(start_paused = true)]
async fn numbers_that_do_not_match_are_not_believed() {
    struct Short;

    #[async_trait::async_trait]
    impl larder::Creator<Item> for Short {
        async fn create(&self, _: &Cx, item: &Item) -> larder::Result<Item> {
            Ok(item.clone())
        }

        async fn create_many(&self, _: &Cx, items: &[Item]) -> larder::Result<Vec<Item>> {
            Ok(items[1..].to_vec())
        }

        async fn create_batch(&self, _: &Cx, items: &[Item]) -> larder::Result<u64> {
            Ok(items.len() as u64)
        }

        async fn upsert_batch(&self, _: &Cx, _: &[Item], _: &larder::OnConflict<Item>) -> larder::Result<larder::Upserted> {
            Err(Error::new(ErrorKind::Unsupported, "not here"))
        }
    }

    let queue = WriteBehind::builder(Arc::new(Short)).start().await.unwrap();
    assert_eq!(outcomes(&queue, 0..2).await, vec![Err(ErrorKind::CommitUnknown); 2]);
}
