//! Values in forms of other programs: times with a zone, with nanoseconds or as numbers, UUIDs as text, truths that are neither 0
//! nor 1.

use std::collections::BTreeSet;

use larder::{
    Changes, Cx, ErrorKind, Filter, OnConflict, PageRequest, Query, ReaderExt as _, Result, SqlText, Store,
    TransactionalExt as _, field,
};
use sea_orm::{ActiveModelTrait as _, Set, prelude::Uuid};

use super::{
    entities::{moment, plain, tick, ticket},
    places,
};

/// Rows of one day, which begins on New Year 2026 in UTC, and the order of their instants. Rows 5 and 6 are the same one.
const MOMENTS: &str = "CREATE TABLE moment (id INTEGER PRIMARY KEY, at TIMESTAMP NOT NULL);
INSERT INTO moment VALUES
    (4, '2026-01-01T10:00:00.123456789+00:00'),
    (1, '2026-01-01T02:30:00+02:00'),
    (6, '2026-01-01T12:00:00+00:00'),
    (5, '2026-01-01 12:00:00'),
    (2, '2026-01-01T01:00:00Z'),
    (3, '2026-01-01T08:00:00.5-01:00'),
    (7, 1767279600),
    (8, 2461042.25),
    (0, '2026-01-01'),
    (9, '2026-01-01 23:59:59.999999999 +00:00');
";

/// In microseconds after the beginning of the day, as sqlite3's `strftime` and the forms themselves say.
const AFTER: [i64; 10] = [
    0,
    1_800_000_000,
    3_600_000_000,
    32_400_500_000,
    36_000_123_456,
    43_200_000_000,
    43_200_000_000,
    54_000_000_000,
    64_800_000_000,
    86_399_999_999,
];

const DAY: i64 = 1_767_225_600_000_000;

/// All ids, by pages of a size, forward or backward from the end.
async fn paged(store: &Store, size: u32, query: &Query<moment::Model>) -> Vec<i64> {
    let moments = store.repository::<moment::Entity>();
    let (mut ids, mut request) = (Vec::new(), PageRequest::new(size));
    for _ in 0..50 {
        let page = moments.page(&Cx::new(), query, &request).await.unwrap();
        ids.extend(page.models.iter().map(|model| model.id));
        match &page.next {
            Some(next) => request = PageRequest::new(size).after(next),
            None => return ids,
        }
    }
    panic!("the pages do not end: {ids:?}");
}

#[tokio::test]
async fn times_of_every_form_are_ordered_paged_and_found_by_their_instants() {
    for place in places(MOMENTS).await {
        let moments = place.store.repository::<moment::Entity>();
        let all = moments.query(&Cx::new(), &Query::new().order_by(moment::COLUMN.at)).await.unwrap();
        let read: Vec<_> = all.iter().map(|model| (model.id, model.at.timestamp_micros() - DAY)).collect();
        assert_eq!(read, (0..).zip(AFTER).collect::<Vec<_>>(), "{}", place.name);
        for size in 1..=10 {
            let ids = paged(&place.store, size, &Query::new().order_by(moment::COLUMN.at)).await;
            assert_eq!(ids, (0..10).collect::<Vec<_>>(), "{} {size}", place.name);
            let ids = paged(&place.store, size, &Query::new().order_by_desc(moment::COLUMN.at)).await;
            // Of the same instant, the smaller id first.
            assert_eq!(ids, [9, 8, 7, 5, 6, 4, 3, 2, 1, 0], "{} {size}", place.name);
        }
        for model in &all {
            let at = field(moment::COLUMN.at);
            let same = AFTER.iter().filter(|after| **after == model.at.timestamp_micros() - DAY).count() as u64;
            assert_eq!(moments.count(&Cx::new(), &at.equals(model.at)).await.unwrap(), same, "{} {model:?}", place.name);
            assert_eq!(moments.count(&Cx::new(), &at.not_equals(model.at)).await.unwrap(), 10 - same, "{}", place.name);
            assert_eq!(moments.count(&Cx::new(), &at.is_in([model.at])).await.unwrap(), same, "{}", place.name);
            let before = moments.count(&Cx::new(), &at.less_than(model.at)).await.unwrap();
            assert_eq!(before, AFTER.iter().filter(|after| **after < model.at.timestamp_micros() - DAY).count() as u64);
        }
        let first = Query::new().order_by_desc(moment::COLUMN.id).first_of_each(moment::COLUMN.at);
        assert_eq!(paged(&place.store, 4, &first).await, [9, 8, 7, 6, 4, 3, 2, 1, 0], "{}", place.name);
        let of_each = moments.of_each(&Cx::new(), &all[4..7], moment::COLUMN.at, moment::COLUMN.at, &Query::new().limit(1)).await;
        assert_eq!(of_each.unwrap().concat().iter().map(|model| model.id).collect::<Vec<_>>(), [4, 5, 5], "{}", place.name);
        let noon = all[5].at;
        let changed = moments
            .update_where(&Cx::new(), &field(moment::COLUMN.at).equals(noon), &Changes::new().set(moment::COLUMN.at, noon))
            .await;
        assert_eq!(changed.unwrap(), 2, "{}", place.name);
        let deleted = moments.delete_where(&Cx::new(), &field(moment::COLUMN.at).at_most(noon)).await.unwrap();
        assert_eq!((deleted, place.ask("SELECT group_concat(id) FROM moment").await.as_str()), (7, "7,8,9"), "{}", place.name);
    }
}

/// Some rows in the form that is written here, and others that come at any time.
#[tokio::test]
async fn rows_that_come_between_two_calls_are_noticed() {
    for place in places("CREATE TABLE moment (id INTEGER PRIMARY KEY, at TEXT NOT NULL);\n").await {
        let moments = place.store.repository::<moment::Entity>();
        let at = |micros: i64| chrono::DateTime::from_timestamp_micros(DAY + micros).unwrap();
        for id in [1, 3] {
            moments.create(&Cx::new(), &moment::Model { id, at: at(id * 3_600_000_000) }).await.unwrap();
        }
        let by_time = Query::new().order_by(moment::COLUMN.at);
        for turn in 0..3 {
            assert_eq!(paged(&place.store, 1, &by_time).await, [1, 3], "{} {turn}", place.name);
            place.run("INSERT INTO moment (id, at) VALUES (2, '2026-01-01T04:00:00+02:00');\n").await;
            assert_eq!(paged(&place.store, 1, &by_time).await, [1, 2, 3], "{} {turn}", place.name);
            let two = field(moment::COLUMN.at).equals(at(7_200_000_000));
            assert_eq!(moments.count(&Cx::new(), &two).await.unwrap(), 1, "{} {turn}", place.name);
            // Inside a transaction, too.
            let (store, filter) = (place.store.clone(), two.clone());
            let counted = place.store.tx(&Cx::new(), |cx| {
                let (store, filter) = (store.clone(), filter.clone());
                async move { store.repository::<moment::Entity>().count(&cx, &filter).await }
            });
            assert_eq!(counted.await.unwrap(), 1, "{} {turn}", place.name);
            assert_eq!(moments.delete_where(&Cx::new(), &two).await.unwrap(), 1, "{} {turn}", place.name);
            assert_eq!(paged(&place.store, 1, &by_time).await, [1, 3], "{} {turn}", place.name);
            // The table is made anew with a time in another form.
            place.run("DROP TABLE moment;\nCREATE TABLE moment (at DATETIME NOT NULL, id INTEGER PRIMARY KEY);\n").await;
            place.run("INSERT INTO moment VALUES (1767240000, 4), ('2026-01-01T01:00:00+00:00', 1);\n").await;
            assert_eq!(paged(&place.store, 1, &by_time).await, [1, 4], "{} {turn}", place.name);
            place.run("UPDATE moment SET id = 3, at = '2026-01-01T03:00:00+00:00' WHERE id = 4;\n").await;
        }
    }
}

/// Statements of the application's own are other programs, too, whether they take effect or not.
#[tokio::test]
async fn what_the_application_writes_by_itself_is_noticed() {
    for place in places("CREATE TABLE moment (id INTEGER PRIMARY KEY, at TEXT NOT NULL);\n").await {
        let moments = place.store.repository::<moment::Entity>();
        let at = |hour: i64| chrono::DateTime::from_timestamp_micros(DAY + hour * 3_600_000_000).unwrap();
        moments.create_batch(&Cx::new(), &[1, 3].map(|id| moment::Model { id, at: at(id) })).await.unwrap();
        let by_time = Query::new().order_by(moment::COLUMN.at);
        assert_eq!(paged(&place.store, 1, &by_time).await, [1, 3]);
        let run = async |cx: &Cx, sql: &str| place.store.sql().unwrap().execute(cx, &SqlText::new(sql)).await.unwrap();
        run(&Cx::new(), "INSERT INTO moment VALUES (2, '2026-01-01T04:00:00+02:00')").await;
        assert_eq!(paged(&place.store, 1, &by_time).await, [1, 2, 3], "{}", place.name);
        // Put right, and undone.
        let undone = place.store.tx(&Cx::new(), |cx| {
            let store = place.store.clone();
            async move {
                let sql = "UPDATE moment SET at = '2026-01-01T02:00:00+00:00' WHERE id = 2";
                store.sql()?.execute(&cx, &SqlText::new(sql)).await?;
                let ids = store.repository::<moment::Entity>().query(&cx, &Query::new().order_by(moment::COLUMN.at)).await?;
                assert_eq!(ids.iter().map(|model| model.id).collect::<Vec<_>>(), [1, 2, 3]);
                Err::<(), _>(larder::Error::new(ErrorKind::Check, "undone"))
            }
        });
        assert_eq!(undone.await.unwrap_err().kind(), ErrorKind::Check);
        assert_eq!(paged(&place.store, 1, &by_time).await, [1, 2, 3], "{}", place.name);
        // A trigger that writes another form.
        run(
            &Cx::new(),
            "CREATE TRIGGER stamps AFTER INSERT ON moment WHEN NEW.id > 3 BEGIN \
             UPDATE moment SET at = '2026-01-01T02:30:00+02:00' WHERE id = NEW.id; END",
        )
        .await;
        run(&Cx::new(), "UPDATE moment SET at = '2026-01-01T02:00:00+00:00' WHERE id = 2").await;
        assert_eq!(paged(&place.store, 1, &by_time).await, [1, 2, 3], "{}", place.name);
        let created = moments.create(&Cx::new(), &moment::Model { id: 4, at: at(4) }).await.unwrap();
        assert_eq!(created.at.to_rfc3339(), "2026-01-01T00:30:00+00:00", "{}", place.name);
        assert_eq!(paged(&place.store, 1, &by_time).await, [4, 1, 2, 3], "{}", place.name);
    }
}

/// What SeaORM writes: `Utc::now()` has nanoseconds.
#[tokio::test]
async fn times_that_sea_orm_writes_are_found_again() {
    let file = super::file("CREATE TABLE moment (id INTEGER PRIMARY KEY, at TEXT NOT NULL);\n");
    let sea_orm = sea_orm::Database::connect(super::url(&file.1)).await.unwrap();
    let day = chrono::DateTime::from_timestamp_micros(DAY).unwrap();
    for id in 0..10 {
        let at = day + chrono::TimeDelta::nanoseconds(1_234_567_891 * (10 - id));
        moment::ActiveModel { id: Set(id), at: Set(at) }.insert(&sea_orm).await.unwrap();
    }
    let store = larder::open(&super::url(&file.1)).await.unwrap();
    for store in [store, Store::from_sea_orm(sea_orm).unwrap()] {
        let moments = store.repository::<moment::Entity>();
        for size in [1, 4] {
            let ids = paged(&store, size, &Query::new().order_by(moment::COLUMN.at)).await;
            assert_eq!(ids, (0..10).rev().collect::<Vec<_>>());
        }
        for model in moments.query(&Cx::new(), &Query::new()).await.unwrap() {
            let nanos = 1_234_567_891 * (10 - model.id);
            assert_eq!(model.at, day + chrono::TimeDelta::microseconds(nanos / 1000));
            let found = moments.query(&Cx::new(), &Query::new().filter(field(moment::COLUMN.at).equals(model.at))).await.unwrap();
            assert_eq!(found, [model]);
        }
    }
}

/// The outcome of every way to come to a row's value, of which each is to be refused in the name of its column.
async fn refusals(store: &Store) -> Vec<(&'static str, Result<()>)> {
    let moments = store.repository::<moment::Entity>();
    let cx = &Cx::new();
    let at = field(moment::COLUMN.at);
    let noon = "2026-01-01T12:00:00Z".parse::<sea_orm::prelude::DateTimeUtc>().unwrap();
    let by_time = Query::new().order_by(moment::COLUMN.at);
    let streamed = async { moments.stream(cx, &Query::new()).await?.try_next().await.map(drop) };
    vec![
        ("find", moments.find(cx, &1).await.map(drop)),
        ("find_many", moments.find_many(cx, &[1]).await.map(drop)),
        ("query", moments.query(cx, &Query::new()).await.map(drop)),
        ("stream", streamed.await),
        ("order", moments.query(cx, &by_time).await.map(drop)),
        ("page", moments.page(cx, &by_time, &PageRequest::new(1)).await.map(drop)),
        ("project", moments.project(cx, &Query::new(), &larder::Projection::of(moment::COLUMN.at)).await.map(drop)),
        ("equals", moments.count(cx, &at.equals(noon)).await.map(drop)),
        ("not_equals", moments.count(cx, &at.not_equals(noon)).await.map(drop)),
        ("less_than", moments.count(cx, &at.less_than(noon)).await.map(drop)),
        ("is_in", moments.count(cx, &at.is_in([noon])).await.map(drop)),
        (
            "update_where",
            moments.update_where(cx, &at.at_least(noon), &Changes::new().set(moment::COLUMN.at, noon)).await.map(drop),
        ),
        ("delete_where", moments.delete_where(cx, &at.at_most(noon)).await.map(drop)),
    ]
}

#[tokio::test]
async fn a_form_that_cannot_be_read_is_refused_in_every_operation() {
    for place in places("CREATE TABLE moment (id INTEGER PRIMARY KEY, at ANY_BLOB NOT NULL);\n").await {
        for form in [
            // Milliseconds since 1970, as text, as a whole number, as a floating-point number.
            "'1767225600000'",
            "1767225600000",
            "1767225600.5",
            // Noon of a day, or seconds in January 1970.
            "2461042",
            "'2026-01-01 12:00:00.123456789 +0200 CEST m=+0.1'",
            "'2026-01-01 12:00:00.123456+02'",
            "'2026-01-01 24:00:00'",
            "'2026-02-30 12:00:00'",
            "'01/02/2026'",
            "''",
            "x'00'",
            "'10000-01-01T00:00:00Z'",
            "'0000-01-01T00:00:00Z'",
        ] {
            place.run(&format!("DELETE FROM moment;\nINSERT INTO moment VALUES (1, {form});\n")).await;
            for (operation, outcome) in refusals(&place.store).await {
                let error = outcome.expect_err(&format!("{} {operation} of {form}", place.name));
                assert_eq!(error.kind(), ErrorKind::Corrupt, "{} {operation} of {form}: {error}", place.name);
                assert_eq!(error.column(), Some("at"), "{} {operation} of {form}: {error}", place.name);
            }
            assert_eq!(place.ask(&format!("SELECT CAST(count(*) AS TEXT) FROM moment WHERE at = {form}")).await, "1");
        }
    }
}

#[tokio::test]
async fn dates_times_and_truths_are_read_or_refused_alike() {
    let table = "CREATE TABLE plain (id INTEGER PRIMARY KEY, at TIMESTAMP, day DATE, time TIME, flag BOOLEAN);\n";
    for place in places(table).await {
        let plains = place.store.repository::<plain::Entity>();
        let cx = &Cx::new();
        place
            .run(
                "INSERT INTO plain VALUES (1, '2026-01-01T12:00:00Z', '2026-01-01', '12:30', 2),
                (2, '2026-01-01 11:00', '2026-01-02', '12:30:00.000', -1),
                (3, 1767268800, NULL, '12:30:00Z', 1), (4, NULL, NULL, NULL, 0), (5, NULL, NULL, NULL, NULL);\n",
            )
            .await;
        let models = plains.query(cx, &Query::new()).await.unwrap();
        assert_eq!(
            models.iter().map(|model| model.flag).collect::<Vec<_>>(),
            [Some(true), Some(true), Some(true), Some(false), None]
        );
        let ids = async |filter: Filter<plain::Model>| {
            let found = plains.query(cx, &Query::new().filter(filter)).await.unwrap();
            found.iter().map(|model| model.id).collect::<Vec<_>>()
        };
        assert_eq!(ids(field(plain::COLUMN.flag).equals(true)).await, [1, 2, 3], "{}", place.name);
        assert_eq!(ids(field(plain::COLUMN.flag).equals(false)).await, [4], "{}", place.name);
        assert_eq!(ids(field(plain::COLUMN.time).equals(models[0].time.unwrap())).await, [1, 2, 3], "{}", place.name);
        assert_eq!(ids(field(plain::COLUMN.at).equals(models[0].at.unwrap())).await, [1, 3], "{}", place.name);
        assert_eq!(ids(field(plain::COLUMN.day).at_most(models[0].day.unwrap())).await, [1], "{}", place.name);
        for (column, form) in [
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
        ] {
            place.run(&format!("DELETE FROM plain;\nINSERT INTO plain (id, {column}) VALUES (1, {form});\n")).await;
            let filter = match column {
                "at" => field(plain::COLUMN.at).equals(models[0].at.unwrap()),
                "day" => field(plain::COLUMN.day).less_than(models[0].day.unwrap()),
                "time" => field(plain::COLUMN.time).not_equals(models[0].time.unwrap()),
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

#[tokio::test]
async fn ids_that_are_stored_as_text_are_refused_in_every_operation() {
    let (given, other) = (Uuid::from_u128(0x936d_a01f_9abd_4d9d_80c7_02af_85c8_22a8), Uuid::from_u128(7));
    for place in places("CREATE TABLE ticket (id uuid_text PRIMARY KEY, text TEXT NOT NULL);\n").await {
        let tickets = place.store.repository::<ticket::Entity>();
        let cx = &Cx::new();
        let model = |id| ticket::Model { id, text: "new".into() };
        // Sound before.
        tickets.create(cx, &model(other)).await.unwrap();
        assert_eq!(tickets.find(cx, &given).await.unwrap(), None, "{}", place.name);
        assert!(!tickets.delete(cx, &given).await.unwrap());
        for form in [
            "936da01f-9abd-4d9d-80c7-02af85c822a8",
            "936DA01F-9ABD-4D9D-80C7-02AF85C822A8",
            "936da01f9abd4d9d80c702af85c822a8",
            "{936da01f-9abd-4d9d-80c7-02af85c822a8}",
        ] {
            place.run(&format!("INSERT INTO ticket VALUES ('{form}', 'old');\n")).await;
            let by_id = Query::new().order_by(ticket::COLUMN.id);
            let outcomes = [
                ("find", tickets.find(cx, &given).await.map(drop)),
                ("find_many", tickets.find_many(cx, &[given]).await.map(drop)),
                ("query", tickets.query(cx, &by_id).await.map(drop)),
                ("page", tickets.page(cx, &by_id, &PageRequest::new(1)).await.map(drop)),
                ("count", tickets.count(cx, &field(ticket::COLUMN.id).equals(given)).await.map(drop)),
                ("create", tickets.create(cx, &model(given)).await.map(drop)),
                ("create_many", tickets.create_many(cx, &[model(given), model(Uuid::from_u128(8))]).await.map(drop)),
                ("create_batch", tickets.create_batch(cx, &[model(given), model(Uuid::from_u128(8))]).await.map(drop)),
                ("create_batch of one", tickets.create_batch(cx, &[model(given)]).await.map(drop)),
                ("upsert_batch", tickets.upsert_batch(cx, &[model(given)], &OnConflict::replace()).await.map(drop)),
                ("update", tickets.update(cx, &model(given)).await.map(drop)),
                ("update_many", tickets.update_many(cx, &[model(given)]).await.map(drop)),
                ("delete", tickets.delete(cx, &given).await.map(drop)),
                ("delete_many", tickets.delete_many(cx, &[given, other]).await.map(drop)),
                ("delete_where", tickets.delete_where(cx, &field(ticket::COLUMN.id).equals(given)).await.map(drop)),
            ];
            for (operation, outcome) in outcomes {
                let error = outcome.expect_err(&format!("{} {operation} {form}", place.name));
                assert_eq!(
                    (error.kind(), error.column()),
                    (ErrorKind::Corrupt, Some("id")),
                    "{} {operation}: {error}",
                    place.name
                );
            }
            let left = place.ask("SELECT group_concat(typeof(id) || text) FROM (SELECT * FROM ticket ORDER BY id)").await;
            assert_eq!(left, "textold,blobnew", "{} {form}", place.name);
            // What is there is still found, and put right it is all found again.
            if place.name != "SeaORM" {
                assert_eq!(tickets.find(cx, &other).await.unwrap(), Some(model(other)), "{}", place.name);
            }
            place.run("UPDATE ticket SET id = x'936da01f9abd4d9d80c702af85c822a8' WHERE typeof(id) = 'text';\n").await;
            let found = tickets.find_many(cx, &[given, other]).await.unwrap();
            assert_eq!(found.iter().map(|model| model.id).collect::<BTreeSet<_>>(), BTreeSet::from([given, other]));
            assert!(tickets.delete(cx, &given).await.unwrap());
        }
    }
}

/// The statement in the guide that rewrites times in the form that larder writes.
fn rewriting() -> String {
    let page = include_str!("../../../docs/guide/sqlite.md");
    let from = page.find("UPDATE job SET due").expect("the guide has the statement");
    let statement = &page[from..from + page[from..].find("```").unwrap()];
    statement.replace("job", "moment").replace("due", "at").replace('\n', " ").trim_end().to_owned() + "\n"
}

#[tokio::test]
async fn the_statement_in_the_guide_rewrites_times_and_loses_none() {
    for place in places(&MOMENTS.replace("TIMESTAMP", "TEXT")).await {
        let moments = place.store.repository::<moment::Entity>();
        let by_time = Query::new().order_by(moment::COLUMN.at);
        let before = moments.query(&Cx::new(), &by_time).await;
        assert_eq!(
            before.map(|_| ()).unwrap_err().kind(),
            ErrorKind::Corrupt,
            "{}: numbers are text in such a column",
            place.name
        );
        place.run("DELETE FROM moment WHERE id > 6;\nINSERT INTO moment VALUES (10, '2026-01-02 00:00:00 +0000 UTC');\n").await;
        place.run(&rewriting()).await;
        assert_eq!(place.ask("SELECT at FROM moment WHERE id = 10").await, "2026-01-02 00:00:00 +0000 UTC", "{}", place.name);
        place.run("DELETE FROM moment WHERE id = 10;\n").await;
        let after = moments.query(&Cx::new(), &by_time).await.unwrap();
        let milliseconds: Vec<_> = after.iter().map(|model| (model.id, model.at.timestamp_millis() - DAY / 1000)).collect();
        let expected: Vec<_> = (0..=6).zip(AFTER.map(|micros| micros / 1000)).collect();
        assert_eq!(milliseconds, expected, "{}", place.name);
        let own = "SELECT group_concat(length(at) || substr(at, 11, 1) || substr(at, -6), ' ') FROM (SELECT at FROM moment ORDER BY at)";
        let form = |length: u8| format!("{length}T+00:00");
        let forms: Vec<_> =
            after.iter().map(|model| form(if model.at.timestamp_subsec_millis() == 0 { 25 } else { 29 })).collect();
        assert_eq!(place.ask(own).await, forms.join(" "), "{}", place.name);
    }
}
