//! Changes by expression, and writes that answer, in tables of other programs.

use larder::{Changes, Cx, ErrorKind, Filter, OnConflict, Outcome, Query, ReaderExt as _, field};

use super::{
    entities::{measured, moment, named, span},
    places,
};

/// Times in several forms, in columns of several affinities.
const SPANS: &str = "CREATE TABLE span (id INTEGER PRIMARY KEY, begun TIMESTAMP, ended TEXT, noted);
INSERT INTO span VALUES
    (1, 1767261600, '2026-01-01 12:00:00', NULL),
    (2, '2026-01-01T12:00:00+02:00', '2026-01-01T09:00:00Z', 2461041.9375),
    (3, 2461042.25, NULL, '2026-01-01');
";

/// A time is the same one in whichever column, and is raised and lowered by its instant.
#[tokio::test]
async fn times_of_any_form_are_moved_and_compared() {
    use span::COLUMN;
    for place in places(SPANS).await {
        let (cx, spans) = (&Cx::new(), place.store.repository::<span::Entity>());
        let before = spans.all(cx).await.unwrap();
        let ten = before[1].begun;
        assert_eq!(before[0].begun, ten, "{}", place.name);
        let moved = Changes::new().set_from(COLUMN.ended, COLUMN.begun).set_from(COLUMN.noted, COLUMN.ended);
        let moved = spans.update_where_returning(cx, &Filter::all(), &moved).await.unwrap();
        for (old, new) in before.iter().zip(&moved) {
            assert_eq!((new.ended, new.noted), (old.begun, old.ended), "{}", place.name);
        }
        assert_eq!(spans.all(cx).await.unwrap(), moved, "{}", place.name);
        place.run(&format!("DELETE FROM span;\n{}", SPANS.split_once('\n').unwrap().1)).await;
        let bounded = Changes::new().raise_to(COLUMN.begun, ten.unwrap() + chrono::Duration::hours(1));
        let bounded = bounded.lower_to(COLUMN.ended, ten.unwrap()).set_if_null(COLUMN.noted, ten.unwrap());
        assert_eq!(spans.update_where(cx, &Filter::all(), &bounded).await.unwrap(), 3, "{}", place.name);
        let hours = |time: Option<sea_orm::prelude::DateTimeUtc>| time.map(|time| (time - ten.unwrap()).num_hours());
        let seen: Vec<_> =
            spans.all(cx).await.unwrap().iter().map(|span| [span.begun, span.ended, span.noted].map(hours)).collect();
        let expected = [[Some(1), Some(0), Some(0)], [Some(1), Some(-1), Some(0)], [Some(8), None, Some(-10)]];
        assert_eq!(seen, expected, "{}", place.name);
        let again = OnConflict::apply(Changes::new().set_from(COLUMN.noted, COLUMN.begun));
        let (stored, outcome) = spans.upsert(cx, &before[0], &again).await.unwrap();
        assert_eq!((hours(stored.noted), outcome), (Some(1), Outcome::Updated), "{}", place.name);
    }
}

/// Text is raised by its bytes, whatever the collation; a number that its column would store as text is refused.
#[tokio::test]
async fn columns_of_other_rules_are_changed_by_those_of_models() {
    let tables = "CREATE TABLE named (id INTEGER PRIMARY KEY, name TEXT NOT NULL COLLATE NOCASE);
INSERT INTO named VALUES (1, 'a'), (2, 'B');
CREATE TABLE measured (id INTEGER PRIMARY KEY, amount TEXT, ratio NUMERIC, name NUMERIC, bytes BLOB);
INSERT INTO measured VALUES (1, CAST(5 AS BLOB), 1, 'a', x'00');\n";
    for place in places(tables).await {
        let (cx, names) = (&Cx::new(), place.store.repository::<named::Entity>());
        let raised = Changes::new().raise_to(named::COLUMN.name, "Z");
        let raised = names.update_where_returning(cx, &Filter::all(), &raised).await.unwrap();
        assert_eq!(raised.iter().map(|row| row.name.as_str()).collect::<Vec<_>>(), ["a", "Z"], "{}", place.name);
        let first = Query::new().order_by_desc(named::COLUMN.name).limit(1);
        let claimed = names.update_first(cx, &first, &Changes::new().set(named::COLUMN.name, "b")).await.unwrap();
        assert_eq!(claimed.iter().map(|row| row.id).collect::<Vec<_>>(), [1], "{}", place.name);
        let measured = place.store.repository::<measured::Entity>();
        let increased = Changes::new().increase(measured::COLUMN.amount, 1);
        let refused = measured.update_where(cx, &Filter::all(), &increased).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Corrupt, "{}", place.name);
        let numeric = Changes::new().raise_to(measured::COLUMN.name, "b1").increase(measured::COLUMN.ratio, 0.5);
        assert_eq!(measured.update_where(cx, &Filter::all(), &numeric).await.unwrap(), 1, "{}", place.name);
        assert_eq!(place.ask("SELECT name || ratio FROM measured").await, "b11.5", "{}", place.name);
        let number = Changes::new().raise_to(measured::COLUMN.name, "c").set(measured::COLUMN.name, "12");
        assert_eq!(measured.update_where(cx, &Filter::all(), &number).await.unwrap_err().kind(), ErrorKind::Corrupt);
    }
}

const TRIGGERS: &str = "CREATE TABLE moment (id INTEGER PRIMARY KEY, at TIMESTAMP NOT NULL);
INSERT INTO moment VALUES (1, '2026-01-01T00:00:00+00:00'), (2, '2026-01-01T00:00:00+00:00'), (3, '2026-01-01T00:00:00+00:00');
CREATE TRIGGER later AFTER UPDATE ON moment BEGIN UPDATE moment SET at = '2030-01-01T00:00:00+00:00' WHERE id = NEW.id; END;
CREATE TRIGGER keep BEFORE DELETE ON moment WHEN OLD.id = 2 BEGIN SELECT RAISE(IGNORE); END;\n";

/// What is answered is what triggers have left.
#[tokio::test]
async fn rows_of_triggers_are_answered_as_they_are_stored() {
    for place in places(TRIGGERS).await {
        let (cx, moments) = (&Cx::new(), place.store.repository::<moment::Entity>());
        let (now, later) = ("2026-05-01T00:00:00Z".parse().unwrap(), "2030-01-01T00:00:00Z".parse().unwrap());
        let stored = |id| moment::Model { id, at: later };
        let set = || Changes::new().set(moment::COLUMN.at, now);
        let some = field(moment::COLUMN.id).at_most(2);
        assert_eq!(moments.update_where_returning(cx, &some, &set()).await.unwrap(), [stored(1), stored(2)], "{}", place.name);
        for limit in [1, 2] {
            let first = Query::new().order_by_desc(moment::COLUMN.id).limit(limit);
            let claimed = moments.update_first(cx, &first, &set()).await.unwrap();
            assert_eq!(claimed, [stored(3), stored(2)][..usize::try_from(limit).unwrap()], "{}", place.name);
        }
        let given = moment::Model { id: 1, at: now };
        let (updated, outcome) = moments.upsert(cx, &given, &OnConflict::apply(set())).await.unwrap();
        assert_eq!((updated, outcome), (stored(1), Outcome::Updated), "{}", place.name);
        let first = Query::new().order_by_desc(moment::COLUMN.id).limit(2);
        assert_eq!(moments.delete_first(cx, &first).await.unwrap(), [stored(3)], "{}", place.name);
        assert_eq!(moments.delete_where_returning(cx, &Filter::all()).await.unwrap(), [stored(1)], "{}", place.name);
        assert_eq!(moments.all(cx).await.unwrap(), [stored(2)], "{}", place.name);
    }
}

const VIEW: &str = "CREATE TABLE base (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
INSERT INTO base VALUES (1, 'a'), (2, 'b');
CREATE VIEW named AS SELECT id, name FROM base;
CREATE TRIGGER changed INSTEAD OF UPDATE ON named BEGIN UPDATE base SET name = upper(NEW.name) WHERE id = NEW.id; END;
CREATE TRIGGER gone INSTEAD OF DELETE ON named BEGIN DELETE FROM base WHERE id = OLD.id; END;\n";

/// Views are written by their triggers, and answer what those have stored.
#[tokio::test]
async fn views_answer_what_their_triggers_store() {
    for place in places(VIEW).await {
        let (cx, names) = (&Cx::new(), place.store.repository::<named::Entity>());
        let row = |id, name: &str| named::Model { id, name: name.into() };
        let set = |name: &str| Changes::new().set(named::COLUMN.name, name);
        let changed = names.update_where_returning(cx, &Filter::all(), &set("c")).await.unwrap();
        assert_eq!(changed, [row(1, "C"), row(2, "C")], "{}", place.name);
        let first = Query::new().order_by_desc(named::COLUMN.id).limit(1);
        assert_eq!(names.update_first(cx, &first, &set("d")).await.unwrap(), [row(2, "D")], "{}", place.name);
        assert_eq!(names.delete_first(cx, &first).await.unwrap(), [row(2, "D")], "{}", place.name);
        assert_eq!(names.delete_where_returning(cx, &Filter::all()).await.unwrap(), [row(1, "C")], "{}", place.name);
        assert!(names.all(cx).await.unwrap().is_empty(), "{}", place.name);
    }
}
