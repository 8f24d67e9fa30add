//! Which poolers are let through.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use larder::{Cx, Error, ErrorKind, ReaderExt as _, Store};
use sea_orm::{ConnectOptions, ConnectionTrait, Database};
use tokio::task::JoinSet;

use super::{of_sea_orm, started};
use crate::support::{
    entities::note,
    note,
    postgres::{TestDatabase, is_skipped},
};

const SEA_ORM: &str = "ignore_startup_parameters = extra_float_digits";
const ALL: &str = "ignore_startup_parameters = extra_float_digits,options";

/// Clients that keep the servers of a pooler busy until this is dropped.
struct Busy {
    is_over: Arc<AtomicBool>,
    _clients: JoinSet<()>,
}

impl Busy {
    async fn with(url: &str, clients: usize) -> Self {
        let (is_over, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let mut tasks = JoinSet::new();
        for client in 0..clients {
            let (url, is_over, done) = (url.to_owned(), is_over.clone(), done.clone());
            tasks.spawn(async move {
                let mut options = ConnectOptions::new(url);
                options.max_connections(1).sqlx_logging(false);
                let database = Database::connect(options).await.unwrap();
                while !is_over.load(Ordering::Relaxed) {
                    database.execute_unprepared(&format!("SELECT pg_sleep({})", 0.0005 * client as f64)).await.unwrap();
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        while done.load(Ordering::Relaxed) < 20 * clients {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        Self { is_over, _clients: tasks }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

fn is_refused<T>(outcome: Result<T, Error>, what: &str) {
    let error = outcome.map(drop).expect_err(what);
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{what}: {error}");
    assert!(error.to_string().contains("pool_mode = session"), "{what}: {error}");
}

async fn works(store: &Store) {
    let notes = store.repository::<note::Entity>();
    let stored = notes.create(&Cx::new(), &note("n")).await.unwrap();
    assert_eq!(notes.get(&Cx::new(), &stored.id).await.unwrap(), stored);
}

/// Transaction and statement pooling are refused, when a store is opened and when one of SeaORM's pool is first used, with few
/// servers and many, whatever the pooler ignores, and whether the driver keeps statements or not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pools_of_transactions_and_statements_are_refused() {
    if is_skipped() {
        return;
    }
    let database = TestDatabase::with_tables().await;
    let configurations: [&'static [&'static str]; 6] = [
        &["pool_mode = transaction", SEA_ORM],
        &["pool_mode = transaction", "default_pool_size = 1", ALL],
        &["pool_mode = transaction", "server_round_robin = 1", ALL],
        &["pool_mode = transaction", "min_pool_size = 10", "server_round_robin = 1", SEA_ORM],
        &["pool_mode = statement", SEA_ORM],
        &["pool_mode = statement", "default_pool_size = 1", ALL],
    ];
    for configuration in configurations {
        let pooler = started(&database.url(), configuration).await;
        let url = pooler.url(&database.url());
        let what = format!("{configuration:?}");
        is_refused(larder::open(&url).await, &what);
        is_refused(larder::open(&format!("{url}?statement-cache-capacity=0")).await, &what);
        let store = of_sea_orm(&url).await;
        let notes = store.repository::<note::Entity>();
        is_refused(notes.all(&Cx::new()).await, &what);
        is_refused(notes.create(&Cx::new(), &note("n")).await, &what);
        assert_eq!(store.health(&Cx::new()).await.connectivity.error.map(|error| error.kind()), Some(ErrorKind::Unsupported));
    }
    let direct = larder::open(&database.url()).await.unwrap();
    assert!(direct.repository::<note::Entity>().all(&Cx::new()).await.unwrap().is_empty());
}

/// The same while others keep the pooler busy: all of its servers, or some.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_pool_of_transactions_is_refused_as_well() {
    if is_skipped() {
        return;
    }
    let database = TestDatabase::with_tables().await;
    let configurations: [&'static [&'static str]; 3] = [
        &["pool_mode = transaction", "default_pool_size = 4", SEA_ORM],
        &["pool_mode = transaction", "default_pool_size = 12", ALL],
        &["pool_mode = transaction", "default_pool_size = 12", "server_round_robin = 1", SEA_ORM],
    ];
    for configuration in configurations {
        let pooler = started(&database.url(), configuration).await;
        let url = pooler.url(&database.url());
        let _busy = Busy::with(&url, 8).await;
        for round in 0..10 {
            is_refused(larder::open(&url).await, &format!("{configuration:?} {round}"));
        }
    }
}

/// Session pooling is let through, also while others keep the pooler busy, and refuses settings at the beginning of a session or
/// ignores them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pool_of_sessions_is_let_through() {
    if is_skipped() {
        return;
    }
    let database = TestDatabase::with_tables().await;
    let configurations: [&'static [&'static str]; 3] = [
        &["pool_mode = session", SEA_ORM],
        &["pool_mode = session", ALL],
        &["pool_mode = session", "server_round_robin = 1", SEA_ORM],
    ];
    for configuration in configurations {
        let pooler = started(&database.url(), configuration).await;
        let url = pooler.url(&database.url());
        works(&larder::open(&url).await.unwrap()).await;
        works(&of_sea_orm(&url).await).await;
        let _busy = Busy::with(&url, 4).await;
        works(&larder::open(&format!("{url}?search_path=public")).await.unwrap()).await;
    }
    // It has not been told to ignore anything.
    let pooler = started(&database.url(), &["pool_mode = session"]).await;
    works(&larder::open(&pooler.url(&database.url())).await.unwrap()).await;
}
