//! The memory backend.

use larder::{Capabilities, Isolation, OpenOptions};

use crate::{
    conformance::conformance,
    support::backend::{Backend, Fixture},
};

pub(crate) struct Memory;

impl Backend for Memory {
    async fn open(options: OpenOptions) -> Fixture {
        Fixture::new(options.open("memory:").await.unwrap(), ())
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
