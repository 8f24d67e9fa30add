//! [`Harness`], how the suite opens a backend.

use std::{any::Any, fmt, sync::Arc, time::Duration};

use async_trait::async_trait;

use crate::{Capabilities, Clock, OpenOptions, Store, SystemClock};

/// An open store with the tables of the suite's [entities](super::entities), and whatever has to outlive it.
pub struct Fixture {
    /// The store.
    pub store: Store,
    /// What has to outlive it, such as its directory.
    pub guard: Box<dyn Any + Send + Sync>,
}

impl Fixture {
    /// A store, and what has to outlive it.
    pub fn new(store: Store, guard: impl Any + Send + Sync) -> Self {
        Self { store, guard: Box::new(guard) }
    }
}

impl fmt::Debug for Fixture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fixture").field("store", &self.store).finish_non_exhaustive()
    }
}

/// A backend under test. Every call of [`open`](Self::open) gives an empty store of its own.
#[async_trait]
pub trait Harness: Send + Sync {
    /// Opens an empty store. One with a schema has the tables of the suite's entities: [`create_tables`](super::create_tables)
    /// makes them.
    async fn open(&self, options: OpenWith) -> Fixture;

    /// Whether these are the capabilities that the backend has to declare. A promise that needs one that is not declared is
    /// asserted to be refused.
    fn declares(&self, capabilities: &Capabilities) -> bool;

    /// An empty store, and another of the same data that writes beside it. `None` where nobody can write beside a transaction.
    /// Default: the store itself, if it has concurrent writers.
    async fn with_rival(&self) -> Option<(Fixture, Store)> {
        let fixture = self.fresh().await;
        let rival = fixture.store.clone();
        fixture.store.capabilities().concurrent_writers.then_some((fixture, rival))
    }

    /// How many models a large batch has, at least 5 000. Default: 50 000. Fewer suit a backend that spends much on each model.
    fn large_batch(&self) -> u16 {
        50_000
    }

    /// Whether the tests were told to leave this backend out. Default: no.
    fn is_skipped(&self) -> bool {
        false
    }

    /// A store with the options' defaults.
    async fn fresh(&self) -> Fixture {
        self.open(OpenWith::default()).await
    }

    /// A store with one connection.
    async fn narrow(&self) -> Fixture {
        self.open(OpenWith { max_connections: Some(1), ..OpenWith::default() }).await
    }

    /// A store with one connection, for which nobody waits long.
    async fn hasty(&self) -> Fixture {
        let acquire_timeout = Duration::from_millis(1_000);
        self.open(OpenWith { max_connections: Some(1), acquire_timeout, ..OpenWith::default() }).await
    }
}

/// What a store is opened with.
#[derive(Clone, Debug)]
pub struct OpenWith {
    /// At most this many connections. `None`: as many as the backend takes by itself.
    pub max_connections: Option<u32>,
    /// How long an operation waits for a connection, or for its turn to write. Default: 20 s.
    pub acquire_timeout: Duration,
    /// Where the store takes the time from. `None`: the machine's clock.
    pub clock: Option<Arc<dyn Clock>>,
}

impl Default for OpenWith {
    fn default() -> Self {
        // Long enough for a loaded machine, short enough for a test that waits in vain.
        Self { max_connections: None, acquire_timeout: Duration::from_secs(20), clock: None }
    }
}

impl OpenWith {
    /// The clock.
    #[must_use]
    pub fn clock(&self) -> Arc<dyn Clock> {
        self.clock.clone().unwrap_or_else(|| Arc::new(SystemClock))
    }

    /// The same, as options of [`open`](crate::open).
    #[must_use]
    pub fn options(&self) -> OpenOptions {
        let options = OpenOptions::new().acquire_timeout(self.acquire_timeout).clock(self.clock());
        match self.max_connections {
            Some(max) => options.max_connections(max),
            None => options,
        }
    }
}
