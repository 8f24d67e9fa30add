//! Property test: a query means the same on every backend. The memory backend is what the others are compared with.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use larder::{
    Cx, DeleterExt, Filter, OnConflict, PageRequest, Projection, Query, ReaderExt, Scalar, Storage, TextPattern, field, field_of,
};
use proptest::{prelude::*, sample::select, test_runner::TestRunner};
use serde_json::{Map, Value as Json, json};
use std::{fmt::Debug, sync::Arc};
use uuid::Uuid;

use crate::support::{
    backend::Harness,
    entities::item::{self, COLUMN, Status},
};

/// How many queries are asked of one set of models.
const QUERIES: usize = 50;

type Items = Arc<dyn Storage<item::Model, i32>>;

fn text() -> impl Strategy<Value = String> + Clone {
    let known = [
        "",
        "a",
        "A",
        "ab",
        "abc",
        "aBc",
        "abab",
        "b",
        "B",
        "a%",
        "a_",
        "%",
        "_",
        "\\",
        "'",
        "\"",
        "ä",
        "Ä",
        "@",
        "[",
        "a b",
        "🦀",
        "\u{10FFFF}",
        "a\u{10FFFF}",
        "\u{D7FF}",
        "\u{E000}",
        "10",
        "9",
        "z",
        "--",
        ";",
        "\n",
        " ",
        "$1",
        "?",
    ];
    prop_oneof![8 => select(known.map(str::to_owned).to_vec()), 1 => "[^\0]{0,6}"]
}

fn whole() -> impl Strategy<Value = i64> + Clone {
    let known = [0, 1, -1, 2, 7, 1000, i64::MAX, i64::MIN, i64::from(i32::MAX), i64::from(i32::MAX) + 1, i64::from(i32::MIN) - 1];
    prop_oneof![8 => select(known.to_vec()), 1 => any::<i64>()]
}

fn small() -> impl Strategy<Value = i32> + Clone {
    prop_oneof![8 => select(vec![0, 1, -1, 2, 7, i32::MAX, i32::MIN]), 1 => any::<i32>()]
}

fn real() -> impl Strategy<Value = f64> + Clone {
    let known = [
        0.0,
        0.1,
        -0.1,
        1.0,
        1e308,
        -1e308,
        f64::MIN_POSITIVE,
        5e-324,
        f64::INFINITY,
        f64::NEG_INFINITY,
        9_007_199_254_740_993.0,
    ];
    prop_oneof![8 => select(known.to_vec()), 1 => prop::num::f64::NORMAL]
}

fn single() -> impl Strategy<Value = f32> + Clone {
    prop_oneof![4 => select(vec![0.0, 0.1, 0.5, -1.0, f32::MAX, f32::INFINITY]), 1 => prop::num::f32::NORMAL]
}

fn instant() -> impl Strategy<Value = DateTime<Utc>> + Clone {
    let known = [-62_135_596_800_000_000, 253_402_300_799_999_999, 0, 1, -1, 1_000, 1_000_000, 1_500_000, 1_772_366_400_123_456];
    let micros = prop_oneof![8 => select(known.to_vec()), 1 => -62_135_596_800_000_000..=253_402_300_799_999_999_i64];
    micros.prop_map(|micros| DateTime::from_timestamp_micros(micros).unwrap())
}

fn day() -> impl Strategy<Value = NaiveDate> + Clone {
    instant().prop_map(|instant| instant.date_naive())
}

fn hour() -> impl Strategy<Value = NaiveTime> + Clone {
    instant().prop_map(|instant| instant.time())
}

fn bytes() -> impl Strategy<Value = Vec<u8>> + Clone {
    prop_oneof![select(vec![vec![], vec![0], vec![0, 1], vec![255], b"abc".to_vec()]), prop::collection::vec(any::<u8>(), 0..4)]
}

fn token() -> impl Strategy<Value = Uuid> + Clone {
    prop_oneof![
        select(vec![Uuid::nil(), Uuid::max(), Uuid::from_u128(1 << 127), Uuid::from_u128(7)]),
        any::<u128>().prop_map(Uuid::from_u128)
    ]
}

fn status() -> impl Strategy<Value = Status> + Clone {
    select(vec![Status::New, Status::Done, Status::Broken])
}

fn key() -> impl Strategy<Value = String> + Clone {
    let known = [
        "a", "b", "", "0", "1", "-", "-1", "a.b", "\"", "'", "a\"b", "/", "~", "~1", "~0", "$", "$.a", "[0]", "\\", "\n",
        "\u{1}", "é", "a b", "#", "?",
    ];
    select(known.map(str::to_owned).to_vec())
}

fn scalar() -> impl Strategy<Value = Json> + Clone {
    prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        whole().prop_map(Json::from),
        select(vec![json!(1.0), json!(0.5), json!(u64::MAX), json!(-1.0), json!(1e300), json!(7.0)]),
        text().prop_map(Json::from),
    ]
}

fn document() -> impl Strategy<Value = Json> + Clone {
    let tree = scalar().prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..3).prop_map(Json::from),
            3 => prop::collection::vec((key(), inner), 0..3)
                .prop_map(|fields| Json::from(fields.into_iter().collect::<Map<_, _>>())),
        ]
    });
    tree.prop_filter("SeaORM reads a null at the top as a missing value", |json| !json.is_null())
}

fn models() -> impl Strategy<Value = Vec<item::Model>> {
    use prop::option::of;
    let first =
        (text(), of(text()), of(status()), small(), of(whole()), of(real()), of(single()), of(any::<bool>()), of(bytes()));
    let second = (of(token()), of(day()), of(hour()), of(instant()), instant(), of(instant()), of(document()));
    let model = (first, second).prop_map(|(first, second)| {
        let (name, nick, status, small, large, real, single, flag, bytes) = first;
        let (token, day, hour, local, at, due, json) = second;
        let (local, due) = (local.map(|local| local.naive_utc()), due.map(|due| due.fixed_offset()));
        item::Model { id: 0, name, nick, status, small, large, real, single, flag, bytes, token, day, hour, local, at, due, json }
    });
    prop::collection::vec(model, 0..40).prop_map(|models| {
        let numbered = models.into_iter().enumerate();
        numbered.map(|(id, model)| item::Model { id: i32::try_from(id).unwrap() * 3 - 20, ..model }).collect()
    })
}

type Items1 = Filter<item::Model>;

/// Conditions on a column of values that have an order.
macro_rules! ordered {
    ($column:expr, $values:expr) => {{
        let (one, two) = ($values, $values);
        (0..10_u8, one, two, prop::collection::vec($values, 0..4)).prop_map(|(which, value, other, several)| match which {
            0 => field($column).equals(value),
            1 => field($column).not_equals(value),
            2 => field($column).less_than(value),
            3 => field($column).at_most(value),
            4 => field($column).greater_than(value),
            5 => field($column).at_least(value),
            6 => field($column).between(value, other),
            7 => field($column).is_in(several),
            8 => field($column).is_null(),
            _ => field($column).is_not_null(),
        })
    }};
}

fn text_test() -> impl Strategy<Value = Items1> {
    (any::<bool>(), 0..8_u8, text(), patterns()).prop_map(|(is_nick, which, text, pattern)| {
        macro_rules! test {
            ($field:expr) => {
                match which {
                    0 => $field.contains(text),
                    1 => $field.starts_with(text),
                    2 => $field.ends_with(text),
                    3 => $field.equals_ignore_ascii_case(text),
                    4 => $field.contains_ignore_ascii_case(text),
                    5 => $field.starts_with_ignore_ascii_case(text),
                    6 => $field.ends_with_ignore_ascii_case(text),
                    _ => $field.matches_pattern(pattern),
                }
            };
        }
        if is_nick { test!(field(COLUMN.nick)) } else { test!(field(COLUMN.name)) }
    })
}

fn patterns() -> impl Strategy<Value = TextPattern> {
    let literals = prop::collection::vec(text(), 0..3);
    (any::<bool>(), text(), literals, prop::option::of(text()), any::<bool>()).prop_map(|(starts, first, then, end, ignores)| {
        let first = if starts { TextPattern::starting(first) } else { TextPattern::containing(first) };
        let pattern = then.into_iter().fold(first, TextPattern::then);
        let pattern = end.into_iter().fold(pattern, TextPattern::ending);
        if ignores { pattern.ignore_ascii_case() } else { pattern }
    })
}

fn path_test() -> impl Strategy<Value = Items1> {
    let scalar = prop_oneof![text().prop_map(Scalar::from), whole().prop_map(Scalar::from), any::<bool>().prop_map(Scalar::from)];
    (prop::collection::vec(key(), 1..4), scalar).prop_map(|(path, scalar)| field(COLUMN.json).path_equals(path, scalar))
}

fn status_test() -> impl Strategy<Value = Items1> {
    (0..5_u8, status()).prop_map(|(which, status)| {
        let field = field_of(item::Column::Status);
        match which {
            0 => field.equals(status),
            1 => field.not_equals(status),
            2 => field.less_than(status),
            3 => field.at_least(status),
            _ => field.is_in([status, Status::New]),
        }
    })
}

fn flag_test() -> impl Strategy<Value = Items1> {
    (0..3_u8, any::<bool>()).prop_map(|(which, value)| match which {
        0 => field(COLUMN.flag).equals(value),
        1 => field(COLUMN.flag).not_equals(value),
        _ => field(COLUMN.flag).is_null(),
    })
}

/// Two columns of one model, of which a few cannot be compared with each other.
fn columns_test() -> impl Strategy<Value = Items1> {
    macro_rules! compared {
        ($one:expr, $other:expr) => {
            (0..6_u8).prop_map(|which| match which {
                0 => field($one).equals_column($other),
                1 => field($one).not_equals_column($other),
                2 => field($one).less_than_column($other),
                3 => field($one).at_most_column($other),
                4 => field($one).greater_than_column($other),
                _ => field($one).at_least_column($other),
            })
        };
    }
    prop_oneof![
        compared!(COLUMN.nick, COLUMN.name),
        compared!(COLUMN.small, COLUMN.large),
        compared!(COLUMN.id, COLUMN.small),
        compared!(COLUMN.due, COLUMN.at),
        compared!(COLUMN.local, COLUMN.local),
        compared!(COLUMN.real, COLUMN.real),
        compared!(COLUMN.token, COLUMN.token),
        compared!(COLUMN.local, COLUMN.at),
        compared!(field_of(item::Column::Status), field_of(item::Column::Name)),
    ]
}

/// The models that have a value of others, which fulfil a filter of their own.
fn exists_in(inner: impl Strategy<Value = Items1> + Clone) -> impl Strategy<Value = Items1> {
    (0..14_u8, inner).prop_map(|(which, filter)| match which {
        0 => field(COLUMN.small).exists_in(COLUMN.id, filter),
        1 => field(COLUMN.large).exists_in(COLUMN.small, filter),
        2 => field(COLUMN.nick).exists_in(COLUMN.name, filter),
        3 => field(COLUMN.name).exists_in(COLUMN.nick, filter),
        4 => field(COLUMN.due).exists_in(COLUMN.at, filter),
        5 => field(COLUMN.token).exists_in(COLUMN.token, filter),
        6 => field(COLUMN.real).exists_in(COLUMN.real, filter),
        7 => field(COLUMN.single).exists_in(COLUMN.single, filter),
        8 => field(COLUMN.day).exists_in(COLUMN.day, filter),
        9 => field(COLUMN.hour).exists_in(COLUMN.hour, filter),
        10 => field(COLUMN.local).exists_in(COLUMN.local, filter),
        11 => field(COLUMN.bytes).exists_in(COLUMN.bytes, filter),
        12 => field(COLUMN.flag).exists_in(COLUMN.flag, filter),
        _ => field_of(item::Column::Status).exists_in(field_of(item::Column::Name), filter),
    })
}

/// Filters on one model, and on others beside it.
fn filters() -> impl Strategy<Value = Items1> {
    let nested = exists_in(own_filters(1).boxed());
    let inner = prop_oneof![4 => own_filters(1), 1 => nested].boxed();
    let test = prop_oneof![4 => own_filters(4), 1 => exists_in(inner)];
    test.prop_recursive(1, 4, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(one, other)| one.and(other)),
            (inner.clone(), inner.clone()).prop_map(|(one, other)| one.or(other)),
            inner.prop_map(|filter| !filter),
        ]
    })
}

/// Filters on one model.
fn own_filters(depth: u32) -> impl Strategy<Value = Items1> {
    let test = prop_oneof![
        ordered!(COLUMN.id, small()),
        ordered!(COLUMN.name, text()),
        ordered!(COLUMN.nick, text()),
        ordered!(COLUMN.small, whole()),
        ordered!(COLUMN.large, whole()),
        ordered!(COLUMN.real, real()),
        ordered!(COLUMN.single, single()),
        ordered!(COLUMN.bytes, bytes()),
        ordered!(COLUMN.token, token()),
        ordered!(COLUMN.day, day()),
        ordered!(COLUMN.hour, hour()),
        ordered!(COLUMN.local, instant().prop_map(|instant| instant.naive_utc())),
        ordered!(COLUMN.at, instant()),
        ordered!(COLUMN.due, instant()),
        text_test(),
        text_test(),
        path_test(),
        path_test(),
        status_test(),
        flag_test(),
        columns_test(),
        prop_oneof![Just(Filter::all()), Just(Filter::none())],
    ];
    test.prop_recursive(depth, 24, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Filter::all_of),
            prop::collection::vec(inner.clone(), 0..3).prop_map(Filter::any_of),
            (inner.clone(), inner.clone()).prop_map(|(one, other)| one.and(other)),
            (inner.clone(), inner.clone()).prop_map(|(one, other)| one.or(other)),
            inner.prop_map(|filter| !filter),
        ]
    })
}

fn ordered_by(query: Query<item::Model>, column: u8, descending: bool) -> Query<item::Model> {
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

fn text_of(answer: larder::Result<impl Debug>) -> String {
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

async fn answer(items: &Items, query: &Query<item::Model>, question: &Question, filter: &Items1) -> String {
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
