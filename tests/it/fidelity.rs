//! Property test: whatever a model holds, every backend gives it back as it was, by a single write and by a batch.

use larder::DeleterExt as _;
use larder::{Cx, ReaderExt};
use proptest::{prelude::*, test_runner::TestRunner};
use serde_json::{Map, Value as Json};

use crate::support::{backend::Harness, entities::sample};

fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "[^\0]{0,20}", r#"['"\\%_;$?\n\t{}-]{0,8}"#]
}

/// Any number that is one.
fn real() -> impl Strategy<Value = f64> {
    prop_oneof![
        prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO | prop::num::f64::INFINITE,
        prop::sample::select(vec![1e308, f64::MIN_POSITIVE, 0.1, 9_007_199_254_740_993.0, -1.0]),
    ]
    .prop_map(|number| number + 0.0)
}

fn json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<u64>().prop_map(Json::from),
        // Postgres writes a whole number of that size without a point, and it comes back as an integer.
        prop::num::f64::NORMAL.prop_filter("whole", |number| number.fract() != 0.0 || number.abs() > 2e19).prop_map(Json::from),
        text().prop_map(Json::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        let field = (text(), inner.clone());
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(Json::from),
            prop::collection::vec(field, 0..4).prop_map(|fields| Json::from(fields.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn instant() -> impl Strategy<Value = chrono::DateTime<chrono::Utc>> {
    // The years 1 to 9999, and more often those about the beginning of the count.
    let micros = prop_oneof![-62_135_596_800_000_000..=253_402_300_799_999_999_i64, -2_000_000..2_000_000_i64];
    micros.prop_map(|micros| chrono::DateTime::from_timestamp_micros(micros).unwrap())
}

fn models() -> impl Strategy<Value = sample::Model> {
    let numbers = (any::<u128>(), any::<i32>(), any::<i64>(), any::<u64>(), real(), any::<bool>());
    let rest = (
        text(),
        prop::collection::vec(any::<u8>(), 0..40),
        instant(),
        prop::option::of(instant()),
        prop::option::of(instant()),
        prop::option::of(json().prop_filter("SeaORM reads a null at the top as a missing value", |json| !json.is_null())),
    );
    (numbers, rest).prop_map(|((id, small, large, hash, real, flag), (text, bytes, at, local, day, json))| sample::Model {
        id: uuid::Uuid::from_u128(id),
        small,
        large,
        hash: larder::testing::entities::Fingerprint(hash),
        real,
        flag,
        text,
        bytes,
        at,
        local: local.map(|local| local.fixed_offset()),
        day: day.map(|day| day.date_naive()),
        json,
    })
}

/// The samples after they were read as rows, deleted, and created by these rows.
async fn stored_again_as_rows(store: &larder::Store) -> Vec<sample::Model> {
    let (cx, samples) = (Cx::new(), store.repository::<sample::Entity>());
    let rows = store.dynamic(&store.describe(&cx, "sample").await.unwrap());
    let read = rows.all(&cx).await.unwrap();
    samples.delete_all(&cx).await.unwrap();
    let (first, others) = read.split_first().unwrap();
    assert_eq!(&rows.create(&cx, first).await.unwrap(), first);
    rows.create_batch(&cx, others).await.unwrap();
    samples.all(&cx).await.unwrap()
}

fn gives_back_what_it_was_given(harness: &'static dyn Harness, default_cases: u32) {
    if harness.is_skipped() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let fixture = runtime.block_on(harness.fresh());
    let samples = fixture.store.repository::<sample::Entity>();
    let outcome = TestRunner::new(crate::property::config(default_cases)).run(&prop::collection::vec(models(), 1..6), |given| {
        runtime.block_on(async {
            let cx = Cx::new();
            samples.delete_all(&cx).await.unwrap();
            let (first, others) = given.split_first().unwrap();
            prop_assert_eq!(&samples.create(&cx, first).await.unwrap(), first);
            samples.create_batch(&cx, others).await.unwrap();
            // So many that they go the engine's way for many.
            let copy = |model: &sample::Model| sample::Model { id: uuid::Uuid::new_v4(), ..model.clone() };
            let many: Vec<_> = given.iter().cycle().take(600).map(copy).collect();
            samples.create_batch(&cx, &many).await.unwrap();
            let ids: Vec<_> = many.iter().map(|model| model.id).collect();
            prop_assert_eq!(samples.find_many(&cx, &ids).await.unwrap(), many);
            samples.delete_many(&cx, &ids).await.unwrap();
            for model in &given {
                prop_assert_eq!(&samples.get(&cx, &model.id).await.unwrap(), model);
                prop_assert_eq!(&samples.update(&cx, model).await.unwrap(), model);
            }
            let mut all = samples.all(&cx).await.unwrap();
            let mut given = given.clone();
            all.sort_by_key(|model| model.id);
            given.sort_by_key(|model| model.id);
            prop_assert_eq!(&all, &given);
            let mut again = stored_again_as_rows(&fixture.store).await;
            again.sort_by_key(|model| model.id);
            prop_assert_eq!(again, given);
            Ok(())
        })
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn memory_gives_back_what_it_was_given() {
    gives_back_what_it_was_given(&crate::memory::Memory, 200);
}

#[cfg(feature = "sqlite")]
#[test]
fn sqlite_gives_back_what_it_was_given() {
    gives_back_what_it_was_given(&crate::sqlite::File, 100);
}

#[cfg(feature = "sqlite")]
#[test]
fn sqlite_of_sea_orm_gives_back_what_it_was_given() {
    gives_back_what_it_was_given(&crate::sqlite::SeaOrm, 100);
}

#[cfg(feature = "duckdb-linked")]
#[test]
fn duckdb_gives_back_what_it_was_given() {
    gives_back_what_it_was_given(&crate::duckdb::File, 60);
}

#[cfg(feature = "postgres")]
#[test]
fn postgres_gives_back_what_it_was_given() {
    gives_back_what_it_was_given(&crate::postgres::Server, 100);
}
