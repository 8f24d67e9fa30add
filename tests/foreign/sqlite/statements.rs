//! Statements of the application that change the connection they run on.

use larder::{Cx, Error, ErrorKind, Filter, SqlText, Store, TransactionalExt as _};

use super::{entities::named, places};

const TABLE: &str = "CREATE TABLE named (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE child (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES named (id));\n";

fn model(id: i64) -> named::Model {
    named::Model { id, name: "a".into() }
}

async fn run(store: &Store, cx: &Cx, sql: &str) -> larder::Result<u64> {
    store.sql()?.execute(cx, &SqlText::new(sql)).await
}

#[tokio::test]
async fn a_setting_of_a_connection_does_not_outlive_its_user() {
    for place in places(TABLE).await {
        let store = &place.store;
        let names = store.repository::<named::Entity>();
        for (nth, sql) in [
            "PRAGMA query_only = 1",
            "PRAGMA foreign_keys = off",
            "ATTACH ':memory:' AS other",
            "CREATE TEMP TABLE named (id INTEGER PRIMARY KEY, name TEXT NOT NULL)",
            "PRAGMA temp.user_version = 7",
            "PRAGMA ignore_check_constraints = on",
        ]
        .into_iter()
        .enumerate()
        {
            let id = 10 * i64::try_from(nth).unwrap() + 10;
            // Some are refused.
            drop(run(store, &Cx::new(), sql).await);
            names.create(&Cx::new(), &model(id)).await.unwrap();
            assert_eq!(place.ask(&format!("SELECT name FROM main.named WHERE id = {id}")).await, "a", "{} {sql}", place.name);
            let inside = store.tx(&Cx::new(), |cx| async move { run(store, &cx, sql).await });
            // Some cannot be run inside of a transaction.
            drop(inside.await);
            names.create_batch(&Cx::new(), &[model(id + 1), model(id + 2)]).await.unwrap();
            assert_eq!(names.count(&Cx::new(), &Filter::all()).await.unwrap(), 3 * (nth as u64 + 1), "{} {sql}", place.name);
            let orphan = run(store, &Cx::new(), "INSERT INTO child VALUES (1, 7)").await.unwrap_err();
            assert_eq!(orphan.kind(), ErrorKind::ForeignKey, "{} {sql}", place.name);
        }
    }
}

/// However it is written, a statement does not end the transaction that it runs in.
#[tokio::test]
async fn a_statement_does_not_end_the_transaction_around_it() {
    for place in places(TABLE).await {
        let store = &place.store;
        for (nth, end) in
            ["COMMIT", "/* /* */ COMMIT", "\u{feff}COMMIT", "ROLLBACK", "\u{feff}END", "-- x\nCOMMIT", "\u{feff}SAVEPOINT a"]
                .into_iter()
                .enumerate()
        {
            let id = i64::try_from(nth).unwrap() * 2 + 1;
            let outcome = store.tx(&Cx::new(), |cx| async move {
                let names = store.repository::<named::Entity>();
                names.create(&cx, &model(id)).await?;
                let ended = run(store, &cx, end).await;
                names.create(&cx, &model(id + 1)).await?;
                ended.map(drop)
            });
            let error: Error = outcome.await.expect_err(end);
            assert!(
                matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::TransactionAborted | ErrorKind::CommitUnknown),
                "{} {end:?}: {error}",
                place.name
            );
            assert_eq!(
                store.repository::<named::Entity>().count(&Cx::new(), &Filter::all()).await.unwrap(),
                0,
                "{} {end:?}",
                place.name
            );
        }
        store.repository::<named::Entity>().create(&Cx::new(), &model(1)).await.unwrap();
    }
}
