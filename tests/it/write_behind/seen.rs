//! What can be seen of a queue from outside.

use std::time::Duration;

use larder::{Cx, ErrorKind, FlushReason, HealthStatus, WriteBehindOptions};
use tokio::time::sleep;

use super::scripted::{Act, Scripted, items, queue, submit};

const MS: Duration = Duration::from_millis(1);

/// Figures are those of what was done.
#[tokio::test(start_paused = true)]
async fn the_figures_are_those_of_what_was_done() {
    let repository = Scripted::new(|call, _| if call == 0 { Act::Fail(ErrorKind::Contention) } else { Act::Store });
    let queue = queue(&repository, WriteBehindOptions::new().batch_size(10)).await;
    drop(queue.submit_many(&Cx::new(), &items(0..10)).unwrap());
    sleep(20 * MS).await;
    submit(&queue, 10);
    let stats = queue.stats();
    assert_eq!((stats.accepted, stats.stored, stats.depth, stats.retries, stats.batches), (11, 10, 1, 1, 1));
    assert!(stats.bytes > 10);
    sleep(51 * MS).await;
    let stats = queue.stats();
    assert_eq!((stats.stored, stats.depth, stats.bytes, stats.batches), (11, 0, 0, 2));
    assert_eq!(stats.reasons, [(FlushReason::Size, 1), (FlushReason::Age, 1)].into());
    assert_eq!((stats.batch_size.most, stats.batch_size.median, stats.batch_limit, stats.greatest_depth), (10, 1, 10, 10));
    assert!((50 * MS..51 * MS).contains(&stats.latency.most), "{:?}", stats.latency);
}

/// A queue whose room is nearly taken is degraded, and one whose store does not answer is, too, before it is down.
#[tokio::test(start_paused = true)]
async fn health_tells_of_trouble_while_there_is_any() {
    let repository = Scripted::new(|call, _| match call {
        2.. => Act::Store,
        _ => Act::Fail(ErrorKind::Connection),
    });
    let queue = queue(&repository, WriteBehindOptions::new().queue_size(100)).await;
    repository.pause();
    (0..80).for_each(|id| submit(&queue, id));
    assert_eq!(queue.health().status, HealthStatus::Up);
    submit(&queue, 80);
    assert_eq!(queue.health().error.unwrap().kind(), ErrorKind::QueueFull);
    sleep(60 * MS).await;
    repository.resume();
    sleep(MS).await;
    let health = queue.health();
    assert_eq!((health.status, health.error.unwrap().kind()), (HealthStatus::Degraded, ErrorKind::Connection));
    queue.flush(&Cx::new()).await.unwrap();
    assert_eq!(queue.health().status, HealthStatus::Up);
}

/// The size of batches follows the time they take, and can be seen.
#[tokio::test(start_paused = true)]
async fn an_adaptive_queue_tells_its_size() {
    let repository = Scripted::sound();
    let queue = queue(&repository, WriteBehindOptions::new().batch_size(1000).adaptive(20 * MS)).await;
    assert_eq!(queue.stats().batch_limit, 64);
    drop(queue.submit_many(&Cx::new(), &items(0..2000)).unwrap());
    queue.flush(&Cx::new()).await.unwrap();
    assert_eq!(repository.batches().iter().map(Vec::len).collect::<Vec<_>>(), [64, 128, 256, 512, 1000, 40]);
    drop(queue.submit_many(&Cx::new(), &items(0..1000)).unwrap());
    repository.pause();
    sleep(25 * MS).await;
    repository.resume();
    queue.flush(&Cx::new()).await.unwrap();
    assert_eq!(queue.stats().batch_limit, 500);
}
