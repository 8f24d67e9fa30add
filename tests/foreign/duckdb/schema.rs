//! Schemas that other programs made, and that change while a store is open.

use larder::{Cx, Error, ErrorKind, Filter, Query, SqlText, TransactionalExt as _, field};

use super::{client::File, execute, in_memory, one};

mod computed {
    use sea_orm::entity::prelude::*;
    use serde::{Deserialize, Serialize};

    #[sea_orm::compact_model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Serialize, Deserialize)]
    #[sea_orm(table_name = "computed")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i32,
        pub price: i32,
        pub doubled: i32,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod other {
    use sea_orm::entity::prelude::*;
    use serde::{Deserialize, Serialize};

    #[sea_orm::compact_model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Serialize, Deserialize)]
    #[sea_orm(schema_name = "other", table_name = "one")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i32,
        pub value: Option<Decimal>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

fn decimal(id: i32, text: &str) -> one::decimal::Model {
    one::decimal::model(id, text.parse().unwrap())
}

fn is_refused<T>(outcome: &Result<T, Error>) -> bool {
    matches!(outcome, Err(error) if error.kind() == ErrorKind::InvalidInput && error.column() == Some("value"))
}

/// What the database computes is never written, and comes back as it computed it.
#[tokio::test]
async fn a_generated_column_is_the_databases() {
    let file = File::new();
    file.python(
        "c.execute('CREATE TABLE computed (id INTEGER PRIMARY KEY, price INTEGER, doubled INTEGER GENERATED ALWAYS AS (price * 2))')\nc.execute('INSERT INTO computed VALUES (1, 5)')",
    );
    let store = file.open().await;
    let (cx, all) = (&Cx::new(), store.repository::<computed::Entity>());
    let model = |id, price, doubled| computed::Model { id, price, doubled };
    assert_eq!(all.find(cx, &1).await.unwrap(), Some(model(1, 5, 10)));
    assert_eq!(all.create(cx, &model(2, 6, 0)).await.unwrap(), model(2, 6, 12));
    assert_eq!(all.create_many(cx, &[model(3, 7, 0), model(4, 8, 99)]).await.unwrap(), [model(3, 7, 14), model(4, 8, 16)]);
    all.create_batch(cx, &(5..50).map(|id| model(id, id, 0)).collect::<Vec<_>>()).await.unwrap();
    assert_eq!(all.update(cx, &model(1, 9, 10)).await.unwrap(), model(1, 9, 18));
    assert_eq!(all.update_many(cx, &[model(2, 10, 0), model(3, 11, 0)]).await.unwrap(), [model(2, 10, 20), model(3, 11, 22)]);
    let upserted = all.upsert_batch(cx, &[model(4, 12, 0), model(50, 13, 0)], &larder::OnConflict::replace()).await.unwrap();
    assert_eq!((upserted.inserted, upserted.updated), (1, 1));
    assert_eq!(all.find_many(cx, &[4, 50]).await.unwrap(), [model(4, 12, 24), model(50, 13, 26)]);
    assert_eq!(all.count(cx, &field(computed::COLUMN.doubled).equals(98)).await.unwrap(), 1);
}

/// What is known of a table is forgotten when its column is changed, through whichever store on the file.
#[tokio::test]
async fn a_changed_column_is_noticed() {
    let file = File::new();
    file.python("c.execute('CREATE TABLE one (id INTEGER PRIMARY KEY, value DECIMAL(10,3))')");
    let (store, beside) = (file.open().await, file.open().await);
    let (cx, all) = (&Cx::new(), store.repository::<one::decimal::Entity>());
    let batch = |id: i32| [decimal(id, "1.239"), decimal(id + 1, "1.239")];
    all.create_batch(cx, &batch(1)).await.unwrap();
    execute(&beside, "ALTER TABLE one ALTER value TYPE DECIMAL(10,2)").await;
    assert!(is_refused(&all.create(cx, &decimal(3, "1.239")).await));
    assert!(is_refused(&all.create_batch(cx, &batch(3)).await));
    execute(&store, "ALTER TABLE one ALTER value TYPE DECIMAL(10,3)").await;
    all.create_batch(cx, &batch(3)).await.unwrap();
    execute(&store, "DROP TABLE one").await;
    assert_eq!(all.create_batch(cx, &batch(3)).await.unwrap_err().kind(), ErrorKind::TableMissing);
    assert_eq!(all.find(cx, &1).await.unwrap_err().kind(), ErrorKind::TableMissing);
    execute(&store, "CREATE TABLE one (id INTEGER PRIMARY KEY, value DECIMAL(10,2))").await;
    assert!(is_refused(&all.create_batch(cx, &batch(3)).await));
}

/// A change of the schema inside a transaction counts there, and outside only once it is committed.
#[tokio::test]
async fn a_change_that_is_rolled_back_is_none() {
    let store = in_memory(&["CREATE TABLE one (id INTEGER PRIMARY KEY, value DECIMAL(10,2))"]).await;
    let (cx, all, sql) = (&Cx::new(), &store.repository::<one::decimal::Entity>(), &store.sql().unwrap());
    assert!(is_refused(&all.create(cx, &decimal(1, "1.239")).await));
    let alter = &SqlText::new("ALTER TABLE one ALTER value TYPE DECIMAL(10,3)");
    let outcome: Result<(), Error> = store
        .tx(cx, |cx| async move {
            sql.execute(&cx, alter).await?;
            all.create_batch(&cx, &[decimal(1, "1.239"), decimal(2, "1.239")]).await?;
            Err(Error::new(ErrorKind::NotFound, "on second thoughts"))
        })
        .await;
    assert_eq!(outcome.unwrap_err().kind(), ErrorKind::NotFound);
    assert!(is_refused(&all.create_batch(cx, &[decimal(1, "1.239"), decimal(2, "1.239")]).await));
    let committed: Result<(), Error> = store
        .tx(cx, |cx| async move {
            sql.execute(&cx, alter).await?;
            all.create_batch(&cx, &[decimal(1, "1.239"), decimal(2, "1.239")]).await?;
            Ok(())
        })
        .await;
    committed.unwrap();
    all.create_batch(cx, &[decimal(3, "1.239"), decimal(4, "1.239")]).await.unwrap();
    assert_eq!(all.count(cx, &Filter::all()).await.unwrap(), 4);
}

/// A value that is refused leaves the transaction as it was; so does a table that is not there, whose error is its own.
#[tokio::test]
async fn a_lookup_does_no_harm_to_its_transaction() {
    let store = in_memory(&["CREATE TABLE computed (id INTEGER PRIMARY KEY, price INTEGER, doubled INTEGER)"]).await;
    let (cx, all, missing) = (&Cx::new(), &store.repository::<computed::Entity>(), &store.repository::<one::decimal::Entity>());
    let outcome: Result<(), Error> = store
        .tx(cx, |cx| async move {
            all.create(&cx, &computed::Model { id: 1, price: 1, doubled: 1 }).await?;
            let error = missing.find(&cx, &1).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TableMissing);
            Err(error)
        })
        .await;
    assert_eq!(outcome.unwrap_err().kind(), ErrorKind::TableMissing);
    assert_eq!(all.count(cx, &Filter::all()).await.unwrap(), 0);
}

/// The name of a table leads where the engine's own rules say: a schema, an attached database, a temporary table.
#[tokio::test]
async fn a_name_leads_where_the_engine_says() {
    let store = in_memory(&[
        "CREATE TABLE one (id INTEGER PRIMARY KEY, value DECIMAL(10,3))",
        "CREATE SCHEMA other",
        "CREATE TABLE other.one (id INTEGER PRIMARY KEY, value DECIMAL(10,2))",
    ])
    .await;
    let cx = &Cx::new();
    let (main, others) = (&store.repository::<one::decimal::Entity>(), &store.repository::<other::Entity>());
    let foreign = |id| other::Model { id, value: Some("1.239".parse().unwrap()) };
    main.create_batch(cx, &[decimal(1, "1.239"), decimal(2, "1.239")]).await.unwrap();
    assert!(is_refused(&others.create_batch(cx, &[foreign(1), foreign(2)]).await));
    assert!(is_refused(&others.create(cx, &foreign(1)).await));

    let sql = &store.sql().unwrap();
    let shadowed: Result<(), Error> = store
        .tx(cx, |cx| async move {
            sql.execute(&cx, &SqlText::new("CREATE TEMP TABLE one (id INTEGER PRIMARY KEY, value DECIMAL(10,2))")).await?;
            assert!(is_refused(&main.create_batch(&cx, &[decimal(3, "1.239"), decimal(4, "1.239")]).await));
            main.create_batch(&cx, &[decimal(3, "1.23"), decimal(4, "1.23")]).await?;
            Ok(())
        })
        .await;
    shadowed.unwrap();
    // The temporary table is gone with the connection: nobody else writes to it.
    main.create_batch(cx, &[decimal(3, "1.239"), decimal(4, "1.239")]).await.unwrap();
    let all = main.query(cx, &Query::new()).await.unwrap();
    assert_eq!(all, [1, 2, 3, 4].map(|id| decimal(id, "1.239")));

    let attached = larder::open("duckdb::memory:?threads=1&external_access=true").await.unwrap();
    execute(&attached, "ATTACH ':memory:' AS other").await;
    execute(&attached, "CREATE TABLE other.main.one (id INTEGER PRIMARY KEY, value DECIMAL(10,2))").await;
    let others = attached.repository::<other::Entity>();
    assert!(is_refused(&others.create(cx, &foreign(1)).await));
}

/// A file that may only be read is looked at as any other.
#[tokio::test]
async fn a_file_that_is_only_read_is_described() {
    let file = File::new();
    file.python("c.execute('CREATE TABLE one (id INTEGER PRIMARY KEY, value BIT)')");
    let store = file.open_with("&mode=ro").await;
    let error = store.repository::<one::bytes::Entity>().query(&Cx::new(), &Query::new()).await.unwrap_err();
    assert_eq!((error.kind(), error.column()), (ErrorKind::Unsupported, Some("value")));
    let read = store.sql().unwrap().query_as::<(i32,)>(&Cx::new(), &SqlText::new("SELECT id FROM one")).await.unwrap();
    assert!(read.is_empty());
}

/// Columns by names in other letters than the entity's.
#[tokio::test]
async fn names_are_the_same_in_any_letters() {
    let store = in_memory(&["CREATE TABLE \"One\" (\"ID\" INTEGER PRIMARY KEY, \"Value\" DECIMAL(10,2))"]).await;
    let all = store.repository::<one::decimal::Entity>();
    assert!(is_refused(&all.create_batch(&Cx::new(), &[decimal(1, "1.239"), decimal(2, "1")]).await));
    all.create_batch(&Cx::new(), &[decimal(1, "1.23"), decimal(2, "1")]).await.unwrap();
    assert_eq!(all.update(&Cx::new(), &decimal(1, "1.5")).await.unwrap(), decimal(1, "1.5"));
}
