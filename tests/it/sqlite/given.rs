//! What a create answers without reading it back, and when it has to.

use std::time::Duration;

use larder::{
    Changes, Cx, Durability, Error, ErrorKind, Filter, Locking, OnConflict, OpenOptions, Result, SqlText, Store,
    Transactional as _, TransactionalExt as _, TxOptions,
};
use sea_orm::{IdenStatic as _, Iterable as _};

use crate::support::{
    create_tables,
    entities::{item, label, note},
    item, note, time,
};

async fn run(store: &Store, cx: &Cx, sql: &str) -> Result<u64> {
    store.sql()?.execute(cx, &SqlText::new(sql)).await
}

fn labelled(name: &str, text: &str) -> label::Model {
    label::Model { name: name.into(), text: Some(text.into()) }
}

/// By one and by two, in a transaction and by themselves.
async fn create(store: &Store, name: &str, text: &str) -> Vec<Result<Vec<label::Model>, ErrorKind>> {
    let labels = &store.repository::<label::Entity>();
    let model = |nth: u32| labelled(&format!("{name} {nth}"), text);
    let alone = labels.create(&Cx::new(), &model(0)).await.map(|model| vec![model]);
    let two = labels.create_many(&Cx::new(), &[model(1), model(2)]).await;
    let inside = store.tx(&Cx::new(), |cx| async move {
        let mut models = vec![labels.create(&cx, &model(3)).await?];
        models.extend(labels.create_many(&cx, &[model(4), model(5)]).await?);
        Ok::<_, Error>(models)
    });
    [alone, two, inside.await].into_iter().map(|created| created.map_err(|error| error.kind())).collect()
}

async fn count(store: &Store) -> u64 {
    store.repository::<label::Entity>().count(&Cx::new(), &Filter::all()).await.unwrap()
}

/// A table may be made anew while it is in use, by this process or by another, with columns that make something else of what they
/// are given.
#[tokio::test]
async fn a_column_that_changes_what_it_is_given_is_noticed() {
    for durability in [Durability::Process, Durability::Power] {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", directory.path().join("given.sqlite").display());
        let options = OpenOptions::new().durability(durability);
        let (store, other) = (options.open(&url).await.unwrap(), options.open(&url).await.unwrap());
        create_tables(&store).await;
        for (turn, by) in [&store, &other, &store, &other].into_iter().enumerate() {
            for (declared, keeps) in [("TEXT", true), ("NUMERIC", false), ("BLOB", true), ("INT", false)] {
                if turn > 1 {
                    // So many that what the connection keeps prepared is no longer there.
                    for nth in 0..150 {
                        run(&store, &Cx::new(), &format!("DELETE FROM label WHERE text = '{nth}'")).await.unwrap();
                    }
                }
                run(by, &Cx::new(), "DROP TABLE label").await.unwrap();
                run(by, &Cx::new(), &format!("CREATE TABLE label (name TEXT PRIMARY KEY, text {declared})")).await.unwrap();
                let created = create(&store, "a", "7").await;
                if keeps {
                    let models: Vec<_> = created.into_iter().flat_map(Result::unwrap).collect();
                    let expected: Vec<_> = (0..6).map(|nth| labelled(&format!("a {nth}"), "7")).collect();
                    assert_eq!(models, expected, "{turn} {declared}");
                    assert_eq!(count(&store).await, 6);
                } else {
                    // It could not be read any more, and is not there.
                    assert!(created.iter().all(|created| *created == Err(ErrorKind::Corrupt)), "{turn} {declared}: {created:?}");
                    assert_eq!(count(&store).await, 0);
                }
                let created = create(&store, "b", "no number").await;
                assert!(created.iter().all(Result::is_ok), "{turn} {declared}: {created:?}");
            }
        }
    }
}

/// A view stores rows by its trigger, which SQLite does not count.
#[tokio::test]
async fn a_view_is_written_through_its_trigger() {
    let store = larder::open("sqlite::memory:").await.unwrap();
    for sql in [
        "CREATE TABLE base (name TEXT PRIMARY KEY, text TEXT)",
        "CREATE VIEW label AS SELECT name, text FROM base",
        "CREATE TRIGGER put INSTEAD OF INSERT ON label BEGIN INSERT INTO base VALUES (NEW.name, NEW.text); END",
    ] {
        run(&store, &Cx::new(), sql).await.unwrap();
    }
    let labels = store.repository::<label::Entity>();
    assert_eq!(labels.create(&Cx::new(), &labelled("a", "7")).await.unwrap(), labelled("a", "7"));
    assert_eq!(count(&store).await, 1);
}

/// A trigger, or the table itself, may refuse a row without a word.
#[tokio::test]
async fn a_row_that_was_not_stored_is_not_answered() {
    let directory = tempfile::tempdir().unwrap();
    for durability in [Durability::Process, Durability::Power] {
        let url = format!("sqlite:{}", directory.path().join(format!("{durability:?}.sqlite")).display());
        let store = OpenOptions::new().durability(durability).open(&url).await.unwrap();
        let labels = store.repository::<label::Entity>();
        for (sql, refused) in [
            ("CREATE TABLE label (name TEXT PRIMARY KEY ON CONFLICT IGNORE, text TEXT)", labelled("a", "again")),
            (
                "CREATE TRIGGER ignores BEFORE INSERT ON label WHEN NEW.text = 'not me' BEGIN SELECT RAISE(IGNORE); END",
                labelled("b", "not me"),
            ),
        ] {
            run(&store, &Cx::new(), sql).await.unwrap();
            if refused.name == "a" {
                labels.create(&Cx::new(), &labelled("a", "me")).await.unwrap();
            }
            let two = [labelled("c", "me"), refused.clone()];
            let outcomes = [
                labels.create(&Cx::new(), &refused).await.map(drop),
                labels.create_many(&Cx::new(), &two).await.map(drop),
                labels.create_batch(&Cx::new(), &two).await.map(drop),
            ];
            for outcome in outcomes {
                assert_eq!(outcome.map_err(|error| error.kind()), Err(ErrorKind::Check), "{refused:?}");
            }
            assert_eq!(count(&store).await, 1);
        }
    }
}

/// A transaction that has only begun asks nothing about the table before it may write: one that has read cannot wait for another
/// that writes.
#[tokio::test]
async fn a_write_that_begins_a_transaction_waits_for_its_turn() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", directory.path().join("turn.sqlite").display());
    let other = larder::open(&url).await.unwrap();
    create_tables(&other).await;
    let there: Vec<_> = (0..3).map(|nth| note(&format!("note {nth}"))).collect();
    other.repository::<note::Entity>().create_batch(&Cx::new(), &there).await.unwrap();
    let of_sea_orm = Store::from_sea_orm(sea_orm::Database::connect(&url).await.unwrap()).unwrap();
    for one in [&larder::open(&url).await.unwrap(), &of_sea_orm] {
        for write in 0..9 {
            for writes_elsewhere in [false, true] {
                let writing = other.begin(&Cx::new(), TxOptions::new()).await.unwrap();
                other.repository::<note::Entity>().create(&writing, &note("first")).await.unwrap();
                let deferred = one.begin(&Cx::new(), TxOptions::new().locking(Locking::Deferred)).await.unwrap();
                if writes_elsewhere {
                    run(one, &deferred, "CREATE TEMP TABLE mine (id)").await.unwrap();
                }
                let commit = async {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    writing.commit().await
                };
                let (written, committed) = tokio::join!(write_first(one, &deferred, write, &there), commit);
                committed.unwrap();
                written.unwrap_or_else(|error| panic!("{write} {writes_elsewhere} {error:?}"));
                deferred.rollback().await.unwrap();
            }
        }
    }
}

async fn write_first(store: &Store, cx: &Cx, write: usize, there: &[note::Model]) -> Result<()> {
    let notes = store.repository::<note::Entity>();
    let body = || larder::field_of(note::Column::Body);
    let (models, ids) = ([note("second"), note("third")], there.iter().map(|note| note.id).collect::<Vec<_>>());
    match write {
        0 => notes.create(cx, &models[0]).await.map(drop),
        1 => notes.create_many(cx, &models).await.map(drop),
        2 => notes.create_batch(cx, &models).await.map(drop),
        3 => notes.upsert_batch(cx, &models, &OnConflict::replace()).await.map(drop),
        4 => notes.update(cx, &there[0]).await.map(drop),
        5 => notes.update_many(cx, there).await.map(drop),
        6 => notes.update_where(cx, &Filter::all(), &Changes::new().set(body(), "changed")).await.map(drop),
        7 => notes.delete_many(cx, &ids).await.map(drop),
        _ => notes.delete_where(cx, &body().equals("first")).await.map(drop),
    }
}

/// Another entity on the table of the labels.
mod price {
    use sea_orm::entity::prelude::*;
    use serde::{Deserialize, Serialize};

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Serialize, Deserialize)]
    #[sea_orm(table_name = "label")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub name: String,
        pub price: Option<String>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Two entities may have the same table, and other columns of it.
#[tokio::test]
async fn an_entity_is_answered_by_its_own_columns() {
    let store = larder::open("sqlite::memory:").await.unwrap();
    run(&store, &Cx::new(), "CREATE TABLE label (name TEXT PRIMARY KEY, text TEXT, price DECIMAL)").await.unwrap();
    store.repository::<label::Entity>().create(&Cx::new(), &labelled("a", "1.50")).await.unwrap();
    let prices = store.repository::<price::Entity>();
    let priced = |name: &str, price: &str| price::Model { name: name.into(), price: Some(price.into()) };
    let misread = prices.create(&Cx::new(), &priced("b", "1.50")).await;
    assert_eq!(misread.map_err(|error| error.kind()), Err(ErrorKind::Corrupt));
    assert_eq!(count(&store).await, 1);
}

/// What SQLite stores in the place of nothing is answered.
#[tokio::test]
async fn what_is_stored_instead_of_null_is_answered() {
    let store = larder::open("sqlite::memory:").await.unwrap();
    for declared in ["TEXT NOT NULL ON CONFLICT REPLACE DEFAULT 'd'", "INTEGER PRIMARY KEY"] {
        run(&store, &Cx::new(), "DROP TABLE IF EXISTS label").await.unwrap();
        run(&store, &Cx::new(), &format!("CREATE TABLE label (name TEXT UNIQUE, text {declared})")).await.unwrap();
        let labels = store.repository::<label::Entity>();
        let created = labels.create(&Cx::new(), &label::Model { name: "a".into(), text: None }).await;
        match created {
            Ok(created) => assert_eq!(created.text.as_deref(), Some("d"), "{declared}"),
            // A number is no text.
            Err(error) => assert_eq!((error.kind(), declared), (ErrorKind::Corrupt, "INTEGER PRIMARY KEY")),
        }
        let created =
            labels.create_many(&Cx::new(), &["b", "c"].map(|name| label::Model { name: name.into(), text: None })).await;
        assert_eq!(created.is_ok(), declared.starts_with("TEXT"));
        assert!(created.into_iter().flatten().all(|created| created.text.as_deref() == Some("d")));
    }
}

/// An item with a value in every column.
fn full(text: &str, whole: i32, real: f32) -> item::Model {
    item::Model {
        name: text.to_owned(),
        nick: Some(text.to_owned()),
        status: Some(item::Status::Done),
        small: whole,
        large: Some(whole.into()),
        real: Some(real.into()),
        single: Some(real),
        flag: Some(whole > 1),
        bytes: Some(text.as_bytes().to_vec()),
        token: Some(uuid::Uuid::from_u128(7)),
        day: Some(time("1969-12-31T00:00:00Z").date_naive()),
        hour: Some(time("2026-01-01T23:59:59.5Z").time()),
        local: Some(time("1900-01-01T00:00:00.000001Z").naive_utc()),
        due: Some(time("2026-01-01T00:00:00Z").fixed_offset()),
        json: Some(serde_json::json!(whole)),
        ..item(1)
    }
}

const DECLARED: [&str; 11] =
    ["", "TEXT", "VARCHAR(3)", "NUMERIC", "BOOLEAN", "DATE", "INTEGER", "BIGINT", "REAL", "DOUBLE", "BLOB"];

/// Whatever type a column is declared with, a create answers what a find answers then, or stores nothing.
#[tokio::test]
async fn a_create_answers_what_a_find_does() {
    let store = larder::open("sqlite::memory:").await.unwrap();
    let items = store.repository::<item::Entity>();
    let models = [item(1), full("7", 7, 7.0), full("1e3", 1 << 30, 0.1), full(" 0x1", -1, 1e18), full("", 0, 0.0)];
    let (mut kept, mut refused) = (0, 0);
    for tested in item::Column::iter() {
        for declared in DECLARED {
            let columns = item::Column::iter().map(|column| {
                format!("\"{}\" {}", column.as_str(), if column.as_str() == tested.as_str() { declared } else { "" })
            });
            run(&store, &Cx::new(), "DROP TABLE IF EXISTS item").await.unwrap();
            run(&store, &Cx::new(), &format!("CREATE TABLE item ({})", columns.collect::<Vec<_>>().join(", "))).await.unwrap();
            for model in &models {
                match items.create(&Cx::new(), model).await {
                    Ok(created) => {
                        assert_eq!(items.find(&Cx::new(), &1).await.unwrap(), Some(created), "{tested:?} {declared}");
                        assert!(items.delete(&Cx::new(), &1).await.unwrap());
                        kept += 1;
                    }
                    Err(error) => {
                        assert_eq!(error.kind(), ErrorKind::Corrupt, "{tested:?} {declared}");
                        assert_eq!(items.count(&Cx::new(), &Filter::all()).await.unwrap(), 0);
                        refused += 1;
                    }
                }
            }
        }
    }
    assert!(kept > 600 && refused > 50, "{kept} {refused}");
}
