//! The memory backend.

use larder::{Capabilities, Cx, ErrorKind, Isolation};
use larder_migration::Migrations;

use crate::support::{
    backend::{Fixture, Harness, OpenWith},
    entities::{door, person, place, street},
    person,
};

pub(crate) struct Memory;

#[async_trait::async_trait]
impl Harness for Memory {
    async fn open(&self, wanted: OpenWith) -> Fixture {
        let wanted = OpenWith { max_connections: None, ..wanted };
        Fixture::new(wanted.options().open("memory:").await.unwrap(), ())
    }

    fn declares(&self, c: &Capabilities) -> bool {
        !c.durable
            && !c.schema
            && !c.check_constraints
            && c.reads_beside_writer
            && !c.concurrent_writers
            && c.isolation == [Isolation::Serializable]
            && !c.locking
            && c.savepoints
            && c.row_locks
            && c.referential_actions
            && c.unsigned
            && c.decimals
            && c.arrays
            && !c.unenforced_keys
            && !c.sql
            && c.catalog
    }
}

larder::testing::conformance!(Memory);

#[tokio::test]
async fn needs_no_migrations() {
    let store = larder::open("memory:").await.unwrap();
    assert!(Migrations::default().up(&store, None).await.unwrap().is_empty());
    assert!(Migrations::default().status(&store).await.unwrap().is_empty());
    assert!(Migrations::default().down(&store, 1).await.unwrap().is_empty());
}

/// Past the largest id there is none to generate, and ids that the caller chooses go on.
#[tokio::test]
async fn runs_out_of_ids() {
    let people = Memory.fresh().await.store.repository::<person::Entity>();
    people.create(&Cx::new(), &person::Model { id: i64::MAX, ..person("last") }).await.unwrap();
    let error = people.create(&Cx::new(), &person("one more")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceExhausted);
    people.create(&Cx::new(), &person::Model { id: 7, ..person("chosen") }).await.unwrap();
}

/// A reference without an action is looked at when every cascade has run, as SQLite does, in whatever order tables are met.
#[tokio::test]
async fn checks_references_after_cascades() {
    let (fixture, cx) = (Memory.fresh().await, Cx::new());
    let doors = fixture.store.repository::<door::Entity>();
    let streets = fixture.store.repository::<street::Entity>();
    let places = fixture.store.repository::<place::Entity>();
    let place = places.create(&cx, &place::Model { id: 0, code: "p".into() }).await.unwrap();
    streets.create(&cx, &street::Model { place: "p".into(), number: 1 }).await.unwrap();
    doors.create(&cx, &door::Model { id: 0, place: "p".into(), number: 1, place_id: place.id }).await.unwrap();
    assert!(places.delete(&cx, &place.id).await.unwrap());
    assert_eq!(
        streets.count(&cx, &larder::Filter::all()).await.unwrap() + doors.count(&cx, &larder::Filter::all()).await.unwrap(),
        0
    );
}
