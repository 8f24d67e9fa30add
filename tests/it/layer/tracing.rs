//! [`Tracing`](larder::layer::Tracing).

use std::collections::BTreeMap;

use larder::{Cx, Query, layer::Tracing};

use crate::{
    memory::Memory,
    support::{
        backend::Harness,
        entities::{note, person},
        note, person,
        spans::spans,
    },
};

fn fields(pairs: &[(&'static str, &str)]) -> BTreeMap<&'static str, String> {
    pairs.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
}

/// Each operation has a span, whose fields are those of the convention, with a duration.
#[tokio::test]
async fn each_operation_has_a_span() {
    let (fixture, cx) = (Memory.fresh().await, Cx::new());
    let store = fixture.store.layer(&Tracing::new());
    let (notes, people) = (store.repository::<note::Entity>(), store.repository::<person::Entity>());
    people.create(&cx, &person("a@b")).await.unwrap();
    let (spans, _guard) = spans();
    notes.create_batch(&cx, &[note("secret"), note("b")]).await.unwrap();
    notes.query(&cx, &Query::new()).await.unwrap();
    people.create(&cx, &person("a@b")).await.unwrap_err();
    let collected: Vec<_> = std::mem::take(&mut *spans.lock().unwrap()).into_values().collect();
    let of = |name, operation, table| {
        [
            ("otel.name", name),
            ("otel.kind", "client"),
            ("db.system.name", "memory"),
            ("db.operation.name", operation),
            ("db.collection.name", table),
        ]
    };
    let batch =
        [&of("insert note", "insert", "note")[..], &[("db.operation.batch.size", "2"), ("db.response.returned_rows", "0")]];
    let query = [&of("select note", "select", "note")[..], &[("db.response.returned_rows", "2")]];
    let refused = [&of("insert person", "insert", "person")[..], &[("error.type", "Duplicate"), ("otel.status_code", "ERROR")]];
    let expected = [batch.concat(), query.concat(), refused.concat()];
    assert_eq!(collected.len(), 3);
    for (mut span, expected) in collected.into_iter().zip(expected) {
        let duration: f64 = span.remove("db.client.operation.duration").unwrap().parse().unwrap();
        assert!((0.0..60.0).contains(&duration));
        assert_eq!(span, fields(&expected));
    }
}

/// The span of a stream ends with the stream, and has all of its models.
#[tokio::test]
async fn the_span_of_a_stream_ends_with_it() {
    let (fixture, cx) = (Memory.fresh().await, Cx::new());
    let notes = fixture.store.layer(&Tracing::new()).repository::<note::Entity>();
    let some: Vec<_> = (0..3_000).map(|number| note(&number.to_string())).collect();
    notes.create_batch(&cx, &some).await.unwrap();
    let (spans, _guard) = spans();
    let mut stream = notes.stream(&cx, &Query::new()).await.unwrap();
    while stream.try_next().await.unwrap().is_some() {}
    drop(stream);
    let collected = std::mem::take(&mut *spans.lock().unwrap());
    let [span] = &collected.into_values().collect::<Vec<_>>()[..] else { panic!("one span") };
    assert_eq!((&*span["db.operation.name"], &*span["db.response.returned_rows"]), ("stream", "3000"));
}
