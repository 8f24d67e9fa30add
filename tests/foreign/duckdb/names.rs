//! Names that mean something in SQL, or to larder, elsewhere: they are names of tables and columns like any other.

use futures::TryStreamExt as _;
use larder::{Changes, Cx, Filter, OnConflict, PageRequest, Query, ReaderExt as _, field};
use sea_orm::Schema;

/// Entities of tables of these names, whose columns have dollars in theirs.
macro_rules! named {
    ($($module:ident $table:literal;)*) => {
        $(
            mod $module {
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

            #[tokio::test]
            async fn $module() {
                let store = &larder::open("duckdb::memory:?threads=1").await.unwrap();
                let table = Schema::new(store.sql().unwrap().dialect().sea_orm()).create_table_from_entity($module::Entity);
                store.sql().unwrap().execute(&Cx::new(), &table).await.unwrap();
                let (all, cx) = (store.repository::<$module::Entity>(), &Cx::new());
                let model = |id: i32, text: &str| $module::Model {
                    id,
                    text: text.to_owned(),
                    number: Some(id.into()),
                    document: serde_json::json!({"$1": id}),
                    uuid: Default::default(),
                };
                let models: Vec<_> = (2..5).map(|id| model(id, &format!("text {id}"))).collect();
                all.create(cx, &model(1, "one")).await.unwrap();
                all.create_many(cx, &models[..1]).await.unwrap();
                all.create_batch(cx, &models[1..]).await.unwrap();
                assert_eq!(all.find(cx, &3).await.unwrap(), Some(model(3, "text 3")));
                assert_eq!(all.find_many(cx, &[1, 4, 7]).await.unwrap().len(), 2);
                let columns = $module::COLUMN;
                for (filter, expected) in [
                    (field(columns.text).contains("ext"), 3),
                    (field(columns.text).starts_with("one"), 1),
                    (!field(columns.number).equals(1), 3),
                    (field(columns.number).is_in([1, 2]), 2),
                    (field(columns.document).path_equals(["$1"], 4), 1),
                    (field(columns.uuid).equals(uuid::Uuid::nil()), 4),
                ] {
                    assert_eq!(all.count(cx, &filter).await.unwrap(), expected, "{filter:?}");
                }
                all.update(cx, &model(1, "new")).await.unwrap();
                all.update_many(cx, &[model(2, "b"), model(3, "c")]).await.unwrap();
                all.upsert_batch(cx, &[model(4, "d")], &OnConflict::replace()).await.unwrap();
                let upserted = all.upsert_batch(cx, &[model(4, "e"), model(5, "f"), model(6, "g")], &OnConflict::replace()).await.unwrap();
                assert_eq!((upserted.inserted, upserted.updated), (2, 1));
                let ignored = all.upsert_batch(cx, &[model(7, "e"), model(8, "h")], &OnConflict::ignore().on(columns.text)).await.unwrap();
                assert_eq!((ignored.inserted, ignored.ignored), (1, 1));
                let changes = Changes::new().increase(columns.number, 1);
                assert_eq!(all.update_where(cx, &field(columns.text).equals("h"), &changes).await.unwrap(), 1);
                let query = Query::new().order_by(columns.number);
                let next = all.page(cx, &query, &PageRequest::new(2)).await.unwrap().next.unwrap();
                assert_eq!(all.page(cx, &query, &PageRequest::new(2).after(&next)).await.unwrap().models.len(), 2);
                let texts: Vec<_> = all.stream(cx, &Query::new()).await.unwrap().map_ok(|model| model.text).try_collect().await.unwrap();
                assert_eq!(texts, ["new", "b", "c", "e", "f", "g", "h"]);
                assert_eq!(all.distinct::<String, _>(cx, columns.text, &Filter::all()).await.unwrap().len(), 7);
                let twice = all.create_batch(cx, &[model(20, "same"), model(21, "same")]).await.unwrap_err();
                assert_eq!(twice.constraint(), Some(concat!($table, ".a$1")));
                assert_eq!(all.delete_where(cx, &field(columns.text).equals("g")).await.unwrap(), 1);
                assert_eq!(all.delete_many(cx, &[1, 2]).await.unwrap(), 2);
                assert_eq!(all.count(cx, &Filter::all()).await.unwrap(), 4);
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
