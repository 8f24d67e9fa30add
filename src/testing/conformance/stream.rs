use std::time::Duration;

use larder::{Cx, Error, ErrorKind, Filter, ModelStream, Query, ReaderExt, Result, TransactionalExt, field};

use crate::testing::{
    Harness, Items,
    entities::{
        absent,
        item::{self, COLUMN},
    },
    item,
};

async fn rest(stream: &mut ModelStream<item::Model>) -> Result<Vec<i32>> {
    let mut ids = Vec::new();
    while let Some(item) = stream.try_next().await? {
        ids.push(item.id);
    }
    Ok(ids)
}

async fn fill(items: &Items, count: i32) {
    let models: Vec<_> = (0..count).map(|id| item::Model { small: -id, ..item(id) }).collect();
    items.create_batch(&Cx::new(), &models).await.unwrap();
}

/// A stream has the models that a query has, in its order, and after its end nothing more.
pub async fn reads_what_a_query_reads(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let items = fixture.store.repository::<item::Entity>();
    fill(&items, 5_000).await;
    let queries = [
        Query::new(),
        Query::new().order_by(COLUMN.small),
        Query::new().filter(field(COLUMN.small).less_than(-10)).limit(3_000).offset(7),
        Query::new().limit(0),
        Filter::none().into(),
    ];
    for query in queries {
        let expected: Vec<_> = items.query(&Cx::new(), &query).await.unwrap().iter().map(|item| item.id).collect();
        let mut stream = items.stream(&Cx::new(), &query).await.unwrap();
        assert_eq!(rest(&mut stream).await.unwrap(), expected);
        assert_eq!(stream.try_next().await.unwrap(), None);
        let mut pages = items.stream_in_pages(&Cx::new(), &query, 999);
        assert_eq!(rest(&mut pages).await.unwrap(), expected);
        let streamed = fixture.store.tx(&Cx::new(), |cx| {
            let (items, query) = (items.clone(), query.clone());
            async move { rest(&mut items.stream(&cx, &query).await?).await }
        });
        assert_eq!(streamed.await.unwrap(), expected);
    }
}

/// A stream outside a transaction has the moment at which it began, whatever is written while it is read.
pub async fn sees_one_moment(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    if !fixture.store.capabilities().reads_beside_writer {
        return;
    }
    let items = fixture.store.repository::<item::Entity>();
    fill(&items, 5_000).await;
    let mut stream = items.stream(&Cx::new(), &Query::new()).await.unwrap();
    assert_eq!(stream.try_next().await.unwrap().map(|item| item.id), Some(0));
    items.delete_where(&Cx::new(), &field(COLUMN.id).at_least(2_500)).await.unwrap();
    items.create(&Cx::new(), &item(9_000)).await.unwrap();
    assert!(rest(&mut stream).await.unwrap().into_iter().eq(1..5_000));
    assert_eq!(items.count(&Cx::new(), &Filter::all()).await.unwrap(), 2_501);
}

/// A stream can be dropped anywhere: its connection, the only one, is free for the next who needs it.
pub async fn gives_its_connection_back_when_dropped(harness: &'static dyn Harness) {
    let fixture = harness.narrow().await;
    let items = fixture.store.repository::<item::Entity>();
    fill(&items, 5_000).await;
    for read in [0, 1, 10, 1_024, 1_025, 4_999, 5_000] {
        let mut stream = items.stream(&Cx::new(), &Query::new()).await.unwrap();
        for _ in 0..read {
            stream.try_next().await.unwrap().unwrap();
        }
        drop(stream);
        assert_eq!(items.count(&Cx::new(), &Filter::all()).await.unwrap(), 5_000);
    }
    items.create(&Cx::new(), &item(9_000)).await.unwrap();
}

/// A stream inside a transaction lets the transaction write between one model and the next, and ends with the transaction.
pub async fn lets_its_transaction_write(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let items = fixture.store.repository::<item::Entity>();
    fill(&items, 2_500).await;
    let items = &items;
    let streamed = fixture.store.tx(&Cx::new(), |cx| async move {
        let mut stream = items.stream(&cx, &Query::new()).await?;
        let mut count = 0;
        while let Some(model) = stream.try_next().await? {
            count += 1;
            if model.id % 500 == 0 {
                items.update(&cx, &item::Model { name: "seen".into(), ..model }).await?;
            }
        }
        // One that is not read to its end leaves the transaction as it was.
        let mut dropped = items.stream(&cx, &Query::new()).await?;
        dropped.try_next().await?;
        drop(dropped);
        let outlives = items.stream(&cx, &Query::new()).await?;
        Ok::<_, Error>((count, outlives))
    });
    let (count, mut outlives) = streamed.await.unwrap();
    assert_eq!(count, 2_500);
    assert_eq!(items.count(&Cx::new(), &field(COLUMN.name).equals("seen")).await.unwrap(), 5);
    assert_eq!(outlives.try_next().await.unwrap_err().kind(), ErrorKind::TransactionClosed);
    assert_eq!(outlives.try_next().await.unwrap(), None);
}

/// An error of the engine's is the last item of a stream, and never looks like its end.
pub async fn ends_with_an_error(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let absents = fixture.store.repository::<absent::Entity>();
    let stream = absents.stream(&Cx::new(), &Query::new()).await;
    let mut pages = absents.stream_in_pages(&Cx::new(), &Query::new(), 10);
    if !fixture.store.capabilities().schema {
        assert_eq!(stream.unwrap().try_next().await.unwrap(), None);
        assert_eq!(pages.try_next().await.unwrap(), None);
        return;
    }
    let error = stream.unwrap_err();
    assert_eq!((error.kind(), error.operation(), error.model()), (ErrorKind::TableMissing, Some("stream"), Some("absent")));
    assert_eq!(pages.try_next().await.unwrap_err().kind(), ErrorKind::TableMissing);
    assert_eq!(pages.try_next().await.unwrap(), None);
    // A filter that is refused is refused at once.
    let items = fixture.store.repository::<item::Entity>();
    let error = items.stream(&Cx::new(), &field(COLUMN.real).equals(f64::NAN).into()).await.unwrap_err();
    assert_eq!((error.kind(), error.operation()), (ErrorKind::InvalidInput, Some("stream")));
}

/// A stream in pages holds no connection between them: others use the only one.
pub async fn holds_nothing_between_pages(harness: &'static dyn Harness) {
    let fixture = harness.narrow().await;
    let items = fixture.store.repository::<item::Entity>();
    fill(&items, 30).await;
    let mut stream = items.stream_in_pages(&Cx::new(), &Query::new().order_by_desc(COLUMN.small).limit(25), 10);
    let mut read = Vec::new();
    while let Some(model) = stream.try_next().await.unwrap() {
        read.push(model.id);
        items.update(&Cx::new(), &item::Model { name: "seen".into(), ..model }).await.unwrap();
    }
    assert!(read.into_iter().eq(0..25));
    for size in [0, 10_001] {
        let mut refused = items.stream_in_pages(&Cx::new(), &Query::new(), size);
        assert_eq!(refused.try_next().await.unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}

/// `for_each` calls its function for each model, and stops at the function's own error, which it returns as it is.
pub async fn stops_at_an_error_of_the_caller(harness: &'static dyn Harness) {
    #[derive(Debug)]
    enum Mine {
        Enough,
        Store(#[allow(dead_code)] Error),
    }
    impl From<Error> for Mine {
        fn from(error: Error) -> Self {
            Self::Store(error)
        }
    }
    let fixture = harness.narrow().await;
    let items = fixture.store.repository::<item::Entity>();
    fill(&items, 3_000).await;
    let mut seen = 0;
    let (cx, query) = (Cx::new(), Query::new());
    let stopped = items.for_each(&cx, &query, |_| {
        seen += 1;
        let enough = seen == 10;
        async move { if enough { Err(Mine::Enough) } else { Ok(()) } }
    });
    assert!(matches!(stopped.await, Err(Mine::Enough)));
    assert_eq!(seen, 10);
    let mut all = 0;
    let read = items.for_each(&cx, &query, |_| {
        all += 1;
        async { Ok::<_, Error>(()) }
    });
    read.await.unwrap();
    assert_eq!(all, 3_000);
}

/// A stream can be sent to another task and read there, when nothing else of its repository is left.
pub async fn borrows_nothing(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let items = fixture.store.repository::<item::Entity>();
    fill(&items, 3_000).await;
    let mut stream = items.stream(&Cx::new(), &Query::new()).await.unwrap();
    let mut pages = items.stream_in_pages(&Cx::new(), &Query::new(), 700);
    drop(items);
    let read = tokio::spawn(async move { (rest(&mut stream).await.unwrap().len(), rest(&mut pages).await.unwrap().len()) });
    assert_eq!(read.await.unwrap(), (3_000, 3_000));
}

/// A stream that nobody asks for more, in the middle of reading, holds nobody up; and one that is dropped there costs its
/// transaction nothing.
pub async fn holds_nobody_up_when_left_alone(harness: &'static dyn Harness) {
    let fixture = harness.narrow().await;
    let items = fixture.store.repository::<item::Entity>();
    fill(&items, 3_000).await;
    let items = &items;
    let written = fixture.store.tx(&Cx::new(), |cx| async move {
        let mut left = items.stream(&cx, &Query::new()).await?;
        let asked = futures::poll!(Box::pin(left.try_next()));
        items.create(&cx, &item(9_000)).await?;
        let mut dropped = items.stream(&cx, &Query::new()).await?;
        let asked_again = futures::poll!(Box::pin(dropped.try_next()));
        drop((dropped, asked, asked_again));
        items.create(&cx, &item(9_001)).await?;
        // Nothing that it would have given is lost.
        assert!(rest(&mut left).await?.len() >= 2_999);
        Ok::<_, Error>(())
    });
    tokio::time::timeout(Duration::from_secs(20), written).await.expect("a transaction that waits for a stream").unwrap();

    let mut left = items.stream_in_pages(&Cx::new(), &Query::new(), 10);
    let asked = futures::poll!(Box::pin(left.try_next()));
    assert_eq!(items.count(&Cx::new(), &Filter::all()).await.unwrap(), 3_002);
    drop(asked);
}
