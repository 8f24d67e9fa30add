//! JSON documents of other programs: where there is none, and where what is stored is no document.

#[cfg(any(feature = "sqlite", feature = "postgres"))]
use std::sync::Arc;

#[cfg(feature = "sqlite")]
use larder::Filter;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
use larder::{Changes, ErrorKind, Result, Storage};
use larder::{Cx, Projection, Query, ReaderExt as _, SqlText, Store, field};
use serde_json::{Value, json};

mod document {
    use sea_orm::entity::prelude::*;
    use serde::{Deserialize, Serialize};

    #[sea_orm::compact_model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Serialize, Deserialize)]
    #[sea_orm(table_name = "document")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i64,
        pub body: Json,
        pub extra: Option<Json>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

async fn run(store: &Store, sql: &str) {
    store.sql().unwrap().execute(&Cx::new(), &SqlText::new(sql)).await.unwrap();
}

/// Where a document has to be there and the database has none, it is JSON's null.
async fn none_is_json_s_null(store: &Store, json: &str) {
    run(store, &format!("CREATE TABLE document (id bigint PRIMARY KEY, body {json}, extra {json})")).await;
    run(store, "INSERT INTO document VALUES (1, NULL, NULL)").await;
    run(store, r#"INSERT INTO document VALUES (2, '{"a":"x"}', '{"a":"x"}')"#).await;
    let (cx, documents) = (&Cx::new(), store.repository::<document::Entity>());
    let (none, one) = (document::Model { id: 1, body: Value::Null, extra: None }, json!({ "a": "x" }));
    let some = document::Model { id: 2, body: one.clone(), extra: Some(one) };
    assert_eq!(documents.find(cx, &1).await.unwrap().as_ref(), Some(&none));
    assert_eq!(documents.all(cx).await.unwrap(), [none.clone(), some.clone()]);
    assert_eq!(documents.find_many(cx, &[2, 1]).await.unwrap(), [some.clone(), none.clone()]);
    let mut stream = documents.stream(cx, &Query::new()).await.unwrap();
    assert_eq!(stream.try_next().await.unwrap().as_ref(), Some(&none));
    drop(stream);
    let at_a = || field(document::COLUMN.body).path_equals(["a"], "x");
    assert_eq!(documents.query(cx, &at_a().into()).await.unwrap(), std::slice::from_ref(&some));
    assert_eq!(documents.query(cx, &(!at_a()).into()).await.unwrap(), std::slice::from_ref(&none));
    let bodies: Vec<(i64, Value)> =
        documents.query_as(cx, &Query::new(), &Projection::of(document::COLUMN.id).and(document::COLUMN.body)).await.unwrap();
    assert_eq!(bodies, [(1, Value::Null), (2, json!({ "a": "x" }))]);
    // Written back, it is there.
    assert_eq!(documents.update(cx, &none).await.unwrap(), none);
    assert_eq!(documents.update_many(cx, std::slice::from_ref(&none)).await.unwrap(), std::slice::from_ref(&none));
    let text: Vec<String> =
        store.sql().unwrap().query_as(cx, &SqlText::new("SELECT CAST(body AS text) FROM document WHERE id = 1")).await.unwrap();
    assert_eq!(text, ["null"]);
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn none_is_json_s_null_on_postgres() {
    if crate::support::postgres::is_skipped() {
        return;
    }
    for json in ["json", "jsonb"] {
        let database = crate::support::postgres::TestDatabase::empty().await;
        none_is_json_s_null(&larder::open(&database.url()).await.unwrap(), json).await;
    }
}

#[cfg(feature = "duckdb-linked")]
#[tokio::test]
async fn none_is_json_s_null_on_duckdb() {
    none_is_json_s_null(&larder::open("duckdb::memory:").await.unwrap(), "JSON").await;
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn none_is_json_s_null_on_sqlite() {
    for place in crate::sqlite::places("").await {
        none_is_json_s_null(&place.store, "TEXT").await;
    }
}

/// The outcome of every operation that selects by a path.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
async fn selections(documents: &Arc<dyn Storage<document::Model, i64>>) -> Vec<Result<()>> {
    let cx = &Cx::new();
    let by_path = || field(document::COLUMN.body).path_equals(["a"], "x");
    let changes = Changes::new().set_null(document::COLUMN.extra);
    let streamed = async {
        let mut stream = documents.stream(cx, &by_path().into()).await?;
        while stream.try_next().await?.is_some() {}
        Ok(())
    };
    vec![
        documents.count(cx, &by_path()).await.map(drop),
        documents.count(cx, &!by_path()).await.map(drop),
        documents.query(cx, &by_path().into()).await.map(drop),
        documents.project(cx, &by_path().into(), &Projection::of(document::COLUMN.id)).await.map(drop),
        streamed.await,
        documents.update_where(cx, &by_path(), &changes).await.map(drop),
        documents.delete_where(cx, &by_path()).await.map(drop),
    ]
}

/// Postgres' type `json` keeps the NUL character, which no text holds: such a document can be read, and is `Corrupt` in every
/// filter by a path, by its column's name.
#[cfg(feature = "postgres")]
#[tokio::test]
async fn what_is_no_text_is_corrupt_in_a_filter() {
    if crate::support::postgres::is_skipped() {
        return;
    }
    for stored in [r#"{"a":"\u0000"}"#, r#"{"\u0000":1}"#, r#"{"b":["\u0000"]}"#] {
        let database = crate::support::postgres::TestDatabase::empty().await;
        for store in crate::postgres::stores(&database).await {
            crate::postgres::psql(
                &database,
                "DROP TABLE IF EXISTS document; CREATE TABLE document (id bigint PRIMARY KEY, body json, extra json)",
            );
            crate::postgres::psql(
                &database,
                &format!(r#"INSERT INTO document VALUES (1, '{stored}', NULL), (2, '{{"a":"x"}}', NULL)"#),
            );
            let (cx, documents) = (&Cx::new(), store.repository::<document::Entity>());
            for outcome in selections(&documents).await {
                let error = outcome.expect_err(stored);
                assert_eq!((error.kind(), error.column()), (ErrorKind::Corrupt, Some("body")), "{stored}: {error}");
            }
            let of_none = field(document::COLUMN.extra).path_equals(["a"], "x");
            assert_eq!(documents.count(cx, &of_none).await.unwrap(), 0);
            assert_eq!(documents.all(cx).await.unwrap().len(), 2);
            store.close().await;
        }
    }
}

/// What is no document is `Corrupt` in every filter by a path, and names its column.
#[cfg(feature = "sqlite")]
#[tokio::test]
async fn what_is_no_document_is_corrupt_in_a_filter() {
    for stored in [r#"'{"a":'"#, "'not json'", "'{a:1}'", "''", "x'7b7d'", "jsonb('{}')"] {
        for place in crate::sqlite::places("CREATE TABLE document (id INTEGER PRIMARY KEY, body TEXT, extra TEXT);\n").await {
            run(&place.store, r#"INSERT INTO document VALUES (2, '{"a":"x"}', NULL)"#).await;
            run(&place.store, &format!("INSERT INTO document VALUES (1, {stored}, NULL)")).await;
            let (cx, documents) = (&Cx::new(), place.store.repository::<document::Entity>());
            let read = documents.all(cx).await.map(drop);
            for outcome in selections(&documents).await.into_iter().chain([read]) {
                let error = outcome.expect_err(&format!("{} {stored}", place.name));
                let told = (error.kind(), error.column());
                assert_eq!(told, (ErrorKind::Corrupt, Some("body")), "{} {stored}: {error}", place.name);
            }
            // Another column's documents are nobody's fault.
            let of_none = field(document::COLUMN.extra).path_equals(["a"], "x");
            assert_eq!(documents.count(cx, &of_none).await.unwrap(), 0);
            assert_eq!(documents.count(cx, &Filter::all()).await.unwrap(), 2);
        }
    }
}
