//! [`Timeout`](larder::layer::Timeout).

use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use larder::{
    Cx, ErrorKind, Query, ReaderExt, Result, Transactional, TransactionalExt, TxOptions,
    backend::Answer,
    layer::{Around, Call, Timeout},
};

use crate::{
    memory::Memory,
    support::{
        backend::{Fixture, Harness},
        entities::note,
        note,
    },
};

const SHORT: Duration = Duration::from_millis(100);

/// An operation that waits for longer than its limit is late, by itself and as the begin of a transaction.
async fn late_by_itself(harness: &'static dyn Harness) {
    let (fixture, cx): (Fixture, _) = (harness.narrow().await, Cx::new());
    let store = fixture.store.layer(&Timeout::new(SHORT));
    let notes = store.repository::<note::Entity>();
    let open = fixture.store.begin(&cx, TxOptions::new()).await.unwrap();
    fixture.store.repository::<note::Entity>().create(&open, &note("first")).await.unwrap();
    assert_eq!(notes.create(&cx, &note("a")).await.unwrap_err().kind(), ErrorKind::DeadlineExceeded);
    assert_eq!(store.begin(&cx, TxOptions::new()).await.unwrap_err().kind(), ErrorKind::DeadlineExceeded);
    open.rollback().await.unwrap();
    notes.create(&cx, &note("b")).await.unwrap();
    assert_eq!(notes.all(&cx).await.unwrap().len(), 1);
}

/// A transaction may take longer than each of its operations.
async fn transactions_last(harness: &'static dyn Harness) {
    let fixture: Fixture = harness.fresh().await;
    let store = fixture.store.layer(&Timeout::new(Duration::from_secs(2)));
    let notes = &store.repository::<note::Entity>();
    let stored = store.tx(&Cx::new(), |cx| async move {
        notes.create(&cx, &note("a")).await?;
        tokio::time::sleep(Duration::from_millis(2_500)).await;
        notes.create(&cx, &note("b")).await
    });
    stored.await.unwrap();
}

/// A stream may take longer than its limit, as long as nothing is waited for longer.
async fn streams_last(harness: &'static dyn Harness) {
    let (fixture, cx): (Fixture, _) = (harness.fresh().await, Cx::new());
    let notes = fixture.store.repository::<note::Entity>();
    let some: Vec<_> = (0..3_000).map(|number| note(&number.to_string())).collect();
    notes.create_batch(&cx, &some).await.unwrap();
    let notes = fixture.store.layer(&Timeout::new(Duration::from_secs(1))).repository::<note::Entity>();
    let mut stream = notes.stream(&cx, &Query::new()).await.unwrap();
    let mut count = 0;
    while stream.try_next().await.unwrap().is_some() {
        count += 1;
        if count == 10 {
            tokio::time::sleep(Duration::from_millis(1_500)).await;
        }
    }
    assert_eq!(count, 3_000);
}

#[tokio::test]
async fn memory() {
    late_by_itself(&Memory).await;
    transactions_last(&Memory).await;
    streams_last(&Memory).await;
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn sqlite() {
    late_by_itself(&crate::sqlite::File).await;
    transactions_last(&crate::sqlite::File).await;
    streams_last(&crate::sqlite::File).await;
}

/// Waits before each part of a stream.
#[derive(Clone)]
struct SlowParts;

#[async_trait::async_trait]
impl Around for SlowParts {
    async fn around(&self, cx: &Cx, call: Call<'_>) -> Result<Answer> {
        Ok(match call.run(cx).await? {
            Answer::Parts(Some(parts)) => Answer::Parts(Some(Box::pin(parts.then(|part| async {
                tokio::time::sleep(Duration::from_millis(200)).await;
                part
            })))),
            other => other,
        })
    }
}

/// Each part of a stream has to be there in time, and not all of them together.
#[tokio::test(start_paused = true)]
async fn each_part_of_a_stream_is_limited() {
    let (fixture, cx) = (Memory.fresh().await, &Cx::new());
    let some: Vec<_> = (0..3_000).map(|number| note(&number.to_string())).collect();
    fixture.store.repository::<note::Entity>().create_batch(cx, &some).await.unwrap();
    let read = async |limit| {
        let store = fixture.store.layer(&SlowParts).layer(&Timeout::new(Duration::from_millis(limit)));
        let notes = store.repository::<note::Entity>();
        let read = async { notes.stream(cx, &Query::new()).await?.try_collect::<Vec<_>>().await };
        read.await.map(|notes| notes.len()).map_err(|error| error.kind())
    };
    assert_eq!(read(300).await, Ok(3_000));
    assert_eq!(read(100).await, Err(ErrorKind::DeadlineExceeded));
}

/// An earlier deadline of the context stays.
#[tokio::test]
async fn an_earlier_deadline_stays() {
    let fixture = Memory.fresh().await;
    let notes = fixture.store.layer(&Timeout::new(Duration::from_secs(60))).repository::<note::Entity>();
    let late = Cx::new().with_timeout(Duration::ZERO);
    assert_eq!(notes.create(&late, &note("a")).await.unwrap_err().kind(), ErrorKind::DeadlineExceeded);
}
