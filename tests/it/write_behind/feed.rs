//! What subscribers see.

use std::time::Duration;

use larder::{Cx, ErrorKind, Feed, FeedEvent, WriteBehindOptions};
use tokio::time::{sleep, timeout};

use super::scripted::{Item, Scripted, item, queue, submit};

const MS: Duration = Duration::from_millis(1);

async fn seen(feed: &mut Feed<Item>, count: usize) -> Vec<String> {
    let mut seen = Vec::new();
    for _ in 0..count {
        let event = timeout(10 * MS, feed.next()).await.expect("an event in time").expect("an event");
        seen.push(match event {
            FeedEvent::Accepted(item) => format!("accepted {}", item.id),
            FeedEvent::Rejected(item) => format!("rejected {}", item.id),
            FeedEvent::Stored(item) => item.text.clone(),
            FeedEvent::Failed(item, error) => format!("{:?} {}", error.kind(), item.id),
            FeedEvent::Missed(count) => format!("missed {count}"),
            other => format!("{other:?}"),
        });
    }
    seen
}

/// Models are seen as they are accepted, whatever the store does, also when there is no room; and again when they are stored or
/// fail.
#[tokio::test(start_paused = true)]
async fn models_are_seen_before_they_are_stored_and_after() {
    let repository = Scripted::poisoned_by([1]);
    let queue = queue(&repository, WriteBehindOptions::new().batch_size(2).queue_size(3)).await;
    let mut feed = queue.subscribe().unwrap();
    repository.pause();
    (0..3).for_each(|id| submit(&queue, id));
    queue.submit(&Cx::new(), &item(3)).unwrap_err();
    assert_eq!(seen(&mut feed, 4).await, ["accepted 0", "accepted 1", "accepted 2", "rejected 3"]);
    repository.resume();
    queue.close(&Cx::new()).await;
    assert_eq!(seen(&mut feed, 3).await, ["stored 0", "Duplicate 1", "stored 2"]);
    assert!(feed.next().await.is_none());
}

/// One who is slow loses the oldest, learns how many, and holds nobody up.
#[tokio::test(start_paused = true)]
async fn a_slow_subscriber_loses_its_own_oldest() {
    let repository = Scripted::sound();
    let queue = queue(&repository, WriteBehindOptions::new()).await;
    let (mut slow, mut quick) = (queue.subscribe().unwrap(), queue.subscribe().unwrap());
    repository.pause();
    for id in 0..300 {
        submit(&queue, id);
        assert_eq!(seen(&mut quick, 1).await, [format!("accepted {id}")]);
    }
    let missed = seen(&mut slow, 1).await;
    let FeedEvent::Accepted(next) = slow.next().await.unwrap() else { panic!("nothing was stored") };
    assert_eq!(missed, [format!("missed {}", next.id)]);
    assert!((300 - 128..=200).contains(&next.id));
}

/// A subscriber who leaves costs nothing, and there are not more than a hundred.
#[tokio::test(start_paused = true)]
async fn there_are_a_hundred_subscribers_at_most() {
    let queue = queue(&Scripted::sound(), WriteBehindOptions::new()).await;
    let mut feeds: Vec<_> = (0..100).map(|_| queue.subscribe().unwrap()).collect();
    assert_eq!(queue.subscribe().unwrap_err().kind(), ErrorKind::Overloaded);
    feeds.pop();
    let mut another = queue.subscribe().unwrap();
    drop(feeds);
    submit(&queue, 5);
    sleep(60 * MS).await;
    assert_eq!(seen(&mut another, 2).await, ["accepted 5", "stored 5"]);
}
