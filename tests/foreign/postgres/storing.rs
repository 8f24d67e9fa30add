//! Columns that would change what they are given: the value is refused by every operation, and none of it is stored.

use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::{DateTime, NaiveTime, Utc};
use larder::{Changes, Cx, Error, ErrorKind, Filter, OnConflict, Result, Store};
use sea_orm::{Value, prelude::Decimal};

use super::{
    entities::{
        Typed, dates, decimals, doubles, instants, lists_of_decimals, lists_of_doubles, lists_of_instants, lists_of_texts,
        locals, texts, times,
    },
    is_skipped, psql, stores,
};
use crate::support::postgres::TestDatabase;

/// How many rows there are before, and where they come from.
type Before = (u32, &'static str);

const NONE: Before = (0, "SELECT 1 WHERE FALSE");
const ONE: Before = (1, "SELECT 1");
const THREE: Before = (3, "SELECT generate_series(1, 3)");

/// The ways of storing a value, and what is there before.
const WAYS: [(&str, Before); 9] = [
    ("create", NONE),
    ("create_batch of few", NONE),
    ("create_batch of many", NONE),
    ("create_many", NONE),
    ("update", ONE),
    ("update_many", THREE),
    ("update_where", THREE),
    ("upsert_batch of new models", NONE),
    ("upsert_batch of known models", THREE),
];

async fn stored<E: Typed>(store: &Store, way: &str, value: &E::Value) -> Result<()> {
    let (cx, models) = (Cx::new(), store.repository::<E>());
    let one = || E::model(1, value.clone());
    let few: Vec<_> = (1..4).map(|id| E::model(id, value.clone())).collect();
    match way {
        "create" => models.create(&cx, &one()).await.map(drop),
        "create_batch of few" => models.create_batch(&cx, &few).await.map(drop),
        "create_batch of many" => {
            let many: Vec<_> = (1..700).map(|id| E::model(id, value.clone())).collect();
            models.create_batch(&cx, &many).await.map(drop)
        }
        "create_many" => models.create_many(&cx, &few).await.map(drop),
        "update" => models.update(&cx, &one()).await.map(drop),
        "update_many" => models.update_many(&cx, &few).await.map(drop),
        "update_where" => {
            models.update_where(&cx, &Filter::all(), &Changes::new().set(E::value(), value.clone())).await.map(drop)
        }
        _ => models.upsert_batch(&cx, &few, &OnConflict::replace()).await.map(drop),
    }
}

/// What every way of storing a value says, and whether the table is as it was after those that fail.
async fn outcomes<E: Typed>(database: &TestDatabase, store: &Store, value: &E::Value) -> Vec<(&'static str, Result<()>)> {
    let mut outcomes = Vec::new();
    for (way, (count, rows)) in WAYS {
        // Lists are not set by `update_where`.
        if way == "update_where" && matches!(value.clone().into(), Value::Array(..)) {
            continue;
        }
        psql(database, &format!("TRUNCATE typed; INSERT INTO typed (id) {rows}"));
        let outcome = stored::<E>(store, way, value).await;
        if outcome.is_err() {
            assert_eq!(psql(database, "SELECT count(*), count(value) FROM typed"), format!("{count}|0"), "{way}");
        }
        outcomes.push((way, outcome));
    }
    outcomes
}

/// A store on a new table: by the database's URL and of SeaORM's connection in turn.
async fn made(database: &TestDatabase, column_type: &str) -> Store {
    static TURN: AtomicUsize = AtomicUsize::new(0);
    psql(database, &format!("DROP TABLE IF EXISTS typed; CREATE TABLE typed (id integer PRIMARY KEY, value {column_type})"));
    let [by_url, of_sea_orm] = stores(database).await;
    if TURN.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) { by_url } else { of_sea_orm }
}

/// A value that the column would change, or that could not be read from it again.
async fn is_refused<E: Typed>(database: &TestDatabase, column_type: &str, value: E::Value, kind: ErrorKind) {
    let store = made(database, column_type).await;
    for (way, outcome) in outcomes::<E>(database, &store, &value).await {
        let told = outcome.as_ref().map_err(|error: &Error| (error.kind(), error.column()));
        assert_eq!(told, Err((kind, Some("value"))), "{column_type} by {way}: {outcome:?}");
    }
    store.close().await;
}

/// A value that is stored as it is given: psql says so, and models that are answered are true.
async fn is_kept<E: Typed<Model: PartialEq>>(database: &TestDatabase, column_type: &str, value: E::Value, expected: &str) {
    let store = made(database, column_type).await;
    for (way, outcome) in outcomes::<E>(database, &store, &value).await {
        assert!(outcome.is_ok(), "{column_type} by {way}: {outcome:?}");
    }
    let stored = psql(database, "SELECT DISTINCT value FROM typed WHERE value IS NOT NULL");
    assert_eq!(stored, expected, "{column_type}");
    let (cx, models) = (Cx::new(), store.repository::<E>());
    let updated = models.update_many(&cx, &[E::model(1, value.clone())]).await.unwrap();
    let found = models.find(&cx, &1).await.unwrap();
    assert!(found.as_ref() == updated.first() && found == Some(E::model(1, value.clone())), "{column_type}");
    store.close().await;
}

fn instant(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

#[tokio::test]
async fn text_is_not_cut_and_not_filled_up() {
    if is_skipped() {
        return;
    }
    let database = &TestDatabase::empty().await;
    psql(database, "CREATE DOMAIN short AS varchar(3); CREATE DOMAIN shorter AS short; CREATE TYPE mood AS ENUM ('calm')");
    for (column_type, value) in [
        ("varchar(3)", "abc  "),
        ("varchar(3)", "abcd"),
        ("varchar(3)", "Zoë  "),
        ("short", "abc "),
        ("shorter", "abc "),
        ("char(3)", "a"),
        ("char(3)", "abcd"),
        ("char(3)", ""),
        ("char(3)", "ab "),
        ("name", &"x".repeat(64)),
        ("name", &"é".repeat(32)),
    ] {
        is_refused::<texts::Entity>(database, column_type, value.to_owned(), ErrorKind::InvalidInput).await;
    }
    for column_type in ["mood", "uuid", "integer", "\"char\"", "inet", "bit(3)", "json", "text[]", "date", "interval"] {
        is_refused::<texts::Entity>(database, column_type, "calm".to_owned(), ErrorKind::Unsupported).await;
    }
    for (column_type, value) in
        [("varchar(3)", "Zoë"), ("varchar(3)", "a  "), ("shorter", "abc"), ("char(3)", "Zoë"), ("text", " a "), ("name", "a")]
    {
        is_kept::<texts::Entity>(database, column_type, value.to_owned(), value).await;
    }
    let list = |text: &str| vec!["a".to_owned(), text.to_owned()];
    is_refused::<lists_of_texts::Entity>(database, "varchar(3)[]", list("abc "), ErrorKind::InvalidInput).await;
    is_refused::<lists_of_texts::Entity>(database, "shorter[]", list("abc "), ErrorKind::Unsupported).await;
    is_refused::<lists_of_texts::Entity>(database, "text", list("abc"), ErrorKind::Unsupported).await;
    is_refused::<lists_of_texts::Entity>(database, "text[]", list("a\0"), ErrorKind::InvalidInput).await;
    is_kept::<lists_of_texts::Entity>(database, "varchar(3)[]", list("abc"), "{a,abc}").await;
}

#[tokio::test]
async fn numbers_are_not_rounded() {
    if is_skipped() {
        return;
    }
    let database = &TestDatabase::empty().await;
    psql(database, "CREATE DOMAIN price AS numeric(10,2)");
    for (column_type, value) in [
        ("numeric(10,2)", "1.239"),
        ("price", "0.001"),
        ("numeric(10,0)", "0.5"),
        ("numeric(10)", "0.5"),
        ("numeric(3,-2)", "12345"),
        ("numeric(3,5)", "0.000001"),
    ] {
        is_refused::<decimals::Entity>(database, column_type, decimal(value), ErrorKind::InvalidInput).await;
    }
    for (column_type, value, stored) in [
        ("numeric(10,2)", "1.23", "1.23"),
        ("numeric(10,2)", "1.230", "1.23"),
        ("price", "-5", "-5.00"),
        ("numeric(3,-2)", "-99900", "-99900"),
        ("numeric(3,5)", "0.00999", "0.00999"),
        ("numeric", "0.000000000000000001", "0.000000000000000001"),
    ] {
        is_kept::<decimals::Entity>(database, column_type, decimal(value), stored).await;
    }
    is_refused::<decimals::Entity>(database, "double precision", decimal("1"), ErrorKind::Unsupported).await;
    is_refused::<decimals::Entity>(database, "money", decimal("1"), ErrorKind::Unsupported).await;
    is_refused::<doubles::Entity>(database, "real", 0.1, ErrorKind::InvalidInput).await;
    is_refused::<doubles::Entity>(database, "numeric", 0.5, ErrorKind::Unsupported).await;
    is_kept::<doubles::Entity>(database, "real", 0.5, "0.5").await;
    is_refused::<lists_of_decimals::Entity>(database, "numeric(10,2)[]", vec![decimal("1.239")], ErrorKind::InvalidInput).await;
    is_kept::<lists_of_decimals::Entity>(database, "numeric(10,2)[]", vec![decimal("1.23")], "{1.23}").await;
    is_refused::<lists_of_doubles::Entity>(database, "double precision[]", vec![f64::NAN], ErrorKind::InvalidInput).await;
    is_refused::<lists_of_doubles::Entity>(database, "real[]", vec![0.5], ErrorKind::Unsupported).await;
    is_kept::<lists_of_doubles::Entity>(database, "double precision[]", vec![0.0], "{0}").await;
}

#[tokio::test]
async fn times_are_not_rounded() {
    if is_skipped() {
        return;
    }
    let database = &TestDatabase::empty().await;
    let fine = instant("2026-01-01T12:00:00.123456Z");
    let coarse = instant("2026-01-01T12:00:00.123Z");
    is_refused::<instants::Entity>(database, "timestamptz(3)", fine, ErrorKind::InvalidInput).await;
    is_refused::<instants::Entity>(database, "timestamptz(0)", coarse, ErrorKind::InvalidInput).await;
    is_refused::<instants::Entity>(database, "timestamptz(3)", instant("1969-12-31T23:59:59.999999Z"), ErrorKind::InvalidInput)
        .await;
    is_refused::<instants::Entity>(database, "timestamp", fine, ErrorKind::Unsupported).await;
    is_refused::<locals::Entity>(database, "timestamp(3)", fine.naive_utc(), ErrorKind::InvalidInput).await;
    is_refused::<times::Entity>(database, "time(0)", coarse.time(), ErrorKind::InvalidInput).await;
    is_refused::<times::Entity>(database, "timetz", NaiveTime::MIN, ErrorKind::Unsupported).await;
    is_refused::<times::Entity>(database, "interval", NaiveTime::MIN, ErrorKind::Unsupported).await;
    is_refused::<dates::Entity>(database, "timestamp", fine.date_naive(), ErrorKind::Unsupported).await;
    is_kept::<locals::Entity>(database, "timestamp(3)", coarse.naive_utc(), "2026-01-01 12:00:00.123").await;
    is_kept::<times::Entity>(database, "time(0)", instant("2026-01-01T23:59:59Z").time(), "23:59:59").await;
    is_kept::<dates::Entity>(database, "date", fine.date_naive(), "2026-01-01").await;
    is_refused::<lists_of_instants::Entity>(database, "timestamptz(3)[]", vec![fine], ErrorKind::InvalidInput).await;
    is_refused::<lists_of_instants::Entity>(database, "timestamptz[]", vec![DateTime::<Utc>::MAX_UTC], ErrorKind::InvalidInput)
        .await;
}

/// A change of the schema is noticed: at once if the application makes it, and soon if another program does.
#[tokio::test]
async fn a_change_of_the_schema_is_noticed() {
    if is_skipped() {
        return;
    }
    let database = &TestDatabase::empty().await;
    for store in stores(database).await {
        psql(database, "DROP TABLE IF EXISTS typed; CREATE TABLE typed (id integer PRIMARY KEY, value text)");
        let (cx, models) = (Cx::new(), &store.repository::<texts::Entity>());
        let long = |id| texts::Entity::model(id, "abc  ".to_owned());
        models.update_where(&cx, &Filter::all(), &Changes::new().set(texts::Entity::value(), "abc  ")).await.unwrap();
        models.create_batch(&cx, &[long(1), long(2)]).await.unwrap();
        models.delete_many(&cx, &[1, 2]).await.unwrap();
        let narrow = larder::SqlText::new("ALTER TABLE typed ALTER value TYPE varchar(3)");
        store.sql().unwrap().execute(&cx, &narrow).await.unwrap();
        assert_eq!(models.create_batch(&cx, &[long(1), long(2)]).await.unwrap_err().kind(), ErrorKind::InvalidInput);
        psql(database, "ALTER TABLE typed ALTER value TYPE text");
        tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
        models.create_batch(&cx, &[long(1), long(2)]).await.unwrap();
        psql(database, "TRUNCATE typed; ALTER TABLE typed ALTER value TYPE varchar(3)");
        // A batch for `COPY` never goes by what was known.
        let many: Vec<_> = (0..700).map(long).collect();
        assert_eq!(models.create_batch(&cx, &many).await.unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(psql(database, "SELECT count(*) FROM typed"), "0");
        store.close().await;
    }
}
