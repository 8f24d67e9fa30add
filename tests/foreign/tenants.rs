//! Repositories of tenants in tables of other programs: text of any collation, columns that the database computes.

use larder::{Cx, ErrorKind, Filter, OnConflict, ReaderExt as _, SqlText, Storage, Store, field};

mod parcel {
    use sea_orm::entity::prelude::*;
    use serde::{Deserialize, Serialize};

    #[sea_orm::compact_model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Serialize, Deserialize)]
    #[sea_orm(table_name = "parcel")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i64,
        pub tenant: String,
        pub weight: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

type Parcels = std::sync::Arc<dyn Storage<parcel::Model, i64>>;

async fn run(store: &Store, statements: &[&str]) {
    for sql in statements {
        store.sql().unwrap().execute(&Cx::new(), &SqlText::new(*sql)).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }
}

fn of(store: &Store, tenant: &str) -> Parcels {
    store.repository_builder::<parcel::Entity>().within(field(parcel::COLUMN.tenant).equals(tenant)).build().unwrap()
}

fn parcel(id: i64, tenant: &str) -> parcel::Model {
    parcel::Model { id, tenant: tenant.to_owned(), weight: id }
}

/// Tenants whose names a collation takes for the same are two, in every operation.
async fn are_told_apart_by_bytes(store: &Store, tenant_type: &str) {
    run(
        store,
        &[
            "DROP TABLE IF EXISTS parcel",
            &format!("CREATE TABLE parcel (id BIGINT PRIMARY KEY, tenant {tenant_type} NOT NULL, weight BIGINT NOT NULL)"),
            "INSERT INTO parcel VALUES (1, 'ann', 1), (2, 'ANN', 2), (3, 'ann', 3)",
        ],
    )
    .await;
    let (ann, loud, cx) = (of(store, "ann"), of(store, "ANN"), Cx::new());
    let ids = |parcels: Vec<parcel::Model>| parcels.into_iter().map(|parcel| parcel.id).collect::<Vec<_>>();
    assert_eq!(ids(ann.all(&cx).await.unwrap()), [1, 3], "{tenant_type}");
    assert_eq!(ann.find(&cx, &2).await.unwrap(), None, "{tenant_type}");
    assert_eq!(ann.find(&cx, &1).await.unwrap(), Some(parcel(1, "ann")), "{tenant_type}");
    assert_eq!(ids(loud.find_many(&cx, &[1, 2, 3]).await.unwrap()), [2], "{tenant_type}");
    assert_eq!(loud.count(&cx, &Filter::all()).await.unwrap(), 1, "{tenant_type}");
    assert_eq!(ann.update(&cx, &parcel(2, "ann")).await.unwrap_err().kind(), ErrorKind::NotFound, "{tenant_type}");
    assert_eq!(ann.update(&cx, &parcel(1, "ANN")).await.unwrap_err().kind(), ErrorKind::InvalidInput, "{tenant_type}");
    let both = [parcel(1, "ann"), parcel(2, "ann")];
    assert_eq!(ann.update_many(&cx, &both).await.unwrap_err().kind(), ErrorKind::NotFound, "{tenant_type}");
    for on_conflict in [OnConflict::replace(), OnConflict::ignore()] {
        let taken = ann.upsert_batch(&cx, &both, &on_conflict).await.unwrap_err();
        assert_eq!(taken.kind(), ErrorKind::Duplicate, "{tenant_type}: {taken}");
        ann.upsert_batch(&cx, &[parcel(1, "ann"), parcel(4, "ann")], &on_conflict).await.unwrap();
    }
    assert!(!ann.delete(&cx, &2).await.unwrap(), "{tenant_type}");
    assert_eq!(loud.delete_many(&cx, &[1, 2, 3, 4]).await.unwrap(), 1, "{tenant_type}");
    assert_eq!(ids(ann.all(&cx).await.unwrap()), [1, 3, 4], "{tenant_type}");
}

/// A column of the filter that the database computes can be read by, and not written.
async fn cannot_write_what_is_computed(store: &Store, computed: &str) {
    run(
        store,
        &[
            "DROP TABLE IF EXISTS parcel",
            &format!("CREATE TABLE parcel (id BIGINT PRIMARY KEY, weight BIGINT NOT NULL, tenant {computed})"),
            "INSERT INTO parcel (id, weight) VALUES (1, 1), (2, 20), (3, 3)",
        ],
    )
    .await;
    let (light, cx) = (of(store, "light"), Cx::new());
    let ids: Vec<_> = light.all(&cx).await.unwrap().into_iter().map(|parcel| parcel.id).collect();
    assert_eq!((ids, light.find(&cx, &2).await.unwrap()), (vec![1, 3], None));
    let one = || [parcel(9, "light")];
    let refused = [
        light.create(&cx, &one()[0]).await.err(),
        light.create_batch(&cx, &one()).await.err(),
        light.update(&cx, &parcel(1, "light")).await.err(),
        light.update_many(&cx, &[parcel(1, "light")]).await.err(),
        light.upsert_batch(&cx, &one(), &OnConflict::replace()).await.err(),
    ];
    for (nth, error) in refused.into_iter().enumerate() {
        let error = error.unwrap_or_else(|| panic!("{nth}"));
        assert_eq!((error.kind(), error.column()), (ErrorKind::Unsupported, Some("tenant")), "{nth}: {error}");
    }
    assert_eq!(store.repository::<parcel::Entity>().count(&cx, &Filter::all()).await.unwrap(), 3);
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn tenants_on_sqlite() {
    let pool = sea_orm::Database::connect("sqlite::memory:").await.unwrap();
    for store in [larder::open("sqlite::memory:").await.unwrap(), Store::from_sea_orm(pool).unwrap()] {
        for tenant_type in ["TEXT", "TEXT COLLATE NOCASE", "VARCHAR(20) COLLATE RTRIM"] {
            are_told_apart_by_bytes(&store, tenant_type).await;
        }
        let computed = "TEXT GENERATED ALWAYS AS (CASE WHEN weight < 10 THEN 'light' ELSE 'heavy' END)";
        cannot_write_what_is_computed(&store, computed).await;
    }
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn tenants_on_postgres() {
    if crate::support::postgres::is_skipped() {
        return;
    }
    let database = crate::support::postgres::TestDatabase::empty().await;
    let stores = async || {
        let pool = sea_orm::Database::connect(database.url()).await.unwrap();
        [larder::open(&database.url()).await.unwrap(), Store::from_sea_orm(pool).unwrap()]
    };
    let [first, _] = stores().await;
    let folded = "CREATE COLLATION folded (provider = icu, locale = 'und-u-ks-level2', deterministic = false)";
    run(&first, &["CREATE EXTENSION citext", folded]).await;
    for tenant_type in ["text", "citext", "text COLLATE folded", "varchar(20) COLLATE \"C\"", "char(3)"] {
        for store in stores().await {
            are_told_apart_by_bytes(&store, tenant_type).await;
            store.close().await;
        }
    }
    for store in stores().await {
        let computed = "text GENERATED ALWAYS AS (CASE WHEN weight < 10 THEN 'light' ELSE 'heavy' END) STORED";
        cannot_write_what_is_computed(&store, computed).await;
    }
}

#[cfg(feature = "duckdb-linked")]
#[tokio::test]
async fn tenants_on_duckdb() {
    let store = larder::open("duckdb::memory:?threads=1").await.unwrap();
    for tenant_type in ["VARCHAR", "VARCHAR COLLATE NOCASE", "VARCHAR COLLATE NOACCENT.NOCASE"] {
        are_told_apart_by_bytes(&store, tenant_type).await;
    }
    let computed = "VARCHAR GENERATED ALWAYS AS (CASE WHEN weight < 10 THEN 'light' ELSE 'heavy' END) VIRTUAL";
    cannot_write_what_is_computed(&store, computed).await;
}
