use std::collections::BTreeSet;

use chrono::TimeDelta;
use larder::{Changes, Cx, Error, ErrorKind, Filter, Query, ReaderExt, TransactionalExt, field, field_of};
use uuid::Uuid;

use crate::testing::{
    Harness, Items,
    entities::item::{self, COLUMN, Status},
    item, time,
};

/// How far apart the ids of the items are.
const STEP: i32 = 700;

fn all(ids: std::ops::Range<i32>) -> Filter<item::Model> {
    field(COLUMN.id).is_in(ids)
}

/// `is_in` takes 100 000 ids as it takes one: in reads, in changes and deletions, in transactions, negated, and beside other
/// conditions.
pub async fn take_any_number_of_ids(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let (items, cx) = (fixture.store.repository::<item::Entity>(), Cx::new());
    let models: Vec<_> = (0..300).map(|nth| item(nth * STEP)).collect();
    items.create_batch(&cx, &models).await.unwrap();
    let many = || all(0..100_000);
    assert_eq!(items.count(&cx, &many()).await.unwrap(), 143);
    assert_eq!(items.count(&cx, &!many()).await.unwrap(), 157);
    let first = field(COLUMN.id).at_most(STEP);
    assert_eq!(items.count(&cx, &many().and(first.clone())).await.unwrap(), 2);
    assert_eq!(items.count(&cx, &(!many()).or(first)).await.unwrap(), 159);
    let several = Filter::any_of((0..20).map(|nth| all(nth * 10_000..nth * 10_000 + 5_000)));
    assert_eq!(items.count(&cx, &several).await.unwrap(), several_of(&models));
    let query = Query::from(many()).order_by_desc(COLUMN.id).limit(2);
    let found: Vec<_> = items.query(&cx, &query).await.unwrap().into_iter().map(|item| item.id).collect();
    assert_eq!(found, [142 * STEP, 141 * STEP]);
    assert_eq!(items.distinct::<i32, _>(&cx, COLUMN.id, &all(1..100_000)).await.unwrap().len(), 142);
    let mut stream = items.stream(&cx, &Query::from(!many())).await.unwrap();
    let mut ids = Vec::new();
    while let Some(item) = stream.try_next().await.unwrap() {
        ids.push(item.id);
    }
    drop(stream);
    assert!(ids.into_iter().eq((143..300).map(|nth| nth * STEP)));
    writes_of_many(&items).await;
}

/// How many models have an id in the first half of each ten thousand.
fn several_of(models: &[item::Model]) -> u64 {
    models.iter().filter(|item| item.id < 200_000 && item.id % 10_000 < 5_000).count() as u64
}

async fn writes_of_many(items: &Items) {
    let (cx, many) = (Cx::new(), || all(0..100_000));
    let changed = items.update_where(&cx, &many(), &Changes::new().increase(COLUMN.small, 1)).await.unwrap();
    assert_eq!((changed, items.count(&cx, &field(COLUMN.small).equals(item(0).small + 1)).await.unwrap()), (143, 143));
    let undone = items.tx(&cx, |cx| async move {
        assert_eq!(items.delete_where(&cx, &all(0..50_000)).await?, 72);
        assert_eq!(items.count(&cx, &all(0..100_000)).await?, 71);
        Err::<(), _>(Error::new(ErrorKind::Internal, "undo"))
    });
    undone.await.unwrap_err();
    assert_eq!(items.delete_where(&cx, &!many()).await.unwrap(), 157);
    assert_eq!(items.delete_where(&cx, &many().and(field(COLUMN.id).at_least(STEP))).await.unwrap(), 142);
    assert_eq!(items.all(&cx).await.unwrap().into_iter().map(|item| item.id).collect::<Vec<_>>(), [0]);
}

const TEXTS: [&str; 12] = ["", "a", "A", "a'b", "\"", "\\", "\n\t\u{1}", "é", "🦀", "\u{10FFFF}", "{a,b}", "NULL"];

/// Forty items of which no two have the same values, but for those of which there are few.
fn various() -> Vec<item::Model> {
    let reals =
        [0.0, 0.1, -1.5, 5e-324, 2.225e-308, f64::MAX, f64::INFINITY, f64::NEG_INFINITY, 1e23, -1.632_330_504_271_683e164];
    let model = |id: i32| {
        let (nth, at) = (id as usize, time("2026-01-01T00:00:00Z") + TimeDelta::microseconds(i64::from(id) * 1_001));
        item::Model {
            name: format!("{}{}", TEXTS[nth % TEXTS.len()], nth / TEXTS.len()),
            nick: (nth % 3 > 0).then(|| TEXTS[nth % TEXTS.len()].to_owned()),
            status: [None, Some(Status::New), Some(Status::Done), Some(Status::Broken)][nth % 4],
            small: id * 50 - 1_000,
            large: (nth % 5 > 0).then_some(i64::MAX - i64::from(id)),
            real: (nth % 7 > 0).then_some(reals[nth % reals.len()]),
            single: (nth % 7 > 0).then_some([0.1_f32, f32::MAX, f32::INFINITY, 1e-45][nth % 4]),
            flag: [None, Some(true), Some(false)][nth % 3],
            bytes: Some(vec![id as u8; nth % 3]),
            token: (nth % 4 > 0).then(|| Uuid::from_u128(u128::MAX - nth as u128)),
            day: Some(at.date_naive() + TimeDelta::days(i64::from(id))),
            hour: Some(at.time()),
            local: Some(at.naive_utc()),
            at,
            due: Some(at.fixed_offset()),
            ..item(id)
        }
    };
    (0..40).map(model).collect()
}

/// A list of this many values, with those of every other item among them, selects the items that have one of these.
macro_rules! selects {
    ($items:ident, $models:ident, $field:expr, $value:expr, $other:expr, $length:expr) => {{
        let given: Vec<_> = $models.iter().step_by(2).filter_map($value).collect();
        let list: Vec<_> = given.iter().cloned().chain((0..).map($other).take($length)).collect();
        let has_one = |model: &&item::Model| $value(*model).is_some_and(|value| list.contains(&value));
        let expected: BTreeSet<i32> = $models.iter().filter(has_one).map(|model| model.id).collect();
        let filter = $field.is_in(list.clone());
        let select = async |filter: Filter<item::Model>| -> BTreeSet<i32> {
            $items.query(&Cx::new(), &filter.into()).await.unwrap().into_iter().map(|model| model.id).collect()
        };
        assert_eq!(select(filter.clone()).await, expected, "{} values of {}", $length, stringify!($field));
        let others: BTreeSet<i32> = (0..40).filter(|id| !expected.contains(id)).collect();
        assert_eq!(select(!filter).await, others, "not {} values of {}", $length, stringify!($field));
    }};
}

/// Lists of texts, enums and bytes.
async fn selects_texts(items: &Items, models: &[item::Model], length: usize) {
    selects!(
        items,
        models,
        field(COLUMN.name),
        |item: &item::Model| Some(item.name.clone()),
        |nth: i32| format!("x{nth}"),
        length
    );
    selects!(items, models, field(COLUMN.nick), |item: &item::Model| item.nick.clone(), |nth: i32| format!("'{nth}\\"), length);
    selects!(items, models, field_of(item::Column::Status), |item: &item::Model| item.status, |_: i32| Status::New, length);
    let bytes = |nth: u32| nth.to_le_bytes().to_vec();
    selects!(items, models, field(COLUMN.bytes), |item: &item::Model| item.bytes.clone(), bytes, length);
    selects!(items, models, field(COLUMN.token), |item: &item::Model| item.token, |nth: u128| Uuid::from_u128(nth), length);
}

/// Lists of numbers and truths.
async fn selects_numbers(items: &Items, models: &[item::Model], length: usize) {
    selects!(items, models, field(COLUMN.id), |item: &item::Model| Some(item.id), |nth: i32| nth + 1_000, length);
    selects!(items, models, field(COLUMN.small), |item: &item::Model| Some(item.small), |nth: i32| nth * 50 + 7, length);
    selects!(items, models, field(COLUMN.large), |item: &item::Model| item.large, |nth: i64| i64::MIN + nth, length);
    let real = |nth: i32| f64::from(nth) * 1e-310 + 0.3;
    selects!(items, models, field(COLUMN.real), |item: &item::Model| item.real, real, length);
    selects!(items, models, field(COLUMN.single), |item: &item::Model| item.single, |nth: u16| f32::from(nth) + 0.25, length);
    selects!(items, models, field(COLUMN.flag), |item: &item::Model| item.flag, |_: i32| true, length);
}

/// Lists of days, times of a day and instants.
async fn selects_times(items: &Items, models: &[item::Model], length: usize) {
    let (day, at) = (time("2000-01-01T00:00:00Z").date_naive(), time("2000-01-01T00:00:00Z"));
    let later = move |nth: i64| at + TimeDelta::microseconds(nth * 7);
    selects!(items, models, field(COLUMN.day), |item: &item::Model| item.day, |nth: i64| day + TimeDelta::days(nth), length);
    let hour = |nth: i64| later(nth + 90_000).time();
    selects!(items, models, field(COLUMN.hour), |item: &item::Model| item.hour, hour, length);
    selects!(items, models, field(COLUMN.local), |item: &item::Model| item.local, |nth: i64| later(nth).naive_utc(), length);
    selects!(items, models, field(COLUMN.at), |item: &item::Model| Some(item.at), later, length);
    selects!(items, models, field(COLUMN.due), |item: &item::Model| item.due.map(|due| due.to_utc()), later, length);
}

/// A list of many values means the same as a short one, for values of every type: text with any characters in it, numbers that
/// are very large, very small and infinite, bytes, times; and nulls are in none.
pub async fn take_many_values_of_every_type(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let (items, models) = (fixture.store.repository::<item::Entity>(), various());
    items.create_batch(&Cx::new(), &models).await.unwrap();
    for length in [100, 1_500] {
        selects_texts(&items, &models, length).await;
        selects_numbers(&items, &models, length).await;
        selects_times(&items, &models, length).await;
    }
}
