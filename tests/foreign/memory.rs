//! What memory does with entities that other backends tell apart.

use larder::{Cx, ErrorKind, Filter, PageRequest, Query, ReaderExt};

/// Entities of a table, in a schema or in none.
macro_rules! entities {
    ($($name:ident ($($attribute:tt)*) { $field:ident: $type:ty })*) => {
        $(mod $name {
            use sea_orm::entity::prelude::*;
            use serde::{Deserialize, Serialize};

            #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Serialize, Deserialize)]
            #[sea_orm($($attribute)*)]
            pub(crate) struct Model {
                #[sea_orm(primary_key)]
                pub id: i64,
                pub $field: $type,
            }

            #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
            pub(crate) enum Relation {}

            impl ActiveModelBehavior for ActiveModel {}
        })*
    };
}

entities! {
    plain (table_name = "page") { title: String }
    shop (table_name = "page", schema_name = "shop") { title: String }
    blog (table_name = "page", schema_name = "blog") { title: String }
    other_columns (table_name = "page", schema_name = "blog") { text: String }
    other_types (table_name = "page", schema_name = "blog") { title: Option<i64> }
}

/// A line of a page of the blog's.
mod line {
    use sea_orm::entity::prelude::*;
    use serde::{Deserialize, Serialize};

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Serialize, Deserialize)]
    #[sea_orm(table_name = "line", schema_name = "blog")]
    pub(crate) struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub page: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {
        #[sea_orm(
            belongs_to = "super::blog::Entity",
            from = "Column::Page",
            to = "super::blog::Column::Id",
            on_delete = "Cascade"
        )]
        Page,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

async fn store() -> larder::Store {
    larder::open("memory:").await.unwrap()
}

#[tokio::test]
async fn tables_of_one_name_in_two_schemas_are_two() {
    let (cx, store) = (Cx::new(), store().await);
    let (plain, shop, blog) =
        (store.repository::<plain::Entity>(), store.repository::<shop::Entity>(), store.repository::<blog::Entity>());
    let of_shop = shop.create(&cx, &shop::Model { id: 0, title: "shop".to_owned() }).await.unwrap();
    let of_blog = blog.create(&cx, &blog::Model { id: 0, title: "blog".to_owned() }).await.unwrap();
    // Each has ids of its own.
    assert_eq!((of_shop.id, of_blog.id), (1, 1));
    assert_eq!(plain.count(&cx, &Filter::all()).await.unwrap(), 0);
    shop.update(&cx, &shop::Model { id: 1, title: "new".to_owned() }).await.unwrap();
    assert_eq!(blog.all(&cx).await.unwrap(), std::slice::from_ref(&of_blog));
    assert_eq!(shop.delete_where(&cx, &Filter::all()).await.unwrap(), 1);
    assert_eq!(plain.delete_where(&cx, &Filter::all()).await.unwrap(), 0);
    assert_eq!(blog.all(&cx).await.unwrap(), [of_blog]);
}

/// A foreign key refers to the table of its schema.
#[tokio::test]
async fn references_keep_to_their_schema() {
    let (cx, store) = (Cx::new(), store().await);
    let (shop, blog, lines) =
        (store.repository::<shop::Entity>(), store.repository::<blog::Entity>(), store.repository::<line::Entity>());
    shop.create(&cx, &shop::Model { id: 1, title: "shop".to_owned() }).await.unwrap();
    let line = line::Model { id: 1, page: 1 };
    assert_eq!(lines.create(&cx, &line).await.unwrap_err().kind(), ErrorKind::ForeignKey);
    blog.create(&cx, &blog::Model { id: 1, title: "blog".to_owned() }).await.unwrap();
    lines.create(&cx, &line).await.unwrap();
    shop.delete(&cx, &1).await.unwrap();
    assert_eq!(lines.count(&cx, &Filter::all()).await.unwrap(), 1);
    blog.delete(&cx, &1).await.unwrap();
    assert_eq!(lines.count(&cx, &Filter::all()).await.unwrap(), 0);
}

/// Cursors and errors tell the schemas apart as well.
#[tokio::test]
async fn cursors_and_errors_name_the_schema() {
    let (cx, store) = (Cx::new(), store().await);
    let (shop, blog) = (store.repository::<shop::Entity>(), store.repository::<blog::Entity>());
    for id in 1..=2 {
        shop.create(&cx, &shop::Model { id, title: String::new() }).await.unwrap();
    }
    let page = shop.page(&cx, &Query::new(), &PageRequest::new(1)).await.unwrap();
    let refused = blog.page(&cx, &Query::new(), &PageRequest::new(1).after(&page.next.unwrap())).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidInput);
    let duplicate = shop.create(&cx, &shop::Model { id: 1, title: String::new() }).await.unwrap_err();
    assert_eq!((duplicate.kind(), duplicate.model()), (ErrorKind::Duplicate, Some("shop.page")));
}

/// Rows are kept by the order of the columns: an entity of other columns cannot read them.
#[tokio::test]
async fn a_table_belongs_to_entities_of_the_same_columns() {
    let (cx, store) = (Cx::new(), store().await);
    let blog = store.repository::<blog::Entity>();
    blog.create(&cx, &blog::Model { id: 1, title: "blog".to_owned() }).await.unwrap();
    let columns = store.repository::<other_columns::Entity>();
    let types = store.repository::<other_types::Entity>();
    let kinds = [
        columns.find(&cx, &1).await.map(drop).unwrap_err().kind(),
        columns.create(&cx, &other_columns::Model { id: 2, text: String::new() }).await.map(drop).unwrap_err().kind(),
        types.all(&cx).await.map(drop).unwrap_err().kind(),
        types.delete_where(&cx, &Filter::all()).await.map(drop).unwrap_err().kind(),
    ];
    assert_eq!(kinds, [ErrorKind::Unsupported; 4]);
    assert_eq!(store.repository::<blog::Entity>().all(&cx).await.unwrap().len(), 1);
}
