//! The memory backend.

use larder::{Capabilities, Isolation};
use larder_migration::Migrations;

use crate::support::backend::{Backend, Fixture, options};

pub(crate) struct Memory;

impl Backend for Memory {
    async fn open(max_connections: Option<u32>) -> Fixture {
        Fixture::new(options(max_connections).open("memory:").await.unwrap(), ())
    }

    fn declares(c: &Capabilities) -> bool {
        !c.durable
            && !c.schema
            && !c.check_constraints
            && c.reads_beside_writer
            && !c.concurrent_writers
            && c.isolation == [Isolation::Serializable]
            && !c.locking
            && !c.raw_sql
    }
}

conformance!(Memory);

#[tokio::test]
async fn needs_no_migrations() {
    let store = larder::open("memory:").await.unwrap();
    assert!(Migrations::default().up(&store, None).await.unwrap().is_empty());
    assert!(Migrations::default().status(&store).await.unwrap().is_empty());
    assert!(Migrations::default().down(&store, 1).await.unwrap().is_empty());
}
