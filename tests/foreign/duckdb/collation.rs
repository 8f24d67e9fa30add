//! Text that DuckDB compares by other rules than its bytes: collations, enums.

use std::collections::BTreeSet;

use larder::{Changes, Cx, Filter, OnConflict, PageRequest, Projection, Query, ReaderExt as _, Store, field};

use super::{client::File, in_memory, one};

mod name {
    use sea_orm::entity::prelude::*;
    use serde::{Deserialize, Serialize};

    #[sea_orm::compact_model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Serialize, Deserialize)]
    #[sea_orm(table_name = "name")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub number: i32,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const NAMES: [&str; 8] = ["ANN", "Ann", "Zebra", "ann", "e", "zebra", "É", "é"];

/// A table of names whose ids are of a collation, in an order that is none.
async fn names(collation: &str) -> (File, Store) {
    let file = File::new();
    let mut rows: Vec<_> = NAMES.iter().enumerate().map(|(number, name)| format!("('{name}', {number})")).collect();
    rows.swap(0, 5);
    rows.swap(1, 6);
    file.python(&format!(
        "c.execute(\"CREATE TABLE name (id VARCHAR COLLATE {collation} PRIMARY KEY, number INTEGER)\")\nc.execute(\"INSERT INTO name VALUES {}\")",
        rows.join(", ")
    ));
    let store = file.open().await;
    (file, store)
}

/// Names by the pages of a query, of this many each.
async fn paged(store: &Store, query: &Query<name::Model>, size: u32) -> Vec<String> {
    let names = store.repository::<name::Entity>();
    let mut request = PageRequest::new(size);
    let mut seen = Vec::new();
    loop {
        let page = names.page(&Cx::new(), query, &request).await.unwrap();
        seen.extend(page.models.into_iter().map(|model| model.id));
        let Some(next) = page.next else { return seen };
        request = PageRequest::new(size).after(&next);
        assert!(seen.len() < 100, "the pages do not end");
    }
}

const COLLATIONS: [&str; 5] = ["NOCASE", "NOACCENT", "NOACCENT.NOCASE", "de", "NFC"];

#[tokio::test]
async fn ids_of_any_collation_are_in_the_order_of_their_bytes() {
    for collation in COLLATIONS {
        let (_file, store) = names(collation).await;
        for size in [1, 3, 100] {
            assert_eq!(paged(&store, &Query::new(), size).await, NAMES, "{collation}");
            let backward = paged(&store, &Query::new().order_by_desc(name::COLUMN.id), size).await;
            assert!(backward.iter().rev().eq(NAMES.iter()), "{collation}: {backward:?}");
        }
    }
}

#[tokio::test]
async fn ids_of_any_collation_are_told_apart_by_their_bytes() {
    for collation in COLLATIONS {
        let (_file, store) = names(collation).await;
        let (cx, all) = (&Cx::new(), store.repository::<name::Entity>());
        assert_eq!(all.find(cx, &"ANN".to_owned()).await.unwrap().map(|model| model.id).as_deref(), Some("ANN"), "{collation}");
        assert_eq!(all.find(cx, &"aNN".to_owned()).await.unwrap(), None, "{collation}");
        let found = all.find_many(cx, &["ANN".to_owned(), "aNN".to_owned()]).await.unwrap();
        assert_eq!(found.iter().map(|model| model.id.as_str()).collect::<Vec<_>>(), ["ANN"], "{collation}");
        let texts = async |filter| {
            let found = all.query(cx, &Query::from(filter)).await.unwrap();
            found.into_iter().map(|model| model.id).collect::<Vec<_>>()
        };
        let id = || field(name::COLUMN.id);
        assert_eq!(texts(id().starts_with("Z")).await, ["Zebra"], "{collation}");
        assert_eq!(texts(id().contains("nn")).await, ["Ann", "ann"], "{collation}");
        assert_eq!(texts(id().greater_than("zz")).await, ["É", "é"], "{collation}");
        assert_eq!(texts(id().not_equals("ann").and(id().less_than("b"))).await, ["ANN", "Ann", "Zebra"], "{collation}");
        assert_eq!(texts(id().is_in(["ann", "É"])).await, ["ann", "É"], "{collation}");
        let distinct = all.project(cx, &Query::new(), &Projection::of(name::COLUMN.id).distinct()).await.unwrap();
        assert_eq!(distinct.len(), NAMES.len(), "{collation}");
    }
}

#[tokio::test]
async fn groups_of_any_collation_are_told_apart_by_their_bytes() {
    for collation in COLLATIONS {
        let (_file, store) = names(collation).await;
        let (cx, all) = (Cx::new(), store.repository::<name::Entity>());
        let first = Query::new().order_by_desc(name::COLUMN.number).first_of_each(name::COLUMN.id);
        assert_eq!(all.query(&cx, &first).await.unwrap().len(), NAMES.len(), "{collation}");
        assert_eq!(paged(&store, &first, 3).await.len(), NAMES.len(), "{collation}");
    }
}

#[tokio::test]
async fn writes_find_ids_of_any_collation_by_their_bytes() {
    for collation in COLLATIONS {
        let (_file, store) = names(collation).await;
        let (cx, all) = (&Cx::new(), store.repository::<name::Entity>());
        let model = |id: &str, number| name::Model { id: id.to_owned(), number };
        let number = async |id: &str| all.find(cx, &id.to_owned()).await.unwrap().map(|model| model.number);
        all.update(cx, &model("Ann", 100)).await.unwrap();
        assert_eq!(all.update_many(cx, &[model("ANN", 101), model("e", 102)]).await.unwrap().len(), 2, "{collation}");
        let updated = [number("ANN").await, number("Ann").await, number("ann").await];
        assert_eq!(updated, [Some(101), Some(100), Some(3)], "{collation}");
        assert_eq!([number("e").await, number("é").await], [Some(102), Some(7)], "{collation}");
        let many: Vec<_> =
            (0..20).map(|nth| model(&format!("K{nth}"), nth)).chain([model("ann", 200), model("aNn", 201)]).collect();
        let upserted = all.upsert_batch(cx, &many, &OnConflict::replace()).await.unwrap();
        assert_eq!((upserted.inserted, upserted.updated), (21, 1), "{collation}");
        let upserted = [number("ANN").await, number("ann").await, number("aNn").await];
        assert_eq!(upserted, [Some(101), Some(200), Some(201)], "{collation}");
        assert!(all.delete(cx, &"aNn".to_owned()).await.unwrap(), "{collation}");
        assert_eq!(all.delete_many(cx, &["ANN".to_owned(), "k1".to_owned()]).await.unwrap(), 1, "{collation}");
        assert_eq!(all.delete_where(cx, &field(name::COLUMN.id).equals("zebra")).await.unwrap(), 1, "{collation}");
        let left: BTreeSet<_> = all.query(cx, &Query::new()).await.unwrap().into_iter().map(|model| model.id).collect();
        assert!(["Ann", "ann", "Zebra", "é", "É", "K1"].iter().all(|id| left.contains(*id)), "{collation}: {left:?}");
        assert!(["ANN", "aNn", "zebra"].iter().all(|id| !left.contains(*id)), "{collation}: {left:?}");
    }
}

/// The values of an enum are ordered by their texts, and not by their places in the type.
#[tokio::test]
async fn an_enum_is_ordered_by_its_texts() {
    let store = in_memory(&[
        "CREATE TYPE mood AS ENUM ('sad', 'Zen', 'happy')",
        "CREATE TABLE one (id INTEGER PRIMARY KEY, value mood)",
        "INSERT INTO one VALUES (1, 'sad'), (2, 'Zen'), (3, 'happy'), (4, NULL)",
    ])
    .await;
    let (cx, all) = (&Cx::new(), store.repository::<one::text::Entity>());
    let column = one::text::COLUMN.value;
    let mut request = PageRequest::new(1);
    let mut seen = Vec::new();
    loop {
        let page = all.page(cx, &Query::new().order_by(column), &request).await.unwrap();
        seen.extend(page.models.into_iter().map(|model| model.id));
        let Some(next) = page.next else { break };
        request = PageRequest::new(1).after(&next);
        assert!(seen.len() < 10, "the pages do not end");
    }
    assert_eq!(seen, [4, 2, 3, 1]);
    assert_eq!(all.count(cx, &field(column).equals("nobody")).await.unwrap(), 0);
    assert_eq!(all.count(cx, &field(column).starts_with("Z")).await.unwrap(), 1);
    let model = |id, text: &str| one::text::model(id, text.into());
    assert_eq!(all.update_many(cx, &[model(1, "Zen"), model(2, "sad")]).await.unwrap(), [model(1, "Zen"), model(2, "sad")]);
}

/// A view of a table with a collation, whose own text says nothing of it.
#[tokio::test]
async fn a_view_is_read_by_bytes() {
    let store = in_memory(&[
        "CREATE TABLE base (id VARCHAR COLLATE NOCASE, number INTEGER)",
        "INSERT INTO base VALUES ('ann', 1), ('ANN', 2), ('Bob', 3)",
        "CREATE VIEW name AS SELECT id, number FROM base",
    ])
    .await;
    assert_eq!(paged(&store, &Query::new(), 1).await, ["ANN", "Bob", "ann"]);
    let names = store.repository::<name::Entity>();
    assert_eq!(names.find(&Cx::new(), &"ANN".to_owned()).await.unwrap().map(|model| model.number), Some(2));
}

/// A collation that all text has unless it says otherwise.
#[tokio::test]
async fn the_default_collation_changes_nothing() {
    let store = larder::open("duckdb::memory:?threads=1&lock_configuration=false").await.unwrap();
    super::execute(&store, "CREATE TABLE name (id VARCHAR PRIMARY KEY, number INTEGER)").await;
    let names = store.repository::<name::Entity>();
    let models: Vec<_> = ["ANN", "Bob", "ann"].iter().map(|id| name::Model { id: (*id).to_owned(), number: 0 }).collect();
    names.create_batch(&Cx::new(), &models).await.unwrap();
    let set = larder::SqlText::new("SET GLOBAL default_collation = 'nocase'");
    if store.sql().unwrap().execute(&Cx::new(), &set).await.is_ok() {
        assert_eq!(paged(&store, &Query::new(), 1).await, ["ANN", "Bob", "ann"]);
        assert_eq!(names.find(&Cx::new(), &"aNN".to_owned()).await.unwrap(), None);
    }
}

mod mood {
    use sea_orm::entity::prelude::*;
    use serde::{Deserialize, Serialize};

    #[sea_orm::compact_model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Serialize, Deserialize)]
    #[sea_orm(table_name = "mood")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i32,
        pub level: Option<String>,
        pub name: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Text of enums and collations is raised, moved and filled in by its bytes.
#[tokio::test]
async fn text_is_changed_by_its_bytes() {
    use mood::COLUMN;
    let store = in_memory(&[
        "CREATE TABLE mood (id INTEGER PRIMARY KEY, level ENUM ('z', 'm', 'a'), name VARCHAR COLLATE NOCASE NOT NULL)",
        "INSERT INTO mood VALUES (1, 'z', 'a'), (2, 'a', 'B'), (3, NULL, 'm')",
    ])
    .await;
    let (cx, moods) = (&Cx::new(), store.repository::<mood::Entity>());
    let raised = Changes::new().raise_to(COLUMN.level, "m").raise_to(COLUMN.name, "Z");
    let raised = moods.update_where_returning(cx, &Filter::all(), &raised).await.unwrap();
    let seen: Vec<_> = raised.iter().map(|mood| (mood.level.as_deref(), mood.name.as_str())).collect();
    assert_eq!(seen, [(Some("z"), "a"), (Some("m"), "Z"), (None, "m")]);
    let filled = Changes::new().set_if_null(COLUMN.level, "a").set_from(COLUMN.name, COLUMN.level);
    let filled = moods.update_where_returning(cx, &field(COLUMN.id).at_most(2), &filled).await.unwrap();
    let seen: Vec<_> = filled.iter().map(|mood| (mood.level.as_deref(), mood.name.as_str())).collect();
    assert_eq!(seen, [(Some("z"), "z"), (Some("m"), "m")]);
}
