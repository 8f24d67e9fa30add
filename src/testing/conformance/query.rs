//! Orders, limits, and what a query sees.

use larder::{Cx, DeleterExt, Error, ErrorKind, Filter, Query, ReaderExt, TransactionalExt, field, field_of};
use uuid::Uuid;

use crate::testing::{
    Fixture, Harness, Items,
    entities::{
        item::{self, COLUMN, Status},
        label,
    },
    item, time,
};

async fn ids(items: &Items, query: Query<item::Model>) -> Vec<i32> {
    items.query(&Cx::new(), &query).await.unwrap().iter().map(|item| item.id).collect()
}

pub(super) async fn which(items: &Items, filter: Filter<item::Model>) -> Vec<i32> {
    ids(items, filter.into()).await
}

/// Five items: 1 to 4 with values that rise, and 5 with none but where one has to be.
pub(super) async fn five(harness: &'static dyn Harness) -> (Fixture, Items) {
    let fixture = harness.fresh().await;
    let items = fixture.store.repository::<item::Entity>();
    let statuses = [Status::New, Status::Done, Status::Broken, Status::New];
    let full = |id: i32| item::Model {
        nick: Some(["a", "B", "b", "ä"][id as usize - 1].to_owned()),
        status: Some(statuses[id as usize - 1]),
        small: id,
        large: Some(i64::from(id) * 10),
        real: Some(f64::from(id) / 2.0),
        flag: Some(id % 2 == 0),
        bytes: Some(vec![id as u8]),
        token: Some(Uuid::from_u128(id as u128)),
        due: Some(time(&format!("2026-01-0{id}T00:00:00Z")).fixed_offset()),
        ..item(id)
    };
    let models: Vec<_> = (1..5).map(full).chain([item(5)]).collect();
    items.create_batch(&Cx::new(), &models).await.unwrap();
    (fixture, items)
}

/// The order is that of the columns named, and then of the id; nulls come first, ascending or descending.
pub async fn orders_by_columns_and_then_by_id(harness: &'static dyn Harness) {
    let (fixture, items) = five(harness).await;
    assert_eq!(ids(&items, Query::new().order_by(COLUMN.nick)).await, [5, 2, 1, 3, 4]);
    assert_eq!(ids(&items, Query::new().order_by_desc(COLUMN.nick)).await, [5, 4, 3, 1, 2]);
    assert_eq!(ids(&items, Query::new().order_by_desc(field_of(item::Column::Flag))).await, [5, 2, 4, 1, 3]);
    let twice = Query::new().order_by(field_of(item::Column::Flag)).order_by_desc(COLUMN.small);
    assert_eq!(ids(&items, twice).await, [5, 3, 1, 4, 2]);
    assert_eq!(ids(&items, Query::new().order_by_desc(COLUMN.id)).await, [5, 4, 3, 2, 1]);
    assert_eq!(ids(&items, Query::new().order_by(COLUMN.name)).await, [1, 2, 3, 4, 5]);
    assert_eq!(ids(&items, Query::new().order_by(COLUMN.flag)).await, [5, 1, 3, 2, 4]);
    assert_eq!(ids(&items, Query::new().order_by(field_of(item::Column::Status))).await, [5, 3, 2, 1, 4]);

    let labels = fixture.store.repository::<label::Entity>();
    let names = ["b", "ä", "Z", "a", "a b", "a-b", "🦀", "10", "9", "é"];
    for name in names {
        labels.create(&Cx::new(), &label::Model { name: name.into(), text: Some(name.into()) }).await.unwrap();
    }
    let mut sorted = names;
    sorted.sort_unstable();
    let by_text = labels.query(&Cx::new(), &Query::new().order_by(field_of(label::Column::Text))).await.unwrap();
    assert!(by_text.iter().map(|label| label.name.as_str()).eq(sorted));
}

/// A limit and an offset count in the order of the query.
pub async fn takes_a_part(harness: &'static dyn Harness) {
    let (_fixture, items) = five(harness).await;
    let query = || Query::new().order_by_desc(COLUMN.small);
    assert_eq!(ids(&items, query().limit(2)).await, [4, 3]);
    assert_eq!(ids(&items, query().offset(3)).await, [1, 5]);
    assert_eq!(ids(&items, query().limit(2).offset(1)).await, [3, 2]);
    assert_eq!(ids(&items, query().limit(0)).await, [0_i32; 0]);
    assert_eq!(ids(&items, query().limit(u64::MAX).offset(4)).await, [5]);
    assert_eq!(ids(&items, query().offset(u64::MAX)).await, [0_i32; 0]);
    assert_eq!(items.first(&Cx::new(), &query()).await.unwrap().map(|item| item.id), Some(4));
    assert_eq!(items.first(&Cx::new(), &query().limit(0)).await.unwrap(), None);
    assert_eq!(items.first(&Cx::new(), &Filter::none().into()).await.unwrap(), None);
}

/// What is left is found although what came before it in the order was deleted.
pub async fn finds_what_is_left(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let items = fixture.store.repository::<item::Entity>();
    let cx = Cx::new();
    for left in (1..30).rev() {
        items.delete_all(&cx).await.unwrap();
        let models: Vec<_> = (0..left).map(item).collect();
        items.create_batch(&cx, &models).await.unwrap();
        assert_eq!(ids(&items, Query::new().order_by_desc(COLUMN.id).limit(1)).await, [left - 1]);
        assert_eq!(ids(&items, Query::new().order_by(COLUMN.id).limit(1)).await, [0]);
    }
    let many = i32::from(harness.large_batch());
    items.create_batch(&cx, &(1_000..4 * many).map(item).collect::<Vec<_>>()).await.unwrap();
    items.delete_where(&cx, &field(COLUMN.id).between(1, 3 * many)).await.unwrap();
    assert_eq!(ids(&items, Query::new().order_by(COLUMN.id).limit(2)).await, [0, 3 * many + 1]);
    items.delete_where(&cx, &field(COLUMN.id).at_least(2)).await.unwrap();
    assert_eq!(ids(&items, Query::new().order_by_desc(COLUMN.id).limit(1)).await, [0]);
}

/// `only` finds the one model of a query, or none; two are `Duplicate`, and a transaction can go on.
pub async fn takes_the_only_one(harness: &'static dyn Harness) {
    let (fixture, items) = five(harness).await;
    let items = &items;
    let only = fixture.store.tx(&Cx::new(), |cx| async move {
        let only = async |query: Query<item::Model>| Ok::<_, Error>(items.only(&cx, &query).await?.map(|item| item.id));
        assert_eq!(only(field(COLUMN.small).equals(2).into()).await?, Some(2));
        assert_eq!(only(field(COLUMN.small).equals(77).into()).await?, None);
        assert_eq!(only(Query::new()).await.unwrap_err().kind(), ErrorKind::Duplicate);
        assert_eq!(only(Query::new().limit(2)).await.unwrap_err().kind(), ErrorKind::Duplicate);
        assert_eq!(only(Query::new().offset(4)).await?, Some(5));
        assert_eq!(only(Query::new().limit(1)).await?, Some(1));
        assert_eq!(only(Query::new().limit(0)).await?, None);
        Ok::<_, Error>(())
    });
    only.await.unwrap();
}

/// A query inside a transaction sees what the transaction wrote.
pub async fn sees_its_own_transaction(harness: &'static dyn Harness) {
    let (fixture, items) = five(harness).await;
    let items = &items;
    let undone = fixture.store.tx(&Cx::new(), |cx| async move {
        items.create(&cx, &item::Model { small: 7, ..item(7) }).await?;
        items.delete(&cx, &2).await?;
        let filter = field(COLUMN.small).at_least(2);
        let found = items.query(&cx, &filter.clone().into()).await?;
        assert_eq!(found.iter().map(|item| item.id).collect::<Vec<_>>(), [3, 4, 7]);
        assert_eq!(items.count(&cx, &filter).await?, 3);
        assert_eq!(items.distinct::<i32, _>(&cx, COLUMN.id, &filter).await?, [3, 4, 7]);
        Err::<(), _>(Error::new(ErrorKind::Internal, "undo"))
    });
    undone.await.unwrap_err();
    assert_eq!(which(items, field(COLUMN.small).at_least(2)).await, [2, 3, 4]);
}
