//! Property test: changes, and writes that answer, come to the same on every backend. The memory backend is what the others are
//! compared with.

use std::{fmt::Debug, sync::Arc};

use larder::{Changes, Cx, DeleterExt, ErrorKind, Filter, OnConflict, Query, ReaderExt, Storage, field_of};
use proptest::{prelude::*, sample::select, test_runner::TestRunner};
use sea_orm::{Value, prelude::Decimal};

use crate::{
    queries::{
        filters::{ItemFilter, filters},
        ordered_by,
        values::{self as queries, models},
    },
    support::{
        backend::Harness,
        entities::{
            item::{self, Column as C},
            price,
        },
    },
};

/// How many writes are made of one set of models.
const WRITES: usize = 12;

type Items = Arc<dyn Storage<item::Model, i32>>;

/// A column, with values that it can be compared with, and set to.
fn columns() -> impl Strategy<Value = (C, Value)> {
    fn of<T: Into<Value> + Debug + 'static>(column: C, values: impl Strategy<Value = T> + 'static) -> BoxedStrategy<(C, Value)> {
        values.prop_map(move |value| (column, value.into())).boxed()
    }
    prop_oneof![
        of(C::Name, queries::text()),
        of(C::Nick, queries::text()),
        of(C::Status, queries::status()),
        of(C::Small, queries::small()),
        of(C::Small, queries::whole()),
        of(C::Large, queries::whole()),
        of(C::Real, queries::real()),
        of(C::Single, queries::single()),
        of(C::Flag, any::<bool>()),
        of(C::Bytes, queries::bytes()),
        of(C::Token, queries::token()),
        of(C::Day, queries::day()),
        of(C::Hour, queries::hour()),
        of(C::Local, queries::instant().prop_map(|instant| instant.naive_utc())),
        of(C::At, queries::instant()),
        of(C::Due, queries::instant()),
        of(C::Json, queries::document()),
    ]
}

/// Two columns of which one can be set to the other, most of the time.
fn pairs() -> impl Strategy<Value = (C, C)> {
    let alike = [
        (C::Name, C::Nick),
        (C::Nick, C::Name),
        (C::Name, C::Status),
        (C::Small, C::Large),
        (C::Large, C::Small),
        (C::Small, C::Id),
        (C::Large, C::Id),
        (C::Real, C::Real),
        (C::Single, C::Single),
        (C::Token, C::Token),
        (C::At, C::At),
        (C::Due, C::Due),
        (C::Json, C::Json),
        (C::Bytes, C::Bytes),
        (C::Real, C::Single),
        (C::Day, C::At),
    ];
    select(alike.to_vec())
}

/// A change of one column.
#[derive(Clone, Debug)]
enum Edit {
    Set(C, Value),
    Null(C),
    From(C, C),
    Increase(C, Value),
    IncreaseBy(C, C),
    Raise(C, Value),
    Lower(C, Value),
    IfNull(C, Value),
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let numbers = prop_oneof![
        (-3..4_i64).prop_map(|by| (C::Small, Value::from(by))),
        (-3..4_i64).prop_map(|by| (C::Large, Value::from(by))),
        queries::whole().prop_map(|by| (C::Large, Value::from(by))),
        queries::real().prop_map(|by| (C::Real, Value::from(by))),
        queries::single().prop_map(|by| (C::Single, Value::from(by))),
    ];
    let sums =
        select(vec![(C::Small, C::Large), (C::Large, C::Small), (C::Small, C::Id), (C::Real, C::Real), (C::Single, C::Single)]);
    let edit = prop_oneof![
        3 => columns().prop_map(|(column, value)| Edit::Set(column, value)),
        1 => select(vec![C::Nick, C::Large, C::Real, C::Json, C::Due, C::Name]).prop_map(Edit::Null),
        3 => pairs().prop_map(|(column, other)| Edit::From(column, other)),
        3 => numbers.prop_map(|(column, by)| Edit::Increase(column, by)),
        2 => sums.prop_map(|(column, by)| Edit::IncreaseBy(column, by)),
        3 => columns().prop_map(|(column, value)| Edit::Raise(column, value)),
        3 => columns().prop_map(|(column, value)| Edit::Lower(column, value)),
        3 => columns().prop_map(|(column, value)| Edit::IfNull(column, value)),
    ];
    prop::collection::vec(edit, 0..4)
}

fn changes(edits: &[Edit]) -> Changes<item::Model> {
    edits.iter().cloned().fold(Changes::new(), |changes, edit| match edit {
        Edit::Set(column, value) => changes.set(field_of(column), value),
        Edit::Null(column) => changes.set_null(field_of(column)),
        Edit::From(column, other) => changes.set_from(field_of(column), field_of(other)),
        Edit::Increase(column, by) => changes.increase(field_of(column), by),
        Edit::IncreaseBy(column, by) => changes.increase_by(field_of(column), field_of(by)),
        Edit::Raise(column, value) => changes.raise_to(field_of(column), value),
        Edit::Lower(column, value) => changes.lower_to(field_of(column), value),
        Edit::IfNull(column, value) => changes.set_if_null(field_of(column), value),
    })
}

/// A write of models that a filter selects, or that are given.
#[derive(Clone, Debug)]
enum Write {
    UpdateWhere(ItemFilter, Vec<Edit>),
    UpdateReturning(ItemFilter, Vec<Edit>),
    UpdateFirst(ItemFilter, Vec<(u8, bool)>, u64, Vec<Edit>),
    DeleteReturning(ItemFilter),
    DeleteFirst(ItemFilter, Vec<(u8, bool)>, u64),
    Upsert(Vec<item::Model>, OnItems, Option<ItemFilter>),
    UpsertOne(item::Model, OnItems, Option<ItemFilter>),
}

#[derive(Clone, Debug)]
enum OnItems {
    Ignore,
    Replace,
    Apply(Vec<Edit>),
}

fn on_conflict(on: &OnItems, only_if: &Option<ItemFilter>) -> OnConflict<item::Model> {
    let on_conflict = match on {
        OnItems::Ignore => OnConflict::ignore(),
        OnItems::Replace => OnConflict::replace(),
        OnItems::Apply(edits) => OnConflict::apply(changes(edits)),
    };
    only_if.iter().fold(on_conflict, |on_conflict, filter| on_conflict.only_if(filter.clone()))
}

fn writes() -> impl Strategy<Value = Write> {
    let order = || prop::collection::vec((0..16_u8, any::<bool>()), 1..3);
    let on = || prop_oneof![1 => Just(OnItems::Ignore), 2 => Just(OnItems::Replace), 4 => edits().prop_map(OnItems::Apply)];
    let only_if = || prop::option::of(filters());
    prop_oneof![
        3 => (filters(), edits()).prop_map(|(filter, edits)| Write::UpdateWhere(filter, edits)),
        3 => (filters(), edits()).prop_map(|(filter, edits)| Write::UpdateReturning(filter, edits)),
        3 => (filters(), order(), 0..5_u64, edits()).prop_map(|(filter, order, limit, edits)| Write::UpdateFirst(filter, order, limit, edits)),
        1 => filters().prop_map(|filter| Write::DeleteReturning(filter.and(field_of(C::Id).less_than(0)))),
        1 => (filters(), order(), 0..3_u64).prop_map(|(filter, order, limit)| Write::DeleteFirst(filter, order, limit)),
        2 => (batch(), on(), only_if()).prop_map(|(models, on, only_if)| Write::Upsert(models, on, only_if)),
        2 => (batch(), on(), only_if()).prop_filter_map("no model", |(models, on, only_if)| {
            models.into_iter().next().map(|model| Write::UpsertOne(model, on, only_if))
        }),
    ]
}

/// Few ids, some of them twice.
fn batch() -> impl Strategy<Value = Vec<item::Model>> {
    let few = |models: Vec<item::Model>| models.into_iter().take(6).enumerate();
    models().prop_map(move |models| {
        few(models).map(|(nth, model)| item::Model { id: [-20, -17, -20, 1, 1, -17][nth], ..model }).collect()
    })
}

/// The answer, or that it was refused: which of several reasons is told is up to the engine.
fn told(answer: larder::Result<impl Debug>) -> String {
    match answer {
        Ok(value) => format!("{value:?}"),
        Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::NotNull) => "refused".to_owned(),
        Err(error) => format!("{:?} {:?}", error.kind(), error.operation()),
    }
}

async fn write(items: &Items, write: &Write) -> String {
    let cx = Cx::new();
    let first = |filter: &ItemFilter, order: &[(u8, bool)], limit| {
        let query = Query::new().filter(filter.clone());
        order.iter().fold(query, |query, (column, descending)| ordered_by(query, *column, *descending)).limit(limit)
    };
    match write {
        Write::UpdateWhere(filter, edits) => told(items.update_where(&cx, filter, &changes(edits)).await),
        Write::UpdateReturning(filter, edits) => told(items.update_where_returning(&cx, filter, &changes(edits)).await),
        Write::UpdateFirst(filter, order, limit, edits) => {
            told(items.update_first(&cx, &first(filter, order, *limit), &changes(edits)).await)
        }
        Write::DeleteReturning(filter) => told(items.delete_where_returning(&cx, filter).await),
        Write::DeleteFirst(filter, order, limit) => told(items.delete_first(&cx, &first(filter, order, *limit)).await),
        Write::Upsert(models, on, only_if) => told(items.upsert_batch(&cx, models, &on_conflict(on, only_if)).await),
        Write::UpsertOne(model, on, only_if) => told(items.upsert(&cx, model, &on_conflict(on, only_if)).await),
    }
}

fn agrees_with_memory(harness: &'static dyn Harness, default_cases: u32) {
    if harness.is_skipped() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let oracle = runtime.block_on(crate::memory::Memory.fresh());
    let fixture = runtime.block_on(harness.fresh());
    let [expected, actual] = [&oracle.store, &fixture.store].map(|store| store.repository::<item::Entity>());
    let sets = crate::property::cases(default_cases).div_ceil(WRITES as u32);
    let config = ProptestConfig { cases: sets, failure_persistence: None, max_shrink_iters: 2_000, ..ProptestConfig::default() };
    let outcome = TestRunner::new(config).run(&(models(), prop::collection::vec(writes(), WRITES)), |(models, writes)| {
        runtime.block_on(async {
            for items in [&expected, &actual] {
                items.delete_all(&Cx::new()).await.unwrap();
                items.upsert_batch(&Cx::new(), &models, &OnConflict::replace()).await.unwrap();
            }
            for each in &writes {
                let (told, seen) = (write(&expected, each).await, write(&actual, each).await);
                prop_assert_eq!(told, seen, "{:?}", each);
                let (expected, actual) = (expected.all(&Cx::new()).await.unwrap(), actual.all(&Cx::new()).await.unwrap());
                prop_assert_eq!(expected, actual, "{:?}", each);
            }
            Ok(())
        })
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
    drop((expected, actual, fixture, oracle));
}

fn decimals() -> impl Strategy<Value = Decimal> + Clone {
    let known = [
        "0",
        "0.01",
        "-0.01",
        "0.005",
        "99999999.99",
        "-99999999.99",
        "100000000",
        "12345678901234567890",
        "0.000000000000000001",
    ];
    let known: Vec<Decimal> = known.map(|text| text.parse().unwrap()).to_vec();
    let random = (any::<i64>(), 0..=18_u32).prop_map(|(number, scale)| Decimal::new(number, scale));
    prop_oneof![3 => select(known), 1 => random]
}

/// Which column, and the other one or a number.
type PriceEdit = (u8, bool, bool, Decimal);

fn price_changes(edits: &[PriceEdit]) -> Changes<price::Model> {
    edits.iter().fold(Changes::new(), |changes, (what, column, other, number)| {
        let of = |exact: bool| field_of(if exact { price::Column::Exact } else { price::Column::Amount });
        match what {
            0 => changes.increase(of(*column), *number),
            1 => changes.increase_by(of(*column), of(*other)),
            2 => changes.set_from(of(*column), of(*other)),
            3 => changes.raise_to(of(*column), *number),
            4 => changes.lower_to(of(*column), *number),
            _ => changes.set_if_null(of(*column), *number),
        }
    })
}

fn prices_agree_with_memory(harness: &'static dyn Harness, default_cases: u32) {
    if harness.is_skipped() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let oracle = runtime.block_on(crate::memory::Memory.fresh());
    let fixture = runtime.block_on(harness.fresh());
    let [expected, actual] = [&oracle.store, &fixture.store].map(|store| store.repository::<price::Entity>());
    let config =
        ProptestConfig { cases: crate::property::cases(default_cases), failure_persistence: None, ..ProptestConfig::default() };
    let price = (decimals(), prop::option::of(decimals()));
    let edits = prop::collection::vec((0..6_u8, any::<bool>(), any::<bool>(), decimals()), 1..3);
    let outcome = TestRunner::new(config).run(&(price, edits), |((amount, exact), edits)| {
        runtime.block_on(async {
            let mut seen = Vec::new();
            for prices in [&expected, &actual] {
                prices.delete_all(&Cx::new()).await.unwrap();
                let created = prices.create(&Cx::new(), &price::Model { id: 1, amount, exact }).await;
                let changed = prices.update_where(&Cx::new(), &Filter::all(), &price_changes(&edits)).await;
                let stored = prices.all(&Cx::new()).await.unwrap();
                let stored: Vec<_> = stored
                    .into_iter()
                    .map(|price| (price.amount.normalize(), price.exact.map(|exact| exact.normalize())))
                    .collect();
                seen.push((created.is_ok(), told(changed), stored));
            }
            prop_assert_eq!(&seen[0], &seen[1], "{:?}", edits);
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
    agrees_with_memory(&crate::sqlite::InMemory, 3_000);
}

#[cfg(feature = "sqlite")]
#[test]
fn sqlite_in_a_file_agrees_with_memory() {
    agrees_with_memory(&crate::sqlite::File, 600);
}

#[cfg(feature = "sqlite")]
#[test]
fn sqlite_of_sea_orm_agrees_with_memory() {
    agrees_with_memory(&crate::sqlite::SeaOrm, 600);
}

#[cfg(feature = "postgres")]
#[test]
fn postgres_agrees_with_memory() {
    agrees_with_memory(&crate::postgres::Server, 1_200);
}

#[cfg(feature = "postgres")]
#[test]
fn decimals_of_postgres_agree_with_memory() {
    prices_agree_with_memory(&crate::postgres::Server, 300);
}

#[cfg(feature = "duckdb-linked")]
#[test]
fn duckdb_agrees_with_memory() {
    agrees_with_memory(&crate::duckdb::InMemory, 600);
}

#[cfg(feature = "duckdb-linked")]
#[test]
fn decimals_of_duckdb_agree_with_memory() {
    prices_agree_with_memory(&crate::duckdb::InMemory, 200);
}

/// What is written twice comes to the same twice.
#[test]
fn memory_agrees_with_itself() {
    agrees_with_memory(&crate::memory::Memory, 600);
    prices_agree_with_memory(&crate::memory::Memory, 100);
}
