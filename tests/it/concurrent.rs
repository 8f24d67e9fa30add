//! Work on the items of a stream, several at a time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::stream;
use larder::{CancellationToken, Cx, Error, ErrorKind, Query, for_each_concurrent};

use crate::support::{entities::note, note as a_note};

fn numbers(count: usize) -> impl futures::Stream<Item = larder::Result<usize>> + Send {
    stream::iter((0..count).map(Ok))
}

/// Never more than the limit are in flight, so many are, and each item has its turn once.
#[tokio::test]
async fn no_more_are_in_flight_than_the_limit() {
    for limit in [1, 3, 64] {
        let (running, most, done) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
        let work = async |_| {
            most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            running.fetch_sub(1, Ordering::SeqCst);
            done.fetch_add(1, Ordering::SeqCst);
            Ok::<_, Error>(())
        };
        for_each_concurrent(&Cx::new(), numbers(1_000), limit, work).await.unwrap();
        assert_eq!((most.into_inner(), done.into_inner()), (limit, 1_000));
    }
    let refused = for_each_concurrent(&Cx::new(), numbers(1), 0, async |_| Ok::<_, Error>(())).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidInput);
}

/// An error ends it: no other item is read, and what was begun is dropped.
#[tokio::test]
async fn an_error_ends_the_work() {
    #[derive(Debug, PartialEq)]
    struct Refused(usize);
    impl From<Error> for Refused {
        fn from(_: Error) -> Self {
            unreachable!()
        }
    }
    let alive = Arc::new(());
    let begun = AtomicUsize::new(0);
    let (cx, items) = (Cx::new(), stream::iter((0..1_000).map(Ok)));
    let ended = for_each_concurrent(&cx, items, 8, |item| {
        begun.fetch_add(1, Ordering::SeqCst);
        let mine = alive.clone();
        async move {
            if item == 5 {
                return Err(Refused(item));
            }
            std::future::pending::<()>().await;
            drop(mine);
            Ok(())
        }
    });
    assert_eq!(ended.await, Err(Refused(5)));
    assert_eq!((begun.into_inner(), Arc::strong_count(&alive)), (6, 1));
    let broken = stream::iter([Ok(1), Err(Refused(7)), Ok(2)]);
    assert_eq!(for_each_concurrent(&Cx::new(), broken, 1, async |_| Ok(())).await, Err(Refused(7)));
}

/// The limits of the context hold for the whole.
#[tokio::test(start_paused = true)]
async fn the_limits_of_the_context_end_the_work() {
    let sleep = async |_| {
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok::<_, Error>(())
    };
    let late = for_each_concurrent(&Cx::new().with_timeout(Duration::from_secs(5)), numbers(100), 2, sleep).await;
    assert_eq!(late.unwrap_err().kind(), ErrorKind::DeadlineExceeded);
    let token = CancellationToken::new();
    token.cancel();
    let never = for_each_concurrent(&Cx::new().with_cancel(token), numbers(1), 1, async |_| panic!("it was begun")).await;
    assert_eq!(never.unwrap_err().kind(), ErrorKind::Cancelled);
}

/// The models of a store.
#[tokio::test]
async fn models_are_worked_on_as_they_are_read() {
    let store = larder::open("memory:").await.unwrap();
    let notes = store.repository::<note::Entity>();
    let cx = Cx::new();
    notes.create_batch(&cx, &(0..3_000).map(|number| a_note(&number.to_string())).collect::<Vec<_>>()).await.unwrap();
    let deleted = AtomicUsize::new(0);
    let stream = notes.stream(&cx, &Query::new()).await.unwrap();
    for_each_concurrent(&cx, stream, 4, async |note: note::Model| {
        deleted.fetch_add(usize::from(notes.delete(&cx, &note.id).await?), Ordering::SeqCst);
        Ok::<_, Error>(())
    })
    .await
    .unwrap();
    assert_eq!((deleted.into_inner(), notes.count(&cx, &larder::Filter::all()).await.unwrap()), (3_000, 0));
}
