//! Ids that no model can have: nulls, which SQLite takes in a primary key, and UUIDs that are stored as text.

use larder::{Cx, ErrorKind, PageRequest, Query, ReaderExt as _, Result, Store};
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
