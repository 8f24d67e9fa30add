//! What a column would change is refused, however it is written.

use std::fmt::Debug;

use larder::{Changes, Cx, Error, ErrorKind, Filter, OnConflict, Query, Storable, Store, field};

use super::{execute, in_memory, one};

/// Stores models that the column keeps by every operation, and is refused those that it would change, of which nothing is stored.
pub(super) async fn assert_keeps<E>(store: &Store, fits: impl Fn(i32) -> E::Model, does_not: impl Fn(i32) -> E::Model)
where
    E: Storable<Model: Debug + PartialEq>,
    <E::PrimaryKey as sea_orm::PrimaryKeyTrait>::ValueType: From<i32>,
{
    let (cx, all) = (&Cx::new(), store.repository::<E>());
    let refused = |outcome: Result<(), Error>, operation: &str| {
        let error = outcome.expect_err(operation);
        assert_eq!((error.kind(), error.column()), (ErrorKind::InvalidInput, Some("value")), "{operation}: {error:?}");
    };
    assert_eq!(all.create(cx, &fits(1)).await.unwrap(), fits(1));
    assert_eq!(all.create_many(cx, &[fits(2), fits(3)]).await.unwrap(), [fits(2), fits(3)]);
    all.create_batch(cx, &(4..30).map(&fits).collect::<Vec<_>>()).await.unwrap();
    assert_eq!(all.update(cx, &fits(1)).await.unwrap(), fits(1));
    assert_eq!(all.update_many(cx, &[fits(1), fits(2)]).await.unwrap(), [fits(1), fits(2)]);
    all.upsert_batch(cx, &[fits(1), fits(30)], &OnConflict::replace()).await.unwrap();
    let expected: Vec<_> = (1..=30).map(&fits).collect();
    assert_eq!(all.query(cx, &Query::new()).await.unwrap(), expected);

    refused(all.create(cx, &does_not(41)).await.map(drop), "create");
    refused(all.create_many(cx, &[fits(41), does_not(42)]).await.map(drop), "create_many");
    refused(all.create_batch(cx, &[fits(41), does_not(42)]).await.map(drop), "create_batch");
    refused(all.update(cx, &does_not(1)).await.map(drop), "update");
    refused(all.update_many(cx, &[fits(1), does_not(2)]).await.map(drop), "update_many");
    refused(all.upsert_batch(cx, &[does_not(1), fits(41)], &OnConflict::replace()).await.map(drop), "upsert_batch");
    assert_eq!(all.query(cx, &Query::new()).await.unwrap(), expected);
}

fn decimal(id: i32, text: &str) -> one::decimal::Model {
    one::decimal::model(id, text.parse().unwrap())
}

#[tokio::test]
async fn a_decimal_is_not_rounded() {
    let store = in_memory(&["CREATE TABLE one (id INTEGER PRIMARY KEY, value DECIMAL(10,2))"]).await;
    assert_keeps::<one::decimal::Entity>(&store, |id| decimal(id, "-12345678.9"), |id| decimal(id, "1.239")).await;
    let changes = Changes::new().set(one::decimal::COLUMN.value, "1.239".parse::<sea_orm::prelude::Decimal>().unwrap());
    let error = store.repository::<one::decimal::Entity>().update_where(&Cx::new(), &Filter::all(), &changes).await.unwrap_err();
    assert_eq!((error.kind(), error.column()), (ErrorKind::InvalidInput, Some("value")));

    let store = in_memory(&["CREATE TABLE one (id INTEGER PRIMARY KEY, value INTEGER)"]).await;
    assert_keeps::<one::decimal::Entity>(&store, |id| decimal(id, "7"), |id| decimal(id, "7.5")).await;
    // More digits after the point than a decimal has by default.
    let store = in_memory(&["CREATE TABLE one (id INTEGER PRIMARY KEY, value DECIMAL(38,2))"]).await;
    assert_keeps::<one::decimal::Entity>(&store, |id| decimal(id, "-12345678901234567890.12"), |id| decimal(id, "0.001")).await;
}

#[tokio::test]
async fn a_floating_point_number_is_not_rounded() {
    let store = in_memory(&["CREATE TABLE one (id INTEGER PRIMARY KEY, value FLOAT)"]).await;
    assert_keeps::<one::double::Entity>(&store, |id| one::double::model(id, 0.5), |id| one::double::model(id, 0.1)).await;
    let store = in_memory(&["CREATE TABLE one (id INTEGER PRIMARY KEY, value INTEGER)"]).await;
    assert_keeps::<one::double::Entity>(&store, |id| one::double::model(id, 2.0), |id| one::double::model(id, 2.5)).await;
}

#[tokio::test]
async fn a_uuid_as_text_is_not_written_otherwise() {
    let store = in_memory(&["CREATE TABLE one (id INTEGER PRIMARY KEY, value UUID)"]).await;
    let id = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11";
    assert_keeps::<one::text::Entity>(
        &store,
        |nth| one::text::model(nth, id.into()),
        |nth| one::text::model(nth, id.to_uppercase()),
    )
    .await;
    let texts = store.repository::<one::text::Entity>();
    let count = async |text: &str| texts.count(&Cx::new(), &field(one::text::COLUMN.value).equals(text)).await.unwrap();
    assert_eq!((count(id).await, count(&id.to_uppercase()).await, count("ann").await), (30, 0, 0));
}

/// Whole numbers in columns of other widths: kept, or refused by the engine, with nothing stored.
#[tokio::test]
async fn whole_numbers_are_kept_in_columns_of_any_width() {
    for (create, largest, too_large) in [
        ("CREATE TABLE one (id INTEGER PRIMARY KEY, value TINYINT)", 127, Some(128)),
        ("CREATE TABLE one (id INTEGER PRIMARY KEY, value UINTEGER)", 4_294_967_295, Some(-1)),
        ("CREATE TABLE one (id INTEGER PRIMARY KEY, value DECIMAL(4,1))", 999, Some(1_000)),
        ("CREATE TABLE one (id INTEGER PRIMARY KEY, value HUGEINT)", i64::MAX, None),
        ("CREATE TABLE one (id INTEGER PRIMARY KEY, value UHUGEINT)", i64::MAX, Some(-1)),
    ] {
        let store = in_memory(&[create]).await;
        let all = store.repository::<one::big::Entity>();
        let cx = &Cx::new();
        let models: Vec<_> = (1..=3).map(|id| one::big::model(id, largest)).collect();
        assert_eq!(all.create(cx, &models[0]).await.unwrap(), models[0], "{create}");
        all.create_batch(cx, &models[1..]).await.unwrap();
        assert_eq!(all.query(cx, &field(one::big::COLUMN.value).equals(largest).into()).await.unwrap(), models, "{create}");
        let Some(too_large) = too_large else { continue };
        let refused = [one::big::model(4, too_large), one::big::model(5, too_large)];
        assert_eq!(all.create(cx, &refused[0]).await.unwrap_err().kind(), ErrorKind::InvalidInput, "{create}");
        assert_eq!(all.create_batch(cx, &refused).await.unwrap_err().kind(), ErrorKind::InvalidInput, "{create}");
        assert_eq!(all.query(cx, &Query::new()).await.unwrap(), models, "{create}");
    }
}

/// Text in an enum of DuckDB's, in JSON: what the type does not take is refused by both ways alike.
#[tokio::test]
async fn text_that_its_type_does_not_take_is_refused() {
    for (create, fits, does_not) in [
        ("CREATE TABLE one (id INTEGER PRIMARY KEY, value ENUM('z', 'a', ''))", "", "b"),
        ("CREATE TABLE one (id INTEGER PRIMARY KEY, value JSON)", "{\"b\": 1,  \"a\":1}", "{"),
    ] {
        let store = in_memory(&[create]).await;
        let all = store.repository::<one::text::Entity>();
        let cx = &Cx::new();
        let model = |id, text: &str| one::text::model(id, text.into());
        assert_eq!(all.create(cx, &model(1, fits)).await.unwrap(), model(1, fits), "{create}");
        all.create_batch(cx, &[model(2, fits), model(3, fits)]).await.unwrap();
        assert_eq!(all.create(cx, &model(4, does_not)).await.unwrap_err().kind(), ErrorKind::InvalidInput, "{create}");
        let refused = all.create_batch(cx, &[model(4, does_not), model(5, does_not)]).await;
        assert_eq!(refused.map_err(|error| error.kind()), Err(ErrorKind::InvalidInput), "{create}");
        assert_eq!(all.count(cx, &field(one::text::COLUMN.value).equals(fits)).await.unwrap(), 3, "{create}");
        assert_eq!(all.count(cx, &field(one::text::COLUMN.value).equals(does_not)).await.unwrap(), 0, "{create}");
        assert_eq!(all.count(cx, &Filter::all()).await.unwrap(), 3, "{create}");
    }
}

/// A column that cannot be read as the model is refused before anything is written to it or deleted by it.
#[tokio::test]
async fn a_column_of_another_type_is_unsupported() {
    let store = in_memory(&["CREATE TABLE one (id INTEGER PRIMARY KEY, value BIT)", "INSERT INTO one VALUES (1, '101')"]).await;
    let all = store.repository::<one::bytes::Entity>();
    let cx = &Cx::new();
    let model = |id| one::bytes::model(id, vec![1]);
    let errors = [
        all.find(cx, &1).await.map(drop).unwrap_err(),
        all.create(cx, &model(2)).await.map(drop).unwrap_err(),
        all.create_batch(cx, &[model(2), model(3)]).await.map(drop).unwrap_err(),
        all.update_many(cx, &[model(1)]).await.map(drop).unwrap_err(),
        all.upsert_batch(cx, &[model(1)], &OnConflict::replace()).await.map(drop).unwrap_err(),
    ];
    for error in errors {
        assert_eq!((error.kind(), error.column()), (ErrorKind::Unsupported, Some("value")), "{error:?}");
    }
    assert_eq!(execute(&store, "DELETE FROM one WHERE value::VARCHAR = '101'").await, 1);
}
