//! Tables of which an insert cannot say what it did, or cannot look for a key: partitioned tables, views, keys that are checked
//! later.

use larder::{Cx, ErrorKind, OnConflict, ReaderExt as _, Store, TransactionalExt as _, field_of};

use super::{is_skipped, psql, stores};
use crate::support::postgres::TestDatabase;

pub(super) mod item {
    use sea_orm::entity::prelude::*;
    use serde::{Deserialize, Serialize};

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Serialize, Deserialize)]
    #[sea_orm(table_name = "item")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i64,
        #[sea_orm(unique)]
        pub code: Option<String>,
        pub text: String,
        pub version: i32,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const COLUMNS: &str = "id bigint, code text, text text NOT NULL, version integer NOT NULL";

/// Tables, by what is special about them.
pub(super) fn tables() -> Vec<(&'static str, String)> {
    let partitioned = format!(
        "CREATE TABLE item ({COLUMNS}, PRIMARY KEY (id)) PARTITION BY RANGE (id); \
         CREATE TABLE low PARTITION OF item FOR VALUES FROM (MINVALUE) TO (5); \
         CREATE TABLE high PARTITION OF item FOR VALUES FROM (5) TO (MAXVALUE)"
    );
    let view = format!("CREATE TABLE base ({COLUMNS}, PRIMARY KEY (id)); CREATE VIEW item AS SELECT * FROM base");
    let deferrable = format!("CREATE TABLE item ({COLUMNS}, PRIMARY KEY (id) DEFERRABLE INITIALLY DEFERRED)");
    let immediate = format!("CREATE TABLE item ({COLUMNS}, PRIMARY KEY (id) DEFERRABLE)");
    vec![("partitions", partitioned), ("a view", view), ("a deferred key", deferrable), ("a deferrable key", immediate)]
}

pub(super) fn items(ids: std::ops::Range<i64>, text: &str) -> Vec<item::Model> {
    ids.map(|id| item::Model { id, code: Some(id.to_string()), text: text.to_owned(), version: 1 }).collect()
}

async fn are_counted(store: &Store, table: &str) {
    let (cx, models) = (&Cx::new(), store.repository::<item::Entity>());
    let replace = OnConflict::replace();
    let done = models.upsert_batch(cx, &items(0..6, "old"), &replace).await.unwrap();
    assert_eq!((done.inserted, done.updated, done.ignored), (6, 0, 0), "{table}");
    let done = models.upsert_batch(cx, &items(3..9, "new"), &replace).await.unwrap();
    assert_eq!((done.inserted, done.updated, done.ignored), (3, 3, 0), "{table}");
    let done = models.upsert_batch(cx, &items(0..10, "ignored"), &OnConflict::ignore()).await.unwrap();
    assert_eq!((done.inserted, done.updated, done.ignored), (1, 0, 9), "{table}");
    let mut expected = items(0..3, "old");
    expected.extend(items(3..9, "new"));
    expected.extend(items(9..10, "ignored"));
    assert_eq!(models.all(cx).await.unwrap(), expected, "{table}");
    // One column of those that are there, and the version.
    let only = OnConflict::replace_column(field_of(item::Column::Text));
    let versioned = store.repository_builder::<item::Entity>().version(item::Column::Version).build().unwrap();
    let done = store
        .tx(cx, |cx| {
            let (versioned, only) = (versioned.clone(), only.clone());
            async move { versioned.upsert_batch(&cx, &items(8..12, "versioned"), &only).await }
        })
        .await
        .unwrap();
    assert_eq!((done.inserted, done.updated, done.ignored), (2, 2, 0), "{table}");
    let versions: Vec<_> = models.all(cx).await.unwrap().into_iter().skip(7).map(|item| item.version).collect();
    assert_eq!(versions, [1, 2, 2, 1, 1], "{table}");
    // What is there already is a duplicate for an insert.
    assert_eq!(models.create(cx, &items(0..1, "twice")[0]).await.unwrap_err().kind(), ErrorKind::Duplicate, "{table}");
    let many = items(100..800, "many");
    let done = models.upsert_batch(cx, &many, &replace).await.unwrap();
    assert_eq!((done.inserted, done.updated), (700, 0), "{table}");
    let done = models.upsert_batch(cx, &many, &replace).await.unwrap();
    assert_eq!((done.inserted, done.updated), (0, 700), "{table}");
}

#[tokio::test]
async fn models_are_upserted_into_every_table() {
    if is_skipped() {
        return;
    }
    let database = TestDatabase::empty().await;
    for (table, sql) in tables() {
        for store in stores(&database).await {
            psql(&database, "DROP SCHEMA public CASCADE; CREATE SCHEMA public");
            psql(&database, &sql);
            are_counted(&store, table).await;
            store.close().await;
        }
    }
}

/// Of several that upsert the same keys at once, each is told the truth: every key was inserted once.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn upserts_of_partitions_at_once_count_each_key_once() {
    if is_skipped() {
        return;
    }
    let database = TestDatabase::empty().await;
    psql(&database, &tables()[0].1);
    let store = larder::open(&database.url()).await.unwrap();
    let upserts = (0..6).map(|writer| {
        let models = store.repository::<item::Entity>();
        tokio::spawn(async move {
            let mut inserted = 0;
            for first in 0..50 {
                let mine = items(first..first + 5, &writer.to_string());
                inserted += loop {
                    match models.upsert_batch(&Cx::new(), &mine, &OnConflict::replace()).await {
                        // Two that replace the same models may lock them in another order.
                        Err(error) if error.is_retryable() => {}
                        upserted => break upserted.unwrap().inserted,
                    }
                };
            }
            inserted
        })
    });
    let inserted: u64 = futures::future::join_all(upserts).await.into_iter().map(Result::unwrap).sum();
    assert_eq!(inserted, 54);
}

/// A statement that the table or the key is not one for is the statement's fault.
#[tokio::test]
async fn what_a_table_is_not_for_is_invalid() {
    if is_skipped() {
        return;
    }
    let database = TestDatabase::empty().await;
    psql(&database, &format!("CREATE TABLE base ({COLUMNS}); CREATE VIEW item AS SELECT DISTINCT * FROM base"));
    for store in stores(&database).await {
        let models = store.repository::<item::Entity>();
        let error = models.create(&Cx::new(), &items(0..1, "no")[0]).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::InvalidInput, Some("55000")));
        store.close().await;
    }
}
