//! Columns that have no order, and values that a cursor cannot hold.

use larder::{Changes, Cx, ErrorKind, Filter, OnConflict, Page, PageRequest, Query, ReaderExt, field_of};

/// A type that not every backend knows, beside one that is.
mod odd {
    use sea_orm::entity::prelude::*;
    use serde::{Deserialize, Serialize};

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Serialize, Deserialize)]
    #[sea_orm(table_name = "odd")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i64,
        #[sea_orm(unique)]
        #[serde(skip)]
        pub due: Option<TimeDate>,
        pub name: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// An id of such a type.
mod odd_id {
    use sea_orm::entity::prelude::*;
    use serde::{Deserialize, Serialize};

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Serialize, Deserialize)]
    #[sea_orm(table_name = "odd_id")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        #[serde(skip, default = "first")]
        pub day: TimeDate,
        pub name: String,
    }

    pub(crate) fn first() -> TimeDate {
        TimeDate::MIN
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

#[cfg(feature = "postgres")]
mod listed {
    use sea_orm::entity::prelude::*;
    use serde::{Deserialize, Serialize};

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Serialize, Deserialize)]
    #[sea_orm(table_name = "listed")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i64,
        pub words: Option<Vec<String>>,
        pub numbers: Vec<i32>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

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

/// Something is unsupported, because of a column.
macro_rules! unsupported {
    ($column:literal: $($call:expr,)*) => {
        $({
            let error = $call.await.map(drop).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
            assert!(error.to_string().contains(concat!("column ", $column)), "{error}");
        })*
    };
}

#[tokio::test]
async fn a_type_that_cannot_be_compared_is_no_order() {
    let (cx, store) = (Cx::new(), larder::open("memory:").await.unwrap());
    let odd = store.repository::<odd::Entity>();
    let models: Vec<_> = (0..9).map(|id| odd::Model { id, due: None, name: "same".to_owned() }).collect();
    odd.create_batch(&cx, &models).await.unwrap();
    let due = || field_of(odd::Column::Due);
    let by_due = Query::new().order_by(due());
    let no_date = Changes::new().set(due(), chrono::NaiveDate::MIN);
    unsupported! { "due":
        odd.query(&cx, &by_due),
        odd.query(&cx, &Query::new().order_by_desc(due())),
        odd.page(&cx, &by_due, &PageRequest::new(2)),
        odd.stream(&cx, &by_due),
        odd.distinct::<serde_json::Value, _>(&cx, due(), &Filter::all()),
        odd.upsert_batch(&cx, &models, &OnConflict::replace().on(due())),
        odd.query(&cx, &due().equals(chrono::NaiveDate::MIN).into()),
        odd.query(&cx, &due().is_in(["x"]).into()),
        odd.query(&cx, &due().starts_with("2").into()),
        odd.update_where(&cx, &Filter::all(), &no_date),
    }
    // Whether there is a value can be asked, and what cannot be compared can be cleared.
    assert_eq!(odd.count(&cx, &due().is_null()).await.unwrap(), 9);
    odd.update_where(&cx, &Filter::all(), &Changes::new().set_null(due())).await.unwrap();
    assert_eq!(odd.all(&cx).await.unwrap(), models);
}

#[tokio::test]
async fn an_id_that_cannot_be_compared_has_no_pages() {
    let (cx, store) = (Cx::new(), larder::open("memory:").await.unwrap());
    let odd = store.repository::<odd_id::Entity>();
    let model = odd_id::Model { day: odd_id::first(), name: String::new() };
    odd.create(&cx, &model).await.unwrap();
    assert_eq!(odd.find(&cx, &model.day).await.unwrap(), Some(model.clone()));
    unsupported! { "day":
        odd.all(&cx),
        odd.query(&cx, &Query::new().order_by(field_of(odd_id::Column::Name))),
        odd.page(&cx, &Query::new(), &PageRequest::new(2)),
        odd.stream(&cx, &Query::new()),
        odd.upsert_batch(&cx, &[model], &OnConflict::ignore()),
    }
}

#[cfg(feature = "postgres")]
async fn lists_are_no_order(store: &larder::Store) {
    let cx = Cx::new();
    let listed = store.repository::<listed::Entity>();
    let words = |id: i64| (id % 2 == 0).then(|| vec!["a".to_owned(), id.to_string()]);
    let models: Vec<_> = (0..9).map(|id| listed::Model { id, words: words(id), numbers: vec![1] }).collect();
    listed.create_batch(&cx, &models).await.unwrap();
    let column = || field_of(listed::Column::Words);
    let by_words = Query::new().order_by(column());
    unsupported! { "words":
        listed.query(&cx, &by_words),
        listed.page(&cx, &by_words, &PageRequest::new(2)),
        listed.stream(&cx, &by_words),
        listed.distinct::<serde_json::Value, _>(&cx, column(), &Filter::all()),
        listed.query(&cx, &column().equals("a").into()),
        listed.query(&cx, &column().contains("a").into()),
        listed.query(&cx, &column().equals(vec!["a".to_owned()]).into()),
        listed.query(&cx, &column().is_in([vec!["a".to_owned()]]).into()),
        listed.count(&cx, &!column().starts_with("a")),
        listed.delete_where(&cx, &column().contains("a")),
        listed.update_where(&cx, &Filter::all(), &Changes::new().set(column(), "a")),
    }
    unsupported! { "numbers": listed.query(&cx, &Query::new().order_by(field_of(listed::Column::Numbers))), }
    assert_eq!(listed.all(&cx).await.unwrap(), models);
    assert_eq!(listed.count(&cx, &column().is_not_null()).await.unwrap(), 5);
    listed.update_where(&cx, &Filter::all(), &Changes::new().set_null(column())).await.unwrap();
    assert!(listed.all(&cx).await.unwrap().iter().all(|model| model.words.is_none()));
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn lists_are_no_order_in_memory() {
    lists_are_no_order(&larder::open("memory:").await.unwrap()).await;
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn lists_are_no_order_on_postgres() {
    if crate::support::postgres::is_skipped() {
        return;
    }
    let database = crate::support::postgres::TestDatabase::empty().await;
    let store = larder::open(&database.url()).await.unwrap();
    run(&store, "CREATE TABLE listed (id bigint PRIMARY KEY, words text[], numbers int[] NOT NULL)").await;
    lists_are_no_order(&store).await;
}

#[cfg(feature = "_sql")]
async fn run(store: &larder::Store, statement: &str) {
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
#[cfg(feature = "_sql")]
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
#[cfg(feature = "_sql")]
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
#[cfg(feature = "_sql")]
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
