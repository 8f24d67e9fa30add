//! Names that mean something in SQL, or to larder, elsewhere: they are names of tables and columns like any other.

use std::sync::Arc;

use futures::TryStreamExt as _;
use larder::{Changes, Cx, Filter, OnConflict, PageRequest, Query, ReaderExt as _, Storage, field};
use sea_orm::Schema;

/// Tests with an entity of a table of this name, whose columns have dollars in theirs.
macro_rules! named {
    ($($module:ident $table:literal;)*) => {
        $(
            mod $module {
                use super::*;

                mod named {
                    use sea_orm::entity::prelude::*;
                    use serde::{Deserialize, Serialize};

                    #[sea_orm::compact_model]
                    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Serialize, Deserialize)]
                    #[sea_orm(table_name = $table)]
                    pub struct Model {
                        #[sea_orm(primary_key, auto_increment = false, column_name = "$1")]
                        pub id: i32,
                        #[sea_orm(column_name = "a$1", unique)]
                        pub text: String,
                        #[sea_orm(column_name = "$")]
                        pub number: Option<i64>,
                        #[sea_orm(column_name = "$$2")]
                        pub document: Json,
                        #[sea_orm(column_name = "uuid$")]
                        pub uuid: Uuid,
                    }

                    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
                    pub enum Relation {}

                    impl ActiveModelBehavior for ActiveModel {}
                }

                use named::{COLUMN, Model};

                fn model(id: i32, text: &str) -> Model {
                    let document = serde_json::json!({"$1": id});
                    Model { id, text: text.to_owned(), number: Some(id.into()), document, uuid: Default::default() }
                }

                /// Four models of the table.
                async fn stored() -> Arc<dyn Storage<Model, i32>> {
                    let store = larder::open("duckdb::memory:?threads=1").await.unwrap();
                    let table = Schema::new(store.sql().unwrap().dialect().sea_orm()).create_table_from_entity(named::Entity);
                    store.sql().unwrap().execute(&Cx::new(), &table).await.unwrap();
                    let (all, cx) = (store.repository::<named::Entity>(), &Cx::new());
                    let models: Vec<_> = (2..5).map(|id| model(id, &format!("text {id}"))).collect();
                    all.create(cx, &model(1, "one")).await.unwrap();
                    all.create_many(cx, &models[..1]).await.unwrap();
                    all.create_batch(cx, &models[1..]).await.unwrap();
                    all
                }

                async fn texts(all: &Arc<dyn Storage<Model, i32>>) -> Vec<String> {
                    let models = all.stream(&Cx::new(), &Query::new()).await.unwrap();
                    models.map_ok(|model| model.text).try_collect().await.unwrap()
                }

                #[tokio::test]
                async fn is_read() {
                    let (all, cx) = (stored().await, &Cx::new());
                    assert_eq!(all.find(cx, &3).await.unwrap(), Some(model(3, "text 3")));
                    assert_eq!(all.find_many(cx, &[1, 4, 7]).await.unwrap().len(), 2);
                    for (filter, expected) in [
                        (field(COLUMN.text).contains("ext"), 3),
                        (field(COLUMN.text).starts_with("one"), 1),
                        (!field(COLUMN.number).equals(1), 3),
                        (field(COLUMN.number).is_in([1, 2]), 2),
                        (field(COLUMN.document).path_equals(["$1"], 4), 1),
                        (field(COLUMN.uuid).equals(uuid::Uuid::nil()), 4),
                    ] {
                        assert_eq!(all.count(cx, &filter).await.unwrap(), expected, "{filter:?}");
                    }
                    let query = Query::new().order_by(COLUMN.number);
                    let next = all.page(cx, &query, &PageRequest::new(2)).await.unwrap().next.unwrap();
                    let last = all.page(cx, &query, &PageRequest::new(2).after(&next)).await.unwrap().models;
                    assert_eq!(last, [model(3, "text 3"), model(4, "text 4")]);
                    assert_eq!(texts(&all).await, ["one", "text 2", "text 3", "text 4"]);
                    assert_eq!(all.distinct::<String, _>(cx, COLUMN.text, &Filter::all()).await.unwrap().len(), 4);
                }

                #[tokio::test]
                async fn is_written() {
                    let (all, cx) = (stored().await, &Cx::new());
                    all.update(cx, &model(1, "new")).await.unwrap();
                    all.update_many(cx, &[model(2, "b"), model(3, "c")]).await.unwrap();
                    all.upsert_batch(cx, &[model(4, "d")], &OnConflict::replace()).await.unwrap();
                    let given = [model(4, "e"), model(5, "f"), model(6, "g")];
                    let upserted = all.upsert_batch(cx, &given, &OnConflict::replace()).await.unwrap();
                    assert_eq!((upserted.inserted, upserted.updated), (2, 1));
                    let ignoring = OnConflict::ignore().on(COLUMN.text);
                    let ignored = all.upsert_batch(cx, &[model(7, "e"), model(8, "h")], &ignoring).await.unwrap();
                    assert_eq!((ignored.inserted, ignored.ignored), (1, 1));
                    let changes = Changes::new().increase(COLUMN.number, 1);
                    assert_eq!(all.update_where(cx, &field(COLUMN.text).equals("h"), &changes).await.unwrap(), 1);
                    assert_eq!(all.get(cx, &8).await.unwrap().number, Some(9));
                    assert_eq!(texts(&all).await, ["new", "b", "c", "e", "f", "g", "h"]);
                    assert_eq!(all.distinct::<String, _>(cx, COLUMN.text, &Filter::all()).await.unwrap().len(), 7);
                    let twice = all.create_batch(cx, &[model(20, "same"), model(21, "same")]).await.unwrap_err();
                    assert_eq!(twice.constraint(), Some(concat!($table, ".a$1")));
                    assert_eq!(all.delete_where(cx, &field(COLUMN.text).equals("g")).await.unwrap(), 1);
                    assert_eq!(all.delete_many(cx, &[1, 2]).await.unwrap(), 2);
                    assert_eq!(all.count(cx, &Filter::all()).await.unwrap(), 4);
                }
            }
        )*
    };
}

named! {
    dollars "t$1";
    of_documents "j0";
    of_conflicts "excluded";
    of_sources "larder_rows";
    of_sources_in_capitals "LARDER_ROWS";
    of_quotes "a\"";
}
