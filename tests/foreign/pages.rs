//! Pages over rows whose values a cursor cannot hold: numbers that are none, and nulls.

use larder::{Cx, ErrorKind, Page, PageRequest, Query, ReaderExt, field_of};

/// Numbers that may be none.
mod measure {
    use sea_orm::entity::prelude::*;
    use serde::{Deserialize, Serialize};

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Serialize, Deserialize)]
    #[sea_orm(table_name = "measure")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i64,
        pub rank: i32,
        pub ratio: f64,
        pub share: Option<f32>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub(crate) async fn run(store: &larder::Store, statement: &str) {
    store.sql().unwrap().execute(&Cx::new(), &larder::SqlText::new(statement)).await.unwrap();
}

/// The ids of all pages of a query, forward and then back.
async fn ids_in_pages(store: &larder::Store, query: &Query<measure::Model>) -> larder::Result<[Vec<i64>; 2]> {
    let (cx, measures) = (Cx::new(), store.repository::<measure::Entity>());
    let ids = |page: &Page<measure::Model>| page.models.iter().map(|model| model.id).collect::<Vec<_>>();
    let mut page = measures.page(&cx, query, &PageRequest::new(4)).await?;
    let mut forward = ids(&page);
    while let Some(next) = &page.next {
        page = measures.page(&cx, query, &PageRequest::new(4).after(next)).await?;
        forward.extend(ids(&page));
        assert!(forward.len() <= 3000, "it does not end");
    }
    let mut back = vec![ids(&page)];
    while let Some(previous) = &page.previous {
        page = measures.page(&cx, query, &PageRequest::new(4).before(previous)).await?;
        back.push(ids(&page));
        assert!(back.len() <= 3000, "it does not end");
    }
    back.reverse();
    Ok([forward, back.concat()])
}

/// NaN in a column outside of the order does not stop a page.
async fn pages_go_past_nan(store: &larder::Store, numbers: &str) {
    use larder::TransactionalExt;

    run(store, "CREATE TABLE measure (id bigint PRIMARY KEY, rank int NOT NULL, ratio double precision NOT NULL, share real)")
        .await;
    run(
        store,
        &format!("INSERT INTO measure SELECT i, i % 3, CAST('NaN' AS double precision), CAST('NaN' AS real) FROM {numbers}"),
    )
    .await;
    let by_rank = Query::new().order_by_desc(field_of(measure::Column::Rank));
    let mut expected: Vec<i64> = (0..2100).collect();
    expected.sort_by_key(|id| -(id % 3));
    assert_eq!(ids_in_pages(store, &by_rank).await.unwrap(), [expected.clone(), expected.clone()]);
    let measures = store.repository::<measure::Entity>();
    let streamed = store.tx(&Cx::new(), |cx| {
        let (measures, query) = (measures.clone(), by_rank.clone());
        async move {
            let mut stream = measures.stream(&cx, &query).await?;
            let mut ids = Vec::new();
            while let Some(model) = stream.try_next().await? {
                ids.push(model.id);
            }
            Ok::<_, larder::Error>(ids)
        }
    });
    assert_eq!(streamed.await.unwrap(), expected);
    for column in [measure::Column::Ratio, measure::Column::Share] {
        let refused = ids_in_pages(store, &Query::new().order_by(field_of(column))).await.unwrap_err();
        let name = sea_orm::IdenStatic::as_str(&column);
        assert!(refused.kind() == ErrorKind::Corrupt && refused.to_string().contains(name), "{refused}");
    }
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn pages_go_past_nan_on_postgres() {
    if crate::support::postgres::is_skipped() {
        return;
    }
    let database = crate::support::postgres::TestDatabase::empty().await;
    let store = larder::open(&database.url()).await.unwrap();
    pages_go_past_nan(&store, "generate_series(0, 2099) AS numbers(i)").await;
}

#[cfg(feature = "duckdb-linked")]
#[tokio::test]
async fn pages_go_past_nan_on_duckdb() {
    let store = larder::open("duckdb::memory:").await.unwrap();
    pages_go_past_nan(&store, "range(0, 2100) AS numbers(i)").await;
}

/// A null in a column whose field is no `Option` cannot be read, wherever the engine sorts it: no page leaves the row out.
async fn pages_do_not_pass_over_nulls(store: &larder::Store) {
    run(store, "CREATE TABLE measure (id bigint PRIMARY KEY, rank int, ratio double precision NOT NULL, share real)").await;
    for id in 1..=12 {
        let rank = if id == 5 { "NULL".to_owned() } else { (id % 4).to_string() };
        run(store, &format!("INSERT INTO measure VALUES ({id}, {rank}, {id}.5, NULL)")).await;
    }
    let rank = || field_of(measure::Column::Rank);
    for query in [
        Query::new().order_by(rank()),
        Query::new().order_by_desc(rank()),
        Query::new().order_by(field_of(measure::Column::Share)).order_by_desc(rank()),
        Query::new().order_by_desc(rank()).order_by(field_of(measure::Column::Ratio)),
    ] {
        let refused = ids_in_pages(store, &query).await.unwrap_err();
        assert_eq!((refused.kind(), refused.column()), (ErrorKind::Corrupt, Some("rank")), "{refused}");
    }
}

/// The same where the field is of the id, and the table has no key that keeps nulls out.
async fn pages_do_not_pass_over_null_ids(store: &larder::Store) {
    run(store, "DROP TABLE measure").await;
    run(store, "CREATE TABLE measure (id bigint, rank int NOT NULL, ratio double precision NOT NULL, share real)").await;
    for id in 1..=12 {
        let shown = if id == 6 { "NULL".to_owned() } else { id.to_string() };
        run(store, &format!("INSERT INTO measure VALUES ({shown}, {}, {id}.5, NULL)", id % 4)).await;
    }
    let (rank, id) = (|| field_of(measure::Column::Rank), || field_of(measure::Column::Id));
    for query in [
        Query::new(),
        Query::new().order_by_desc(id()),
        Query::new().order_by(rank()),
        Query::new().order_by_desc(rank()),
        Query::new().order_by(rank()).order_by_desc(id()),
        Query::new().order_by(field_of(measure::Column::Share)).order_by_desc(id()),
    ] {
        let refused = ids_in_pages(store, &query).await.expect_err(&format!("{query:?}"));
        assert_eq!((refused.kind(), refused.column()), (ErrorKind::Corrupt, Some("id")), "{refused}");
    }
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn pages_do_not_pass_over_nulls_on_sqlite() {
    let store = larder::open("sqlite::memory:").await.unwrap();
    pages_do_not_pass_over_nulls(&store).await;
    pages_do_not_pass_over_null_ids(&store).await;
}

#[cfg(feature = "duckdb-linked")]
#[tokio::test]
async fn pages_do_not_pass_over_nulls_on_duckdb() {
    let store = larder::open("duckdb::memory:").await.unwrap();
    pages_do_not_pass_over_nulls(&store).await;
    pages_do_not_pass_over_null_ids(&store).await;
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn pages_do_not_pass_over_nulls_on_postgres() {
    if crate::support::postgres::is_skipped() {
        return;
    }
    let database = crate::support::postgres::TestDatabase::empty().await;
    let store = larder::open(&database.url()).await.unwrap();
    pages_do_not_pass_over_nulls(&store).await;
    pages_do_not_pass_over_null_ids(&store).await;
}
