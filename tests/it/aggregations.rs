//! Property test: an aggregation means the same on every backend. The memory backend is what the others are compared with.

use chrono::{DateTime, FixedOffset, TimeDelta, Utc};
use larder::{Aggregate, Aggregation, Cx, DeleterExt, Filter, Having, OnConflict, TimeBucket, field_of, kind};
use proptest::{prelude::*, sample::select, test_runner::TestRunner};
use sea_orm::prelude::Decimal;

use crate::{
    queries::{
        filters::{ItemFilter as Condition, filters},
        text_of,
        values::models,
    },
    support::{
        backend::Harness,
        entities::{
            item::{self, COLUMN},
            price,
        },
    },
};

/// How many aggregations are asked for of one set of models.
const AGGREGATIONS: usize = 50;

type Items = Aggregation<item::Model>;

/// Models whose floating-point numbers have the same sum in whatever order they are added. Most sets have no times before the
/// year 2, whose buckets may begin before the year 1.
fn summable() -> impl Strategy<Value = Vec<item::Model>> {
    let reals = select(vec![0.0, 0.25, -0.25, 1.5, -1000.75, 1_073_741_824.0, 1e308, f64::INFINITY]);
    let number = (prop::option::weighted(0.8, reals), prop::option::weighted(0.8, -64..64_i8), 0..40_u8);
    (models(), prop::collection::vec(number, 40), prop::bool::weighted(0.1), any::<bool>()).prop_map(
        |(mut models, numbers, is_early, is_finite)| {
            for (model, (real, single, which)) in models.iter_mut().zip(numbers) {
                // A few sets have sums that are not finite.
                model.real = real.filter(|real| real.abs() < 1e300 || (!is_finite && which == 0));
                model.single = single.map(|single| f32::from(single) / 16.0);
                if !is_early {
                    model.at = late(model.at);
                    model.due = model.due.map(|due| late(due.to_utc()).fixed_offset());
                    model.local = model.local.map(|local| late(local.and_utc()).naive_utc());
                }
            }
            models
        },
    )
}

fn late(time: DateTime<Utc>) -> DateTime<Utc> {
    let first = DateTime::from_timestamp_micros(-3 * 86_400_000_000 - 1).unwrap();
    if time.timestamp() < -30_000_000_000 {
        first + TimeDelta::microseconds(time.timestamp_micros() % 7_000_000_000)
    } else {
        time
    }
}

fn buckets() -> impl Strategy<Value = TimeBucket> {
    let widths = [
        TimeBucket::microseconds(1),
        TimeBucket::microseconds(1_000),
        TimeBucket::microseconds(1_500_001),
        TimeBucket::seconds(1),
        TimeBucket::seconds(90),
        TimeBucket::minutes(1),
        TimeBucket::minutes(15),
        TimeBucket::hours(1),
        TimeBucket::hours(5),
        TimeBucket::days(1),
        TimeBucket::days(7),
        TimeBucket::days(366_000),
        TimeBucket::days(0),
    ];
    let offsets = select(vec![0, 0, 0, 3_600, 19_800, -43_200, 1]);
    let range = prop::option::weighted(0.3, (-3_000_000_000..3_000_000_000_i64, 0..9_000_000_000_i64));
    (select(widths.to_vec()), offsets, range).prop_map(|(bucket, offset, range)| {
        let bucket = bucket.offset(FixedOffset::east_opt(offset).unwrap());
        let at = |micros| DateTime::from_timestamp_micros(micros).unwrap();
        range.into_iter().fold(bucket, |bucket, (from, length)| bucket.filled(at(from), at(from + length)))
    })
}

const COLUMNS: [item::Column; 17] = {
    use item::Column as C;
    [
        C::Id,
        C::Name,
        C::Nick,
        C::Status,
        C::Small,
        C::Large,
        C::Real,
        C::Single,
        C::Flag,
        C::Bytes,
        C::Token,
        C::Day,
        C::Hour,
        C::Local,
        C::At,
        C::Due,
        C::Json,
    ]
};

/// A value to compute: what, of which column, of which models.
#[derive(Clone, Debug)]
struct Term {
    what: u8,
    column: item::Column,
    only: Option<Condition>,
}

fn terms() -> impl Strategy<Value = Term> {
    use item::Column as C;
    let only = || prop::option::weighted(0.4, filters());
    // Documents and what are no numbers are refused: few of them.
    let any = (0..7_u8, select(COLUMNS[..16].to_vec()), only());
    let number = (2..9_u8, select(vec![C::Small, C::Large, C::Real, C::Single, C::Id]), only());
    let refused = (1..9_u8, select(COLUMNS.to_vec()), only());
    prop_oneof![20 => any, 20 => number, 1 => refused].prop_map(|(what, column, only)| {
        let what = if what > 4 && !matches!(column, C::Small | C::Large | C::Real | C::Single | C::Id) { what % 5 } else { what };
        Term { what, column, only }
    })
}

impl Term {
    fn only<K>(&self, aggregate: Aggregate<item::Model, K>) -> Aggregate<item::Model, K> {
        self.only.iter().fold(aggregate, |aggregate, filter| aggregate.only(filter.clone()))
    }

    /// The first or the last value of the column.
    fn end(&self) -> Option<Aggregate<item::Model, kind::Any>> {
        match self.what {
            3 => Some(self.only(Aggregate::minimum(field_of(self.column)))),
            4 => Some(self.only(Aggregate::maximum(field_of(self.column)))),
            _ => None,
        }
    }

    /// Any other value.
    fn number(&self) -> Aggregate<item::Model, kind::Number> {
        let column = field_of(self.column);
        self.only(match self.what {
            0 => Aggregate::count(),
            1 => Aggregate::count_of(column),
            2 => Aggregate::count_distinct(column),
            5 | 6 => Aggregate::sum(column),
            _ => Aggregate::average(column),
        })
    }

    fn added(&self, aggregation: Items) -> Items {
        match self.end() {
            Some(end) => aggregation.and(end),
            None => aggregation.and(self.number()),
        }
    }

    fn ordered(&self, aggregation: Items, descending: bool) -> Items {
        match (self.end(), descending) {
            (Some(end), false) => aggregation.order_by_aggregate(end),
            (Some(end), true) => aggregation.order_by_aggregate_desc(end),
            (None, false) => aggregation.order_by_aggregate(self.number()),
            (None, true) => aggregation.order_by_aggregate_desc(self.number()),
        }
    }
}

/// One of the six comparisons of an aggregate with a value.
macro_rules! compared {
    ($aggregate:expr, $which:expr, $value:expr) => {
        match $which {
            0 => $aggregate.equals($value),
            1 => $aggregate.not_equals($value),
            2 => $aggregate.less_than($value),
            3 => $aggregate.at_most($value),
            4 => $aggregate.greater_than($value),
            _ => $aggregate.at_least($value),
        }
    };
}

fn having() -> impl Strategy<Value = Having<item::Model>> {
    let numbers = select(vec![0, 1, 2, 3, 7, -1, 1_000, i64::MAX, i64::MIN]);
    (terms(), 0..6_u8, 0..8_u8, numbers, any::<bool>()).prop_map(|(term, which, kind, number, flag)| {
        let instant = DateTime::from_timestamp_micros(number % 1_000_000_000_000).unwrap();
        match kind {
            0 => compared!(term.only(Aggregate::count()), which, number % 5),
            1 => compared!(term.only(Aggregate::sum(COLUMN.large)), which, number),
            2 => compared!(term.only(Aggregate::sum(COLUMN.small)), which, u64::MAX - 1),
            3 => compared!(term.only(Aggregate::average(COLUMN.small)), which, 0.5),
            4 => compared!(term.only(Aggregate::sum(COLUMN.single)), which, 1.25),
            5 => compared!(term.only(Aggregate::minimum(COLUMN.nick)), which, "a"),
            6 => compared!(term.only(Aggregate::maximum(COLUMN.flag)), which, flag),
            _ => compared!(term.only(Aggregate::maximum(COLUMN.due)), which, instant),
        }
    })
}

#[derive(Clone, Debug)]
enum Order {
    By(item::Column),
    Value(Term),
}

fn aggregations() -> impl Strategy<Value = Items> {
    use item::Column as C;
    let key = prop_oneof![
        3 => select(COLUMNS[..16].to_vec()).prop_map(|column| (column, None)),
        3 => (select(vec![C::At, C::Due, C::Local]), buckets()).prop_map(|(column, bucket)| (column, Some(bucket))),
    ];
    let order = prop_oneof![select(COLUMNS[..16].to_vec()).prop_map(Order::By), terms().prop_map(Order::Value)];
    let limit = prop::option::weighted(0.4, prop_oneof![0..6_u64, Just(u64::MAX)]);
    let parts = (
        prop::collection::vec(key, 0..4),
        prop::collection::vec(terms(), 0..6),
        prop::collection::vec(having(), 0..3),
        prop::collection::vec((order, any::<bool>()), 0..3),
        limit,
    );
    parts.prop_map(|(keys, terms, having, order, limit)| {
        let mut aggregation = Aggregation::new();
        for (column, bucket) in &keys {
            aggregation = match bucket {
                None => aggregation.group_by(field_of(*column)),
                Some(bucket) => aggregation.group_by_time(field_of(*column), bucket.clone()),
            };
        }
        aggregation = terms.iter().fold(aggregation, |aggregation, term| term.added(aggregation));
        aggregation = having.into_iter().fold(aggregation, Aggregation::having);
        for (order, descending) in order {
            // Mostly one of the keys.
            let key = |column: item::Column| keys.get(column as usize % (keys.len() + 1)).map_or(column, |(key, _)| *key);
            aggregation = match (order, descending) {
                (Order::By(column), _) if keys.is_empty() && column as usize > 0 => aggregation,
                (Order::By(column), false) => aggregation.order_by(field_of(key(column))),
                (Order::By(column), true) => aggregation.order_by_desc(field_of(key(column))),
                (Order::Value(term), descending) => term.ordered(aggregation, descending),
            };
        }
        limit.into_iter().fold(aggregation, Aggregation::limit)
    })
}

fn agrees_with_memory(harness: &'static dyn Harness, default_cases: u32) {
    if harness.is_skipped() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let oracle = runtime.block_on(crate::memory::Memory.fresh());
    let fixture = runtime.block_on(harness.fresh());
    let [expected, actual] = [&oracle.store, &fixture.store].map(|store| store.repository::<item::Entity>());
    let sets = crate::property::cases(default_cases).div_ceil(AGGREGATIONS as u32);
    let config = ProptestConfig { cases: sets, failure_persistence: None, max_shrink_iters: 2_000, ..ProptestConfig::default() };
    let asked = (summable(), prop::collection::vec((aggregations(), filters(), any::<bool>()), AGGREGATIONS));
    let outcome = TestRunner::new(config).run(&asked, |(models, aggregations)| {
        runtime.block_on(async {
            let cx = Cx::new();
            for items in [&expected, &actual] {
                items.delete_all(&cx).await.unwrap();
                items.upsert_batch(&cx, &models, &OnConflict::replace()).await.unwrap();
            }
            for (aggregation, filter, is_of_all) in &aggregations {
                let filter = if *is_of_all { &Filter::all() } else { filter };
                let expected = text_of(expected.aggregate(&cx, filter, aggregation).await);
                let actual = text_of(actual.aggregate(&cx, filter, aggregation).await);
                prop_assert_eq!(expected, actual, "{:?} {:?}", aggregation, filter);
            }
            Ok(())
        })
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
    drop((expected, actual, fixture, oracle));
}

fn decimals() -> impl Strategy<Value = Decimal> {
    let known = ["0", "1", "-1", "0.10", "0.1", "-2.50", "99999999.99", "-99999999.99", "3.3", "12.34"];
    prop_oneof![
        select(known.map(|text| text.parse().unwrap()).to_vec()),
        (-9_999_999_i64..9_999_999).prop_map(|n| Decimal::new(n, 2))
    ]
}

/// With more digits than any sum of few has room for.
fn long_decimals() -> impl Strategy<Value = Decimal> {
    let known = ["99999999999999999999", "-99999999999999999999", "0.000000000000000001", "-0.0000000001", "5000000000.5"];
    prop_oneof![2 => select(known.map(|text| text.parse().unwrap()).to_vec()), 3 => decimals()]
}

fn prices() -> impl Strategy<Value = (Vec<price::Model>, Vec<(Aggregation<price::Model>, i32)>)> {
    let model = (decimals(), prop::option::weighted(0.8, long_decimals()));
    let models = prop::collection::vec(model, 0..12).prop_map(|models| {
        let numbered = (0..).zip(models);
        numbered.map(|(id, (amount, exact))| price::Model { id, amount, exact }).collect()
    });
    let aggregation = (0..3_u8, any::<bool>(), prop::option::of(decimals()), prop::option::of(0..4_u64));
    let aggregation = aggregation.prop_map(|(key, is_exact, most, limit)| {
        let column = || field_of(if is_exact { price::Column::Exact } else { price::Column::Amount });
        let values = Aggregation::new().and(Aggregate::sum(column())).and(Aggregate::average(column()));
        let values = values.and(Aggregate::minimum(column())).and(Aggregate::maximum(column()));
        let values = values.and(Aggregate::count_distinct(column()));
        let values = match key {
            0 => values,
            1 => values.group_by(field_of(price::Column::Amount)).order_by_aggregate_desc(Aggregate::sum(column())),
            _ => values.group_by(field_of(price::Column::Exact)),
        };
        let values = most.into_iter().fold(values, |values, most| values.having(Aggregate::sum(column()).at_most(most)));
        limit.into_iter().fold(values, Aggregation::limit)
    });
    (models, prop::collection::vec((aggregation, 0..12_i32), AGGREGATIONS))
}

fn decimals_agree_with_memory(harness: &'static dyn Harness, default_cases: u32) {
    if harness.is_skipped() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let oracle = runtime.block_on(crate::memory::Memory.fresh());
    let fixture = runtime.block_on(harness.fresh());
    let [expected, actual] = [&oracle.store, &fixture.store].map(|store| store.repository::<price::Entity>());
    let sets = crate::property::cases(default_cases).div_ceil(AGGREGATIONS as u32);
    let config = ProptestConfig { cases: sets, failure_persistence: None, ..ProptestConfig::default() };
    let outcome = TestRunner::new(config).run(&prices(), |(models, aggregations)| {
        runtime.block_on(async {
            let cx = Cx::new();
            for prices in [&expected, &actual] {
                prices.delete_all(&cx).await.unwrap();
                prices.create_batch(&cx, &models).await.unwrap();
            }
            for (aggregation, from) in &aggregations {
                let filter = field_of(price::Column::Id).at_least(*from);
                let expected = text_of(expected.aggregate(&cx, &filter, aggregation).await);
                let actual = text_of(actual.aggregate(&cx, &filter, aggregation).await);
                prop_assert_eq!(expected, actual, "{:?} {:?}", aggregation, models);
            }
            Ok(())
        })
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
    drop((expected, actual, fixture, oracle));
}

#[cfg(feature = "sqlite")]
#[test]
fn sqlite_agrees_with_memory() {
    agrees_with_memory(&crate::sqlite::InMemory, 5_000);
}

#[cfg(feature = "sqlite")]
#[test]
fn sqlite_of_sea_orm_agrees_with_memory() {
    agrees_with_memory(&crate::sqlite::SeaOrm, 1_000);
}

#[cfg(feature = "postgres")]
#[test]
fn postgres_agrees_with_memory() {
    agrees_with_memory(&crate::postgres::Server, 5_000);
}

#[cfg(feature = "duckdb-linked")]
#[test]
fn duckdb_agrees_with_memory() {
    agrees_with_memory(&crate::duckdb::InMemory, 5_000);
}

#[cfg(feature = "postgres")]
#[test]
fn decimals_of_postgres_agree_with_memory() {
    decimals_agree_with_memory(&crate::postgres::Server, 2_000);
}

#[cfg(feature = "duckdb-linked")]
#[test]
fn decimals_of_duckdb_agree_with_memory() {
    decimals_agree_with_memory(&crate::duckdb::InMemory, 2_000);
}

/// What is asked twice is answered twice, in the same way.
#[test]
fn memory_agrees_with_itself() {
    agrees_with_memory(&crate::memory::Memory, 500);
    decimals_agree_with_memory(&crate::memory::Memory, 500);
}
