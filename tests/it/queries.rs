//! Property test: a query means the same on every backend. The memory backend is what the others are compared with.

pub(crate) mod filters;
pub(crate) mod values;

use std::{fmt::Debug, sync::Arc};

use chrono::{DateTime, Utc};
use larder::{Cx, DeleterExt, OnConflict, PageRequest, Projection, Query, ReaderExt, Storage, field_of};
use proptest::{prelude::*, test_runner::TestRunner};
use serde_json::Value as Json;

use self::{
    filters::{ItemFilter, filters, own_filters},
    values::models,
};
use crate::support::{
    backend::Harness,
    entities::item::{self, COLUMN, Status},
};

/// How many queries are asked of one set of models.
const QUERIES: usize = 50;

type Items = Arc<dyn Storage<item::Model, i32>>;

pub(crate) fn ordered_by(query: Query<item::Model>, column: u8, descending: bool) -> Query<item::Model> {
    macro_rules! by {
        ($column:expr) => {
            if descending { query.order_by_desc($column) } else { query.order_by($column) }
        };
    }
    match column {
        0 => by!(COLUMN.name),
        1 => by!(COLUMN.nick),
        2 => by!(COLUMN.small),
        3 => by!(COLUMN.large),
        4 => by!(COLUMN.real),
        5 => by!(COLUMN.token),
        6 => by!(COLUMN.at),
        7 => by!(COLUMN.due),
        8 => by!(COLUMN.day),
        9 => by!(COLUMN.bytes),
        10 => by!(COLUMN.id),
        11 => by!(COLUMN.hour),
        12 => by!(COLUMN.local),
        13 => by!(field_of(item::Column::Status)),
        14 => by!(field_of(item::Column::Flag)),
        _ => by!(COLUMN.single),
    }
}

/// Whatever can be told apart by a column.
fn first_of_each(query: Query<item::Model>, column: u8) -> Query<item::Model> {
    match column {
        0 => query.first_of_each(COLUMN.name),
        1 => query.first_of_each(COLUMN.nick),
        2 => query.first_of_each(COLUMN.small),
        3 => query.first_of_each(COLUMN.large),
        4 => query.first_of_each(COLUMN.real),
        5 => query.first_of_each(COLUMN.token),
        6 => query.first_of_each(COLUMN.at),
        7 => query.first_of_each(COLUMN.due),
        8 => query.first_of_each(COLUMN.day),
        9 => query.first_of_each(COLUMN.bytes),
        10 => query.first_of_each(COLUMN.id),
        11 => query.first_of_each(COLUMN.hour),
        12 => query.first_of_each(COLUMN.local),
        13 => query.first_of_each(field_of(item::Column::Status)),
        14 => query.first_of_each(field_of(item::Column::Flag)),
        _ => query.first_of_each(COLUMN.single),
    }
}

/// What is asked.
#[derive(Clone, Debug)]
enum Question {
    Query {
        limit: Option<u64>,
        offset: u64,
    },
    Stream,
    Count,
    CountOf {
        limit: Option<u64>,
        offset: u64,
    },
    /// For each model, those that have its value in another column.
    OfEach {
        columns: u8,
        limit: Option<u64>,
        offset: u64,
    },
    /// Page by page to the end, and back to the beginning.
    Pages(u32),
    Projection {
        distinct: bool,
    },
    Distinct(u8),
}

fn questions() -> impl Strategy<Value = (Query<item::Model>, Question)> {
    let order = prop::collection::vec((0..16_u8, any::<bool>()), 0..4);
    let groups = prop_oneof![2 => Just(Vec::new()), 1 => prop::collection::vec(0..16_u8, 1..3)];
    let query = (filters(), order, groups).prop_map(|(filter, order, groups)| {
        let query = order
            .into_iter()
            .fold(Query::new().filter(filter), |query, (column, descending)| ordered_by(query, column, descending));
        groups.into_iter().fold(query, first_of_each)
    });
    let part = || {
        (prop::option::of(prop_oneof![0..10_u64, Just(u64::MAX)]), prop_oneof![3 => Just(0), 1 => 0..10_u64, 1 => Just(u64::MAX)])
    };
    let question = prop_oneof![
        6 => part().prop_map(|(limit, offset)| Question::Query { limit, offset }),
        1 => part().prop_map(|(limit, offset)| Question::CountOf { limit, offset }),
        1 => (0..7_u8, part()).prop_map(|(columns, (limit, offset))| Question::OfEach { columns, limit, offset }),
        2 => Just(Question::Count),
        1 => Just(Question::Stream),
        1 => (4..15_u32).prop_map(Question::Pages),
        1 => any::<bool>().prop_map(|distinct| Question::Projection { distinct }),
        1 => (0..4_u8).prop_map(Question::Distinct),
    ];
    (query, question)
}

pub(crate) fn text_of(answer: larder::Result<impl Debug>) -> String {
    match answer {
        Ok(value) => format!("{value:?}"),
        Err(error) => format!("{:?} {:?}", error.kind(), error.operation()),
    }
}

async fn pages(items: &Items, query: &Query<item::Model>, size: u32) -> larder::Result<Vec<Vec<i32>>> {
    let cx = Cx::new();
    let ids = |models: &[item::Model]| models.iter().map(|model| model.id).collect::<Vec<_>>();
    let mut page = items.page(&cx, query, &PageRequest::new(size)).await?;
    let mut all = vec![ids(&page.models)];
    while let Some(next) = &page.next {
        page = items.page(&cx, query, &PageRequest::new(size).after(next)).await?;
        all.push(ids(&page.models));
    }
    while let Some(previous) = &page.previous {
        page = items.page(&cx, query, &PageRequest::new(size).before(previous)).await?;
        all.push(ids(&page.models));
    }
    Ok(all)
}

fn part_of(query: &Query<item::Model>, limit: Option<u64>, offset: u64) -> Query<item::Model> {
    limit.into_iter().fold(query.clone().offset(offset), Query::limit)
}

async fn of_each(items: &Items, query: &Query<item::Model>, columns: u8) -> larder::Result<Vec<Vec<i32>>> {
    let cx = Cx::new();
    let parents = items.all(&cx).await?;
    let found = match columns {
        0 => items.of_each(&cx, &parents, COLUMN.name, COLUMN.nick, query).await,
        1 => items.of_each(&cx, &parents, COLUMN.nick, COLUMN.name, query).await,
        2 => items.of_each(&cx, &parents, COLUMN.large, COLUMN.small, query).await,
        3 => items.of_each(&cx, &parents, COLUMN.small, COLUMN.large, query).await,
        4 => items.of_each(&cx, &parents, COLUMN.at, COLUMN.due, query).await,
        5 => items.of_each(&cx, &parents, COLUMN.token, COLUMN.token, query).await,
        _ => items.of_each(&cx, &parents, COLUMN.small, COLUMN.real, query).await,
    };
    Ok(found?.iter().map(|models| models.iter().map(|model| model.id).collect()).collect())
}

async fn answer(items: &Items, query: &Query<item::Model>, question: &Question, filter: &ItemFilter) -> String {
    let cx = Cx::new();
    match question {
        Question::Query { limit, offset } => text_of(items.query(&cx, &part_of(query, *limit, *offset)).await),
        Question::OfEach { columns, limit, offset } => text_of(of_each(items, &part_of(query, *limit, *offset), *columns).await),
        Question::CountOf { limit, offset } => text_of(items.count_of(&cx, &part_of(query, *limit, *offset)).await),
        Question::Stream => {
            let mut models = match items.stream(&cx, query).await {
                Ok(models) => models,
                Err(error) => return text_of(Err::<(), _>(error)),
            };
            let mut all = Vec::new();
            while let Some(model) = models.try_next().await.unwrap() {
                all.push(model);
            }
            format!("{all:?}")
        }
        Question::Count => text_of(items.count(&cx, filter).await),
        Question::Pages(size) => text_of(pages(items, query, *size).await),
        Question::Projection { distinct } => {
            let projection = Projection::of(COLUMN.nick).and(COLUMN.small).and(COLUMN.due).and(COLUMN.token).and(COLUMN.large);
            let projection = if *distinct { projection.distinct() } else { projection.and(COLUMN.json) };
            text_of(items.query_as::<Json>(&cx, query, &projection).await)
        }
        Question::Distinct(column) => match column {
            0 => text_of(items.distinct::<Option<String>, _>(&cx, COLUMN.nick, filter).await),
            1 => text_of(items.distinct::<Option<f64>, _>(&cx, COLUMN.real, filter).await),
            2 => text_of(items.distinct::<Option<Status>, _>(&cx, field_of(item::Column::Status), filter).await),
            _ => text_of(items.distinct::<DateTime<Utc>, _>(&cx, COLUMN.at, filter).await),
        },
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
    let sets = crate::property::cases(default_cases).div_ceil(QUERIES as u32);
    let config = ProptestConfig { cases: sets, failure_persistence: None, max_shrink_iters: 2_000, ..ProptestConfig::default() };
    let asked = (models(), prop::collection::vec((questions(), filters()), QUERIES));
    let outcome = TestRunner::new(config).run(&asked, |(models, questions)| {
        runtime.block_on(async {
            for items in [&expected, &actual] {
                items.delete_all(&Cx::new()).await.unwrap();
                items.upsert_batch(&Cx::new(), &models, &OnConflict::replace()).await.unwrap();
            }
            for ((query, question), filter) in &questions {
                let expected = answer(&expected, query, question, filter).await;
                let actual = answer(&actual, query, question, filter).await;
                prop_assert_eq!(expected, actual, "{:?} {:?} {:?}", query, question, filter);
            }
            Ok(())
        })
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
    drop((expected, actual, fixture, oracle));
}

/// A filter by itself decides about a model as a store does.
#[test]
fn a_filter_matches_the_models_that_it_selects() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let memory = runtime.block_on(crate::memory::Memory.fresh());
    let (items, cx) = (memory.store.repository::<item::Entity>(), Cx::new());
    let config = ProptestConfig { cases: crate::property::cases(500), failure_persistence: None, ..ProptestConfig::default() };
    let outcome = TestRunner::new(config).run(&(models(), own_filters(4)), |(models, filter)| {
        runtime.block_on(async {
            items.delete_all(&cx).await.unwrap();
            items.upsert_batch(&cx, &models, &OnConflict::replace()).await.unwrap();
            let all = items.all(&cx).await.unwrap();
            let selected = items.query(&cx, &Query::from(filter.clone())).await.map_err(|error| error.kind());
            let matching = all.into_iter().filter_map(|model| match filter.matches(&model) {
                Ok(matches) => matches.then_some(Ok(model)),
                Err(error) => Some(Err(error.kind())),
            });
            let matching: Result<Vec<_>, _> = matching.collect();
            prop_assert!(models.is_empty() || selected == matching, "{:?} {:?} {:?}", filter, selected, matching);
            Ok(())
        })
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}

#[cfg(feature = "sqlite")]
#[test]
fn sqlite_agrees_with_memory() {
    agrees_with_memory(&crate::sqlite::InMemory, 10_000);
}

#[cfg(feature = "sqlite")]
#[test]
fn sqlite_of_sea_orm_agrees_with_memory() {
    agrees_with_memory(&crate::sqlite::SeaOrm, 2_000);
}

#[cfg(feature = "postgres")]
#[test]
fn postgres_agrees_with_memory() {
    agrees_with_memory(&crate::postgres::Server, 10_000);
}

#[cfg(feature = "duckdb-linked")]
#[test]
fn duckdb_agrees_with_memory() {
    agrees_with_memory(&crate::duckdb::InMemory, 10_000);
}

/// What is asked twice is answered twice, in the same way.
#[test]
fn memory_agrees_with_itself() {
    agrees_with_memory(&crate::memory::Memory, 1_000);
}
