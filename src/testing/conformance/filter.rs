//! What a filter selects.

use larder::{Cx, ErrorKind, Filter, PageRequest, Query, ReaderExt, Scalar, TransactionalExt, field, field_of};
use serde_json::json;
use uuid::Uuid;

use super::query::{five, which};
use crate::testing::{
    Harness,
    entities::{
        item::{self, COLUMN, Status},
        moment,
    },
    item, time,
};

/// Each operator selects what its name says, for values of every kind.
pub async fn selects_by_every_operator(harness: &'static dyn Harness) {
    let (_fixture, items) = five(harness).await;
    let large = || field(COLUMN.large);
    assert_eq!(which(&items, large().equals(20)).await, [2]);
    assert_eq!(which(&items, large().not_equals(20)).await, [1, 3, 4]);
    assert_eq!(which(&items, large().less_than(20)).await, [1]);
    assert_eq!(which(&items, large().at_most(20)).await, [1, 2]);
    assert_eq!(which(&items, large().greater_than(20)).await, [3, 4]);
    assert_eq!(which(&items, large().at_least(20)).await, [2, 3, 4]);
    assert_eq!(which(&items, large().between(20, 30)).await, [2, 3]);
    assert_eq!(which(&items, large().is_in([10, 40, 50])).await, [1, 4]);
    assert_eq!(which(&items, large().is_in([0_i64; 0])).await, [0_i32; 0]);
    assert_eq!(which(&items, large().is_null()).await, [5]);
    assert_eq!(which(&items, large().is_not_null()).await, [1, 2, 3, 4]);
    assert_eq!(which(&items, field(COLUMN.nick).at_least("b")).await, [3, 4]);
    assert_eq!(which(&items, field(COLUMN.flag).equals(true)).await, [2, 4]);
    assert_eq!(which(&items, field(COLUMN.real).between(1.0, 1.5)).await, [2, 3]);
    assert_eq!(which(&items, field(COLUMN.bytes).greater_than(vec![2_u8])).await, [3, 4]);
    assert_eq!(which(&items, field(COLUMN.token).less_than(Uuid::from_u128(3))).await, [1, 2]);
    assert_eq!(which(&items, field(COLUMN.due).at_least(time("2026-01-03T00:00:00Z"))).await, [3, 4]);
    assert_eq!(which(&items, field_of(item::Column::Status).equals(Status::New)).await, [1, 4]);
    assert_eq!(which(&items, field_of(item::Column::Status).less_than(Status::Done)).await, [3]);
}

/// Conditions are joined by and, or and not, as deep as one likes.
pub async fn joins_conditions(harness: &'static dyn Harness) {
    let (_fixture, items) = five(harness).await;
    let (small, large) = (|| field(COLUMN.small), || field(COLUMN.large));
    assert_eq!(which(&items, small().at_least(2).and(small().at_most(3))).await, [2, 3]);
    assert_eq!(which(&items, small().equals(1).or(large().equals(40))).await, [1, 4]);
    assert_eq!(which(&items, !(small().equals(1).or(large().equals(40)))).await, [2, 3, 5]);
    assert_eq!(which(&items, Filter::all_of([large().at_least(20), !small().equals(3)])).await, [2, 4]);
    assert_eq!(which(&items, Filter::any_of([small().equals(1), small().equals(2)])).await, [1, 2]);
    assert_eq!(which(&items, Filter::all_of([])).await, [1, 2, 3, 4, 5]);
    assert_eq!(which(&items, Filter::any_of([])).await, [0_i32; 0]);
    assert_eq!(which(&items, !Filter::all()).await, [0_i32; 0]);
    let deep = (0..80).fold(small().equals(1), |filter, _| !filter.and(Filter::all()));
    assert_eq!(which(&items, deep).await, [1]);
}

/// A filter that is nested more than 100 deep is `InvalidInput`, however deep it is: it can be built, cloned and dropped on any
/// stack.
pub async fn refuses_what_is_nested_too_deep(harness: &'static dyn Harness) {
    let (_fixture, items) = five(harness).await;
    let small = || field(COLUMN.small);
    let nested = |depth: usize| (0..depth).fold(small().equals(1), |filter, _| !filter.and(small().equals(2)));
    let lists = |depth: usize| (0..depth).fold(small().equals(1), |filter, _| Filter::any_of([filter, Filter::all()]));
    for (filter, is_refused) in [
        (nested(50), false),
        (nested(51), true),
        (nested(60_000), true),
        (lists(100), false),
        (lists(101), true),
        (lists(60_000), true),
        (!nested(60_000), true),
        (nested(60_000).or(small().equals(1)), true),
        (small().equals(1).and(lists(60_000)), true),
        // A chain is one level.
        ((0..400).fold(small().equals(1), |filter, _| filter.or(small().equals(1))), false),
        ((0..400).fold(Filter::all(), |filter, _| filter.and(small().equals(1))), false),
    ] {
        let copy = filter.clone();
        let counted = items.count(&Cx::new(), &copy).await;
        let page = items.page(&Cx::new(), &Query::from(filter.clone()), &PageRequest::new(1)).await;
        assert_eq!(counted.err().map(|error| error.kind()), is_refused.then_some(ErrorKind::InvalidInput));
        assert_eq!(page.err().map(|error| error.kind()), is_refused.then_some(ErrorKind::InvalidInput));
    }
}

/// A comparison with null is false, and its opposite is true.
pub async fn compares_nothing_with_null(harness: &'static dyn Harness) {
    let (_fixture, items) = five(harness).await;
    let large = || field(COLUMN.large);
    for comparison in [large().equals(10), large().not_equals(10), large().less_than(100), large().is_in([10, 20])] {
        assert!(!which(&items, comparison.clone()).await.contains(&5));
        assert!(which(&items, !comparison.clone()).await.contains(&5));
        assert_eq!(items.count(&Cx::new(), &comparison.clone().or(!comparison)).await.unwrap(), 5);
    }
    let nothing = || field_of(item::Column::Large).equals(None::<i64>);
    assert_eq!(which(&items, nothing()).await, [0_i32; 0]);
    assert_eq!(which(&items, !nothing()).await, [1, 2, 3, 4, 5]);
    assert_eq!(which(&items, !field(COLUMN.nick).contains("a")).await, [2, 3, 4, 5]);
}

/// Numbers are compared by value, whatever their types; what a column cannot hold is above it or below it.
pub async fn compares_numbers_by_value(harness: &'static dyn Harness) {
    let (_fixture, items) = five(harness).await;
    let small = || field(COLUMN.small);
    assert_eq!(which(&items, small().less_than(i64::MAX)).await, [1, 2, 3, 4, 5]);
    assert_eq!(which(&items, small().greater_than(u64::MAX)).await, [0_i32; 0]);
    assert_eq!(which(&items, small().not_equals(u64::MAX)).await, [1, 2, 3, 4, 5]);
    assert_eq!(which(&items, small().is_in([2, i64::MAX, 3])).await, [2, 3]);
    assert_eq!(which(&items, field(COLUMN.large).at_least(20_u8)).await, [2, 3, 4]);
    assert_eq!(which(&items, field(COLUMN.large).less_than(u64::MAX)).await, [1, 2, 3, 4]);
    assert_eq!(which(&items, field(COLUMN.real).equals(1)).await, [2]);
    assert_eq!(which(&items, field(COLUMN.real).equals(0.5_f32)).await, [1]);
}

/// Text of the caller's means itself in every operator: wildcards, quotes, what looks like SQL, and a million characters of it.
pub async fn takes_text_as_it_stands(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let items = &fixture.store.repository::<item::Entity>();
    let long = "x'%_".repeat(1 << 18);
    let texts =
        ["%", "_", "\\", "'", "\"", "a%b", "a_b", "axb", "'; DROP TABLE item; --", "$1", "?", "{}", "A", "a", "\n", &long];
    for (id, text) in (1..).zip(texts) {
        items.create(&Cx::new(), &item::Model { name: text.to_owned(), nick: Some(text.to_owned()), ..item(id) }).await.unwrap();
    }
    for (id, text) in (1..).zip(texts) {
        let with =
            |test: &dyn Fn(&str) -> bool| (1..).zip(texts).filter(|(_, other)| test(other)).map(|(id, _)| id).collect::<Vec<_>>();
        assert_eq!(which(items, field(COLUMN.name).equals(text)).await, [id]);
        assert_eq!(which(items, field(COLUMN.name).is_in([text])).await, [id]);
        assert_eq!(which(items, field(COLUMN.name).contains(text)).await, with(&|other| other.contains(text)));
        assert_eq!(which(items, field(COLUMN.nick).starts_with(text)).await, with(&|other| other.starts_with(text)));
        assert_eq!(which(items, field(COLUMN.nick).less_than(text)).await, with(&|other| other < text));
        assert_eq!(which(items, field(COLUMN.nick).at_least(text)).await, with(&|other| other >= text));
        assert_eq!(which(items, field(COLUMN.json).path_equals([text], text)).await, [0_i32; 0]);
    }
    assert_eq!(items.count(&Cx::new(), &field(COLUMN.name).contains("")).await.unwrap(), texts.len() as u64);
    // No text that is stored has a NUL in it.
    let name = || field(COLUMN.name);
    for hostile in [name().equals("a\0"), name().contains("\0"), name().starts_with("\0"), name().is_in(["\0"])] {
        assert_eq!(items.query(&Cx::new(), &hostile.into()).await.unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}

/// A path in a document is a list of keys, whatever is in them; text is not a number, and elements of an array have no key.
pub async fn follows_paths_by_their_keys(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let items = &fixture.store.repository::<item::Entity>();
    let keys = ["a", "a.b", "a\"b", "'", "", "0", "-", "/", "~1", "$", "[0]", "é", "\\", "\n", "$.a"];
    for (id, key) in (1..).zip(keys) {
        let inner = json!({ "to": [{ key: 1 }], key: "text", "n": 7, "f": 7.0, "h": 0.5, "t": true, "s": "true", "m": i64::MAX });
        let json = json!({ key: inner });
        items.create(&Cx::new(), &item::Model { json: Some(json), ..item(id) }).await.unwrap();
    }
    let others = [json!(["a", { "a": "text" }]), json!("a"), json!(7), json!({ "a": { "a": ["text"] } }), json!({ "a": null })];
    for (id, json) in (100..).zip(others) {
        items.create(&Cx::new(), &item::Model { json: Some(json), ..item(id) }).await.unwrap();
    }
    items.create(&Cx::new(), &item(200)).await.unwrap();
    for (id, key) in (1..).zip(keys) {
        let at = |inner: &str, value: Scalar| field(COLUMN.json).path_equals([key, inner], value);
        assert_eq!(which(items, at(key, "text".into())).await, [id], "{key:?}");
        assert_eq!(which(items, at("n", 7.into())).await, [id]);
        assert_eq!(which(items, at("f", 7.into())).await, [id]);
        assert_eq!(which(items, at("m", i64::MAX.into())).await, [id]);
        assert_eq!(which(items, at("t", true.into())).await, [id]);
        let wrong = [
            at("n", "7".into()),
            at("n", true.into()),
            at("s", true.into()),
            at("h", 0.into()),
            at("t", 1.into()),
            at("x", 1.into()),
        ];
        assert_eq!(which(items, Filter::any_of(wrong)).await, [0_i32; 0]);
    }
    let text = field(COLUMN.json).path_equals(["a", "a"], "text");
    assert_eq!(items.count(&Cx::new(), &!text).await.unwrap(), keys.len() as u64 + 5);
    for path in [vec![], vec!["a"; 33]] {
        let refused = field(COLUMN.json).path_equals(path, 1);
        assert_eq!(items.count(&Cx::new(), &refused).await.unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}

/// A time as id is a key like any other.
pub async fn filters_by_an_id_that_is_a_time(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let moments = fixture.store.repository::<moment::Entity>();
    let times = ["1969-12-31T23:59:59.9Z", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000001Z", "2026-01-01T00:00:00.5Z"];
    let models = times.map(|text| moment::Model { at: time(text) });
    moments.create_many(&Cx::new(), &models).await.unwrap();
    let from = |text| Query::from(field_of(moment::Column::At).at_least(time(text)));
    assert_eq!(moments.query(&Cx::new(), &from(times[1])).await.unwrap(), models[1..]);
    assert_eq!(moments.query(&Cx::new(), &from(times[2])).await.unwrap(), models[2..]);
    assert_eq!(moments.query(&Cx::new(), &from("2026-01-01T02:00:00+02:00")).await.unwrap(), models[1..]);
}

/// What does not fit its column, or is too many conditions, is refused, and leaves a transaction as it was.
pub async fn refuses_what_does_not_fit(harness: &'static dyn Harness) {
    let (fixture, items) = five(harness).await;
    let items = &items;
    let any = |column| field_of(column);
    let wrong = [
        field(COLUMN.small).equals(1.5),
        field(COLUMN.real).equals(f64::NAN),
        field(COLUMN.real).equals(i64::MAX),
        any(item::Column::Small).equals("1"),
        any(item::Column::Name).equals(1),
        any(item::Column::At).at_least("2026-01-01"),
        any(item::Column::Json).equals(json!({})),
        any(item::Column::Json).is_in([json!({})]),
        any(item::Column::Small).contains("1"),
        any(item::Column::Small).path_equals(["a"], 1),
        Filter::any_of((0..501).map(|n| field(COLUMN.small).equals(n))),
        (0..101).fold(field(COLUMN.small).equals(1), |filter, _| Filter::all_of([filter])),
    ];
    let tried = fixture.store.tx(&Cx::new(), |cx| {
        let wrong = wrong.clone();
        async move {
            for filter in wrong {
                let error = items.query(&cx, &filter.clone().into()).await.unwrap_err();
                assert_eq!((error.kind(), error.operation()), (ErrorKind::InvalidInput, Some("query")));
                assert_eq!(items.count(&cx, &filter).await.unwrap_err().kind(), ErrorKind::InvalidInput);
                assert_eq!(items.delete_where(&cx, &filter).await.unwrap_err().kind(), ErrorKind::InvalidInput);
            }
            let by_json = Query::new().order_by(field_of(item::Column::Json));
            assert_eq!(items.query(&cx, &by_json).await.unwrap_err().kind(), ErrorKind::InvalidInput);
            items.create(&cx, &item(6)).await
        }
    });
    tried.await.unwrap();
    assert_eq!(which(items, Filter::any_of((0..500).map(|n| field(COLUMN.small).equals(n)))).await, [1, 2, 3, 4, 5, 6]);
    assert_eq!(which(items, field(COLUMN.small).is_in(1..30_000)).await, [1, 2, 3, 4]);
}

/// `count` counts what a filter selects, and `exists_where` says whether that is anything.
pub async fn counts_what_is_selected(harness: &'static dyn Harness) {
    let (_fixture, items) = five(harness).await;
    let cx = Cx::new();
    for (filter, count) in [(Filter::all(), 5), (Filter::none(), 0), (field(COLUMN.small).at_least(3), 2)] {
        assert_eq!(items.count(&cx, &filter).await.unwrap(), count);
        assert_eq!(items.exists_where(&cx, &filter).await.unwrap(), count > 0);
    }
}
