//! Tables and columns with names that statements could take for their own.

use larder::{Changes, Cx, Filter, OnConflict, Projection, Query, ReaderExt as _, SqlText, Store};

macro_rules! named {
    ($($module:ident: $table:literal;)*) => {
        $(
            mod $module {
                use sea_orm::entity::prelude::*;
                use serde::{Deserialize, Serialize};

                #[sea_orm::compact_model]
                #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Serialize, Deserialize)]
                #[sea_orm(table_name = $table)]
                pub(crate) struct Model {
                    #[sea_orm(primary_key, auto_increment = false)]
                    pub id: i64,
                    #[sea_orm(column_name = "a$1$b")]
                    pub text: String,
                    pub body: Json,
                    pub version: i32,
                }

                #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
                pub(crate) enum Relation {}

                impl ActiveModelBehavior for ActiveModel {}

                impl super::Named for Entity {
                    fn model(id: i64, text: &str) -> Model {
                        Model { id, text: text.to_owned(), body: serde_json::json!({ "a": { "b": id } }), version: 1 }
                    }

                    fn text() -> larder::Field<Model, larder::kind::Any> {
                        larder::field_of(Column::Text)
                    }

                    fn body() -> larder::Field<Model, larder::kind::Any> {
                        larder::field_of(Column::Body)
                    }

                    fn version() -> Column {
                        Column::Version
                    }
                }
            }
        )*

        async fn all(store: &Store, json: &str) {
            $(works::<$module::Entity>(store, $table, json).await;)*
        }
    };
}

named! {
    j0: "j0";
    excluded: "excluded";
    larder_rows: "larder_rows";
    with_dollars: "t$1";
}

trait Named: larder::Storable<PrimaryKey: sea_orm::PrimaryKeyTrait<ValueType = i64>, Model: PartialEq> {
    fn model(id: i64, text: &str) -> Self::Model;
    fn text() -> larder::Field<Self::Model, larder::kind::Any>;
    fn body() -> larder::Field<Self::Model, larder::kind::Any>;
    fn version() -> Self::Column;
}

async fn works<E: Named>(store: &Store, table: &str, json: &str) {
    let cx = &Cx::new();
    let columns = format!(r#"(id bigint PRIMARY KEY, "a$1$b" text NOT NULL, body {json} NOT NULL, version integer NOT NULL)"#);
    let create = SqlText::new(format!(r#"CREATE TABLE "{table}" {columns}"#));
    store.sql().unwrap().execute(cx, &create).await.unwrap();
    let models = store.repository_builder::<E>().version(E::version()).build().unwrap();
    let texts = async || -> Vec<String> {
        let query = Query::new();
        models.query_as(cx, &query, &Projection::of(E::text())).await.unwrap()
    };
    let of = |ids: std::ops::Range<i64>, text: &str| ids.map(|id| E::model(id, text)).collect::<Vec<_>>();
    let (first, two) = (of(0..1, "one"), of(1..3, "two"));
    assert_eq!(models.create(cx, &first[0]).await.unwrap(), first[0], "{table}");
    assert_eq!(models.create_many(cx, &two).await.unwrap(), two, "{table}");
    models.create_batch(cx, &of(3..5, "batch")).await.unwrap();
    models.update(cx, &E::model(0, "updated")).await.unwrap();
    models.update_many(cx, &of(1..3, "many")).await.unwrap();
    assert_eq!(texts().await, ["updated", "many", "many", "batch", "batch"], "{table}");
    let done = models.upsert_batch(cx, &of(4..6, "upserted"), &OnConflict::replace()).await.unwrap();
    assert_eq!((done.inserted, done.updated), (1, 1), "{table}");
    let done = models.upsert_batch(cx, &of(5..7, "ignored"), &OnConflict::ignore()).await.unwrap();
    assert_eq!((done.inserted, done.ignored), (1, 1), "{table}");
    assert_eq!(texts().await, ["updated", "many", "many", "batch", "upserted", "upserted", "ignored"], "{table}");
    let at_path = |id: i64| E::body().path_equals(["a", "b"], id);
    assert_eq!(models.count(cx, &at_path(3)).await.unwrap(), 1, "{table}");
    assert_eq!(models.count(cx, &!at_path(3)).await.unwrap(), 6, "{table}");
    assert_eq!(models.query(cx, &at_path(3).into()).await.unwrap(), of(3..4, "batch"), "{table}");
    assert_eq!(models.find_many(cx, &[3]).await.unwrap(), of(3..4, "batch"), "{table}");
    let distinct: Vec<String> = models.distinct(cx, E::text(), &Filter::all()).await.unwrap();
    assert_eq!(distinct, ["batch", "ignored", "many", "updated", "upserted"], "{table}");
    let ordered = models.query(cx, &Query::new().order_by_desc(E::text()).limit(2)).await.unwrap();
    assert_eq!(ordered.len(), 2, "{table}");
    let starts = E::text().starts_with("ign").and(E::text().contains("nor"));
    assert_eq!(models.update_where(cx, &starts, &Changes::new().set(E::text(), "set")).await.unwrap(), 1, "{table}");
    assert_eq!(models.delete_where(cx, &at_path(6).and(E::text().equals("set"))).await.unwrap(), 1, "{table}");
    let mut stream = models.stream(cx, &Query::new().filter(E::text().equals("many"))).await.unwrap();
    assert!(stream.try_next().await.unwrap().is_some(), "{table}");
    while stream.try_next().await.unwrap().is_some() {}
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn are_no_names_of_sqlite_s() {
    for place in crate::sqlite::places("").await {
        all(&place.store, "TEXT").await;
    }
}

#[cfg(feature = "duckdb-linked")]
#[tokio::test]
async fn are_no_names_of_duckdb_s() {
    all(&larder::open("duckdb::memory:").await.unwrap(), "JSON").await;
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn are_no_names_of_postgres_s() {
    if crate::support::postgres::is_skipped() {
        return;
    }
    for json in ["json", "jsonb"] {
        let database = crate::support::postgres::TestDatabase::empty().await;
        for store in crate::postgres::stores(&database).await {
            crate::postgres::psql(&database, "DROP SCHEMA public CASCADE; CREATE SCHEMA public");
            all(&store, json).await;
        }
    }
}

#[cfg(feature = "postgres")]
mod long {
    use sea_orm::entity::prelude::*;
    use serde::{Deserialize, Serialize};

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Serialize, Deserialize)]
    #[sea_orm(table_name = "long")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i64,
        #[sea_orm(column_name = "a_column_whose_name_has_more_bytes_than_postgres_keeps_of_any_name_at_all")]
        pub text: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Postgres cuts a name after 63 bytes. A column with a longer one is refused by its name, before anything is sent.
#[cfg(feature = "postgres")]
#[tokio::test]
async fn longer_names_than_postgres_has_are_unsupported() {
    if crate::support::postgres::is_skipped() {
        return;
    }
    let database = crate::support::postgres::TestDatabase::empty().await;
    let name = long_name();
    crate::postgres::psql(&database, &format!("CREATE TABLE long (id bigint PRIMARY KEY, {name} text NOT NULL)"));
    for store in crate::postgres::stores(&database).await {
        let (cx, models) = (&Cx::new(), store.repository::<long::Entity>());
        let model = long::Model { id: 1, text: "x".to_owned() };
        for outcome in
            [models.create(cx, &model).await.map(drop), models.all(cx).await.map(drop), models.find(cx, &1).await.map(drop)]
        {
            let error = outcome.unwrap_err();
            assert_eq!((error.kind(), error.column()), (larder::ErrorKind::Unsupported, Some(name)));
        }
    }
    assert_eq!(crate::postgres::psql(&database, "SELECT count(*) FROM long"), "0");
}

#[cfg(feature = "postgres")]
fn long_name() -> &'static str {
    use sea_orm::IdenStatic as _;
    long::Column::Text.as_str()
}
