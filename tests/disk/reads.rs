//! What is read of segments and spools.

use futures::TryStreamExt as _;
use larder::{Aggregate, Aggregation, Creator as _, Cx, ErrorKind, Filter, Query, TransactionalExt as _, field};

use crate::metric::{COLUMN, Entity, Place, at, metric, metrics};

async fn three_segments() -> Place {
    let place = Place::new("?rows=100").await;
    for from in [0, 100, 200] {
        place.store(from..from + 100).await;
    }
    place.segments.flush().await.unwrap();
    assert_eq!(place.names().len(), 3);
    place.store(300..350).await;
    place
}

/// A filter by time opens only the segments whose times it asks for.
#[tokio::test]
async fn a_filter_by_time_opens_few_segments() {
    let place = three_segments().await;
    let time = || field(COLUMN.timestamp);
    for (filter, rows, opened) in [
        (time().between(at(10), at(20)), 11, 1),
        (time().between(at(90), at(110)), 21, 2),
        (time().at_least(at(300)), 50, 0),
        (time().less_than(at(100)), 100, 2),
        (time().equals(at(150)).or(time().equals(at(260))), 2, 2),
        (time().is_in([at(1), at(2)]), 2, 1),
        (time().at_most(at(50)).and(field(COLUMN.metric_name).equals("requests_1")), 2, 1),
        (!time().between(at(0), at(299)), 50, 3),
        (Filter::none(), 0, 0),
    ] {
        let before = place.segments.opened();
        let count = place.metrics.count(&Cx::new(), &filter).await.unwrap();
        assert_eq!((count, place.segments.opened() - before), (rows, opened), "{filter:?}");
    }
}

/// The column of the time is the one that the URL names, and stays so: the segments of a table are named by it.
#[tokio::test]
async fn the_column_of_the_time_stays() {
    let place = Place::new("?rows=100&time=created_at").await;
    place.store(0..100).await;
    place.store(100..200).await;
    place.segments.flush().await.unwrap();
    let early = field(COLUMN.created_at).between(at(-20), at(-10));
    let mut place = place;
    for parameters in ["?time=created_at", ""] {
        place = place.reopened(parameters).await;
        assert_eq!(place.metrics.count(&Cx::new(), &early).await.unwrap(), 11);
        assert_eq!(place.segments.opened(), 1);
        let by_other = field(COLUMN.timestamp).at_least(at(195));
        assert_eq!(place.metrics.count(&Cx::new(), &by_other).await.unwrap(), 5);
    }
    let other = place.reopened("?time=timestamp").await;
    let refused = other.metrics.count(&Cx::new(), &early).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidInput);
    let none = Place::new("?time=metric_name").await;
    assert_eq!(none.metrics.count(&Cx::new(), &early).await.unwrap_err().kind(), ErrorKind::Unsupported);
}

/// Queries mean what they mean on every store.
#[tokio::test]
async fn queries_mean_the_same_as_in_memory() {
    let place = three_segments().await;
    let memory = larder::open("memory:").await.unwrap();
    let (memory, cx) = (memory.repository::<Entity>(), &Cx::new());
    memory.create_batch(cx, &metrics(0..350)).await.unwrap();
    let some = || Query::new().filter(field(COLUMN.node_name).is_null()).order_by_desc(COLUMN.metric_name);
    for query in [Query::new(), some(), some().limit(7), some().limit(20).offset(30), some().first_of_each(COLUMN.metric_name)] {
        let expected = memory.query(cx, &query).await.unwrap();
        assert_eq!(place.metrics.query(cx, &query).await.unwrap(), expected);
        assert_eq!(place.metrics.count_of(cx, &query).await.unwrap(), expected.len() as u64);
    }
    for query in [Query::new(), some(), some().limit(20).offset(30)] {
        let expected = memory.query(cx, &query).await.unwrap();
        let streamed: Vec<_> = place.metrics.stream(cx, &query).await.unwrap().try_collect().await.unwrap();
        assert_eq!(streamed, expected);
    }
    let by_name = Aggregation::new().group_by(COLUMN.metric_name).and(Aggregate::count().named("count"));
    let groups = memory.aggregate(cx, &Filter::all(), &by_name).await.unwrap();
    assert_eq!(place.metrics.aggregate(cx, &Filter::all(), &by_name).await.unwrap(), groups);
    let reader = place.segments.store().repository::<Entity>();
    assert_eq!(reader.find(cx, &metric(170).id).await.unwrap(), Some(metric(170)));
    assert_eq!(reader.find(cx, &metric(900).id).await.unwrap(), None);
}

/// More rows than are sorted at once come in their order, one after another.
#[tokio::test]
async fn a_long_stream_is_in_order() {
    let place = Place::new("?rows=20000&level=1").await;
    for from in (0..60_000).step_by(10_000) {
        let mut given = metrics(from..from + 10_000);
        given.reverse();
        place.metrics.create_batch(&Cx::new(), &given).await.unwrap();
    }
    let latest_first = Query::new().order_by_desc(COLUMN.timestamp);
    let mut stream = place.metrics.stream(&Cx::new(), &latest_first).await.unwrap();
    let mut expected = (0..60_000).rev();
    while let Some(model) = stream.try_next().await.unwrap() {
        assert_eq!(Some(model.timestamp), expected.next().map(at));
    }
    assert_eq!(expected.next(), None);
}

/// Two rows of one id are both there. In one call they are refused.
#[tokio::test]
async fn ids_are_checked_within_a_call() {
    let place = Place::new("").await;
    let cx = &Cx::new();
    let later = || crate::metric::Model { value: "later".into(), ..metric(1) };
    place.store(0..2).await;
    place.segments.flush().await.unwrap();
    place.metrics.create(cx, &later()).await.unwrap();
    assert_eq!(place.all().await, [metric(0), metric(1), later()]);
    let reader = place.segments.store().repository::<Entity>();
    assert_eq!(reader.find(cx, &metric(1).id).await.unwrap(), Some(metric(1)));
    let twice = place.metrics.create_batch(cx, &[metric(7), metric(7)]).await.unwrap_err();
    assert_eq!((twice.kind(), place.all().await.len()), (ErrorKind::Duplicate, 3));
}

/// Whatever is no appending or reading is refused.
#[tokio::test]
async fn it_only_appends() {
    let place = Place::new("").await;
    place.store(0..2).await;
    let cx = &Cx::new();
    let repository = place.segments.store().repository::<Entity>();
    let kind = |error: larder::Error| error.kind();
    assert_eq!(repository.update(cx, &metric(1)).await.map(drop).map_err(kind), Err(ErrorKind::Unsupported));
    assert_eq!(repository.delete(cx, &metric(1).id).await.map(drop).map_err(kind), Err(ErrorKind::Unsupported));
    assert_eq!(place.metrics.delete_where(cx, &Filter::all()).await.map(drop).map_err(kind), Err(ErrorKind::Unsupported));
    let tx = place.segments.store().tx(cx, |_| async { Ok::<_, larder::Error>(()) });
    assert_eq!(tx.await.map_err(kind), Err(ErrorKind::Unsupported));
    let keyed = cx.with_idempotency_key("once");
    assert_eq!(place.metrics.create(&keyed, &metric(7)).await.map(drop).map_err(kind), Err(ErrorKind::Unsupported));
    assert_eq!(place.all().await, metrics(0..2));
}

/// Writers do not disturb each other, or those who read.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_write_while_one_reads() {
    let place = std::sync::Arc::new(Place::new("?rows=500&level=1").await);
    let writers = (0..8).map(|writer| {
        let place = place.clone();
        tokio::spawn(async move {
            for step in 0..25 {
                let from = i64::from(writer * 1_000 + step * 40);
                place.store(from..from + 40).await;
            }
        })
    });
    let writers: Vec<_> = writers.collect();
    let mut before = 0;
    while before < 8_000 {
        let count = place.metrics.count(&Cx::new(), &Filter::all()).await.unwrap();
        assert!(count >= before && count % 40 == 0, "{before} {count}");
        before = count;
    }
    for writer in writers {
        writer.await.unwrap();
    }
    place.segments.flush().await.unwrap();
    assert_eq!((place.all().await, place.segments.pending()), (metrics(0..8_000), 0));
}
