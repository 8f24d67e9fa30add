//! What Postgres has to itself.

use std::{
    error::Error as _,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use larder::ReaderExt as _;
use larder::{Cx, Error, ErrorKind, Isolation, OpenOptions, Result, SqlText, Store, Transactional, TransactionalExt, TxOptions};
use sea_orm::{
    ConnectionTrait, Database,
    sea_query::{Alias, ColumnDef, Expr, Query, SelectStatement, Table},
};

use super::Server;
use crate::support::{
    backend::Harness,
    create_tables, drop_at,
    entities::{label, note, person},
    note, person,
    postgres::{TestDatabase, is_skipped},
};

/// Two columns of a system view, as labels.
fn labels(name: &str, text: &str, view: &str, condition: &str) -> SelectStatement {
    Query::select()
        .expr_as(Expr::cust(format!("CAST({name} AS TEXT)")), "name")
        .expr_as(Expr::cust(format!("CAST({text} AS TEXT)")), "text")
        .from(Alias::new(view))
        .cond_where(Expr::cust(condition.to_owned()))
        .to_owned()
}

async fn read(store: &Store, cx: &Cx, select: &SelectStatement) -> Vec<label::Model> {
    store.sql().unwrap().models::<label::Entity>(cx, select).await.unwrap()
}

/// Ends every other connection to the store's database.
async fn terminate_others(store: &Store) {
    let others = "datname = current_database() AND pid <> pg_backend_pid()";
    read(store, &Cx::new(), &labels("pg_terminate_backend(pid)", "pid", "pg_stat_activity", others)).await;
}

#[tokio::test]
async fn write_skew_passes_at_repeatable_read_and_not_when_serializable() {
    if is_skipped() {
        return;
    }
    for (isolation, passes) in [(Isolation::RepeatableRead, true), (Isolation::Serializable, false)] {
        let fixture = Server.fresh().await;
        let people = fixture.store.repository::<person::Entity>();
        let on_call = [person("a@b"), person("c@d")].map(|person| person::Model { level: Some(1), ..person });
        let on_call = people.create_many(&Cx::new(), &on_call).await.unwrap();
        let options = TxOptions::new().isolation(isolation);
        let first = fixture.store.begin(&Cx::new(), options).await.unwrap();
        let second = fixture.store.begin(&Cx::new(), options).await.unwrap();
        let mut outcomes: Vec<Result<()>> = Vec::new();
        for (cx, leaving) in [(&first, &on_call[0]), (&second, &on_call[1])] {
            // Each sees the other on call, and leaves.
            assert_eq!(people.all(cx).await.unwrap().iter().filter(|person| person.level == Some(1)).count(), 2);
            outcomes.push(people.update(cx, &person::Model { level: Some(0), ..leaving.clone() }).await.map(drop));
        }
        outcomes.push(first.commit().await);
        outcomes.push(second.commit().await);
        let failed: Vec<_> = outcomes.into_iter().filter_map(Result::err).collect();
        assert_eq!(failed.is_empty(), passes, "{failed:?}");
        assert!(failed.iter().take(1).all(|error| error.kind() == ErrorKind::Contention));
    }
}

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
async fn a_connection_the_server_ended_is_replaced() {
    if is_skipped() {
        return;
    }
    let database = TestDatabase::with_tables().await;
    let store = OpenOptions::new().max_connections(1).open(&database.url()).await.unwrap();
    let other = OpenOptions::new().max_connections(1).open(&database.url()).await.unwrap();
    let notes = &store.repository::<note::Entity>();
    notes.create(&Cx::new(), &note("before")).await.unwrap();
    terminate_others(&other).await;
    assert_eq!(notes.count(&Cx::new(), &larder::Filter::all()).await.unwrap(), 1);

    let other = &other;
    let outcome = store.tx(&Cx::new(), |cx| async move {
        notes.create(&cx, &note("gone")).await?;
        terminate_others(other).await;
        notes.create(&cx, &note("gone")).await.map(drop)
    });
    assert_eq!(outcome.await.unwrap_err().kind(), ErrorKind::Connection);
    assert_eq!(notes.count(&Cx::new(), &larder::Filter::all()).await.unwrap(), 1);
}

#[tokio::test]
async fn a_lost_commit_is_not_called_a_failure() {
    if is_skipped() {
        return;
    }
    let database = TestDatabase::with_tables().await;
    let store = larder::open(&database.url()).await.unwrap();
    let other = &OpenOptions::new().max_connections(1).open(&database.url()).await.unwrap();
    let notes = &store.repository::<note::Entity>();
    let outcome = store.tx(&Cx::new(), |cx| async move {
        notes.create(&cx, &note("unknown")).await?;
        terminate_others(other).await;
        Ok::<_, Error>(())
    });
    let error = outcome.await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::CommitUnknown);
    assert!(!error.is_retryable());
    assert_eq!(error.source().unwrap().downcast_ref::<Error>().unwrap().kind(), ErrorKind::Connection);
}

#[tokio::test]
async fn a_full_pool_is_waited_for_and_then_told() {
    if is_skipped() {
        return;
    }
    let database = TestDatabase::with_tables().await;
    let options = OpenOptions::new().max_connections(2).acquire_timeout(Duration::from_millis(1_000));
    let store = options.open(&database.url()).await.unwrap();
    let notes = store.repository::<note::Entity>();
    let first = store.begin(&Cx::new(), TxOptions::new()).await.unwrap();
    let second = store.begin(&Cx::new(), TxOptions::new()).await.unwrap();
    let error = notes.count(&Cx::new(), &larder::Filter::all()).await.unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::PoolTimeout, true));
    first.rollback().await.unwrap();
    assert_eq!(notes.count(&Cx::new(), &larder::Filter::all()).await.unwrap(), 0);
    second.rollback().await.unwrap();
}

#[tokio::test]
async fn a_dropped_transaction_is_not_left_open_on_the_server() {
    if is_skipped() {
        return;
    }
    let fixture = Server.fresh().await;
    let notes = &fixture.store.repository::<note::Entity>();
    for _ in 0..20 {
        let tx = fixture.store.tx(&Cx::new(), |cx| async move {
            notes.create(&cx, &note("gone")).await?;
            std::future::pending::<Result<()>>().await
        });
        assert!(tokio::time::timeout(Duration::from_millis(20), tx).await.is_err());
    }
    let open = "datname = current_database() AND state LIKE 'idle in transaction%'";
    let open = labels("pid", "state", "pg_stat_activity", open);
    for _ in 0..100 {
        if read(&fixture.store, &Cx::new(), &open).await.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(read(&fixture.store, &Cx::new(), &open).await.is_empty());
    assert_eq!(notes.count(&Cx::new(), &larder::Filter::all()).await.unwrap(), 0);
}

#[tokio::test]
async fn text_is_ordered_by_bytes_whatever_the_database_speaks() {
    if is_skipped() {
        return;
    }
    let database = TestDatabase::in_english().await;
    let store = larder::open(&database.url()).await.unwrap();
    create_tables(&store).await;
    let names = store.repository::<label::Entity>();
    for name in ["b", "B", "a", "é", "Z"] {
        names.create(&Cx::new(), &label::Model { name: name.into(), text: None }).await.unwrap();
    }
    let sorted: Vec<_> = names.all(&Cx::new()).await.unwrap().into_iter().map(|label| label.name).collect();
    assert_eq!(sorted, ["B", "Z", "a", "b", "é"]);
}

#[tokio::test]
async fn a_constraint_that_waits_for_the_commit_fails_it() {
    if is_skipped() {
        return;
    }
    let database = TestDatabase::with_tables().await;
    let connection = Database::connect(database.url()).await.unwrap();
    let deferred = "ALTER TABLE label ADD FOREIGN KEY (text) REFERENCES label (name) DEFERRABLE INITIALLY DEFERRED";
    connection.execute_unprepared(deferred).await.unwrap();
    let store = Store::from_sea_orm(connection.clone()).unwrap();
    static RAN: AtomicBool = AtomicBool::new(false);
    let ran = &RAN;
    let names = &store.repository::<label::Entity>();
    let outcome = store.tx(&Cx::new(), |cx| async move {
        cx.on_commit(|| ran.store(true, Ordering::SeqCst))?;
        names.create(&cx, &label::Model { name: "child".into(), text: Some("nobody".into()) }).await.map(drop)
    });
    assert_eq!(outcome.await.unwrap_err().kind(), ErrorKind::ForeignKey);
    assert!(!RAN.load(Ordering::SeqCst));
    assert_eq!(names.count(&Cx::new(), &larder::Filter::all()).await.unwrap(), 0);
}

#[tokio::test]
async fn no_error_shows_the_password() {
    if is_skipped() {
        return;
    }
    let database = TestDatabase::empty().await;
    let (_, server) = database.url().rsplit_once('@').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    for (url, kind) in [
        (format!("postgres://postgres:t0psecret@{server}"), ErrorKind::Auth),
        (format!("{}_missing", database.url()), ErrorKind::InvalidInput),
        ("postgres://postgres:t0psecret@127.0.0.1:1/none".to_owned(), ErrorKind::Connection),
        ("postgres://postgres:t0psecret@host:port/none".to_owned(), ErrorKind::InvalidInput),
        ("postgresql://postgres:t0psecret@[::1".to_owned(), ErrorKind::InvalidInput),
        ("postgre://postgres:t0psecret@host/none".to_owned(), ErrorKind::InvalidInput),
    ] {
        let error = larder::open(&url).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{url}");
        let mut text = format!("{error} {error:?}");
        let mut source = error.source();
        while let Some(cause) = source {
            text.push_str(&format!(" {cause} {cause:?}"));
            source = cause.source();
        }
        assert!(!text.contains("t0psecret"), "{text}");
    }
}

mod shade {
    use sea_orm::entity::prelude::*;
    use serde::{Deserialize, Serialize};

    #[derive(Clone, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum, Serialize, Deserialize)]
    #[sea_orm(rs_type = "String", db_type = "Enum", enum_name = "shade_name")]
    pub enum Name {
        #[sea_orm(string_value = "red")]
        Red,
        #[sea_orm(string_value = "blue")]
        Blue,
    }

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Serialize, Deserialize)]
    #[sea_orm(table_name = "shade")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub name: Name,
        pub mixed: Option<Name>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

#[tokio::test]
async fn enums_of_the_database_are_values_and_ids() {
    if is_skipped() {
        return;
    }
    let database = TestDatabase::empty().await;
    let connection = Database::connect(database.url()).await.unwrap();
    let made =
        "CREATE TYPE shade_name AS ENUM ('red', 'blue'); CREATE TABLE shade (name shade_name PRIMARY KEY, mixed shade_name)";
    connection.execute_unprepared(made).await.unwrap();
    let shades = Store::from_sea_orm(connection.clone()).unwrap().repository::<shade::Entity>();
    let red = shade::Model { name: shade::Name::Red, mixed: None };
    let blue = shade::Model { name: shade::Name::Blue, mixed: Some(shade::Name::Red) };
    let cx = Cx::new();
    assert_eq!(shades.create_many(&cx, &[red.clone(), blue.clone()]).await.unwrap(), [red.clone(), blue.clone()]);
    assert_eq!(shades.update(&cx, &blue).await.unwrap(), blue);
    assert_eq!(shades.find(&cx, &shade::Name::Red).await.unwrap(), Some(red.clone()));
    assert_eq!(shades.find_many(&cx, &[shade::Name::Blue, shade::Name::Red]).await.unwrap(), [blue.clone(), red.clone()]);
    assert_eq!(shades.all(&cx).await.unwrap(), [blue, red]);
    assert!(shades.delete(&cx, &shade::Name::Red).await.unwrap());
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

/// Wherever a transaction is dropped, while it is being begun as well, the connection is not handed on inside it: what the next
/// user of it writes is there for others.
#[tokio::test]
async fn a_connection_is_never_handed_on_inside_a_transaction() {
    if is_skipped() {
        return;
    }
    let database = TestDatabase::with_tables().await;
    let store = OpenOptions::new().max_connections(1).open(&database.url()).await.unwrap();
    let notes = &store.repository::<note::Entity>();
    let others = larder::open(&database.url()).await.unwrap().repository::<note::Entity>();
    for polls in 0.. {
        let tx = store.tx(&Cx::new(), |cx| async move { notes.create(&cx, &note("in a transaction")).await });
        let ended = drop_at(polls, tx).await.is_some();
        let written = notes.create(&Cx::new(), &note("by itself")).await.unwrap();
        assert_eq!(others.find(&Cx::new(), &written.id).await.unwrap(), Some(written), "{polls} polls");
        if ended {
            break;
        }
    }
}

/// A column that is of another type than the entity says is not read as if it were of that, whether the first row has a value in
/// it or not.
#[tokio::test]
async fn a_column_of_another_type_is_not_misread() {
    if is_skipped() {
        return;
    }
    let database = TestDatabase::with_tables().await;
    let store = larder::open(&database.url()).await.unwrap();
    for (declared, value) in [("BYTEA", "'text'"), ("BIGINT", "29797"), ("UUID", "gen_random_uuid()"), ("OID", "7")] {
        for first in ["NULL", value] {
            let sql = [
                "DROP TABLE label".to_owned(),
                format!("CREATE TABLE label (name TEXT PRIMARY KEY, text {declared})"),
                format!("INSERT INTO label VALUES ('a', {first}), ('b', {value})"),
            ];
            for sql in sql {
                store.sql().unwrap().execute(&Cx::new(), &SqlText::new(sql)).await.unwrap();
            }
            // Another one, which has not prepared anything for the table as it was.
            let reader = larder::open(&database.url()).await.unwrap();
            let read = reader.repository::<label::Entity>().query(&Cx::new(), &larder::Query::new()).await;
            reader.close().await;
            assert_eq!(read.map_err(|error| error.kind()), Err(ErrorKind::Corrupt), "{declared} {first}");
        }
    }
}

/// What ends a transaction or changes a session does not come to the server, however it is written: as text, and as a part of a
/// statement of sea-query. Nothing of the transaction is stored, and the connection stays as it is.
#[tokio::test]
async fn a_statement_that_ends_the_transaction_is_not_sent() {
    if is_skipped() {
        return;
    }
    for fixture in [Server.narrow().await, super::SeaOrm.narrow().await] {
        let store = &fixture.store;
        let notes = &store.repository::<note::Entity>();
        let hidden = &Query::select().expr(Expr::cust("1; COMMIT; SELECT 1")).to_owned();
        let mut column = ColumnDef::new("id");
        column.integer().default(Expr::cust("1); COMMIT; CREATE TABLE other (id integer"));
        let table = Table::create().table("hidden").col(column).to_owned();
        for text in [
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
        ] {
            let ended = store.tx(&Cx::new(), |cx| async move {
                notes.create(&cx, &note("gone")).await?;
                store.sql()?.execute(&cx, &SqlText::new(text)).await.map(drop)
            });
            assert_eq!(ended.await.unwrap_err().kind(), ErrorKind::InvalidInput, "{text}");
            let alone = store.sql().unwrap().execute(&Cx::new(), &SqlText::new(text)).await.unwrap_err();
            assert_eq!(alone.kind(), ErrorKind::InvalidInput, "{text}");
        }
        let ended = store.tx(&Cx::new(), |cx| async move {
            notes.create(&cx, &note("gone")).await?;
            store.sql()?.execute(&cx, hidden).await.map(drop)
        });
        assert_eq!(ended.await.unwrap_err().kind(), ErrorKind::InvalidInput);
        let ended = store.tx(&Cx::new(), |cx| {
            let table = table.clone();
            async move {
                notes.create(&cx, &note("gone")).await?;
                store.sql()?.execute(&cx, &table).await.map(drop)
            }
        });
        assert_eq!(ended.await.unwrap_err().kind(), ErrorKind::InvalidInput);
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
