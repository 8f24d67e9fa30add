//! Aggregates of columns that DuckDB compares by other rules, and of types that a model does not have.

use larder::{Aggregate, Aggregation, Cx, ErrorKind, Filter, ReaderExt as _, TimeBucket, field_of};

use super::in_memory;
use crate::support::entities::{label, moment, ticket};

#[tokio::test]
async fn text_of_any_collation_is_grouped_by_its_bytes() {
    for create in [
        "CREATE TABLE label (name VARCHAR PRIMARY KEY, text VARCHAR COLLATE NOCASE)",
        "CREATE TABLE label (name VARCHAR PRIMARY KEY, text VARCHAR COLLATE NOACCENT.NOCASE)",
        "CREATE TABLE label (name VARCHAR PRIMARY KEY, text VARCHAR COLLATE NOACCENT)",
        "CREATE TABLE label (name VARCHAR PRIMARY KEY, text ENUM('é', 'b', 'B', 'a', 'Z'))",
        "CREATE TABLE label (name VARCHAR PRIMARY KEY, text VARCHAR)",
    ] {
        let rows = "INSERT INTO label VALUES ('1', 'b'), ('2', 'B'), ('3', 'b'), ('4', 'é'), ('5', NULL), ('6', 'Z'), ('7', 'a')";
        let store = in_memory(&[create, rows]).await;
        let (cx, labels, text) = (&Cx::new(), store.repository::<label::Entity>(), label::COLUMN.text);
        let groups = Aggregation::new().group_by(text).and(Aggregate::count());
        let groups: Vec<(Option<String>, u64)> = labels.aggregate_as(cx, &Filter::all(), &groups).await.unwrap();
        let expected = [("B", 1), ("Z", 1), ("a", 1), ("b", 2), ("é", 1)].map(|(text, count)| (Some(text.to_owned()), count));
        assert_eq!(groups, [&[(None, 1)][..], &expected[..]].concat(), "{create}");
        let values = Aggregation::new().and(Aggregate::count_distinct(text)).and(Aggregate::minimum(text));
        let values: (u64, String, String) =
            labels.aggregate_one(cx, &Filter::all(), &values.and(Aggregate::maximum(text))).await.unwrap();
        assert_eq!(values, (5, "B".to_owned(), "é".to_owned()), "{create}");
    }
}

#[tokio::test]
async fn what_a_model_cannot_hold_is_refused() {
    for at in ["infinity", "-infinity"] {
        let insert = String::leak(format!("INSERT INTO moment VALUES ('{at}')"));
        let store = in_memory(&["CREATE TABLE moment (\"at\" TIMESTAMPTZ)", insert]).await;
        let at = || field_of(moment::Column::At);
        for aggregation in [
            Aggregation::new().group_by(at()),
            Aggregation::new().group_by_time(at(), TimeBucket::hours(1)),
            Aggregation::new().and(Aggregate::minimum(at())),
        ] {
            let outcome = store.repository::<moment::Entity>().aggregate(&Cx::new(), &Filter::all(), &aggregation).await;
            let error = outcome.expect_err(&format!("{aggregation:?} {insert}"));
            assert_eq!((error.kind(), error.column()), (ErrorKind::Corrupt, Some("at")), "{error}");
        }
    }
}

#[tokio::test]
async fn whole_numbers_of_other_types_are_added_up() {
    for data_type in ["HUGEINT", "UBIGINT", "DECIMAL(18, 2)"] {
        let create = String::leak(format!("CREATE TABLE ticket (id INTEGER PRIMARY KEY, level {data_type})"));
        let store = in_memory(&[create, "INSERT INTO ticket VALUES (1, 3), (2, 4), (3, NULL)"]).await;
        let values = Aggregation::new().and(Aggregate::sum(field_of(ticket::Column::Level)));
        let values = values.and(Aggregate::average(field_of(ticket::Column::Level)));
        let tickets = store.repository::<ticket::Entity>();
        let read: (i64, f64) = tickets.aggregate_one(&Cx::new(), &Filter::all(), &values).await.unwrap();
        assert_eq!(read, (7, 3.5), "{data_type}");
    }
}
