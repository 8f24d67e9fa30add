//! Ids that no model can have: nulls, which SQLite takes in a primary key, and UUIDs that are stored as text.

use std::collections::BTreeSet;

use larder::{Cx, ErrorKind, OnConflict, PageRequest, Query, ReaderExt as _, Result, Store, field};
use sea_orm::prelude::Uuid;

use super::{
    entities::{named, ticket},
    places,
};

/// Goes through all pages of a query, and back again.
async fn page_through(store: &Store, query: &Query<named::Model>) -> Result<Vec<i64>> {
    let (cx, names) = (Cx::new(), store.repository::<named::Entity>());
    let mut page = names.page(&cx, query, &PageRequest::new(2)).await?;
    while let Some(next) = &page.next {
        page = names.page(&cx, query, &PageRequest::new(2).after(next)).await?;
    }
    let mut ids: Vec<_> = page.models.iter().map(|model| model.id).collect();
    while let Some(previous) = &page.previous {
        page = names.page(&cx, query, &PageRequest::new(2).before(previous)).await?;
        ids.splice(0..0, page.models.iter().map(|model| model.id));
    }
    Ok(ids)
}

fn orders() -> [Query<named::Model>; 4] {
    let query = Query::new;
    [
        query(),
        query().order_by_desc(named::COLUMN.id),
        query().order_by(named::COLUMN.name),
        query().order_by_desc(named::COLUMN.name).order_by_desc(named::COLUMN.id),
    ]
}

#[tokio::test]
async fn pages_do_not_pass_over_ids_that_are_null() {
    for key in
        ["id BIGINT PRIMARY KEY, name TEXT NOT NULL", "id INT, name TEXT NOT NULL, PRIMARY KEY (id, name)", "id INT, name TEXT"]
    {
        for place in places(&format!("CREATE TABLE named ({key});\n")).await {
            place.run("INSERT INTO named VALUES (1, 'a'), (2, 'a'), (3, 'b'), (4, 'b'), (5, 'c');\n").await;
            for query in orders() {
                assert_eq!(page_through(&place.store, &query).await.unwrap().len(), 5, "{} {key} {query:?}", place.name);
            }
            for name in ["'a'", "'b'", "'d'"] {
                place.run(&format!("INSERT INTO named VALUES (NULL, {name});\n")).await;
                for query in orders() {
                    let refused = page_through(&place.store, &query).await.expect_err(&format!("{} {key} {query:?}", place.name));
                    assert_eq!(
                        (refused.kind(), refused.column()),
                        (ErrorKind::Corrupt, Some("id")),
                        "{} {key} {refused}",
                        place.name
                    );
                }
                place.run("DELETE FROM named WHERE id IS NULL;\n").await;
            }
            for query in orders() {
                assert_eq!(page_through(&place.store, &query).await.unwrap().len(), 5, "{} {key} {query:?}", place.name);
            }
        }
    }
}

/// A place that was found before the row with the null came.
#[tokio::test]
async fn pages_backward_do_not_pass_over_an_id_that_is_null() {
    for place in places("CREATE TABLE named (id BIGINT PRIMARY KEY, name TEXT NOT NULL);\n").await {
        place.run("INSERT INTO named VALUES (1, 'a'), (2, 'b'), (3, 'c');\n").await;
        let (cx, names) = (&Cx::new(), place.store.repository::<named::Entity>());
        let first = names.page(cx, &Query::new(), &PageRequest::new(2)).await.unwrap();
        let last = names.page(cx, &Query::new(), &PageRequest::new(2).after(&first.next.unwrap())).await.unwrap();
        place.run("INSERT INTO named VALUES (NULL, 'b');\n").await;
        let before = names.page(cx, &Query::new(), &PageRequest::new(9).before(&last.previous.unwrap())).await;
        let refused = before.expect_err(place.name);
        assert_eq!((refused.kind(), refused.column()), (ErrorKind::Corrupt, Some("id")), "{} {refused}", place.name);
    }
}

/// Another row's id that cannot be read is none of theirs.
#[tokio::test]
async fn models_are_found_beside_an_id_that_is_no_uuid() {
    let ids = [7, 8].map(Uuid::from_u128);
    for place in places("CREATE TABLE ticket (id uuid_text PRIMARY KEY, text TEXT NOT NULL);\n").await {
        let (cx, tickets) = (&Cx::new(), place.store.repository::<ticket::Entity>());
        let models = ids.map(|id| ticket::Model { id, text: "new".into() });
        tickets.create_many(cx, &models).await.unwrap();
        place.run("INSERT INTO ticket VALUES ('no id', 'old');\n").await;
        // On a pool of SeaORM's, the whole table is refused.
        if place.name != "SeaORM" {
            assert_eq!(tickets.find(cx, &ids[0]).await.unwrap().as_ref(), models.first(), "{}", place.name);
            assert_eq!(tickets.find_many(cx, &ids).await.unwrap(), models, "{}", place.name);
        }
        let refused = tickets.find_many(cx, &[ids[0], Uuid::from_u128(9)]).await.expect_err(place.name);
        assert_eq!((refused.kind(), refused.column()), (ErrorKind::Corrupt, Some("id")), "{} {refused}", place.name);
        let refused = tickets.delete_many(cx, &[ids[0], Uuid::from_u128(9)]).await.expect_err(place.name);
        assert_eq!((refused.kind(), refused.column()), (ErrorKind::Corrupt, Some("id")), "{} {refused}", place.name);
        assert_eq!(place.ask("SELECT CAST(count(*) AS TEXT) FROM ticket").await, "3", "{}", place.name);
    }
}

fn new(id: Uuid) -> ticket::Model {
    ticket::Model { id, text: "new".into() }
}

/// The outcome of every operation that concerns a ticket, or this one and another.
async fn operations(store: &Store, given: Uuid, other: Uuid) -> Vec<(&'static str, Result<()>)> {
    let (cx, tickets) = (&Cx::new(), store.repository::<ticket::Entity>());
    let by_id = Query::new().order_by(ticket::COLUMN.id);
    vec![
        ("find", tickets.find(cx, &given).await.map(drop)),
        ("find_many", tickets.find_many(cx, &[given]).await.map(drop)),
        ("query", tickets.query(cx, &by_id).await.map(drop)),
        ("page", tickets.page(cx, &by_id, &PageRequest::new(1)).await.map(drop)),
        ("count", tickets.count(cx, &field(ticket::COLUMN.id).equals(given)).await.map(drop)),
        ("create", tickets.create(cx, &new(given)).await.map(drop)),
        ("create_many", tickets.create_many(cx, &[new(given), new(Uuid::from_u128(8))]).await.map(drop)),
        ("create_batch", tickets.create_batch(cx, &[new(given), new(Uuid::from_u128(8))]).await.map(drop)),
        ("create_batch of one", tickets.create_batch(cx, &[new(given)]).await.map(drop)),
        ("upsert_batch", tickets.upsert_batch(cx, &[new(given)], &OnConflict::replace()).await.map(drop)),
        ("update", tickets.update(cx, &new(given)).await.map(drop)),
        ("update_many", tickets.update_many(cx, &[new(given)]).await.map(drop)),
        ("delete", tickets.delete(cx, &given).await.map(drop)),
        ("delete_many", tickets.delete_many(cx, &[given, other]).await.map(drop)),
        ("delete_where", tickets.delete_where(cx, &field(ticket::COLUMN.id).equals(given)).await.map(drop)),
    ]
}

#[tokio::test]
async fn ids_that_are_stored_as_text_are_refused_in_every_operation() {
    let (given, other) = (Uuid::from_u128(0x936d_a01f_9abd_4d9d_80c7_02af_85c8_22a8), Uuid::from_u128(7));
    for place in places("CREATE TABLE ticket (id uuid_text PRIMARY KEY, text TEXT NOT NULL);\n").await {
        let tickets = place.store.repository::<ticket::Entity>();
        let cx = &Cx::new();
        // Sound before.
        tickets.create(cx, &new(other)).await.unwrap();
        assert_eq!(tickets.find(cx, &given).await.unwrap(), None, "{}", place.name);
        assert!(!tickets.delete(cx, &given).await.unwrap());
        for form in [
            "936da01f-9abd-4d9d-80c7-02af85c822a8",
            "936DA01F-9ABD-4D9D-80C7-02AF85C822A8",
            "936da01f9abd4d9d80c702af85c822a8",
            "{936da01f-9abd-4d9d-80c7-02af85c822a8}",
        ] {
            place.run(&format!("INSERT INTO ticket VALUES ('{form}', 'old');\n")).await;
            for (operation, outcome) in operations(&place.store, given, other).await {
                let error = outcome.expect_err(&format!("{} {operation} {form}", place.name));
                let told = (error.kind(), error.column());
                assert_eq!(told, (ErrorKind::Corrupt, Some("id")), "{} {operation}: {error}", place.name);
            }
            let left = place.ask("SELECT group_concat(typeof(id) || text) FROM (SELECT * FROM ticket ORDER BY id)").await;
            assert_eq!(left, "textold,blobnew", "{} {form}", place.name);
            // What is there is still found, and put right it is all found again.
            if place.name != "SeaORM" {
                assert_eq!(tickets.find(cx, &other).await.unwrap(), Some(new(other)), "{}", place.name);
            }
            place.run("UPDATE ticket SET id = x'936da01f9abd4d9d80c702af85c822a8' WHERE typeof(id) = 'text';\n").await;
            let found = tickets.find_many(cx, &[given, other]).await.unwrap();
            assert_eq!(found.iter().map(|model| model.id).collect::<BTreeSet<_>>(), BTreeSet::from([given, other]));
            assert!(tickets.delete(cx, &given).await.unwrap());
        }
    }
}
