//! Columns that have no order.

use larder::{Changes, Cx, ErrorKind, Filter, OnConflict, PageRequest, Query, ReaderExt, field_of};

#[cfg(feature = "postgres")]
use crate::pages::run;

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
