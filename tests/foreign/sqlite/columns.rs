//! Columns that make something else of what they are given, and tables that do not store it.

use larder::{Changes, Cx, Error, ErrorKind, OnConflict, Query, Result, Store, TransactionalExt as _, field};

use super::{
    entities::{named, numbered},
    places,
};

fn model(id: i64, name: &str) -> named::Model {
    named::Model { id, name: name.into() }
}

/// How many ways there are to store a name.
const WRITES: usize = 9;

/// One of the ways to store a name, with models of which the first is there already.
async fn write(store: &Store, cx: &Cx, nth: usize, name: &str) -> (&'static str, Result<()>) {
    let names = store.repository::<named::Entity>();
    let there = field(named::COLUMN.id).equals(1_i64);
    match nth {
        0 => ("create", names.create(cx, &model(2, name)).await.map(drop)),
        1 => ("create_many", names.create_many(cx, &[model(3, name), model(4, "a")]).await.map(drop)),
        2 => ("create_many of one", names.create_many(cx, &[model(3, name)]).await.map(drop)),
        3 => ("create_batch", names.create_batch(cx, &[model(5, "a"), model(6, name)]).await.map(drop)),
        4 => ("create_batch of one", names.create_batch(cx, &[model(7, name)]).await.map(drop)),
        5 => ("update", names.update(cx, &model(1, name)).await.map(drop)),
        6 => ("update_many", names.update_many(cx, &[model(1, name)]).await.map(drop)),
        7 => {
            let changes = Changes::new().set(named::COLUMN.name, name);
            ("update_where", names.update_where(cx, &there, &changes).await.map(drop))
        }
        _ => {
            let given = [model(8, name), model(1, name)];
            ("upsert_batch", names.upsert_batch(cx, &given, &OnConflict::replace()).await.map(drop))
        }
    }
}

/// Every way to store a name.
async fn writes(store: &Store, cx: &Cx, name: &str) -> Vec<(&'static str, Result<()>)> {
    let mut outcomes = Vec::new();
    for nth in 0..WRITES {
        outcomes.push(write(store, cx, nth, name).await);
    }
    outcomes
}

#[tokio::test]
async fn text_that_a_column_would_make_a_number_is_refused_in_every_operation() {
    for declared in ["STRING", "UUID", "INTEGER", "REAL", "DECIMAL(10, 2)"] {
        let table = format!("CREATE TABLE named (id INTEGER PRIMARY KEY, name {declared} NOT NULL);\n");
        for place in places(&table).await {
            place.run("INSERT INTO named VALUES (1, 'first');\n").await;
            for name in ["009", " 7", "1e5", "-.5", "14"] {
                for (operation, outcome) in writes(&place.store, &Cx::new(), name).await {
                    let error = outcome.expect_err(&format!("{} {declared} {operation} {name}", place.name));
                    assert_eq!(error.kind(), ErrorKind::Corrupt, "{} {declared} {operation} {name}: {error}", place.name);
                    assert_eq!(error.column(), Some("name"), "{} {declared} {operation} {name}: {error}", place.name);
                }
                // Inside a transaction, each by itself.
                for nth in 0..WRITES {
                    let store = &place.store;
                    let inside = store.tx(&Cx::new(), |cx| async move { write(store, &cx, nth, name).await.1 });
                    assert_eq!(inside.await.unwrap_err().kind(), ErrorKind::Corrupt, "{} {declared} {nth}", place.name);
                }
            }
            assert_eq!(place.ask("SELECT group_concat(typeof(name) || name) FROM named").await, "textfirst", "{}", place.name);
            for (operation, outcome) in writes(&place.store, &Cx::new(), "no number").await.into_iter().skip(5) {
                outcome.unwrap_or_else(|error| panic!("{} {declared} {operation}: {error}", place.name));
            }
            place.store.repository::<named::Entity>().query(&Cx::new(), &Query::new()).await.unwrap();
        }
    }
}

/// `BIGINT PRIMARY KEY` is no name for the row's own number.
#[tokio::test]
async fn an_id_that_the_table_does_not_generate_is_not_left_to_it() {
    for place in places("CREATE TABLE numbered (id BIGINT PRIMARY KEY, name TEXT NOT NULL);\n").await {
        let numbers = place.store.repository::<numbered::Entity>();
        let cx = &Cx::new();
        let new = |id| numbered::Model { id, name: "a".into() };
        for (operation, outcome) in [
            ("create", numbers.create(cx, &new(0)).await.map(drop)),
            ("create_many", numbers.create_many(cx, &[new(0), new(0)]).await.map(drop)),
            ("create_batch", numbers.create_batch(cx, &[new(0), new(0)]).await.map(drop)),
            ("create_batch of one", numbers.create_batch(cx, &[new(0)]).await.map(drop)),
            ("upsert_batch", numbers.upsert_batch(cx, &[new(0)], &OnConflict::replace()).await.map(drop)),
        ] {
            let error = outcome.expect_err(&format!("{} {operation}", place.name));
            assert_eq!((error.kind(), error.column()), (ErrorKind::Corrupt, Some("id")), "{} {operation}: {error}", place.name);
        }
        assert_eq!(place.ask("SELECT CAST(count(*) AS TEXT) FROM numbered").await, "0", "{}", place.name);
        numbers.create(cx, &new(7)).await.unwrap();
        numbers.create_batch(cx, &[new(8), new(9)]).await.unwrap();
        assert_eq!(place.ask("SELECT group_concat(id) FROM numbered").await, "7,8,9", "{}", place.name);
    }
}

/// A trigger, a view or the table's own rule sees to it that fewer rows are stored than were given.
#[tokio::test]
async fn a_row_that_is_not_stored_is_not_answered() {
    for table in [
        "CREATE TABLE named (id INTEGER PRIMARY KEY ON CONFLICT IGNORE, name TEXT NOT NULL);
INSERT INTO named VALUES (1, 'there');\n",
        "CREATE TABLE named (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TRIGGER ignores BEFORE INSERT ON named WHEN NEW.name = 'not me' BEGIN SELECT RAISE(IGNORE); END;\n",
        "CREATE TABLE base (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE VIEW named AS SELECT * FROM base;
CREATE TRIGGER ignores INSTEAD OF INSERT ON named BEGIN INSERT INTO base SELECT NEW.id, NEW.name WHERE NEW.name <> 'not me'; END;\n",
    ] {
        for place in places(table).await {
            let names = place.store.repository::<named::Entity>();
            let cx = &Cx::new();
            let (refused, other) = (model(1, "not me"), model(2, "me"));
            for (operation, outcome) in [
                ("create", names.create(cx, &refused).await.map(drop)),
                ("create_many", names.create_many(cx, &[other.clone(), refused.clone()]).await.map(drop)),
                ("create_batch", names.create_batch(cx, &[other.clone(), refused.clone()]).await.map(drop)),
                ("create_batch of one", names.create_batch(cx, std::slice::from_ref(&refused)).await.map(drop)),
            ] {
                let error = outcome.expect_err(&format!("{} {operation} {table}", place.name));
                assert_eq!(error.kind(), ErrorKind::Check, "{} {operation} {table}: {error}", place.name);
            }
            assert_eq!(names.find(cx, &2).await.unwrap(), None, "{}", place.name);
            assert_eq!(names.create(cx, &other).await.unwrap(), other, "{} {table}", place.name);
            let more = [model(3, "me"), model(4, "me")];
            assert_eq!(names.create_many(cx, &more).await.unwrap(), more, "{} {table}", place.name);
            assert_eq!(names.create_batch(cx, &[model(5, "me")]).await.unwrap(), 1, "{} {table}", place.name);
        }
    }
}

/// A trigger that changes what was given: the answer is what is stored.
#[tokio::test]
async fn what_a_trigger_makes_of_a_row_is_answered() {
    let table = "CREATE TABLE named (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TRIGGER inserted AFTER INSERT ON named BEGIN UPDATE named SET name = upper(NEW.name) WHERE id = NEW.id; END;
CREATE TRIGGER updated AFTER UPDATE OF id ON named BEGIN UPDATE named SET name = lower(NEW.name) WHERE id = NEW.id; END;\n";
    for place in places(table).await {
        let names = place.store.repository::<named::Entity>();
        let cx = &Cx::new();
        assert_eq!(names.create(cx, &model(1, "Ann")).await.unwrap(), model(1, "ANN"), "{}", place.name);
        let created = names.create_many(cx, &[model(2, "Ben"), model(3, "Cem")]).await.unwrap();
        assert_eq!(created, [model(2, "BEN"), model(3, "CEM")], "{}", place.name);
        place.run("DROP TRIGGER updated;\nCREATE TRIGGER updated AFTER UPDATE ON named WHEN NEW.name <> lower(NEW.name) BEGIN UPDATE named SET name = lower(NEW.name) WHERE id = NEW.id; END;\n").await;
        assert_eq!(names.update(cx, &model(1, "Dan")).await.unwrap(), model(1, "dan"), "{}", place.name);
        assert_eq!(names.update_many(cx, &[model(2, "Eve")]).await.unwrap(), [model(2, "eve")], "{}", place.name);
        let stored = names.query(cx, &Query::new()).await.unwrap();
        assert_eq!(stored, [model(1, "dan"), model(2, "eve"), model(3, "CEM")], "{}", place.name);
        drop(Error::new(ErrorKind::Check, ""));
    }
}
