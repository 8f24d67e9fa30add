//! Times of other precision, and of other rules, than the model's.

use larder::{Cx, ErrorKind, PageRequest, Query, ReaderExt as _, field};

use super::{client::File, execute, in_memory, one};

/// Times of a second, a millisecond and a nanosecond are found by what was read of them, and pages cover each once.
#[tokio::test]
async fn times_of_other_precision_are_found_by_what_was_read() {
    for (data_type, texts) in [
        ("TIMESTAMP_S", ["2024-02-29 12:00:01", "1969-12-31 23:59:59", "9999-12-31 23:59:59"]),
        ("TIMESTAMP_MS", ["2024-02-29 12:00:00.001", "1969-12-31 23:59:59.999", "0001-01-01 00:00:00.123"]),
        ("TIMESTAMP_NS", ["2024-02-29 12:00:00.000001", "1969-12-31 23:59:59.999999", "2262-01-01 00:00:00.123456"]),
    ] {
        let file = File::new();
        let values: Vec<_> = texts.iter().enumerate().map(|(id, text)| format!("({id}, '{text}')")).collect();
        file.python(&format!(
            "c.execute(\"CREATE TABLE one (id INTEGER PRIMARY KEY, value {data_type})\")\nc.execute(\"INSERT INTO one VALUES {}\")",
            values.join(", ")
        ));
        let store = file.open().await;
        let all = store.repository::<one::date_time::Entity>();
        let cx = &Cx::new();
        let query = Query::new().order_by(one::date_time::COLUMN.value);
        let mut request = PageRequest::new(1);
        let mut seen = Vec::new();
        loop {
            let page = all.page(cx, &query, &request).await.unwrap();
            seen.extend(page.models);
            let Some(next) = page.next else { break };
            request = PageRequest::new(1).after(&next);
            assert!(seen.len() <= texts.len(), "{data_type}: the pages do not end");
        }
        let mut expected = texts.map(|text| chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").unwrap());
        expected.sort();
        assert_eq!(seen.iter().filter_map(|model| model.value).collect::<Vec<_>>(), expected, "{data_type}");
        for model in seen {
            let equal = field(one::date_time::COLUMN.value).equals(model.value.unwrap());
            assert_eq!(all.query(cx, &equal.into()).await.unwrap(), [model], "{data_type}");
        }
    }
}

/// A time without a zone is one of UTC, whatever the zone of the machine and of the column: it is found, and comes back, as it
/// was given.
#[tokio::test]
async fn a_time_without_a_zone_is_one_of_utc() {
    let store = in_memory(&["CREATE TABLE one (id INTEGER PRIMARY KEY, value TIMESTAMP)"]).await;
    let cx = &Cx::new();
    let utc = store.repository::<one::utc::Entity>();
    let at: chrono::DateTime<chrono::Utc> = "2024-07-01T00:30:00Z".parse().unwrap();
    utc.create(cx, &one::utc::model(1, at)).await.unwrap();
    utc.create_batch(cx, &[one::utc::model(2, at), one::utc::model(3, at)]).await.unwrap();
    let shown: Vec<String> = store
        .sql()
        .unwrap()
        .query_as(cx, &larder::SqlText::new("SELECT DISTINCT value::VARCHAR AS text FROM one"))
        .await
        .unwrap();
    assert_eq!(shown, ["2024-07-01 00:30:00"]);
    let equal = field(one::utc::COLUMN.value).equals(at);
    assert_eq!(utc.count(cx, &equal).await.unwrap(), 3);

    execute(&store, "DROP TABLE one").await;
    execute(&store, "CREATE TABLE one (id INTEGER PRIMARY KEY, value TIMESTAMPTZ)").await;
    let naive = store.repository::<one::date_time::Entity>();
    let models: Vec<_> = (1..=3).map(|id| one::date_time::model(id, at.naive_utc())).collect();
    naive.create(cx, &models[0]).await.unwrap();
    naive.create_batch(cx, &models[1..]).await.unwrap();
    assert_eq!(naive.query(cx, &Query::new()).await.unwrap(), models);
    assert_eq!(utc.count(cx, &equal_to(at)).await.unwrap(), 3);
}

fn equal_to(at: chrono::DateTime<chrono::Utc>) -> larder::Filter<one::utc::Model> {
    field(one::utc::COLUMN.value).equals(at)
}

/// A time that its column would round is refused, however it is written.
#[tokio::test]
async fn a_time_that_is_too_precise_is_refused() {
    for (create, fits, does_not) in [
        ("CREATE TABLE one (id INTEGER PRIMARY KEY, value TIMESTAMP_S)", "2024-01-01T00:00:01", "2024-01-01T00:00:01.9"),
        ("CREATE TABLE one (id INTEGER PRIMARY KEY, value TIMESTAMP_MS)", "2024-01-01T00:00:01.123", "2024-01-01T00:00:01.1239"),
    ] {
        let store = in_memory(&[create]).await;
        let model = |id, text: &str| one::date_time::model(id, text.parse().unwrap());
        super::keeps::assert_keeps::<one::date_time::Entity>(&store, |id| model(id, fits), |id| model(id, does_not)).await;
    }
}

/// Times that cannot be compared with the model's are refused in every operation alike.
#[tokio::test]
async fn a_time_with_an_offset_is_unsupported() {
    let store =
        in_memory(&["CREATE TABLE one (id INTEGER PRIMARY KEY, value TIMETZ)", "INSERT INTO one VALUES (1, '12:00:00+02')"])
            .await;
    let all = store.repository::<one::time::Entity>();
    let noon = "12:00:00".parse().unwrap();
    let errors = [
        all.find(&Cx::new(), &1).await.unwrap_err(),
        all.count(&Cx::new(), &field(one::time::COLUMN.value).equals(noon)).await.unwrap_err(),
        all.create(&Cx::new(), &one::time::model(2, noon)).await.unwrap_err(),
        all.create_batch(&Cx::new(), &[one::time::model(2, noon), one::time::model(3, noon)]).await.unwrap_err(),
    ];
    for error in errors {
        assert_eq!((error.kind(), error.column()), (ErrorKind::Unsupported, Some("value")));
    }
    assert_eq!(execute(&store, "DELETE FROM one").await, 1);
}
