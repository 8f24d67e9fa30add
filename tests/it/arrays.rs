//! Property test: columns of lists come back as they were stored, and are asked for their elements, alike on every backend that has
//! them. The memory backend is what the others are compared with.

use larder::{Cx, DeleterExt, Filter, Query, Scalar, Storage, field_of};
use proptest::{prelude::*, sample::select, test_runner::TestRunner};
use std::sync::Arc;
use uuid::Uuid;

use crate::support::{
    backend::Harness,
    entities::tagged::{self, Column},
};

/// How many filters are asked of one set of models.
const FILTERS: usize = 40;

fn word() -> impl Strategy<Value = String> + Clone {
    let known = ["", "a", "A", "b", "a,b", "{", "}", "\"", "'", "\\", "NULL", "null", "é", "🦀", " ", "[a]", "%", "1"];
    prop_oneof![8 => select(known.map(str::to_owned).to_vec()), 1 => "[^\0]{0,4}"]
}

fn number() -> impl Strategy<Value = i64> + Clone {
    let known = [0, 1, -1, 2, i64::MAX, i64::MIN, i64::from(i32::MAX), i64::from(i32::MAX) + 1];
    prop_oneof![8 => select(known.to_vec()), 1 => any::<i64>()]
}

fn small() -> impl Strategy<Value = i32> + Clone {
    prop_oneof![8 => select(vec![0, 1, -1, i32::MAX, i32::MIN]), 1 => any::<i32>()]
}

fn token() -> impl Strategy<Value = Uuid> + Clone {
    select(vec![Uuid::nil(), Uuid::max(), Uuid::from_u128(7), Uuid::from_u128(1 << 127)])
}

fn models() -> impl Strategy<Value = Vec<tagged::Model>> {
    use prop::{collection::vec, option::of};
    let lists =
        (vec(word(), 0..5), of(vec(number(), 0..4)), vec(small(), 0..4), of(vec(token(), 0..3)), of(vec(any::<bool>(), 0..3)));
    let model =
        lists.prop_map(|(words, numbers, small, tokens, flags)| tagged::Model { id: 0, words, numbers, small, tokens, flags });
    vec(model, 0..20).prop_map(|models| (0..).zip(models).map(|(id, model)| tagged::Model { id, ..model }).collect())
}

fn test_of(column: Column, which: u8, elements: Vec<Scalar>) -> Filter<tagged::Model> {
    match (which, elements.first()) {
        (0, Some(element)) => field_of(column).has_element(element.clone()),
        (1, _) => field_of(column).has_any_of(elements),
        (2, _) => field_of(column).is_null(),
        _ => field_of(column).has_all_of(elements),
    }
}

fn filters() -> impl Strategy<Value = Filter<tagged::Model>> {
    use prop::collection::vec;
    let of = |column: Column, element: BoxedStrategy<Scalar>| {
        (0..5_u8, vec(element, 0..4)).prop_map(move |(which, elements)| test_of(column, which, elements)).boxed()
    };
    let test = prop_oneof![
        of(Column::Words, word().prop_map(Scalar::from).boxed()),
        of(Column::Numbers, number().prop_map(Scalar::from).boxed()),
        // Numbers that are in no such list, too.
        of(Column::Small, number().prop_map(Scalar::from).boxed()),
        of(Column::Tokens, token().prop_map(Scalar::from).boxed()),
        of(Column::Flags, any::<bool>().prop_map(Scalar::from).boxed()),
    ];
    test.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Filter::all_of),
            vec(inner.clone(), 0..3).prop_map(Filter::any_of),
            inner.prop_map(|filter| !filter),
        ]
    })
}

type Tagged = Arc<dyn Storage<tagged::Model, i32>>;

async fn answer(tagged: &Tagged, filter: &Filter<tagged::Model>) -> String {
    format!("{:?}", tagged.query(&Cx::new(), &Query::from(filter.clone())).await.map_err(|error| error.kind()))
}

fn agrees_with_memory(harness: &'static dyn Harness, default_cases: u32) {
    if harness.is_skipped() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let oracle = runtime.block_on(crate::memory::Memory.fresh());
    let fixture = runtime.block_on(harness.fresh());
    let [expected, actual] = [&oracle.store, &fixture.store].map(|store| store.repository::<tagged::Entity>() as Tagged);
    let sets = crate::property::cases(default_cases).div_ceil(FILTERS as u32);
    let config = ProptestConfig { cases: sets, failure_persistence: None, max_shrink_iters: 1_000, ..ProptestConfig::default() };
    let outcome = TestRunner::new(config).run(&(models(), prop::collection::vec(filters(), FILTERS)), |(models, filters)| {
        runtime.block_on(async {
            for tagged in [&expected, &actual] {
                tagged.delete_all(&Cx::new()).await.unwrap();
                tagged.create_batch(&Cx::new(), &models).await.unwrap();
            }
            for filter in &filters {
                prop_assert_eq!(answer(&expected, filter).await, answer(&actual, filter).await, "{:?}", filter);
            }
            Ok(())
        })
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
    drop((expected, actual, fixture, oracle));
}

#[cfg(feature = "postgres")]
#[test]
fn lists_on_postgres_agree_with_memory() {
    agrees_with_memory(&crate::postgres::Server, 4_000);
}

#[cfg(feature = "duckdb-linked")]
#[test]
fn lists_on_duckdb_agree_with_memory() {
    agrees_with_memory(&crate::duckdb::InMemory, 4_000);
}

#[test]
fn lists_in_memory_agree_with_themselves() {
    agrees_with_memory(&crate::memory::Memory, 400);
}
