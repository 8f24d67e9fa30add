//! Times in forms of other programs: with a zone, with nanoseconds, as numbers.

use larder::{Changes, Cx, ErrorKind, PageRequest, Query, ReaderExt as _, Result, Store, field};
use sea_orm::{ActiveModelTrait as _, Set};

use super::{entities::moment, places};

/// Rows of one day, which begins on New Year 2026 in UTC, and the order of their instants. Rows 5 and 6 are the same one.
pub(super) const MOMENTS: &str = "CREATE TABLE moment (id INTEGER PRIMARY KEY, at TIMESTAMP NOT NULL);
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
pub(super) const AFTER: [i64; 10] = [
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

pub(super) const DAY: i64 = 1_767_225_600_000_000;

/// All ids, by pages of a size, forward or backward from the end.
pub(super) async fn paged(store: &Store, size: u32, query: &Query<moment::Model>) -> Vec<i64> {
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

/// A list of many times selects what a list of one would, in whichever form it is stored.
#[tokio::test]
async fn times_of_every_form_are_found_by_long_lists() {
    for place in places(MOMENTS).await {
        let moments = place.store.repository::<moment::Entity>();
        let at = |micros: i64| chrono::DateTime::from_timestamp_micros(DAY + micros).unwrap();
        for length in [100, 2_000] {
            let list = AFTER.into_iter().skip(3).chain((0..length).map(|nth| nth * 1_000_000 + 7)).map(at);
            let filter = field(moment::COLUMN.at).is_in(list);
            assert_eq!(moments.count(&Cx::new(), &filter).await.unwrap(), 7, "{}", place.name);
            let others = moments.query(&Cx::new(), &Query::from(!filter)).await.unwrap();
            assert_eq!(others.iter().map(|model| model.id).collect::<Vec<_>>(), [0, 1, 2], "{}", place.name);
        }
    }
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
        let first = Query::new().order_by_desc(moment::COLUMN.id).first_of_each(moment::COLUMN.at);
        assert_eq!(paged(&place.store, 4, &first).await, [9, 8, 7, 6, 4, 3, 2, 1, 0], "{}", place.name);
        let of_each = moments.of_each(&Cx::new(), &all[4..7], moment::COLUMN.at, moment::COLUMN.at, &Query::new().limit(1)).await;
        assert_eq!(of_each.unwrap().concat().iter().map(|model| model.id).collect::<Vec<_>>(), [4, 5, 5], "{}", place.name);
        for model in &all {
            let at = field(moment::COLUMN.at);
            let same = AFTER.iter().filter(|after| **after == model.at.timestamp_micros() - DAY).count() as u64;
            assert_eq!(moments.count(&Cx::new(), &at.equals(model.at)).await.unwrap(), same, "{} {model:?}", place.name);
            assert_eq!(moments.count(&Cx::new(), &at.not_equals(model.at)).await.unwrap(), 10 - same, "{}", place.name);
            assert_eq!(moments.count(&Cx::new(), &at.is_in([model.at])).await.unwrap(), same, "{}", place.name);
            let before = moments.count(&Cx::new(), &at.less_than(model.at)).await.unwrap();
            assert_eq!(before, AFTER.iter().filter(|after| **after < model.at.timestamp_micros() - DAY).count() as u64);
        }
        let noon = all[5].at;
        let changed = moments
            .update_where(&Cx::new(), &field(moment::COLUMN.at).equals(noon), &Changes::new().set(moment::COLUMN.at, noon))
            .await;
        assert_eq!(changed.unwrap(), 2, "{}", place.name);
        let deleted = moments.delete_where(&Cx::new(), &field(moment::COLUMN.at).at_most(noon)).await.unwrap();
        assert_eq!((deleted, place.ask("SELECT group_concat(id) FROM moment").await.as_str()), (7, "7,8,9"), "{}", place.name);
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
