//! Aggregates of values that other programs stored: in other forms, of other collations, of other classes.

use chrono::{DateTime, TimeDelta, Utc};
use larder::{Aggregate, Aggregation, Cx, Error, ErrorKind, Filter, ReaderExt as _, Result, Row, TimeBucket, field_of};
use sea_orm::prelude::Date;

use super::{
    entities::{measured, moment, named, plain},
    places,
};

fn time(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

#[tokio::test]
async fn times_of_every_form_are_grouped_by_their_instants() {
    for place in places(super::moments::MOMENTS).await {
        let (cx, moments, at) = (&Cx::new(), place.store.repository::<moment::Entity>(), moment::COLUMN.at);
        let groups = Aggregation::new().group_by(at).and(Aggregate::count()).and(Aggregate::minimum(moment::COLUMN.id));
        let groups: Vec<(DateTime<Utc>, u64, i64)> = moments.aggregate_as(cx, &Filter::all(), &groups).await.unwrap();
        let day = time("2026-01-01T00:00:00Z");
        let read: Vec<_> = groups.iter().map(|(at, count, id)| ((*at - day).num_microseconds().unwrap(), *count, *id)).collect();
        let expected =
            (0..).zip(super::moments::AFTER).filter(|(id, _)| *id != 6).map(|(id, after)| (after, 1 + u64::from(id == 5), id));
        assert_eq!(read, expected.collect::<Vec<_>>(), "{}", place.name);
        let values =
            Aggregation::new().and(Aggregate::count_distinct(at)).and(Aggregate::minimum(at)).and(Aggregate::maximum(at));
        let values: (u64, DateTime<Utc>, DateTime<Utc>) = moments.aggregate_one(cx, &Filter::all(), &values).await.unwrap();
        assert_eq!(values, (9, day, day + TimeDelta::microseconds(86_399_999_999)), "{}", place.name);
        let hours = Aggregation::new().group_by_time(at, TimeBucket::hours(6)).and(Aggregate::count());
        let hours: Vec<(DateTime<Utc>, u64)> = moments.aggregate_as(cx, &Filter::all(), &hours).await.unwrap();
        let starts = [(0, 3), (6, 2), (12, 3), (18, 2)].map(|(hour, count)| (day + TimeDelta::hours(hour), count));
        assert_eq!(hours, starts, "{}", place.name);
    }
}

/// The times of one program are all in its form, until another program's come.
#[tokio::test]
async fn buckets_are_the_same_before_and_after_another_form_comes() {
    for place in places("CREATE TABLE moment (id INTEGER PRIMARY KEY, at TEXT NOT NULL);\n").await {
        let (cx, moments) = (&Cx::new(), place.store.repository::<moment::Entity>());
        place
            .run(
                "INSERT INTO moment VALUES (1, '1969-12-31T23:59:59.999999+00:00'), (2, '1970-01-01T00:00:00+00:00'),
                (3, '1970-01-01T00:00:01.250+00:00'), (4, '0001-01-01T00:00:00.001+00:00'), (5, '9999-12-31T23:59:59.999500+00:00');\n",
            )
            .await;
        for bucket in [
            TimeBucket::hours(1),
            TimeBucket::days(1),
            TimeBucket::seconds(1),
            TimeBucket::minutes(7),
            TimeBucket::microseconds(1_000),
            TimeBucket::microseconds(1_250_000),
            TimeBucket::days(1).offset(chrono::FixedOffset::west_opt(3_600).unwrap()),
        ] {
            let groups = Aggregation::new().group_by_time(moment::COLUMN.at, bucket).and(Aggregate::count());
            let own: Result<Vec<(DateTime<Utc>, u64)>> = moments.aggregate_as(cx, &Filter::all(), &groups).await;
            place.run("INSERT INTO moment VALUES (6, '1970-01-01 02:00:01.25 +02:00');\n").await;
            let filter = field_of(moment::Column::Id).less_than(6);
            let any: Result<Vec<(DateTime<Utc>, u64)>> = moments.aggregate_as(cx, &filter, &groups).await;
            let text = |groups: Result<Vec<(DateTime<Utc>, u64)>>| format!("{:?}", groups.map_err(|error| error.kind()));
            assert_eq!(text(own), text(any), "{} {groups:?}", place.name);
            place.run("DELETE FROM moment WHERE id = 6;\n").await;
        }
    }
}

#[tokio::test]
async fn dates_times_and_truths_are_grouped_by_what_they_mean() {
    let table = "CREATE TABLE plain (id INTEGER PRIMARY KEY, at TIMESTAMP, day DATE, time TIME, flag BOOLEAN);\n";
    for place in places(table).await {
        let (cx, plains) = (&Cx::new(), place.store.repository::<plain::Entity>());
        place
            .run(
                "INSERT INTO plain VALUES (1, '2026-01-01T12:00:00Z', '2026-01-01', '12:30', 2),
                (2, '2026-01-01 12:00', '2026-01-02', '12:30:00.000', -1),
                (3, 1767268800, NULL, '12:30:00Z', 1), (4, NULL, NULL, NULL, 0), (5, NULL, NULL, '12:30:00.5', NULL);\n",
            )
            .await;
        let count = |aggregation: Aggregation<plain::Model>| aggregation.and(Aggregate::count());
        let flags = count(Aggregation::new().group_by(plain::COLUMN.flag));
        let flags: Vec<(Option<bool>, u64)> = plains.aggregate_as(cx, &Filter::all(), &flags).await.unwrap();
        assert_eq!(flags, [(None, 1), (Some(false), 1), (Some(true), 3)], "{}", place.name);
        let times = count(Aggregation::new().group_by(plain::COLUMN.time)).and(Aggregate::maximum(plain::COLUMN.flag));
        let times: Vec<(Option<String>, u64, Option<bool>)> = plains.aggregate_as(cx, &Filter::all(), &times).await.unwrap();
        let of = |time: &str, count, flag| (Some(time.to_owned()), count, flag);
        assert_eq!(times, [(None, 1, Some(false)), of("12:30:00", 3, Some(true)), of("12:30:00.500", 1, None)], "{}", place.name);
        let values =
            Aggregation::new().and(Aggregate::count_distinct(plain::COLUMN.at)).and(Aggregate::minimum(plain::COLUMN.at));
        let values = values.and(Aggregate::maximum(plain::COLUMN.time)).and(Aggregate::maximum(plain::COLUMN.day));
        let values: (u64, String, String, Date) = plains.aggregate_one(cx, &Filter::all(), &values).await.unwrap();
        let day = time("2026-01-02T00:00:00Z").date_naive();
        assert_eq!(values, (1, "2026-01-01T12:00:00".to_owned(), "12:30:00.500".to_owned(), day), "{}", place.name);
    }
}

#[tokio::test]
async fn text_of_any_collation_is_grouped_by_its_bytes() {
    for column in ["TEXT COLLATE NOCASE", "TEXT COLLATE RTRIM", "TEXT", "STRING", "VARCHAR(9) COLLATE NOCASE"] {
        let table = format!("CREATE TABLE named (id INTEGER PRIMARY KEY, name {column} NOT NULL);\n");
        let rows = "INSERT INTO named VALUES (1, 'b'), (2, 'B'), (3, 'b '), (4, 'b'), (5, 'ä'), (6, 'Z');\n";
        for place in places(&format!("{table}{rows}")).await {
            let (cx, names, name) = (&Cx::new(), place.store.repository::<named::Entity>(), named::COLUMN.name);
            let groups = Aggregation::new().group_by(name).and(Aggregate::count());
            let groups: Vec<(String, u64)> = names.aggregate_as(cx, &Filter::all(), &groups).await.unwrap();
            let expected = [("B", 1), ("Z", 1), ("b", 2), ("b ", 1), ("ä", 1)].map(|(name, count)| (name.to_owned(), count));
            assert_eq!(groups, expected, "{} {column}", place.name);
            let values = Aggregation::new().and(Aggregate::count_distinct(name)).and(Aggregate::minimum(name));
            let values =
                values.and(Aggregate::maximum(name)).and(Aggregate::maximum(name).only(field_of(named::Column::Id).at_most(4)));
            let values: (u64, String, String, String) = names.aggregate_one(cx, &Filter::all(), &values).await.unwrap();
            assert_eq!(values, (5, "B".to_owned(), "ä".to_owned(), "b ".to_owned()), "{} {column}", place.name);
        }
    }
}

fn is_refused(outcome: Result<Vec<Row>>, column: &str, context: &str) {
    let error: Error = outcome.expect_err(context);
    assert_eq!((error.kind(), error.column()), (ErrorKind::Corrupt, Some(column)), "{context}: {error}");
}

/// A value that cannot be read is not passed over.
#[tokio::test]
async fn a_form_that_cannot_be_read_is_refused() {
    for place in places("CREATE TABLE moment (id INTEGER PRIMARY KEY, at ANY_BLOB NOT NULL);\n").await {
        for form in ["'1767225600000'", "1767225600.5", "'2026-02-30 12:00:00'", "''", "x'00'", "'10000-01-01T00:00:00Z'"] {
            place.run(&format!("DELETE FROM moment;\nINSERT INTO moment VALUES (1, {form});\n")).await;
            let (moments, at) = (place.store.repository::<moment::Entity>(), moment::COLUMN.at);
            for aggregation in [
                Aggregation::new().group_by(at),
                Aggregation::new().group_by_time(at, TimeBucket::hours(1)),
                Aggregation::new().group_by_time(at, TimeBucket::minutes(7)),
                Aggregation::new().and(Aggregate::count_distinct(at)),
                Aggregation::new().and(Aggregate::minimum(at)),
                Aggregation::new().and(Aggregate::maximum(at)),
            ] {
                let outcome = moments.aggregate(&Cx::new(), &Filter::all(), &aggregation).await;
                is_refused(outcome, "at", &format!("{} {form} {aggregation:?}", place.name));
            }
        }
    }
}

/// SQLite would take text for a number, or for 0.
#[tokio::test]
async fn text_is_not_added_up() {
    for (name, declared, stored) in [
        ("amount", "INTEGER", "'amount'"),
        ("amount", "INTEGER", "x'31'"),
        ("amount", "INTEGER", "1.5"),
        ("amount", "", "'7'"),
        ("amount", "BLOB", "'4'"),
        ("amount", "VARCHAR(9)", "'4'"),
        ("ratio", "REAL", "'n/a'"),
        ("ratio", "", "'1.5'"),
        ("ratio", "NUMERIC", "x'00'"),
        ("ratio", "VARCHAR(9)", "1.5"),
    ] {
        for place in super::classes::measured(name, declared, stored).await {
            let context = format!("{} {name} {declared} {stored}", place.name);
            let (cx, repository) = (&Cx::new(), place.store.repository::<measured::Entity>());
            let column: measured::Column = std::str::FromStr::from_str(name).unwrap();
            for aggregation in [
                Aggregation::new().and(Aggregate::sum(field_of(column))),
                Aggregation::new().group_by(measured::COLUMN.id).and(Aggregate::average(field_of(column))),
                Aggregation::new().group_by(field_of(column)),
                // As long as the other sum does not fit into 64 bits.
                Aggregation::new().and(Aggregate::sum(field_of(column))).and(Aggregate::sum(measured::COLUMN.id)),
            ] {
                is_refused(repository.aggregate(cx, &Filter::all(), &aggregation).await, name, &context);
                place
                    .run(&format!(
                        "UPDATE measured SET id = {0} WHERE id = 1;\nUPDATE measured SET id = {0} - 1 WHERE id = 2;\n",
                        i64::MAX
                    ))
                    .await;
            }
            let counts = Aggregation::new().and(Aggregate::count()).and(Aggregate::count_of(field_of(column)));
            assert_eq!(repository.aggregate_one::<(u64, u64)>(cx, &Filter::all(), &counts).await.unwrap(), (2, 2), "{context}");
        }
    }
}
