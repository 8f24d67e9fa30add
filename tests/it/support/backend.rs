//! How each backend is opened for a test.

use std::{any::Any, future::Future, time::Duration};

use larder::{Capabilities, OpenOptions, Store};

/// An open store with the tables of the test entities, and whatever has to outlive it.
pub(crate) struct Fixture {
    pub store: Store,
    pub guard: Box<dyn Any + Send + Sync>,
}

impl Fixture {
    pub(crate) fn new(store: Store, guard: impl Any + Send + Sync) -> Self {
        Self { store, guard: Box::new(guard) }
    }
}

/// A backend under test. Every call of `open` gives an empty store of its own.
pub(crate) trait Backend {
    /// Whether the tests were told to leave this backend out.
    fn is_skipped() -> bool {
        false
    }

    /// A store with this many connections at most, or as many as the backend takes by itself.
    fn open(max_connections: Option<u32>) -> impl Future<Output = Fixture> + Send;

    /// What the backend says it can do. The promises that need more are asserted to be refused.
    fn declares(capabilities: &Capabilities) -> bool;

    fn fresh() -> impl Future<Output = Fixture> + Send {
        Self::open(None)
    }

    /// A store with one connection.
    fn narrow() -> impl Future<Output = Fixture> + Send {
        Self::open(Some(1))
    }
}

/// Waits long enough for a loaded machine, and not too long for a test that waits in vain.
pub fn options(max_connections: Option<u32>) -> OpenOptions {
    let options = OpenOptions::new().acquire_timeout(Duration::from_secs(20));
    match max_connections {
        Some(max) => options.max_connections(max),
        None => options,
    }
}
