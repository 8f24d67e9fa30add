use std::collections::BTreeMap;

use larder::{
    Cx, Error, ErrorKind, Filter, ModelStream, PageRequest, Projection, Query, ReaderExt, Result, TransactionalExt, field,
    field_of,
};

use crate::testing::{
    Fixture, Harness, Items,
    entities::item::{self, COLUMN, Status},
    item, time,
};

/// Items with few values, of which some are null, and some differ in the case of letters only.
async fn eight(harness: &'static dyn Harness) -> (Fixture, Items) {
    let fixture = harness.fresh().await;
    let items = fixture.store.repository::<item::Entity>();
    let nicks = [Some("a"), None, Some("A"), Some("b"), Some("a"), None, Some("b"), Some("A")];
    let models = (1..).zip(nicks).map(|(id, nick)| item::Model {
        nick: nick.map(str::to_owned),
        small: id % 3,
        large: (id > 2).then_some(i64::from(id % 2)),
        status: Some(if id > 4 { Status::Done } else { Status::New }),
        due: Some(time(if id % 2 == 0 { "2026-01-01T00:00:00Z" } else { "2026-01-01T00:00:01Z" }).fixed_offset()),
        json: Some(serde_json::json!({ "id": id })),
        ..item(id)
    });
    items.create_batch(&Cx::new(), &models.collect::<Vec<_>>()).await.unwrap();
    (fixture, items)
}

fn numbers(models: &[item::Model]) -> Vec<i32> {
    models.iter().map(|item| item.id).collect()
}

async fn read(mut models: ModelStream<item::Model>) -> Result<Vec<i32>> {
    let mut ids = Vec::new();
    while let Some(model) = models.try_next().await? {
        ids.push(model.id);
    }
    Ok(ids)
}

/// `first_of_each` selects the first model of each group in the query's order, and keeps that order. The models without a value
/// are one group; text is told apart by its bytes, and an instant by the moment it means.
pub async fn have_a_first_in_the_order_of_the_query(harness: &'static dyn Harness) {
    let (_fixture, items) = eight(harness).await;
    let first = async |query: Query<item::Model>| numbers(&items.query(&Cx::new(), &query).await.unwrap());
    let latest = || Query::new().order_by_desc(COLUMN.id);
    assert_eq!(first(Query::new().first_of_each(COLUMN.nick)).await, [1, 2, 3, 4]);
    assert_eq!(first(latest().first_of_each(COLUMN.nick)).await, [8, 7, 6, 5]);
    assert_eq!(first(Query::new().order_by(COLUMN.small).first_of_each(COLUMN.nick)).await, [3, 6, 1, 4]);
    assert_eq!(first(latest().first_of_each(COLUMN.large)).await, [8, 7, 2]);
    assert_eq!(first(latest().first_of_each(COLUMN.due)).await, [8, 7]);
    assert_eq!(first(latest().first_of_each(field_of(item::Column::Status))).await, [8, 4]);
    assert_eq!(first(latest().first_of_each(COLUMN.id)).await, [8, 7, 6, 5, 4, 3, 2, 1]);
    // The filter comes before.
    let early = Query::new().filter(field(COLUMN.id).at_most(6)).order_by_desc(COLUMN.id);
    assert_eq!(first(early.clone().first_of_each(COLUMN.nick)).await, [6, 5, 4, 3]);
    assert_eq!(first(early.filter(Filter::none()).first_of_each(COLUMN.nick)).await, [0_i32; 0]);
    // Of two columns, both are equal.
    assert_eq!(first(latest().first_of_each(COLUMN.nick).first_of_each(COLUMN.large)).await, [8, 7, 6, 5, 4, 3, 2, 1]);
    assert_eq!(first(latest().first_of_each(COLUMN.large).first_of_each(COLUMN.due)).await, [8, 7, 2, 1]);
}

/// The pages of a query, of any size, forward and back.
async fn pages_forth_and_back(items: &Items, latest: &Query<item::Model>, all: &[i32]) {
    let cx = Cx::new();
    for size in 1..=4 {
        let mut page = items.page(&cx, latest, &PageRequest::new(size)).await.unwrap();
        let mut seen = numbers(&page.models);
        while let Some(next) = &page.next {
            page = items.page(&cx, latest, &PageRequest::new(size).after(next)).await.unwrap();
            seen.extend(numbers(&page.models));
        }
        assert_eq!(seen, all, "{size}");
        while let Some(previous) = &page.previous {
            page = items.page(&cx, latest, &PageRequest::new(size).before(previous)).await.unwrap();
            let before = seen.len() - numbers(&page.models).len();
            seen.truncate(before);
        }
        assert_eq!(page.models.first().map(|first| first.id), Some(2), "{size}");
    }
}

/// Limit, offset, pages, projections, streams and `count_of` take the first of each group for all there is.
pub async fn are_counted_limited_and_paged(harness: &'static dyn Harness) {
    let (fixture, items) = eight(harness).await;
    let cx = Cx::new();
    let latest = Query::new().order_by_desc(COLUMN.small).first_of_each(COLUMN.nick);
    let all = numbers(&items.query(&cx, &latest).await.unwrap());
    assert_eq!(all, [2, 5, 8, 4]);
    let part = items.query(&cx, &latest.clone().limit(2).offset(1)).await.unwrap();
    assert_eq!(numbers(&part), all[1..3]);
    pages_forth_and_back(&items, &latest, &all).await;
    assert_eq!(read(items.stream(&cx, &latest).await.unwrap()).await.unwrap(), all);
    let ids: Vec<i32> = items.query_as(&cx, &latest, &Projection::of(COLUMN.id)).await.unwrap();
    assert_eq!(ids, all);
    let larges: Vec<Option<i64>> = items.query_as(&cx, &latest, &Projection::of(COLUMN.large).distinct()).await.unwrap();
    assert_eq!(larges, [None, Some(0), Some(1)]);
    let counts = [
        (latest.clone(), 4),
        (latest.clone().limit(3), 3),
        (latest.offset(3).limit(3), 1),
        (Query::new(), 8),
        (Query::new().limit(5), 5),
        (Query::new().offset(6), 2),
        (Query::new().filter(field(COLUMN.id).less_than(4)), 3),
    ];
    for (query, count) in counts {
        assert_eq!(items.count_of(&cx, &query).await.unwrap(), count, "{query:?}");
    }
    let items = &items;
    let inside = fixture.store.tx(&cx, |cx| async move {
        items.create(&cx, &item::Model { nick: Some("new".into()), ..item(9) }).await?;
        items.count_of(&cx, &Query::new().first_of_each(COLUMN.nick)).await
    });
    assert_eq!(inside.await.unwrap(), 5);
}

/// A stream inside a transaction reads in parts, and each has the first of groups that are made of all models.
pub async fn are_whole_in_a_stream_of_a_transaction(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let items = &fixture.store.repository::<item::Entity>();
    let models: Vec<_> =
        (0..6_000).map(|id| item::Model { small: id % 2_500, large: Some(i64::from(id % 7)), ..item(id) }).collect();
    items.create_batch(&Cx::new(), &models).await.unwrap();
    let mut first: BTreeMap<i32, (i64, i32)> = BTreeMap::new();
    for id in 0..6_000 {
        let place = (-i64::from(id % 7), id);
        first.entry(id % 2_500).and_modify(|least| *least = place.min(*least)).or_insert(place);
    }
    let mut expected: Vec<_> = first.into_values().collect();
    expected.sort_unstable();
    let expected: Vec<_> = expected.into_iter().map(|(_, id)| id).collect();
    let query = &Query::new().order_by_desc(COLUMN.large).first_of_each(COLUMN.small);
    let streamed = fixture.store.tx(&Cx::new(), |cx| async move {
        let all = read(items.stream(&cx, query).await?).await?;
        let some = read(items.stream(&cx, &query.clone().offset(5).limit(2_000)).await?).await?;
        let by_id = read(items.stream(&cx, &Query::new().first_of_each(COLUMN.small)).await?).await?;
        Ok::<_, Error>((all, some, by_id))
    });
    let (all, some, by_id) = streamed.await.unwrap();
    assert_eq!(by_id, (0..2_500).collect::<Vec<_>>());
    assert_eq!(all, expected);
    assert_eq!(some, expected[5..2_005]);
}

/// JSON documents make no groups: `InvalidInput`, and a transaction can go on.
pub async fn need_values_that_can_be_told_apart(harness: &'static dyn Harness) {
    let (fixture, items) = eight(harness).await;
    let items = &items;
    let tried = fixture.store.tx(&Cx::new(), |cx| async move {
        let query = Query::new().first_of_each(field_of(item::Column::Json));
        for error in [items.query(&cx, &query).await.err(), items.count_of(&cx, &query).await.err()] {
            let error = error.unwrap();
            assert_eq!((error.kind(), error.column()), (ErrorKind::InvalidInput, Some("json")));
        }
        items.create(&cx, &item(9)).await
    });
    tried.await.unwrap();
}
