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

    fn open(options: OpenOptions) -> impl Future<Output = Fixture> + Send;

    /// What the backend says it can do. The promises that need more are asserted to be refused.
    fn declares(capabilities: &Capabilities) -> bool;

    fn fresh() -> impl Future<Output = Fixture> + Send {
        Self::open(options())
    }

    /// A store with one connection.
    fn narrow() -> impl Future<Output = Fixture> + Send {
        Self::open(options().max_connections(1))
    }
}

/// Long enough for a loaded machine, short enough for a test that waits in vain.
pub(crate) fn options() -> OpenOptions {
    OpenOptions::new().acquire_timeout(Duration::from_secs(20))
}

/// The connections these options ask for, for pools that somebody else makes.
pub fn max_connections(options: &OpenOptions) -> u32 {
    if format!("{options:?}").contains("max_connections: Some(1)") { 1 } else { 10 }
}
