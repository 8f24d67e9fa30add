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

/// What would change more than its connection is refused, however it is written, and nothing is changed.
#[tokio::test]
async fn a_setting_that_others_would_meet_is_refused() {
    for place in places(TABLE).await {
        let store = &place.store;
        let names = store.repository::<named::Entity>();
        let mode = async || {
            let mode = SqlText::new("SELECT journal_mode FROM pragma_journal_mode");
            store.sql().unwrap().query_as::<String>(&Cx::new(), &mode).await.unwrap()
        };
        let before = mode().await;
        for (nth, sql) in [
            "PRAGMA journal_mode = delete",
            "PRAGMA journal_mode = off",
            "PRAGMA main.\"journal_mode\" (off)",
            "EXPLAIN PRAGMA journal_mode = off",
            "PRAGMA max_page_count = 1",
            "PRAGMA locking_mode = exclusive",
            "PRAGMA auto_vacuum = full",
            "PRAGMA hard_heap_limit = 1000",
            "EXPLAIN PRAGMA query_only = 1",
            "EXPLAIN QUERY PLAN PRAGMA query_only = 1",
        ]
        .into_iter()
        .enumerate()
        {
            let (cx, id) = (&Cx::new(), 2 * i64::try_from(nth).unwrap());
            let refused = run(store, cx, sql).await.expect_err(sql);
            assert_eq!(refused.kind(), ErrorKind::InvalidInput, "{} {sql}: {refused}", place.name);
            let refused = store.sql().unwrap().query_as::<String>(cx, &SqlText::new(sql)).await.expect_err(sql);
            assert_eq!(refused.kind(), ErrorKind::InvalidInput, "{} {sql}: {refused}", place.name);
            names.create_batch(cx, &[model(id), model(id + 1)]).await.unwrap();
            assert_eq!(mode().await, before, "{} {sql}", place.name);
        }
    }
}

/// The connection of a pool of SeaORM's in memory is the database: it is not closed after a statement that leaves something on
/// it, which is refused.
#[tokio::test]
async fn what_would_stay_on_the_only_connection_is_refused() {
    let pool = sea_orm::Database::connect("sqlite::memory:").await.unwrap();
    let (store, cx) = (Store::from_sea_orm(pool).unwrap(), &Cx::new());
    for statement in TABLE.split(";\n").filter(|statement| !statement.is_empty()) {
        run(&store, cx, statement).await.unwrap();
    }
    for sql in ["PRAGMA query_only = 1", "PRAGMA foreign_keys = off", "CREATE TEMP TABLE named (id INTEGER)"] {
        let refused = run(&store, cx, sql).await.expect_err(sql);
        assert_eq!(refused.kind(), ErrorKind::Unsupported, "{sql}: {refused}");
    }
    store.repository::<named::Entity>().create(cx, &model(1)).await.unwrap();
    let orphan = run(&store, cx, "INSERT INTO child VALUES (1, 7)").await.unwrap_err();
    assert_eq!(orphan.kind(), ErrorKind::ForeignKey);
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

/// A statement that changes no rows answers none, whatever the one before changed.
#[tokio::test]
async fn what_changes_no_rows_answers_none() {
    for place in places("CREATE TABLE named (id INTEGER PRIMARY KEY, name TEXT NOT NULL);\n").await {
        let (cx, sql) = (&Cx::new(), place.store.sql().unwrap());
        for (text, changed) in [
            ("INSERT INTO named VALUES (1, 'a'), (2, 'b'), (3, 'c')", 3),
            ("CREATE TABLE other (id INTEGER)", 0),
            ("-- first\n/* DELETE */ UPDATE named SET name = 'd' WHERE id < 3", 2),
            ("CREATE INDEX by_name ON named (name)", 0),
            ("WITH w AS (SELECT 1 AS id) DELETE FROM named WHERE id IN (SELECT id FROM w)", 1),
            ("WITH w AS (SELECT 1) SELECT * FROM w", 0),
            ("SELECT 1", 0),
            ("REPLACE INTO named VALUES (2, 'e')", 1),
            ("INSERT INTO named SELECT 9, 'f' WHERE 1 = 0", 0),
            ("DROP TABLE other", 0),
        ] {
            assert_eq!(sql.execute(cx, &SqlText::new(text)).await.unwrap(), changed, "{} {text}", place.name);
        }
    }
}

/// A name in double quotes that no column has is no text.
#[tokio::test]
async fn a_name_that_no_column_has_is_an_error() {
    for place in places("CREATE TABLE named (id INTEGER PRIMARY KEY, name TEXT NOT NULL);\n").await {
        if place.name == "SeaORM" {
            // The connection is SeaORM's, and so is what it takes for text.
            continue;
        }
        let (cx, sql) = (&Cx::new(), place.store.sql().unwrap());
        for text in
            ["CREATE UNIQUE INDEX by_name ON named (\"nmae\")", "UPDATE named SET name = \"nmae\"", "SELECT \"nmae\" FROM named"]
        {
            let refused = sql.execute(cx, &SqlText::new(text)).await.expect_err(text);
            assert_eq!(refused.kind(), ErrorKind::InvalidInput, "{} {text}: {refused}", place.name);
        }
        let names = place.store.repository::<named::Entity>();
        for id in [1, 2] {
            names.create(cx, &named::Model { id, name: "a".to_owned() }).await.unwrap();
        }
    }
}

/// A pool whose connections in memory would each be a database of their own.
#[tokio::test]
async fn several_databases_are_no_store() {
    let connect = || sqlx::sqlite::SqliteConnectOptions::new();
    for (connections, is_shared, is_refused) in [(1, false, false), (2, true, false), (2, false, true)] {
        let options = sqlx::sqlite::SqlitePoolOptions::new().max_connections(connections);
        let pool = options.connect_with(connect().shared_cache(is_shared)).await.unwrap();
        let store = larder::Store::from_sea_orm(sea_orm::SqlxSqliteConnector::from_sqlx_sqlite_pool(pool));
        assert_eq!(
            store.err().map(|error| error.kind()),
            is_refused.then_some(ErrorKind::Unsupported),
            "{connections} {is_shared}"
        );
    }
}
