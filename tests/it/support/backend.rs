//! How each backend is opened for a test.

use std::{any::Any, future::Future, sync::Arc, time::Duration};

use larder::{Capabilities, Clock, OpenOptions, Store, SystemClock};

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

    fn open(wanted: Wanted) -> impl Future<Output = Fixture> + Send;

    /// What the backend says it can do. The promises that need more are asserted to be refused.
    fn declares(capabilities: &Capabilities) -> bool;

    /// An empty store, and another of the same data that writes beside it. None where nobody can write beside a transaction.
    fn with_rival() -> impl Future<Output = Option<(Fixture, Store)>> + Send {
        async {
            let fixture = Self::fresh().await;
            let rival = fixture.store.clone();
            fixture.store.capabilities().concurrent_writers.then_some((fixture, rival))
        }
    }

    fn fresh() -> impl Future<Output = Fixture> + Send {
        Self::open(Wanted::default())
    }

    /// A store with one connection.
    fn narrow() -> impl Future<Output = Fixture> + Send {
        Self::open(Wanted { max_connections: Some(1), ..Wanted::default() })
    }

    /// A store with one connection, for which nobody waits long.
    fn hasty() -> impl Future<Output = Fixture> + Send {
        Self::open(Wanted { max_connections: Some(1), acquire_timeout: Duration::from_millis(1_000), ..Wanted::default() })
    }
}

/// What a store is opened with.
pub struct Wanted {
    /// At most this many connections, or as many as the backend takes by itself.
    pub max_connections: Option<u32>,
    pub acquire_timeout: Duration,
    /// Without one, the machine's.
    pub clock: Option<Arc<dyn Clock>>,
}

impl Default for Wanted {
    fn default() -> Self {
        // Long enough for a loaded machine, short enough for a test that waits in vain.
        Self { max_connections: None, acquire_timeout: Duration::from_secs(20), clock: None }
    }
}

impl Wanted {
    pub fn clock(&self) -> Arc<dyn Clock> {
        self.clock.clone().unwrap_or_else(|| Arc::new(SystemClock))
    }

    pub fn options(&self) -> OpenOptions {
        let options = OpenOptions::new().acquire_timeout(self.acquire_timeout).clock(self.clock());
        match self.max_connections {
            Some(max) => options.max_connections(max),
            None => options,
        }
    }
}

/// The same for a pool that SeaORM makes.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
impl Wanted {
    pub fn for_sea_orm(&self, url: String) -> sea_orm::ConnectOptions {
        let mut options = sea_orm::ConnectOptions::new(url);
        options.max_connections(self.max_connections.unwrap_or(10)).acquire_timeout(self.acquire_timeout);
        options
    }
}
