//! Times that come in other forms while a store is open.

use larder::{Cx, ErrorKind, Query, SqlText, TransactionalExt as _, field};

use super::{
    entities::moment,
    moments::{DAY, paged},
    places,
};

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
