//! Append-only repositories of tables without a key, whose rows triggers change.

use larder::{Creator as _, Cx, ErrorKind, Filter, Query, SqlText, Store, TransactionalExt as _};

use crate::support::entities::line;

async fn run(store: &Store, sql: &str) {
    store.sql().unwrap().execute(&Cx::new(), &SqlText::new(sql)).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
}

fn line(id: i64, number: i64) -> line::Model {
    line::Model { id, source: "a".into(), number, text: Some(format!("line {number}")) }
}

const TABLE: &str = "CREATE TABLE line (id BIGINT, source TEXT NOT NULL, number BIGINT NOT NULL, text TEXT)";

/// Rows of one id, some of them twice in one call, in a table with a trigger that changes them afterwards.
async fn are_stored_beside_a_trigger(store: &Store) {
    let (cx, lines) = (Cx::new(), store.append_only::<line::Entity>());
    let many = [line(1, 1), line(2, 2), line(1, 3), line(1, 3), line(2, 4)];
    assert_eq!(lines.create_many(&cx, &many).await.unwrap(), many);
    assert_eq!(lines.create(&cx, &line(1, 5)).await.unwrap(), line(1, 5));
    assert_eq!(lines.create_batch(&cx, &many[..2]).await.unwrap(), 2);
    let inside = store.tx(&cx, |cx| {
        let lines = lines.clone();
        async move { lines.create_many(&cx, &[line(1, 6), line(1, 7)]).await }
    });
    assert_eq!(inside.await.unwrap(), [line(1, 6), line(1, 7)]);
    let stored = lines.query(&cx, &Query::new()).await.unwrap();
    assert_eq!(stored.iter().map(|line| line.id).collect::<Vec<_>>(), [1, 1, 1, 1, 1, 1, 1, 2, 2, 2]);
    assert!(stored.iter().all(|line| line.text.as_deref() == Some("changed")), "{stored:?}");
    run(store, "INSERT INTO line VALUES (NULL, 'a', 1, NULL)").await;
    let error = lines.query(&cx, &Query::new()).await.unwrap_err();
    assert_eq!((error.kind(), error.column()), (ErrorKind::Corrupt, Some("id")), "{error}");
    assert_eq!(lines.delete_where(&cx, &Filter::all()).await.unwrap(), 11);
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn rows_of_one_id_on_sqlite() {
    let pool = sea_orm::Database::connect("sqlite::memory:").await.unwrap();
    for store in [larder::open("sqlite::memory:").await.unwrap(), Store::from_sea_orm(pool).unwrap()] {
        run(&store, TABLE).await;
        run(
            &store,
            "CREATE TRIGGER changes AFTER INSERT ON line BEGIN UPDATE line SET text = 'changed' WHERE rowid = NEW.rowid; END",
        )
        .await;
        are_stored_beside_a_trigger(&store).await;
    }
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn rows_of_one_id_on_postgres() {
    if crate::support::postgres::is_skipped() {
        return;
    }
    let database = crate::support::postgres::TestDatabase::empty().await;
    let stores = crate::postgres::stores(&database).await;
    run(&stores[0], TABLE).await;
    run(
        &stores[0],
        "CREATE FUNCTION change() RETURNS trigger LANGUAGE plpgsql AS $$ \
         BEGIN UPDATE line SET text = 'changed' WHERE ctid = NEW.ctid; RETURN NULL; END $$",
    )
    .await;
    run(&stores[0], "CREATE TRIGGER changes AFTER INSERT ON line FOR EACH ROW EXECUTE FUNCTION change()").await;
    for store in stores {
        are_stored_beside_a_trigger(&store).await;
    }
}
