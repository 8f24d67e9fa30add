//! The network between a store and a Postgres server fails, or the server does.

mod dropped;
mod fatal;
mod lost;
pub(crate) mod proxy;
mod reconciled;
mod refused;
pub(crate) mod replica;
mod restarted;
mod silent;
mod terminated;
mod tls;
mod url;

use std::{future::Future, time::Duration};

use larder::{Cx, ErrorKind, OpenOptions, ReaderExt as _, Result, SqlText, Store, TransactionalExt as _};

use self::proxy::Proxy;
use crate::support::{Notes, entities::note, note, postgres::TestDatabase};

/// How long something may take that has to happen.
pub(crate) const BOUND: Duration = Duration::from_secs(60);

/// How long a connection has to be idle before the pool asks whether it lives, and a little more.
const IDLE: Duration = Duration::from_millis(1_100);

/// A database, and two stores of it: one with a single connection and the proxy on its way, and one to look on.
pub(crate) struct Place {
    pub(crate) database: TestDatabase,
    pub(crate) proxy: Proxy,
    pub(crate) store: Store,
    pub(crate) notes: Notes,
    pub(crate) observer: Store,
}

impl Place {
    pub(crate) async fn new() -> Self {
        Self::of(TestDatabase::with_tables().await).await
    }

    async fn of(database: TestDatabase) -> Self {
        let proxy = Proxy::to(server_of(&database.url())).await;
        let options = OpenOptions::new().max_connections(1).acquire_timeout(BOUND);
        let observer = options.open(&database.url()).await.unwrap();
        let store = options.open(&proxy.url(&database.url())).await.unwrap();
        let notes = store.repository::<note::Entity>();
        Self { database, proxy, store, notes, observer }
    }

    /// The notes that are there for others, in order.
    async fn stored(&self) -> Vec<String> {
        let stored = self.observer.repository::<note::Entity>().all(&Cx::new()).await.unwrap();
        let mut bodies: Vec<_> = stored.into_iter().map(|note| note.body).collect();
        bodies.sort();
        bodies
    }

    /// Runs statements that the observer sends.
    async fn observe(&self, text: impl Into<String>) {
        self.observer.sql().unwrap().execute(&Cx::new(), &SqlText::new(text)).await.unwrap();
    }

    /// What the observer is answered with, in one number.
    async fn number(&self, text: &str) -> i64 {
        self.observer.sql().unwrap().query_as(&Cx::new(), &SqlText::new(text)).await.unwrap()[0]
    }

    /// How many other sessions of the database there are of which the condition is true.
    async fn sessions(&self, condition: &str) -> i64 {
        let others = "datname = current_database() AND pid <> pg_backend_pid()";
        self.number(&format!("SELECT count(*) FROM pg_stat_activity WHERE {others} AND {condition}")).await
    }

    async fn until_sessions(&self, condition: &str, wanted: i64) {
        until(|| async { self.sessions(condition).await == wanted }).await;
    }

    async fn until_no_transaction_is_open(&self) {
        self.until_sessions("state LIKE 'idle in transaction%'", 0).await;
    }

    /// Ends all other sessions of the database, and waits until they have ended.
    pub(crate) async fn terminate_others(&self) {
        let others = "datname = current_database() AND pid <> pg_backend_pid()";
        self.number(&format!("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE {others}")).await;
        self.until_sessions("true", 0).await;
    }

    /// The same, and waits until the pool takes its connections for idle.
    pub(crate) async fn terminate_idle(&self) {
        self.terminate_others().await;
        tokio::time::sleep(IDLE).await;
    }

    /// Runs something until a fault has happened so often, and drops it then. Answers what it came to, if it ended before.
    async fn dropped_at_fault<T>(&self, times: usize, future: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            done = future => Some(done),
            () = self.proxy.has_met(times) => None,
        }
    }

    /// That the store writes, in a transaction and outside of any, so that others see it, and that nothing else was stored.
    async fn works(&self, before: &[&str]) {
        let notes = &self.notes;
        notes.create(&Cx::new(), &note("next")).await.unwrap();
        // Before another transaction could commit it as well.
        let mut expected = [before, &["next"]].concat();
        expected.sort_unstable();
        assert_eq!(self.stored().await, expected);
        let next = self.store.tx(&Cx::new(), |cx| async move { notes.create(&cx, &note("next, together")).await });
        next.await.unwrap();
        expected.push("next, together");
        expected.sort_unstable();
        assert_eq!(self.stored().await, expected);
        self.until_no_transaction_is_open().await;
    }
}

/// Waits for something that its own deadline ends.
async fn ended<T>(work: impl Future<Output = Result<T>>) -> ErrorKind {
    let ended = tokio::time::timeout(BOUND, work).await.expect("it goes on for longer than its deadline");
    ended.map(drop).expect_err("it cannot have worked").kind()
}

/// Waits until something is true.
pub(crate) async fn until<F: Future<Output = bool> + Send>(is_true: impl Fn() -> F + Send + Sync) {
    let waiting = async {
        while !is_true().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(BOUND, waiting).await.expect("it did not come true");
}

/// The `host:port` of a URL.
pub(crate) fn server_of(url: &str) -> &str {
    let (_, place) = url.rsplit_once('@').expect("a URL with a user");
    place.split_once('/').expect("a URL with a database").0
}
