//! Statements: how they are prepared, which are refused, and what they leave in their session.

use larder::{Cx, Error, ErrorKind, OpenOptions, ReaderExt as _, SqlText, TransactionalExt};
use sea_orm::{
    ConnectionTrait, Database,
    sea_query::{ColumnDef, Expr, Query, Table},
};

use super::{
    Server,
    connections::{labels, read},
};
use crate::support::{
    backend::Harness,
    entities::{label, note},
    note,
    postgres::{TestDatabase, is_skipped},
};

#[tokio::test]
async fn a_statement_is_prepared_once_for_a_connection() {
    if is_skipped() {
        return;
    }
    let fixture = Server.narrow().await;
    let notes = fixture.store.repository::<note::Entity>();
    let stored = notes.create(&Cx::new(), &note("n")).await.unwrap();
    for _ in 0..5 {
        notes.find(&Cx::new(), &stored.id).await.unwrap();
    }
    let prepared = labels("name", "statement", "pg_prepared_statements", r#"statement LIKE 'SELECT "note"%'"#);
    assert_eq!(read(&fixture.store, &Cx::new(), &prepared).await.len(), 1);
}

#[tokio::test]
async fn an_outdated_plan_may_be_tried_again_and_a_bad_statement_not() {
    if is_skipped() {
        return;
    }
    let database = TestDatabase::with_tables().await;
    let store = OpenOptions::new().max_connections(1).open(&database.url()).await.unwrap();
    let notes = store.repository::<note::Entity>();
    let stored = notes.create(&Cx::new(), &note("n")).await.unwrap();
    notes.find(&Cx::new(), &stored.id).await.unwrap();
    let connection = Database::connect(database.url()).await.unwrap();
    connection.execute_unprepared("ALTER TABLE note ALTER COLUMN body TYPE varchar(9)").await.unwrap();
    let error = notes.find(&Cx::new(), &stored.id).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Contention, Some("0A000")));

    let distinct = Query::select()
        .distinct()
        .expr_as(Expr::val("a"), "name")
        .expr_as(Expr::val("b"), "text")
        .from("note")
        .lock_exclusive()
        .to_owned();
    let error = store.sql().unwrap().models::<label::Entity>(&Cx::new(), &distinct).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::InvalidInput, Some("0A000")));
}

const ENDING: [&str; 11] = [
    "COMMIT",
    "END",
    "ROLLBACK",
    "PREPARE TRANSACTION 'a'",
    "SET search_path = nowhere",
    "DISCARD ALL",
    "SET TRANSACTION READ ONLY",
    "SET SESSION AUTHORIZATION postgres",
    "COPY note FROM STDIN",
    "COPY note TO STDOUT",
    "/*/*/ SELECT 1 */*/ COMMIT --*/",
];

/// What ends a transaction or changes a session does not come to the server. Nothing of the transaction is stored, and the
/// connection stays as it is.
#[tokio::test]
async fn a_statement_that_ends_the_transaction_is_not_sent() {
    if is_skipped() {
        return;
    }
    for fixture in [Server.narrow().await, super::SeaOrm.narrow().await] {
        let store = &fixture.store;
        let notes = &store.repository::<note::Entity>();
        for text in ENDING {
            let ended = store.tx(&Cx::new(), |cx| async move {
                notes.create(&cx, &note("gone")).await?;
                store.sql()?.execute(&cx, &SqlText::new(text)).await.map(drop)
            });
            assert_eq!(ended.await.unwrap_err().kind(), ErrorKind::InvalidInput, "{text}");
            let alone = store.sql().unwrap().execute(&Cx::new(), &SqlText::new(text)).await.unwrap_err();
            assert_eq!(alone.kind(), ErrorKind::InvalidInput, "{text}");
        }
        // The server refuses it.
        let ended = store.tx(&Cx::new(), |cx| async move {
            notes.create(&cx, &note("gone")).await?;
            drop(store.sql()?.execute(&cx, &SqlText::new("DO 'BEGIN COMMIT; END'")).await);
            Ok::<_, Error>(())
        });
        assert_eq!(ended.await.unwrap_err().kind(), ErrorKind::TransactionAborted);
        assert!(notes.all(&Cx::new()).await.unwrap().is_empty());
    }
}

/// The same of what is hidden in a part of a statement of sea-query.
#[tokio::test]
async fn a_hidden_statement_that_ends_the_transaction_is_not_sent() {
    if is_skipped() {
        return;
    }
    let hidden = &Query::select().expr(Expr::cust("1; COMMIT; SELECT 1")).to_owned();
    let mut column = ColumnDef::new("id");
    column.integer().default(Expr::cust("1); COMMIT; CREATE TABLE other (id integer"));
    let table = &Table::create().table("hidden").col(column).to_owned();
    for fixture in [Server.narrow().await, super::SeaOrm.narrow().await] {
        let store = &fixture.store;
        let notes = &store.repository::<note::Entity>();
        let ended = store.tx(&Cx::new(), |cx| async move {
            notes.create(&cx, &note("gone")).await?;
            store.sql()?.execute(&cx, hidden).await.map(drop)
        });
        assert_eq!(ended.await.unwrap_err().kind(), ErrorKind::InvalidInput);
        let ended = store.tx(&Cx::new(), |cx| async move {
            notes.create(&cx, &note("gone")).await?;
            store.sql()?.execute(&cx, table).await.map(drop)
        });
        assert_eq!(ended.await.unwrap_err().kind(), ErrorKind::InvalidInput);
        assert!(notes.all(&Cx::new()).await.unwrap().is_empty());
    }
}

/// What a statement leaves in its session is not met by the next user of the connection: a setting, a temporary table, a lock.
#[tokio::test]
async fn what_a_statement_leaves_in_its_session_is_not_met() {
    if is_skipped() {
        return;
    }
    for fixture in [Server.narrow().await, super::SeaOrm.narrow().await] {
        let store = &fixture.store;
        let notes = &store.repository::<note::Entity>();
        let stored = notes.create(&Cx::new(), &note("n")).await.unwrap();
        for text in [
            "SELECT set_config('search_path', 'nowhere', false)",
            "SELECT set_config('default_transaction_read_only', 'on', false)",
            "DO $$ BEGIN PERFORM set_config('search_path', 'nowhere', false); END $$",
            "CREATE TEMP TABLE note (id uuid, body text)",
        ] {
            store.sql().unwrap().execute(&Cx::new(), &SqlText::new(text)).await.unwrap();
            assert_eq!(notes.all(&Cx::new()).await.unwrap(), std::slice::from_ref(&stored), "{text}");
            let within = store.tx(&Cx::new(), |cx| async move { store.sql()?.execute(&cx, &SqlText::new(text)).await.map(drop) });
            within.await.unwrap();
            assert_eq!(notes.update(&Cx::new(), &stored).await.unwrap(), stored, "{text}");
        }
    }
}
