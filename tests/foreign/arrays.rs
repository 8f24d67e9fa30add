//! Columns of lists that other programs made.

#[cfg(any(feature = "postgres", feature = "duckdb-linked"))]
use larder::{Cx, Filter, Query, ReaderExt as _, Store, field_of};

#[cfg(any(feature = "postgres", feature = "duckdb-linked"))]
mod listed {
    use sea_orm::entity::prelude::*;
    use serde::{Deserialize, Serialize};

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Serialize, Deserialize)]
    #[sea_orm(table_name = "listed")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i64,
        pub words: Option<Vec<String>>,
        pub numbers: Option<Vec<i32>>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

#[cfg(any(feature = "postgres", feature = "duckdb-linked"))]
async fn which(store: &Store, filter: Filter<listed::Model>) -> larder::Result<Vec<i64>> {
    let found = store.repository::<listed::Entity>().query(&Cx::new(), &Query::from(filter)).await?;
    Ok(found.into_iter().map(|model| model.id).collect())
}

/// Text in lists is compared by its bytes, whatever the type and the collation of the elements.
#[cfg(feature = "postgres")]
#[tokio::test]
async fn elements_of_postgres_are_compared_by_their_bytes() {
    use crate::{
        postgres::{psql, stores},
        support::postgres::TestDatabase,
    };
    if crate::postgres::is_skipped() {
        return;
    }
    for column in ["text[]", "varchar[]", "varchar(9)[]", "char(3)[]", "text[] COLLATE folded", "text[] COLLATE \"C\""] {
        let database = &TestDatabase::in_english().await;
        psql(
            database,
            &format!(
                "CREATE COLLATION folded (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
                 CREATE TABLE listed (id bigint PRIMARY KEY, words {column}, numbers integer[]);
                 INSERT INTO listed VALUES (1, '{{Ann,bob}}', '{{1,2}}'), (2, '{{ANN}}', '{{}}'), (3, '{{}}', NULL), (4, NULL, '{{2}}')"
            ),
        );
        let ann = ["Ann", "ANN", "ann"];
        for store in stores(database).await {
            let words = || field_of(listed::Column::Words);
            assert_eq!(which(&store, words().has_element(ann[0])).await.unwrap(), [1], "{column}");
            assert_eq!(which(&store, words().has_element(ann[1])).await.unwrap(), [2], "{column}");
            assert_eq!(which(&store, words().has_element(ann[2])).await.unwrap(), [0_i64; 0], "{column}");
            assert_eq!(which(&store, words().has_any_of(ann)).await.unwrap(), [1, 2], "{column}");
            assert_eq!(which(&store, words().has_all_of(["bob", "Ann"])).await.unwrap(), [1], "{column}");
            assert_eq!(which(&store, !words().has_element("Ann")).await.unwrap(), [2, 3, 4], "{column}");
            assert_eq!(which(&store, words().has_all_of([""; 0])).await.unwrap(), [1, 2, 3], "{column}");
            assert_eq!(which(&store, field_of(listed::Column::Numbers).has_all_of([2])).await.unwrap(), [1, 4], "{column}");
            store.close().await;
        }
    }
}

/// An ordinary index on lists, or on documents, is used.
#[cfg(feature = "postgres")]
#[tokio::test]
async fn postgres_searches_lists_by_their_indexes() {
    use crate::{
        postgres::{psql, stores},
        support::postgres::TestDatabase,
    };
    if crate::postgres::is_skipped() {
        return;
    }
    for column in ["text[]", "varchar[]"] {
        let database = &TestDatabase::empty().await;
        psql(
            database,
            &format!(
                "CREATE TABLE listed (id bigint PRIMARY KEY, words {column}, numbers integer[]);
                 INSERT INTO listed SELECT i, ARRAY['word ' || i, 'x'], ARRAY[i] FROM generate_series(1, 20000) i;
                 CREATE INDEX ON listed USING gin (words); CREATE INDEX ON listed USING gin (numbers); ANALYZE listed"
            ),
        );
        for store in stores(database).await {
            let (words, numbers) = (|| field_of(listed::Column::Words), || field_of(listed::Column::Numbers));
            for filter in [words().has_element("word 7"), words().has_all_of(["word 7", "x"]), numbers().has_element(7)] {
                assert_eq!(which(&store, filter.clone()).await.unwrap(), [7], "{column}");
                let query = psql(
                    database,
                    "SELECT query FROM pg_stat_activity WHERE query LIKE 'SELECT \"listed\"%' AND datname = current_database()
                     ORDER BY query_start DESC LIMIT 1",
                );
                let plan = psql(
                    database,
                    &format!("SET plan_cache_mode = force_generic_plan; PREPARE q AS {query}; EXPLAIN EXECUTE q({})", "'{}'"),
                );
                assert!(plan.contains("Bitmap Index Scan"), "{query}: {plan}");
            }
            store.close().await;
        }
    }
}

/// Lists of DuckDB's are read and compared where their elements are of the model's type, and refused otherwise.
#[cfg(feature = "duckdb-linked")]
#[tokio::test]
async fn lists_of_duckdb_are_of_the_model_s_type_or_refused() {
    use larder::{ErrorKind, SqlText};
    for (words, numbers, refused) in [
        ("VARCHAR[]", "INTEGER[]", None),
        ("VARCHAR[]", "BIGINT[]", Some("numbers")),
        ("VARCHAR[]", "INTEGER[2]", Some("numbers")),
        ("VARCHAR[]", "INTEGER", Some("numbers")),
        ("INTEGER[]", "INTEGER[]", Some("words")),
        ("VARCHAR[][]", "INTEGER[]", Some("words")),
        ("JSON", "INTEGER[]", Some("words")),
    ] {
        let store = larder::open("duckdb::memory:?threads=1").await.unwrap();
        let sql = format!("CREATE TABLE listed (id BIGINT PRIMARY KEY, words {words}, numbers {numbers})");
        store.sql().unwrap().execute(&Cx::new(), &SqlText::new(sql)).await.unwrap();
        let listed = store.repository::<listed::Entity>();
        if let Some(column) = refused {
            let error = listed.all(&Cx::new()).await.unwrap_err();
            assert_eq!((error.kind(), error.column()), (ErrorKind::Unsupported, Some(column)), "{words} {numbers}: {error}");
            continue;
        }
        let rows = "INSERT INTO listed VALUES (1, ['Ann', 'bob'], [1, 2]), (2, ['ANN'], []), (3, [], NULL), (4, NULL, [2])";
        store.sql().unwrap().execute(&Cx::new(), &SqlText::new(rows)).await.unwrap();
        assert_eq!(which(&store, field_of(listed::Column::Words).has_element("Ann")).await.unwrap(), [1]);
        assert_eq!(which(&store, !field_of(listed::Column::Words).has_any_of(["Ann", "ANN"])).await.unwrap(), [3, 4]);
        assert_eq!(which(&store, field_of(listed::Column::Numbers).has_all_of([2, 1])).await.unwrap(), [1]);
        store
            .sql()
            .unwrap()
            .execute(&Cx::new(), &SqlText::new("UPDATE listed SET words = ['a', NULL] WHERE id = 2"))
            .await
            .unwrap();
        let error = listed.all(&Cx::new()).await.unwrap_err();
        assert_eq!((error.kind(), error.column()), (ErrorKind::Corrupt, Some("words")), "{error}");
    }
}
