//! Statements of an application's that reach beyond rows: they end with their transaction, or with their connection.

use larder::{Cx, Error, ErrorKind, Filter, OpenOptions, SqlText, Store, TransactionalExt as _};

use super::{client::File, execute, one};

async fn store(parameters: &str) -> Store {
    let options = OpenOptions::new().max_connections(1);
    let store = options.open(&format!("duckdb::memory:?threads=1{parameters}")).await.unwrap();
    execute(&store, "CREATE TABLE one (id INTEGER PRIMARY KEY, value INTEGER)").await;
    store
}

/// What a transaction answers in which a model is created before and after a statement, and how many models there are then.
async fn around(store: &Store, sql: &'static str) -> (Result<(), ErrorKind>, u64) {
    let (all, statements) = (&store.repository::<one::big::Entity>(), &store.sql().unwrap());
    let outcome: Result<(), Error> = store
        .tx(&Cx::new(), |cx| async move {
            all.create(&cx, &one::big::model(1, 1)).await?;
            // Whatever it answers, the application goes on.
            let _ = statements.execute(&cx, &SqlText::new(sql)).await;
            all.create(&cx, &one::big::model(2, 2)).await?;
            Ok(())
        })
        .await;
    let count = all.count(&Cx::new(), &Filter::all()).await.unwrap();
    execute(store, "DELETE FROM one").await;
    (outcome.map_err(|error| error.kind()), count)
}

/// An `Ok` is both models, and an error that says so is none.
#[tokio::test]
async fn a_transaction_is_whole_whatever_runs_in_it() {
    let store = store("").await;
    for sql in [
        "COMMIT",
        "/* */ COMMIT",
        "-- \nROLLBACK",
        "ABORT",
        "END TRANSACTION",
        "BEGIN",
        "EXECUTE nothing",
        "PREPARE stop AS COMMIT",
        "CALL pragma_version()",
        "PRAGMA version",
        "CHECKPOINT",
        "FORCE CHECKPOINT",
        "SET threads = 1",
        "SET schema = 'temp'",
        "USE temp",
        "RESET schema",
        "ATTACH ':memory:' AS beside",
        "DETACH beside",
        "LOAD json",
        "INSTALL json",
        "EXPORT DATABASE 'nowhere'",
        "IMPORT DATABASE 'nowhere'",
        "VACUUM",
        "ANALYZE",
        "EXPLAIN ANALYZE COMMIT",
        "SELECT 1",
        "SHOW TABLES",
        "FROM one",
    ] {
        match around(&store, sql).await {
            (Ok(()), count) => assert_eq!(count, 2, "{sql}"),
            (Err(ErrorKind::CommitUnknown | ErrorKind::TransactionAborted), _) => {}
            (Err(_), count) => assert_eq!(count, 0, "{sql}"),
        }
    }
}

/// What a statement does to its connection, the next who needs one does not see.
#[tokio::test]
async fn what_a_statement_does_to_its_session_ends_with_it() {
    let store = store("&lock_configuration=false").await;
    let all = store.repository::<one::big::Entity>();
    let cx = &Cx::new();
    for sql in [
        "CREATE TEMP TABLE one (id INTEGER, value INTEGER)",
        "CREATE OR REPLACE TEMPORARY VIEW one AS SELECT 7 AS id, 7 AS value",
        "SET schema = 'information_schema'",
        "USE temp",
        "SET SESSION old_implicit_casting = true",
        "PRAGMA search_path = 'information_schema'",
        "SET \"schema\" = 'information_schema'",
        "SET old_implicit_casting = true",
        "PRAGMA default_null_order = 'nulls_first'",
        "SELECT setseed(0.5)",
        "ATTACH ':memory:' AS main",
        "DETACH memory",
        "ALTER DATABASE memory SET ALIAS TO other",
        "CONNECT ':memory:'",
    ] {
        // Refused, or without effect on what follows.
        let _ = store.sql().unwrap().execute(cx, &SqlText::new(sql)).await;
        all.create(cx, &one::big::model(1, 1)).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        let count = SqlText::new("SELECT count(*) FROM memory.main.one");
        assert_eq!(store.sql().unwrap().query_as::<i64>(cx, &count).await.unwrap(), [1], "{sql}");
        execute(&store, "DELETE FROM memory.main.one").await;
    }
}

/// What changes the place where every connection looks for tables is refused by its name, and nothing comes of it.
#[tokio::test]
async fn where_tables_are_looked_for_is_not_changed() {
    let cx = &Cx::new();
    for (parameters, attaches) in [("", false), ("&lock_configuration=false", false), ("&external_access=true", true)] {
        let store = store(parameters).await;
        execute(&store, "CREATE SCHEMA beside").await;
        execute(&store, "CREATE TABLE beside.one (id INTEGER PRIMARY KEY, value INTEGER)").await;
        for sql in [
            "USE beside",
            "SET schema = 'beside'",
            "SET SCHEMA 'beside'",
            "SET search_path TO beside",
            "SET \"search_path\" = 'beside'",
            "RESET search_path",
            "PRAGMA schema = 'beside'",
            "PRAGMA \"search_path\" = 'beside'",
            "ALTER DATABASE memory SET ALIAS TO other",
            "DISCONNECT",
        ] {
            let refused = store.sql().unwrap().execute(cx, &SqlText::new(sql)).await.unwrap_err();
            assert_eq!((refused.kind(), refused.code()), (ErrorKind::InvalidInput, None), "{sql}");
            let refused = store.sql().unwrap().query_as::<i64>(cx, &SqlText::new(sql)).await.unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::InvalidInput, "{sql}");
        }
        for sql in ["ATTACH ':memory:' AS other", "/* a */ attach ':memory:' AS another", "DETACH other"] {
            let outcome = store.sql().unwrap().execute(cx, &SqlText::new(sql)).await;
            let expected = if attaches { Ok(()) } else { Err(ErrorKind::InvalidInput) };
            assert_eq!(outcome.map(drop).map_err(|error| error.kind()), expected, "{sql} {parameters}");
        }
        store.repository::<one::big::Entity>().create(cx, &one::big::model(1, 1)).await.unwrap();
        let count = SqlText::new("SELECT count(*) FROM memory.main.one");
        assert_eq!(store.sql().unwrap().query_as::<i64>(cx, &count).await.unwrap(), [1], "{parameters}");
    }
}

/// The texts of files that a database is imported from may end the transaction: then nobody knows what became of it.
#[tokio::test]
async fn a_script_that_ends_the_transaction_is_noticed() {
    let file = File::new();
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("schema.sql"), "CREATE TABLE imported (id INTEGER); COMMIT; BEGIN;").unwrap();
    std::fs::write(directory.path().join("load.sql"), "").unwrap();
    let store = file.open_with("&external_access=true").await;
    execute(&store, "CREATE TABLE one (id INTEGER PRIMARY KEY, value INTEGER)").await;
    let import = format!("IMPORT DATABASE '{}'", directory.path().display());
    let (outcome, count) = around(&store, Box::leak(import.into_boxed_str())).await;
    match outcome {
        Ok(()) => assert_eq!(count, 2),
        Err(ErrorKind::CommitUnknown | ErrorKind::TransactionAborted) => {}
        Err(kind) => assert_eq!(count, 0, "{kind:?}"),
    }
}
