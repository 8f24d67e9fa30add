//! Aggregates of text of other collations, and of values that a model cannot hold.

use chrono::{DateTime, Utc};
use larder::{Aggregate, Aggregation, Cx, ErrorKind, Filter, ReaderExt as _, TimeBucket, field_of};

use super::{is_skipped, psql, stores};
use crate::support::{
    entities::{label, moment, price},
    postgres::TestDatabase,
};

/// Types of text with collations of their own.
const COLLATED: [&str; 7] =
    ["citext", "text COLLATE folded", "text COLLATE \"en-x-icu\"", "text", "varchar(20)", "char(3)", "text COLLATE \"C\""];

async fn groups_by_bytes(store: &larder::Store, is_padded: bool, case: &str) {
    let (cx, labels, text) = (&Cx::new(), store.repository::<label::Entity>(), label::COLUMN.text);
    let groups = Aggregation::new().group_by(text).and(Aggregate::count());
    let groups: Vec<(Option<String>, u64)> = labels.aggregate_as(cx, &Filter::all(), &groups).await.unwrap();
    let padded = |text: &str| if is_padded { format!("{text:3}") } else { text.to_owned() };
    let expected = [("B", 1), ("Z", 1), ("a", 1), ("b", 2), ("é", 1)].map(|(text, count)| (Some(padded(text)), count));
    assert_eq!(groups, [&[(None, 1)][..], &expected[..]].concat(), "{case}");
    let values = Aggregation::new().and(Aggregate::count_distinct(text)).and(Aggregate::minimum(text));
    let values: (u64, String, String) =
        labels.aggregate_one(cx, &Filter::all(), &values.and(Aggregate::maximum(text))).await.unwrap();
    assert_eq!(values, (5, padded("B"), padded("é")), "{case}");
    let limited = Aggregation::new().group_by(text).order_by_desc(text).limit(2);
    let limited: Vec<Option<String>> = labels.aggregate_as(cx, &Filter::all(), &limited).await.unwrap();
    assert_eq!(limited, [None, Some(padded("é"))], "{case}");
}

#[tokio::test]
async fn text_of_any_collation_is_grouped_by_its_bytes() {
    if is_skipped() {
        return;
    }
    for english in [false, true] {
        let database = &if english { TestDatabase::in_english().await } else { TestDatabase::empty().await };
        psql(
            database,
            "CREATE EXTENSION citext; CREATE COLLATION folded (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
        );
        for column in COLLATED {
            psql(
                database,
                &format!(
                    "DROP TABLE IF EXISTS label; CREATE TABLE label (name text PRIMARY KEY, text {column});
                     INSERT INTO label VALUES ('1', 'b'), ('2', 'B'), ('3', 'b'), ('4', 'é'), ('5', NULL), ('6', 'Z'), ('7', 'a')"
                ),
            );
            for store in stores(database).await {
                groups_by_bytes(&store, column == "char(3)", &format!("{column} in {english}")).await;
                store.close().await;
            }
        }
    }
}

#[tokio::test]
async fn what_a_model_cannot_hold_is_refused() {
    if is_skipped() {
        return;
    }
    let database = &TestDatabase::empty().await;
    psql(
        database,
        "CREATE TABLE moment (at timestamptz PRIMARY KEY); CREATE TABLE price (id int PRIMARY KEY, amount numeric, exact numeric)",
    );
    for store in stores(database).await {
        let (cx, moments, prices) = (&Cx::new(), store.repository::<moment::Entity>(), store.repository::<price::Entity>());
        for at in ["infinity", "-infinity", "10000-01-01"] {
            psql(database, &format!("DELETE FROM moment; INSERT INTO moment VALUES ('{at}')"));
            let at = || field_of(moment::Column::At);
            for aggregation in [
                Aggregation::new().group_by(at()),
                Aggregation::new().group_by_time(at(), TimeBucket::hours(1)),
                Aggregation::new().and(Aggregate::maximum(at())),
            ] {
                let error = moments.aggregate(cx, &Filter::all(), &aggregation).await.unwrap_err();
                assert_eq!((error.kind(), error.column()), (ErrorKind::Corrupt, Some("at")), "{error}");
            }
        }
        for (amount, kind) in [("NaN", ErrorKind::Corrupt), ("1e30", ErrorKind::InvalidInput), ("1e-30", ErrorKind::InvalidInput)]
        {
            psql(database, &format!("DELETE FROM price; INSERT INTO price VALUES (1, '{amount}')"));
            let sum = Aggregation::new().and(Aggregate::sum(field_of(price::Column::Amount)));
            let error = prices.aggregate(cx, &Filter::all(), &sum).await.unwrap_err();
            assert_eq!((error.kind(), error.column()), (kind, Some("amount")), "{error}");
        }
        store.close().await;
    }
}

/// Some versions of `date_bin` round a multiple before the time that is counted from to the bucket before it.
#[tokio::test]
async fn buckets_before_1970_begin_at_their_multiples() {
    if is_skipped() {
        return;
    }
    let database = &TestDatabase::empty().await;
    psql(
        database,
        "CREATE TABLE moment (at timestamptz PRIMARY KEY);
         INSERT INTO moment SELECT timestamptz '1969-12-31 12:00Z' + i * interval '15 min' FROM generate_series(0, 95) AS n(i)",
    );
    for store in stores(database).await {
        let hours = Aggregation::new().group_by_time(field_of(moment::Column::At), TimeBucket::hours(1)).and(Aggregate::count());
        let hours: Vec<(DateTime<Utc>, u64)> =
            store.repository::<moment::Entity>().aggregate_as(&Cx::new(), &Filter::all(), &hours).await.unwrap();
        let start = |hour: i64| DateTime::from_timestamp(hour * 3_600, 0).unwrap();
        assert_eq!(hours, (-12..12).map(|hour| (start(hour), 4)).collect::<Vec<_>>());
        store.close().await;
    }
}
