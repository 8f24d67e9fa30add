//! Values in forms of other programs: dates, times of day, truths that are neither 0 nor 1, and a time as the id.

use larder::{Cx, ErrorKind, Filter, Query, field};

use super::{
    Place,
    entities::{plain, tick},
    moments::DAY,
    places,
};

const PLAIN: &str = "CREATE TABLE plain (id INTEGER PRIMARY KEY, at TIMESTAMP, day DATE, time TIME, flag BOOLEAN);\n";

const READABLE: &str = "INSERT INTO plain VALUES (1, '2026-01-01T12:00:00Z', '2026-01-01', '12:30', 2),
    (2, '2026-01-01 11:00', '2026-01-02', '12:30:00.000', -1),
    (3, 1767268800, NULL, '12:30:00Z', 1), (4, NULL, NULL, NULL, 0), (5, NULL, NULL, NULL, NULL);\n";

/// Forms that are refused, by their columns.
const STRANGE: [(&str, &str); 10] = [
    ("at", "'2026-01-01T12:00:00+02:00'"),
    ("day", "'2026-1-1'"),
    ("day", "'2026-01-01 00:00:00'"),
    ("day", "'2026-02-29'"),
    ("day", "1767268800000"),
    ("time", "'24:00:00'"),
    ("time", "'12:30:00+02:00'"),
    ("time", "45000"),
    ("flag", "'true'"),
    ("flag", "0.5"),
];

/// The models that are readable, of which the first has a value in every column.
async fn readable(place: &Place) -> Vec<plain::Model> {
    place.run(READABLE).await;
    place.store.repository::<plain::Entity>().query(&Cx::new(), &Query::new()).await.unwrap()
}

#[tokio::test]
async fn dates_times_and_truths_of_other_forms_are_read_and_compared() {
    for place in places(PLAIN).await {
        let plains = place.store.repository::<plain::Entity>();
        let models = readable(&place).await;
        assert_eq!(
            models.iter().map(|model| model.flag).collect::<Vec<_>>(),
            [Some(true), Some(true), Some(true), Some(false), None]
        );
        let ids = async |filter: Filter<plain::Model>| {
            let found = plains.query(&Cx::new(), &Query::new().filter(filter)).await.unwrap();
            found.iter().map(|model| model.id).collect::<Vec<_>>()
        };
        assert_eq!(ids(field(plain::COLUMN.flag).equals(true)).await, [1, 2, 3], "{}", place.name);
        assert_eq!(ids(field(plain::COLUMN.flag).equals(false)).await, [4], "{}", place.name);
        assert_eq!(ids(field(plain::COLUMN.time).equals(models[0].time.unwrap())).await, [1, 2, 3], "{}", place.name);
        assert_eq!(ids(field(plain::COLUMN.at).equals(models[0].at.unwrap())).await, [1, 3], "{}", place.name);
        assert_eq!(ids(field(plain::COLUMN.day).at_most(models[0].day.unwrap())).await, [1], "{}", place.name);
    }
}

#[tokio::test]
async fn dates_times_and_truths_that_cannot_be_read_are_refused_alike() {
    for place in places(PLAIN).await {
        let (cx, plains) = (&Cx::new(), place.store.repository::<plain::Entity>());
        let model = readable(&place).await.swap_remove(0);
        for (column, form) in STRANGE {
            place.run(&format!("DELETE FROM plain;\nINSERT INTO plain (id, {column}) VALUES (1, {form});\n")).await;
            let filter = match column {
                "at" => field(plain::COLUMN.at).equals(model.at.unwrap()),
                "day" => field(plain::COLUMN.day).less_than(model.day.unwrap()),
                "time" => field(plain::COLUMN.time).not_equals(model.time.unwrap()),
                _ => field(plain::COLUMN.flag).equals(true),
            };
            for outcome in [
                plains.find(cx, &1).await.map(drop),
                plains.query(cx, &Query::new()).await.map(drop),
                plains.count(cx, &filter).await.map(drop),
                plains.delete_where(cx, &filter).await.map(drop),
            ] {
                let error = outcome.expect_err(&format!("{} {column} {form}", place.name));
                assert_eq!((error.kind(), error.column()), (ErrorKind::Corrupt, Some(column)), "{} {form}: {error}", place.name);
            }
        }
    }
}

/// A time as the id: a model is found by its instant.
#[tokio::test]
async fn an_id_that_is_a_time_is_found_in_any_form() {
    let table = "CREATE TABLE tick (at TEXT PRIMARY KEY, text TEXT NOT NULL);
INSERT INTO tick VALUES ('2026-01-01T02:00:00+02:00', 'a'), ('2026-01-01T01:00:00Z', 'b');\n";
    for place in places(table).await {
        let ticks = place.store.repository::<tick::Entity>();
        let cx = &Cx::new();
        let midnight = chrono::DateTime::from_timestamp_micros(DAY).unwrap();
        let found = ticks.find(cx, &midnight).await.unwrap().expect(place.name);
        assert_eq!(found.text, "a");
        let updated = ticks.update(cx, &tick::Model { at: midnight, text: "c".into() }).await.unwrap();
        assert_eq!(updated.text, "c", "{}", place.name);
        assert_eq!(place.ask("SELECT group_concat(text) FROM (SELECT text FROM tick ORDER BY text)").await, "b,c");
        assert!(ticks.delete(cx, &midnight).await.unwrap(), "{}", place.name);
        assert_eq!(place.ask("SELECT group_concat(text) FROM tick").await, "b");
    }
}
