//! Writers killed at some moment of their work, again and again.

use std::{
    thread,
    time::{Duration, Instant},
};

#[cfg(feature = "sqlite")]
use larder::Durability;
use larder::{OpenOptions, Store};

use super::writer::{Names, Said, Shelves, size};
use crate::child::{Again, number, run, told};

/// How often each writer is killed.
const ROUNDS: &str = "LARDER_CRASH_ROUNDS";

/// After so many rounds a new database is begun: what is looked through after each of them would grow with all.
const ROUNDS_OF_ONE: usize = 5;

/// Writes until it is killed, if this process was started for that.
fn is_writer() -> bool {
    let Some(url) = told("URL") else { return false };
    run(async {
        let shelves = Shelves::of(&options().open(&url).await.unwrap());
        for number in shelves.next().await.. {
            shelves.write_aloud(number, size(number)).await.unwrap();
        }
    });
    true
}

fn options() -> OpenOptions {
    #[cfg(feature = "sqlite")]
    if told("POWER").is_some() {
        return OpenOptions::new().durability(Durability::Power);
    }
    OpenOptions::new()
}

#[derive(Debug, Default)]
struct Totals {
    rounds: usize,
    acknowledged: usize,
    unknown: usize,
    stored: usize,
}

impl Totals {
    fn add(&mut self, said: &Said, before: &Names, stored: &Names) {
        said.check(before, stored);
        self.rounds += 1;
        self.acknowledged += said.acknowledged.len();
        self.unknown += said.tried.len() - said.acknowledged.len();
        self.stored += stored.len() - before.len();
    }

    fn tell(&self, what: &str, began: Instant) {
        let Self { rounds, acknowledged, unknown, stored } = self;
        println!(
            "{what}: {rounds} rounds, {acknowledged} acknowledged, {unknown} unknown, {stored} stored, {:.0?}",
            began.elapsed()
        );
        assert!(*acknowledged >= *rounds, "{self:?}");
    }
}

/// Starts a writer and kills it: after as many words as the seed says, or so long after its first.
fn killed(writer: Again, seed: u64) -> Said {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut writer = writer.start();
    let words = if random.bool() { random.usize(1..=24) } else { 1 };
    let mut said: Vec<_> = (0..words).map_while(|_| writer.next()).collect();
    assert_eq!(said.len(), words, "it ended by itself: {said:?}");
    if words == 1 {
        thread::sleep(Duration::from_micros(random.u64(0..60_000)));
    }
    writer.kill();
    said.extend(writer.rest());
    Said::of(&said)
}

/// Kills writers to databases in files, and looks at what each leaves.
#[cfg(any(feature = "sqlite", feature = "duckdb-linked"))]
fn kill_and_look(test: &str, url: impl Fn(&std::path::Path) -> String, power: bool, look: impl AsyncFn(&Store), log: &str) {
    let (began, mut totals) = (Instant::now(), Totals::default());
    let rounds = number(ROUNDS, 25);
    let mut seeds = 0..;
    while totals.rounds < rounds {
        let directory = tempfile::tempdir().unwrap();
        let url = url(directory.path());
        run(async {
            let store = larder::open(&url).await.unwrap();
            Shelves::new(&store).await;
            store.close().await;
        });
        let mut before = Names::new();
        for _ in 0..ROUNDS_OF_ONE.min(rounds - totals.rounds) {
            let writer = Again::running(test).tell("URL", &url);
            let writer = if power { writer.tell("POWER", "1") } else { writer };
            let said = killed(writer, seeds.next().unwrap());
            let is_read = directory.path().join(log).metadata().is_ok_and(|log| log.len() > 0);
            assert!(is_read || said.acknowledged.is_empty(), "the log is what is read again");
            let stored = run(async {
                let store = larder::open(&url).await.unwrap();
                look(&store).await;
                let stored = Shelves::of(&store).stored().await;
                store.close().await;
                stored
            });
            totals.add(&said, &before, &stored);
            before = stored;
        }
    }
    totals.tell(test, began);
}

/// A writer to SQLite is killed: what was acknowledged is stored, nothing that was not tried is, no transaction is there by half,
/// and the file is sound. Commits are in the log before they are answered.
#[cfg(feature = "sqlite")]
#[test]
fn a_killed_writer_to_sqlite_loses_nothing_it_acknowledged() {
    if !is_writer() {
        let test = concat!(module_path!(), "::a_killed_writer_to_sqlite_loses_nothing_it_acknowledged");
        kill_and_look(
            test,
            |folder| format!("sqlite:{}", folder.join("a.sqlite").display()),
            false,
            super::writer::is_sound,
            "a.sqlite-wal",
        );
    }
}

/// The same where commits are shared and synced: a write is answered after the commit that it shares.
#[cfg(feature = "sqlite")]
#[test]
fn a_killed_writer_that_syncs_loses_nothing_it_acknowledged() {
    if !is_writer() {
        let test = concat!(module_path!(), "::a_killed_writer_that_syncs_loses_nothing_it_acknowledged");
        kill_and_look(
            test,
            |folder| format!("sqlite:{}", folder.join("a.sqlite").display()),
            true,
            super::writer::is_sound,
            "a.sqlite-wal",
        );
    }
}

/// A writer to DuckDB is killed: its log is read again, what was acknowledged is stored, nothing that was not tried is, no
/// transaction is there by half, and indexes find what scans find.
#[cfg(feature = "duckdb-linked")]
#[test]
fn a_killed_writer_to_duckdb_loses_nothing_it_acknowledged() {
    if !is_writer() {
        let test = concat!(module_path!(), "::a_killed_writer_to_duckdb_loses_nothing_it_acknowledged");
        kill_and_look(
            test,
            |folder| format!("duckdb:{}", folder.join("a.duckdb").display()),
            false,
            async |_| {},
            "a.duckdb.wal",
        );
    }
}

/// A client of Postgres is killed: what was acknowledged is stored, nothing that was not tried is, and the server rolls back what
/// was open.
#[cfg(feature = "postgres")]
#[test]
fn a_killed_client_of_postgres_loses_nothing_it_acknowledged() {
    use crate::support::postgres::{TestDatabase, is_skipped};

    if is_writer() || is_skipped() {
        return;
    }
    let test = concat!(module_path!(), "::a_killed_client_of_postgres_loses_nothing_it_acknowledged");
    let (began, mut totals) = (Instant::now(), Totals::default());
    let rounds = number(ROUNDS, 25);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut seeds = 0..;
    while totals.rounds < rounds {
        let database = runtime.block_on(TestDatabase::empty());
        let url = database.url();
        let store = runtime.block_on(OpenOptions::new().max_connections(1).open(&url)).unwrap();
        let shelves = runtime.block_on(Shelves::new(&store));
        let mut before = Names::new();
        for _ in 0..ROUNDS_OF_ONE.min(rounds - totals.rounds) {
            let said = killed(Again::running(test).tell("URL", &url), seeds.next().unwrap());
            runtime.block_on(has_no_other_client(&store));
            let stored = runtime.block_on(shelves.stored());
            totals.add(&said, &before, &stored);
            before = stored;
        }
        runtime.block_on(store.close());
        runtime.block_on(async { drop(database) });
    }
    totals.tell(test, began);
}

/// Waits until the server has noticed that nobody else is there: what was on its way may be stored until then.
#[cfg(feature = "postgres")]
pub(crate) async fn has_no_other_client(store: &Store) {
    let others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() \
                  AND backend_type = 'client backend'";
    let others = larder::SqlText::new(others);
    let began = Instant::now();
    while store.sql().unwrap().query_as::<i64>(&larder::Cx::new(), &others).await.unwrap() != [0] {
        assert!(began.elapsed() < Duration::from_secs(60), "the server keeps the session of a killed client");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
