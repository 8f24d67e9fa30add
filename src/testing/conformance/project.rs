//! Reads of some columns.

use larder::{Cx, ErrorKind, Filter, OnConflict, Projection, Query, ReaderExt, Result, field, field_of};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::query::five;
use crate::testing::{
    Harness,
    entities::item::{self, COLUMN, Status},
    item,
};

#[derive(Debug, PartialEq, Deserialize)]
struct Summary {
    name: String,
    large: Option<i64>,
    flag: Option<bool>,
    #[serde(deserialize_with = "larder::column_value")]
    status: Option<Status>,
    token: Option<Uuid>,
    due: Option<chrono::DateTime<chrono::Utc>>,
    json: Option<serde_json::Value>,
}

/// `query_as` reads the columns it is asked for, in the order of the query, into structs, tuples and single values.
pub async fn reads_some_columns(harness: &'static dyn Harness) {
    let (_fixture, items) = five(harness).await;
    let cx = Cx::new();
    let json = Some(json!({ "a": [1, "b", null], "c": 0.5 }));
    let model = item::Model { json: json.clone(), ..items.get(&cx, &2).await.unwrap() };
    items.update(&cx, &model).await.unwrap();
    let some = Projection::of(COLUMN.name).and(COLUMN.large).and(COLUMN.flag).and(field_of(item::Column::Status));
    let some = some.and(COLUMN.token).and(COLUMN.due).and(COLUMN.json);
    let query = Query::new().filter(field(COLUMN.id).is_in([2, 5])).order_by_desc(COLUMN.id);
    let read: Vec<Summary> = items.query_as(&cx, &query, &some).await.unwrap();
    let summary = |item: item::Model| Summary {
        name: item.name,
        large: item.large,
        flag: item.flag,
        status: item.status,
        token: item.token,
        due: item.due.map(|due| due.to_utc()),
        json: item.json,
    };
    assert_eq!(read, [summary(item(5)), summary(model)]);

    let pair = Projection::of(COLUMN.id).and(COLUMN.bytes);
    let pairs: Vec<(i32, Option<Vec<u8>>)> = items.query_as(&cx, &query, &pair).await.unwrap();
    assert_eq!(pairs, [(5, None), (2, Some(vec![2]))]);
    let single: Vec<i64> = items.query_as(&cx, &Query::new().limit(2), &Projection::of(COLUMN.id)).await.unwrap();
    assert_eq!(single, [1, 2]);
}

/// A column that cannot be read as what is asked for is named, its value is not.
pub async fn names_a_column_of_the_wrong_type(harness: &'static dyn Harness) {
    let (_fixture, items) = five(harness).await;
    let cx = Cx::new();
    items.create(&cx, &item::Model { name: "t0psecret".into(), ..item(9) }).await.unwrap();
    let pair = Projection::of(COLUMN.id).and(COLUMN.name);
    let wrong: Result<Vec<(i32, i32)>> = items.query_as(&cx, &Query::new(), &pair).await;
    let error = wrong.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("`name`") && !format!("{error} {error:?}").contains("t0psecret"), "{error}");
    let missing: Result<Vec<i64>> = items.query_as(&cx, &Query::new(), &Projection::of(COLUMN.large)).await;
    assert!(missing.unwrap_err().to_string().contains("`large`"));
}

/// `distinct` gives each value once, ascending, null first.
pub async fn gives_each_value_once(harness: &'static dyn Harness) {
    let (_fixture, items) = five(harness).await;
    let cx = Cx::new();
    let more = [6, 7, 8].map(|id| item::Model { nick: Some("b".into()), large: Some(10), ..item(id) });
    items.upsert_batch(&cx, &more, &OnConflict::replace()).await.unwrap();
    let nicks: Vec<Option<String>> = items.distinct(&cx, COLUMN.nick, &Filter::all()).await.unwrap();
    assert_eq!(nicks, [None, Some("B".into()), Some("a".into()), Some("b".into()), Some("ä".into())]);
    let larges: Vec<i64> = items.distinct(&cx, COLUMN.large, &field(COLUMN.large).is_not_null()).await.unwrap();
    assert_eq!(larges, [10, 20, 30, 40]);
    let statuses: Vec<Option<Status>> = items.distinct(&cx, field_of(item::Column::Status), &Filter::all()).await.unwrap();
    assert_eq!(statuses, [None, Some(Status::Broken), Some(Status::Done), Some(Status::New)]);
    let refused: Result<Vec<serde_json::Value>> = items.distinct(&cx, COLUMN.json, &Filter::all()).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidInput);
}
