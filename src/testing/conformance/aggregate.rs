use std::fmt::Debug;

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use larder::{
    Aggregate, Aggregation, Cx, Error, ErrorKind, Filter, Ordered, ReaderExt, Result, TimeBucket, TransactionalExt, TypedColumn,
    field, field_of,
};
use sea_orm::prelude::Decimal;
use serde::{Deserialize, de::DeserializeOwned};
use uuid::Uuid;

use crate::testing::{
    Fixture, Harness, Items,
    entities::{
        item::{self, COLUMN, Status},
        page, price, tally,
    },
    item, page as new_page, time,
};

/// Six items: 1 to 5 with values, of which some are the same, and 6 with none but where one has to be.
async fn six(harness: &'static dyn Harness) -> (Fixture, Items) {
    let fixture = harness.fresh().await;
    let items = fixture.store.repository::<item::Entity>();
    let full = |id: i32| item::Model {
        nick: Some(["b", "B", "ä", "b", "a"][id as usize - 1].to_owned()),
        status: Some([Status::New, Status::Done, Status::Broken, Status::New, Status::New][id as usize - 1]),
        small: id,
        large: Some(i64::from(id) * 10),
        real: Some(f64::from(id) / 2.0),
        single: Some(id as f32 / 4.0),
        flag: Some(id % 2 == 0),
        bytes: Some(vec![0xf0, id as u8]),
        token: Some(Uuid::from_u128((id as u128) << 125)),
        day: Some(time(&format!("2026-01-0{id}T00:00:00Z")).date_naive()),
        hour: Some(time(&format!("2026-01-01T0{id}:00:00.5Z")).time()),
        local: Some(time(&format!("2026-01-01T0{id}:30:00Z")).naive_utc()),
        at: time(&format!("2026-01-01T00:0{id}:00.000001Z")),
        due: Some(time(&format!("1969-12-31T2{}:59:59.9Z", id.min(3))).fixed_offset()),
        ..item(id)
    };
    let models: Vec<_> = (1..6).map(full).chain([item::Model { small: -1, ..item(6) }]).collect();
    items.create_batch(&Cx::new(), &models).await.unwrap();
    (fixture, items)
}

async fn groups<T: DeserializeOwned + Send>(items: &Items, aggregation: Aggregation<item::Model>) -> Vec<T> {
    items.aggregate_as(&Cx::new(), &Filter::all(), &aggregation).await.unwrap()
}

async fn one<T: DeserializeOwned + Send>(items: &Items, aggregation: Aggregation<item::Model>) -> T {
    items.aggregate_one(&Cx::new(), &Filter::all(), &aggregation).await.unwrap()
}

/// The first and the last value of a column.
async fn ends<T, C>(items: &Items, column: C) -> (T, T)
where
    T: DeserializeOwned + Send,
    C: TypedColumn<Model = item::Model, Kind: Ordered> + Copy,
{
    one(items, Aggregation::new().and(Aggregate::minimum(column)).and(Aggregate::maximum(column))).await
}

/// Counts, sums and averages are of the values that are there, and of no others.
pub async fn computes_counts_sums_and_averages(harness: &'static dyn Harness) {
    let (_fixture, items) = six(harness).await;
    let counts = Aggregation::new().and(Aggregate::count()).and(Aggregate::count_of(COLUMN.nick));
    let counts = counts.and(Aggregate::count_of(COLUMN.json)).and(Aggregate::count_of(COLUMN.at));
    assert_eq!(one::<(u64, u64, u64, u64)>(&items, counts).await, (6, 5, 0, 6));
    let different = Aggregation::new().and(Aggregate::count_distinct(COLUMN.nick)).and(Aggregate::count_distinct(COLUMN.due));
    let different = different.and(Aggregate::count_distinct(COLUMN.token)).and(Aggregate::count_distinct(COLUMN.flag));
    assert_eq!(one::<(u64, u64, u64, u64)>(&items, different).await, (4, 3, 5, 2));
    let sums = Aggregation::new().and(Aggregate::sum(COLUMN.small)).and(Aggregate::sum(COLUMN.large));
    let sums = sums.and(Aggregate::sum(COLUMN.real)).and(Aggregate::sum(COLUMN.single));
    assert_eq!(one::<(i32, i64, f64, f64)>(&items, sums).await, (14, 150, 7.5, 3.75));
    let averages = Aggregation::new().and(Aggregate::average(COLUMN.small)).and(Aggregate::average(COLUMN.large));
    let averages = averages.and(Aggregate::average(COLUMN.real)).and(Aggregate::average(COLUMN.single));
    assert_eq!(one::<(f64, f64, f64, f64)>(&items, averages).await, (2.0 + 2.0 / 6.0, 30.0, 1.5, 0.75));
}

/// The minimum and the maximum are the first and the last value in the order of a query, for values of every kind.
pub async fn finds_the_first_and_the_last_value(harness: &'static dyn Harness) {
    let (_fixture, items) = six(harness).await;
    let times = |from: &str, until: &str| (time(from), time(until));
    assert_eq!(ends::<i32, _>(&items, COLUMN.small).await, (-1, 5));
    assert_eq!(ends::<i64, _>(&items, COLUMN.large).await, (10, 50));
    assert_eq!(ends::<f64, _>(&items, COLUMN.real).await, (0.5, 2.5));
    assert_eq!(ends::<f32, _>(&items, COLUMN.single).await, (0.25, 1.25));
    assert_eq!(ends::<String, _>(&items, COLUMN.nick).await, ("B".to_owned(), "ä".to_owned()));
    let status = field_of(item::Column::Status);
    assert_eq!(ends::<String, _>(&items, status).await, ("broken".to_owned(), "new".to_owned()));
    assert_eq!(ends::<bool, _>(&items, COLUMN.flag).await, (false, true));
    assert_eq!(ends::<Vec<u8>, _>(&items, COLUMN.bytes).await, (vec![0xf0, 1], vec![0xf0, 5]));
    let token = |id: u128| Uuid::from_u128(id << 125);
    assert_eq!(ends::<Uuid, _>(&items, COLUMN.token).await, (token(1), token(5)));
    let (from, until) = times("2026-01-01T00:00:00Z", "2026-01-01T00:05:00.000001Z");
    assert_eq!(ends::<DateTime<Utc>, _>(&items, COLUMN.at).await, (from, until));
    let (from, until) = times("1969-12-31T21:59:59.9Z", "1969-12-31T23:59:59.9Z");
    assert_eq!(ends::<DateTime<FixedOffset>, _>(&items, COLUMN.due).await, (from.into(), until.into()));
    let (from, until) = times("2026-01-01T01:30:00Z", "2026-01-01T05:30:00Z");
    assert_eq!(ends::<NaiveDateTime, _>(&items, COLUMN.local).await, (from.naive_utc(), until.naive_utc()));
    let (from, until) = times("2026-01-01T01:00:00.5Z", "2026-01-05T05:00:00.5Z");
    assert_eq!(ends::<NaiveTime, _>(&items, COLUMN.hour).await, (from.time(), until.time()));
    assert_eq!(ends::<NaiveDate, _>(&items, COLUMN.day).await, (from.date_naive(), until.date_naive()));
}

/// Without groups there is exactly one row, also of no models: counts are 0, and everything else is null.
pub async fn answers_one_row_of_no_models(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let (items, cx) = (fixture.store.repository::<item::Entity>(), Cx::new());
    let counts = Aggregation::new().and(Aggregate::count()).and(Aggregate::count_of(COLUMN.nick));
    let counts = counts.and(Aggregate::count_distinct(COLUMN.nick));
    let rest = Aggregation::new().and(Aggregate::sum(COLUMN.small)).and(Aggregate::sum(COLUMN.real));
    let rest = rest.and(Aggregate::average(COLUMN.small)).and(Aggregate::average(COLUMN.single));
    let rest = rest.and(Aggregate::minimum(COLUMN.at)).and(Aggregate::maximum(COLUMN.token));
    type Rest = (Option<i64>, Option<f64>, Option<f64>, Option<f64>, Option<String>, Option<Uuid>);
    for is_stored in [false, true] {
        let filter = if is_stored { field(COLUMN.small).greater_than(7) } else { Filter::all() };
        assert_eq!(items.aggregate_one::<(u64, u64, u64)>(&cx, &filter, &counts).await.unwrap(), (0, 0, 0));
        assert_eq!(items.aggregate_one::<Rest>(&cx, &filter, &rest).await.unwrap(), (None, None, None, None, None, None));
        let by_name = counts.clone().group_by(COLUMN.name);
        assert!(items.aggregate(&cx, &filter, &by_name).await.unwrap().is_empty());
        items.create(&cx, &item(1)).await.unwrap_or_else(|_| item(1));
    }
    let limited = items.aggregate_one::<u64>(&cx, &Filter::all(), &Aggregation::new().and(Aggregate::count()).limit(1)).await;
    assert_eq!(limited.unwrap_err().kind(), ErrorKind::InvalidInput);
    let grouped = items.aggregate_one::<u64>(&cx, &Filter::all(), &Aggregation::new().group_by(COLUMN.name)).await;
    assert_eq!(grouped.unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[derive(Debug, PartialEq, Deserialize)]
struct OfStatus {
    #[serde(deserialize_with = "larder::column_value")]
    status: Option<Status>,
    flag: Option<bool>,
    count: u64,
    total: Option<i64>,
}

/// There is a group for each value of a column, or for each combination of values, in ascending order; null is one group, and the
/// first.
pub async fn makes_a_group_of_each_value(harness: &'static dyn Harness) {
    let (_fixture, items) = six(harness).await;
    items.create(&Cx::new(), &item(7)).await.unwrap();
    let counted = |aggregation: Aggregation<item::Model>| aggregation.and(Aggregate::count());
    let nicks: Vec<(Option<String>, u64)> = groups(&items, counted(Aggregation::new().group_by(COLUMN.nick))).await;
    let nick = |text: &str, count| (Some(text.to_owned()), count);
    assert_eq!(nicks, [(None, 2), nick("B", 1), nick("a", 1), nick("b", 2), nick("ä", 1)]);
    let dues: Vec<(Option<DateTime<Utc>>, u64)> = groups(&items, counted(Aggregation::new().group_by(COLUMN.due))).await;
    let due = |hour: u8, count| (Some(time(&format!("1969-12-31T{hour}:59:59.9Z"))), count);
    assert_eq!(dues, [(None, 2), due(21, 1), due(22, 1), due(23, 3)]);
    let both = Aggregation::new().group_by(field_of(item::Column::Status)).group_by(COLUMN.flag);
    let both = counted(both).and(Aggregate::sum(COLUMN.large).named("total"));
    let of = |status, flag, count, total| OfStatus { status, flag, count, total };
    assert_eq!(
        groups::<OfStatus>(&items, both).await,
        [
            of(None, None, 2, None),
            of(Some(Status::Broken), Some(false), 1, Some(30)),
            of(Some(Status::Done), Some(true), 1, Some(20)),
            of(Some(Status::New), Some(false), 2, Some(60)),
            of(Some(Status::New), Some(true), 1, Some(40)),
        ]
    );
    let tokens: Vec<Option<Uuid>> = groups(&items, Aggregation::new().group_by(COLUMN.token)).await;
    assert_eq!(tokens.len(), 6);
    let bytes: Vec<Option<Vec<u8>>> = groups(&items, Aggregation::new().group_by(COLUMN.bytes)).await;
    assert_eq!((bytes.len(), &bytes[..2]), (6, &[None, Some(vec![0xf0, 1])][..]));
}

/// Each value is of the models that fulfil its own filter as well as that of the call.
pub async fn filters_each_value(harness: &'static dyn Harness) {
    let (_fixture, items) = six(harness).await;
    let is_new = || field_of(item::Column::Status).equals(Status::New);
    let values = Aggregation::new()
        .and(Aggregate::count())
        .and(Aggregate::count().only(is_new()))
        .and(Aggregate::count().only(!is_new()))
        .and(Aggregate::sum(COLUMN.large).only(is_new()).only(field(COLUMN.flag).equals(false)))
        .and(Aggregate::average(COLUMN.real).only(is_new()))
        .and(Aggregate::maximum(COLUMN.nick).only(field(COLUMN.nick).starts_with("a")))
        .and(Aggregate::count_distinct(COLUMN.nick).only(Filter::none()))
        .and(Aggregate::minimum(COLUMN.at).only(Filter::none()));
    type Values = (u64, u64, u64, Option<i64>, Option<f64>, Option<String>, u64, Option<DateTime<Utc>>);
    let filter = field(COLUMN.small).at_most(4);
    let read: Values = items.aggregate_one(&Cx::new(), &filter, &values).await.unwrap();
    assert_eq!(read, (5, 2, 3, Some(10), Some(1.25), None, 0, None));
    let by_flag = Aggregation::new().group_by(COLUMN.flag).and(Aggregate::count().only(is_new()));
    let by_flag: Vec<(Option<bool>, u64)> = groups(&items, by_flag).await;
    assert_eq!(by_flag, [(None, 0), (Some(false), 2), (Some(true), 1)]);
}

/// A sum of whole numbers is exact to 128 bits. What the type that is asked for cannot hold is `InvalidInput`.
pub async fn adds_whole_numbers_to_128_bits(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let (items, cx) = (fixture.store.repository::<item::Entity>(), Cx::new());
    let sum = Aggregation::new().and(Aggregate::sum(COLUMN.large));
    for (number, count) in [(i64::MAX, 100), (i64::MIN, 300)] {
        let first = if number > 0 { 0 } else { 1000 };
        let models: Vec<_> = (first..first + count).map(|id| item::Model { large: Some(number), ..item(id) }).collect();
        items.create_batch(&cx, &models).await.unwrap();
        let total = 100 * i128::from(i64::MAX) + if number > 0 { 0 } else { 300 * i128::from(i64::MIN) };
        assert_eq!(one::<i128>(&items, sum.clone()).await, total);
        let decimal: Decimal = one(&items, sum.clone()).await;
        assert_eq!(decimal, Decimal::from_i128_with_scale(total, 0));
        let too_large = items.aggregate_one::<i64>(&cx, &Filter::all(), &sum).await.unwrap_err();
        assert!(too_large.kind() == ErrorKind::InvalidInput && too_large.to_string().contains("sum_large"), "{too_large}");
    }
    let average: f64 = one(&items, Aggregation::new().and(Aggregate::average(COLUMN.large))).await;
    assert_eq!(average, -4.611_686_018_427_388e18);
    let grouped = Aggregation::new().group_by(COLUMN.large).and(Aggregate::sum(COLUMN.large)).and(Aggregate::count());
    let grouped: Vec<(i64, i128, u64)> = groups(&items, grouped).await;
    let of = |number: i64, count: u64| (number, i128::from(number) * i128::from(count), count);
    assert_eq!(grouped, [of(i64::MIN, 300), of(i64::MAX, 100)]);
    if fixture.store.capabilities().unsigned {
        let tallies = fixture.store.repository::<tally::Entity>();
        tallies.create_batch(&cx, &[1, 2, 3].map(|id| tally::Model { id, count: u64::MAX })).await.unwrap();
        let sum = Aggregation::new().and(Aggregate::sum(field_of(tally::Column::Count)));
        let total: i128 = tallies.aggregate_one(&cx, &Filter::all(), &sum).await.unwrap();
        assert_eq!(total, 3 * i128::from(u64::MAX));
    }
}

/// A sum of decimals is exact, and an average is rounded to a decimal's digits. Equal decimals are one group.
pub async fn adds_decimals_exactly(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let (prices, cx) = (fixture.store.repository::<price::Entity>(), Cx::new());
    if !fixture.store.capabilities().decimals {
        let refused = prices.aggregate(&cx, &Filter::all(), &Aggregation::new().and(Aggregate::count())).await;
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Unsupported);
        return;
    }
    let decimal = |text: &str| text.parse::<Decimal>().unwrap();
    let (amount, exact) = (|| field_of(price::Column::Amount), || field_of(price::Column::Exact));
    let large = Some("99999999999999999999");
    let models = [("0.10", large), ("0.2", large), ("0.1", Some("0.00000001")), ("5", None)]
        .map(|(amount, exact)| (decimal(amount), exact.map(decimal)));
    let models = (1..).zip(models).map(|(id, (amount, exact))| price::Model { id, amount, exact });
    prices.create_batch(&cx, &models.collect::<Vec<_>>()).await.unwrap();
    let values = Aggregation::new().and(Aggregate::sum(amount())).and(Aggregate::average(amount()));
    let values = values.and(Aggregate::maximum(amount())).and(Aggregate::count_distinct(amount()));
    let read: (Decimal, Decimal, Decimal, u64) = prices.aggregate_one(&cx, &Filter::all(), &values).await.unwrap();
    assert_eq!(read, (decimal("5.4"), decimal("1.35"), decimal("5"), 3));
    let exactly = Aggregation::new().and(Aggregate::sum(exact()));
    let total: Decimal = prices.aggregate_one(&cx, &Filter::all(), &exactly).await.unwrap();
    assert_eq!(total, decimal("199999999999999999998.00000001"));
    let groups = Aggregation::new().group_by(amount()).and(Aggregate::count()).and(Aggregate::sum(exact()));
    let groups =
        groups.having(Aggregate::sum(amount()).at_most(decimal("0.20"))).order_by_aggregate_desc(Aggregate::sum(exact()));
    let groups: Vec<(Decimal, u64, Option<Decimal>)> = prices.aggregate_as(&cx, &Filter::all(), &groups).await.unwrap();
    let of = |amount: &str, count, exact: &str| (decimal(amount), count, Some(decimal(exact)));
    assert_eq!(groups, [of("0.1", 2, "99999999999999999999.00000001"), of("0.2", 1, "99999999999999999999")]);
    let third = field_of(price::Column::Id).is_in([1, 2, 3]);
    let average: Decimal =
        prices.aggregate_one(&cx, &third, &Aggregation::new().and(Aggregate::average(amount()))).await.unwrap();
    assert_eq!(average, decimal("0.1333333333333333333333333333"));
}

/// A sum that the store cannot answer is `InvalidInput`, also of a group that a limit leaves out, and names its column.
pub async fn refuses_sums_that_it_cannot_answer(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let (items, cx) = (fixture.store.repository::<item::Entity>(), Cx::new());
    let values = [(1.0, 1), (1e308, 2), (1e308, 2), (f64::INFINITY, 3), (f64::NEG_INFINITY, 3), (f64::INFINITY, 4)];
    let models = (1..).zip(values).map(|(id, (real, small))| item::Model { real: Some(real), small, ..item(id) });
    items.create_batch(&cx, &models.collect::<Vec<_>>()).await.unwrap();
    let sum = || Aggregate::sum(COLUMN.real);
    let of = |small: i32| field(COLUMN.small).equals(small);
    assert_eq!(items.aggregate_one::<f64>(&cx, &of(1), &Aggregation::new().and(sum())).await.unwrap(), 1.0);
    for small in [2, 3, 4] {
        for aggregation in [Aggregation::new().and(sum()), Aggregation::new().and(Aggregate::average(COLUMN.real))] {
            let error = items.aggregate(&cx, &of(small), &aggregation).await.unwrap_err();
            assert_eq!((error.kind(), error.operation()), (ErrorKind::InvalidInput, Some("aggregate")), "{small} {error}");
        }
    }
    let first = Aggregation::new().group_by(COLUMN.small).and(sum()).limit(1);
    assert_eq!(items.aggregate(&cx, &Filter::all(), &first).await.unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(ends::<f64, _>(&items, COLUMN.real).await, (f64::NEG_INFINITY, f64::INFINITY));
    if fixture.store.capabilities().decimals {
        let prices = fixture.store.repository::<price::Entity>();
        let exact = |text: &str| text.parse::<Decimal>().ok();
        let models = [(1, exact("99999999999999999999")), (2, exact("0.000000000000000001"))];
        let models = models.map(|(id, exact)| price::Model { id, amount: Decimal::ONE, exact });
        prices.create_batch(&cx, &models).await.unwrap();
        let sum = Aggregation::new().and(Aggregate::sum(field_of(price::Column::Exact)));
        let error = prices.aggregate(&cx, &Filter::all(), &sum).await.unwrap_err();
        assert_eq!((error.kind(), error.column()), (ErrorKind::InvalidInput, Some("exact")), "{error}");
    }
}

async fn starts(items: &Items, bucket: TimeBucket) -> Vec<(String, u64)> {
    let aggregation = Aggregation::new().group_by_time(COLUMN.at, bucket).and(Aggregate::count());
    let read: Vec<(DateTime<Utc>, u64)> = groups(items, aggregation).await;
    read.into_iter().map(|(start, count)| (start.format("%FT%T%.f").to_string(), count)).collect()
}

/// Times before and after the first instant of 1970.
const TIMES: [&str; 5] = [
    "1969-12-31T22:59:59.999999Z",
    "1969-12-31T23:00:00Z",
    "1969-12-31T23:59:59.5Z",
    "1970-01-01T00:00:00Z",
    "1970-01-01T00:07:30.000001Z",
];

/// A bucket of time begins at each multiple of its width since 1970, also before it, by clocks of a fixed offset; an instant
/// belongs to the last one that does not begin after it.
pub async fn groups_by_time_from_the_epoch(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let (items, cx) = (fixture.store.repository::<item::Entity>(), Cx::new());
    let model = |(id, at): (i32, &str)| item::Model {
        at: time(at),
        local: Some(time(at).naive_utc()),
        due: Some(time(at).fixed_offset()),
        ..item(id)
    };
    items.create_batch(&cx, &(1..).zip(TIMES).map(model).collect::<Vec<_>>()).await.unwrap();
    let of = |expected: &[(&str, u64)]| expected.iter().map(|(at, count)| ((*at).to_owned(), *count)).collect::<Vec<_>>();
    let hours = of(&[("1969-12-31T22:00:00", 1), ("1969-12-31T23:00:00", 2), ("1970-01-01T00:00:00", 2)]);
    assert_eq!(starts(&items, TimeBucket::hours(1)).await, hours);
    assert_eq!(starts(&items, TimeBucket::days(1)).await, of(&[("1969-12-31T00:00:00", 3), ("1970-01-01T00:00:00", 2)]));
    assert_eq!(starts(&items, TimeBucket::days(7)).await, of(&[("1969-12-25T00:00:00", 3), ("1970-01-01T00:00:00", 2)]));
    let offset = FixedOffset::east_opt(3_600).unwrap();
    let here = of(&[("1969-12-30T23:00:00", 1), ("1969-12-31T23:00:00", 4)]);
    assert_eq!(starts(&items, TimeBucket::days(1).offset(offset)).await, here);
    let halves = of(&[
        ("1969-12-31T22:59:59.500", 1),
        ("1969-12-31T23:00:00", 1),
        ("1969-12-31T23:59:59.500", 1),
        ("1970-01-01T00:00:00", 1),
        ("1970-01-01T00:07:30", 1),
    ]);
    assert_eq!(starts(&items, TimeBucket::microseconds(500_000)).await, halves);
    let quarters =
        of(&[("1969-12-31T22:45:00", 1), ("1969-12-31T23:00:00", 1), ("1969-12-31T23:45:00", 1), ("1970-01-01T00:00:00", 2)]);
    assert_eq!(starts(&items, TimeBucket::minutes(15)).await, quarters);
    items.create(&cx, &item::Model { at: time(TIMES[0]), ..item(6) }).await.unwrap();
    let naive = Aggregation::new().group_by_time(COLUMN.local, TimeBucket::hours(2)).and(Aggregate::count());
    let naive: Vec<(Option<NaiveDateTime>, u64)> = groups(&items, naive).await;
    let start = |text| Some(time(text).naive_utc());
    assert_eq!(naive, [(None, 1), (start("1969-12-31T22:00:00Z"), 3), (start("1970-01-01T00:00:00Z"), 2)]);
    let due = Aggregation::new().group_by_time(COLUMN.due, TimeBucket::seconds(90)).group_by(COLUMN.name).and(Aggregate::count());
    let due: Vec<(Option<DateTime<FixedOffset>>, String, u64)> = groups(&items, due.order_by_desc(COLUMN.due).limit(2)).await;
    assert_eq!(due, [(None, "same".to_owned(), 1), (Some(time("1970-01-01T00:07:30Z").into()), "same".to_owned(), 1)]);
}

/// Buckets without models are there where that is asked for, with counts of 0 and nulls, for each combination of other values
/// that there is.
pub async fn fills_buckets_without_models(harness: &'static dyn Harness) {
    let (_fixture, items) = six(harness).await;
    let minutes = TimeBucket::minutes(2).filled(time("2026-01-01T00:03:59Z"), time("2026-01-01T00:08:00Z"));
    let filled = || Aggregation::new().group_by_time(COLUMN.at, minutes.clone()).and(Aggregate::count());
    let minute = |minute: u8| time(&format!("2026-01-01T00:0{minute}:00Z"));
    let of_all = filled().and(Aggregate::sum(COLUMN.large));
    let expected = [(minute(0), 2, Some(10)), (minute(2), 2, Some(50)), (minute(4), 2, Some(90)), (minute(6), 0, None)];
    assert_eq!(groups::<(DateTime<Utc>, u64, Option<i64>)>(&items, of_all).await, expected);
    let nothing = items.aggregate_as(&Cx::new(), &Filter::none(), &filled().and(Aggregate::maximum(COLUMN.nick))).await;
    let nothing: Vec<(DateTime<Utc>, u64, Option<String>)> = nothing.unwrap();
    assert_eq!(nothing, [2, 4, 6].map(|of| (minute(of), 0, None)));
    let by_flag = filled().group_by(COLUMN.flag).having(Aggregate::count().equals(0)).order_by(COLUMN.flag).limit(4);
    let by_flag: Vec<(DateTime<Utc>, Option<bool>, u64)> =
        items.aggregate_as(&Cx::new(), &field(COLUMN.flag).is_not_null(), &by_flag).await.unwrap();
    assert_eq!(
        by_flag.iter().map(|(at, flag, _)| (*at, *flag)).collect::<Vec<_>>(),
        [(minute(6), Some(false)), (minute(6), Some(true))]
    );
    let too_many = TimeBucket::microseconds(1).filled(minute(0), minute(1));
    let too_many = Aggregation::new().group_by_time(COLUMN.at, too_many).and(Aggregate::count());
    assert_eq!(items.aggregate(&Cx::new(), &Filter::all(), &too_many).await.unwrap_err().kind(), ErrorKind::InvalidInput);
}

/// Only the groups are answered of which every condition is true; a comparison with null is false.
pub async fn leaves_out_groups(harness: &'static dyn Harness) {
    let (_fixture, items) = six(harness).await;
    let by_nick = || Aggregation::new().group_by(COLUMN.nick);
    let nicks = async |aggregation| groups::<Option<String>>(&items, aggregation).await;
    let some = |nicks: &[&str]| nicks.iter().map(|nick| Some((*nick).to_owned())).collect::<Vec<_>>();
    assert_eq!(nicks(by_nick().having(Aggregate::count().at_least(2))).await, some(&["b"]));
    assert_eq!(nicks(by_nick().having(Aggregate::sum(COLUMN.large).equals(50))).await, some(&["a", "b"]));
    assert_eq!(nicks(by_nick().having(Aggregate::sum(COLUMN.large).not_equals(50))).await, some(&["B", "ä"]));
    assert_eq!(nicks(by_nick().having(Aggregate::sum(COLUMN.large).less_than(u64::MAX))).await.len(), 4);
    assert_eq!(nicks(by_nick().having(Aggregate::average(COLUMN.large).less_than(25.0))).await, some(&["B"]));
    assert_eq!(nicks(by_nick().having(Aggregate::maximum(COLUMN.nick).greater_than("b"))).await, some(&["ä"]));
    assert_eq!(nicks(by_nick().having(Aggregate::minimum(COLUMN.small).at_most(i64::MIN))).await, some(&[]));
    assert_eq!(nicks(by_nick().having(Aggregate::minimum(COLUMN.small).at_most(i64::MAX))).await.len(), 5);
    let since = Aggregate::maximum(COLUMN.at).at_least(time("2026-01-01T00:03:00.000001Z"));
    assert_eq!(nicks(by_nick().having(since.clone())).await, some(&["a", "b", "ä"]));
    let even = Aggregate::count().only(field(COLUMN.flag).equals(true)).equals(0);
    assert_eq!(nicks(by_nick().having(since).having(even)).await, some(&["a", "ä"]));
    // Also of what is one group.
    let none = Aggregation::new().and(Aggregate::count()).having(Aggregate::count().greater_than(6));
    assert_eq!(groups::<u64>(&items, none).await, [0_u64; 0]);
    for refused in
        [Aggregate::count().equals(1.5), Aggregate::sum(COLUMN.large).equals(0.5), Aggregate::sum(COLUMN.real).equals(i64::MAX)]
    {
        let error = items.aggregate(&Cx::new(), &Filter::all(), &by_nick().having(refused)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
}

/// Groups are in the order that is asked for, nulls first, and then in that of their keys; a limit takes the first of them.
pub async fn puts_groups_in_order(harness: &'static dyn Harness) {
    let (_fixture, items) = six(harness).await;
    let by_nick = || Aggregation::new().group_by(COLUMN.nick);
    let nicks = async |aggregation| {
        let read: Vec<Option<String>> = groups(&items, aggregation).await;
        read.into_iter().map(Option::unwrap_or_default).collect::<Vec<_>>()
    };
    assert_eq!(nicks(by_nick()).await, ["", "B", "a", "b", "ä"]);
    assert_eq!(nicks(by_nick().limit(2)).await, ["", "B"]);
    assert_eq!(nicks(by_nick().limit(0)).await, [""; 0]);
    assert_eq!(nicks(by_nick().limit(u64::MAX)).await.len(), 5);
    assert_eq!(nicks(by_nick().order_by_desc(COLUMN.nick).limit(3)).await, ["", "ä", "b"]);
    assert_eq!(nicks(by_nick().order_by_aggregate(Aggregate::count())).await, ["", "B", "a", "ä", "b"]);
    assert_eq!(nicks(by_nick().order_by_aggregate_desc(Aggregate::count())).await, ["b", "", "B", "a", "ä"]);
    let by_sum = by_nick().order_by_aggregate(Aggregate::sum(COLUMN.large));
    assert_eq!(nicks(by_sum.clone()).await, ["", "B", "ä", "a", "b"]);
    assert_eq!(nicks(by_sum.order_by_desc(COLUMN.nick).limit(4)).await, ["", "B", "ä", "b"]);
    let by_last = by_nick().order_by_aggregate_desc(Aggregate::maximum(COLUMN.token)).limit(2);
    assert_eq!(nicks(by_last).await, ["", "a"]);
    let both = Aggregation::new().group_by(COLUMN.flag).group_by(COLUMN.due).order_by(COLUMN.due).order_by_desc(COLUMN.flag);
    let both: Vec<(Option<bool>, Option<DateTime<Utc>>)> = groups(&items, both).await;
    let due = |hour: u8| Some(time(&format!("1969-12-31T{hour}:59:59.9Z")));
    let expected = [(None, None), (Some(false), due(21)), (Some(true), due(22)), (Some(true), due(23)), (Some(false), due(23))];
    assert_eq!(both, expected);
}

fn fails<T: Debug>(outcome: Result<T>) -> (ErrorKind, Option<String>) {
    let error = outcome.unwrap_err();
    assert_eq!(error.operation(), Some("aggregate"), "{error}");
    (error.kind(), error.column().map(str::to_owned))
}

/// What has no meaning is `InvalidInput` before anything is sent, names its column, and leaves a transaction as it was.
pub async fn refuses_what_cannot_be_computed(harness: &'static dyn Harness) {
    let (fixture, items) = six(harness).await;
    let new = Aggregation::<item::Model>::new;
    let of = |column: item::Column| field_of(column);
    let many = (0..101).fold(new(), |aggregation, _| aggregation.and(Aggregate::count()));
    let refused = [
        (new(), None),
        (many, None),
        (new().group_by(of(item::Column::Json)), Some("json")),
        (new().and(Aggregate::count_distinct(of(item::Column::Json))), Some("json")),
        (new().and(Aggregate::minimum(of(item::Column::Json))), Some("json")),
        (new().and(Aggregate::sum(of(item::Column::Name))), Some("name")),
        (new().and(Aggregate::average(of(item::Column::At))), Some("at")),
        (new().group_by_time(of(item::Column::Day), TimeBucket::hours(1)), Some("day")),
        (new().group_by_time(COLUMN.at, TimeBucket::hours(0)), None),
        (new().group_by_time(COLUMN.at, TimeBucket::days(366_001)), None),
        (new().group_by(COLUMN.name).order_by(COLUMN.nick), Some("nick")),
        (new().group_by(COLUMN.name).and(Aggregate::count().only(field(COLUMN.name).equals("\0"))), Some("name")),
        (new().group_by(COLUMN.name).having(Aggregate::minimum(of(item::Column::Small)).equals("x")), Some("small")),
    ];
    let counted = fixture.store.tx(&Cx::new(), |cx| {
        let (items, refused) = (items.clone(), refused.clone());
        async move {
            for (aggregation, column) in refused {
                let expected = (ErrorKind::InvalidInput, column.map(str::to_owned));
                assert_eq!(fails(items.aggregate(&cx, &Filter::all(), &aggregation).await), expected, "{aggregation:?}");
            }
            items.aggregate_one::<u64>(&cx, &Filter::all(), &Aggregation::new().and(Aggregate::count())).await
        }
    });
    assert_eq!(counted.await.unwrap(), 6);
    // The conditions of all filters count together.
    let conditions = |count: usize| Filter::any_of((0..count).map(|_| field(COLUMN.small).equals(1)));
    for (in_filter, in_value, is_refused) in [(250, 250, false), (250, 251, true)] {
        let value = Aggregation::new().and(Aggregate::count().only(conditions(in_value)));
        let counted = items.aggregate_one::<u64>(&Cx::new(), &conditions(in_filter), &value).await;
        assert_eq!(counted.map_err(|error| error.kind()), if is_refused { Err(ErrorKind::InvalidInput) } else { Ok(1) });
    }
}

/// Models that are marked as deleted do not count, unless that is asked for.
pub async fn leaves_out_what_is_marked_as_deleted(harness: &'static dyn Harness) {
    let fixture = harness.fresh().await;
    let pages = fixture.store.repository_builder::<page::Entity>().deleted_at(page::Column::DeletedAt).build().unwrap();
    let cx = Cx::new();
    pages.create_batch(&cx, &[1, 2, 3].map(|id| new_page(id, &format!("page {id}")))).await.unwrap();
    assert!(pages.delete(&cx, &2).await.unwrap());
    let values = Aggregation::new().and(Aggregate::count()).and(Aggregate::sum(page::COLUMN.id));
    let values = values.and(Aggregate::count().only(field(page::COLUMN.id).equals(2)));
    assert_eq!(pages.aggregate_one::<(u64, i64, u64)>(&cx, &Filter::all(), &values).await.unwrap(), (2, 4, 0));
    let all = values.with_deleted();
    assert_eq!(pages.aggregate_one::<(u64, i64, u64)>(&cx, &Filter::all(), &all).await.unwrap(), (3, 6, 1));
}

/// Inside a transaction, what it has written counts; outside, what is committed.
pub async fn sees_its_own_transaction(harness: &'static dyn Harness) {
    let (fixture, items) = six(harness).await;
    let values = Aggregation::new().group_by_time(COLUMN.at, TimeBucket::days(1)).and(Aggregate::sum(COLUMN.small));
    let undone = fixture.store.tx(&Cx::new(), |cx| {
        let (items, values) = (items.clone(), values.clone());
        async move {
            items.create(&cx, &item::Model { small: 100, ..item(7) }).await?;
            items.delete(&cx, &5).await?;
            let read: Vec<(DateTime<Utc>, i64)> = items.aggregate_as(&cx, &Filter::all(), &values).await?;
            assert_eq!(read, [(time("2026-01-01T00:00:00Z"), 109)]);
            // A sum that is larger than an engine's own type leaves the transaction as it is.
            let large = [8, 9].map(|id| item::Model { large: Some(i64::MAX), ..item(id) });
            items.create_batch(&cx, &large).await?;
            let large = Aggregation::new().and(Aggregate::sum(COLUMN.large));
            assert_eq!(items.aggregate_one::<i128>(&cx, &Filter::all(), &large).await?, 2 * i128::from(i64::MAX) + 100);
            assert_eq!(items.count(&cx, &Filter::all()).await?, 8);
            Err::<(), _>(Error::new(ErrorKind::Internal, "undo"))
        }
    });
    assert_eq!(undone.await.unwrap_err().kind(), ErrorKind::Internal);
    assert_eq!(groups::<(DateTime<Utc>, i64)>(&items, values).await, [(time("2026-01-01T00:00:00Z"), 14)]);
}
