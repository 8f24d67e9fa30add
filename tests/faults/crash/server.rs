//! A Postgres server killed while a client writes.

use std::{
    net::TcpListener,
    process::Command,
    time::{Duration, Instant},
};

use larder::{Cx, ErrorKind, OpenOptions, SqlText, Store};
use testcontainers::{Container, GenericImage, ImageExt, core::IntoContainerPort, runners::SyncRunner};

use super::writer::{Names, Said, Shelves};
use crate::{
    child::number,
    support::postgres::{image, is_skipped},
};

/// How often the server is killed.
const ROUNDS: &str = "LARDER_CRASH_ROUNDS";

/// After so many rounds, what was stored is deleted: what is looked through after each of them would grow with all.
const ROUNDS_OF_ONE: usize = 5;

/// A server that syncs, and whose data outlives its processes.
fn server() -> (Container<GenericImage>, String) {
    let image = image();
    let (name, tag) = image.rsplit_once(':').unwrap_or((&image, "latest"));
    // Started again, it keeps a port only if that was asked for by number.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let container = GenericImage::new(name, tag)
        .with_exposed_port(5432.tcp())
        .with_env_var("POSTGRES_PASSWORD", "postgres")
        .with_mapped_port(port, 5432.tcp())
        .start()
        .unwrap_or_else(|error| panic!("the image {image} does not start: {error}"));
    (container, format!("postgres://postgres:postgres@127.0.0.1:{port}/postgres"))
}

/// Kills all of the server's processes at once and starts it again.
fn kill_and_start(container: &str) {
    for arguments in [&["kill", "-s", "KILL"][..], &["start"]] {
        let done = Command::new("docker").args(arguments).arg(container).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
}

async fn within_a_minute<T, E: std::fmt::Display>(mut attempt: impl AsyncFnMut() -> Result<T, E>) -> T {
    let began = Instant::now();
    loop {
        match attempt().await {
            Ok(done) => return done,
            Err(error) => assert!(began.elapsed() < Duration::from_secs(60), "the server does not come back: {error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Writes until the server fails it.
async fn write(shelves: &Shelves, first: usize) -> Said {
    let mut said = Said::default();
    for number in first.. {
        if let Err(error) = shelves.write_noted(number, &mut said).await {
            let kinds = [ErrorKind::Connection, ErrorKind::CommitUnknown, ErrorKind::PoolTimeout, ErrorKind::EngineDown];
            assert!(kinds.contains(&error.kind()), "{error:?}");
            break;
        }
    }
    said
}

/// What is stored once the server answers again.
async fn stored_after_recovery(store: &Store, shelves: &Shelves) -> Names {
    within_a_minute(async || store.sql()?.query_as::<i32>(&Cx::new(), &SqlText::new("SELECT 1")).await).await;
    shelves.stored().await
}

/// A server is killed while a client writes, and comes back: what was acknowledged is stored, what was answered with an error is
/// not, unless that said that the commit's outcome is unknown; the same store goes on. The server syncs its log before it
/// answers, and larder never calls a lost answer a failure.
#[test]
fn a_killed_server_loses_nothing_it_acknowledged() {
    if is_skipped() {
        return;
    }
    let began = Instant::now();
    let (container, url) = server();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let rounds = number(ROUNDS, 3);
    let (mut acknowledged, mut unknown, mut stored) = (0, 0, Names::new());
    let options = OpenOptions::new().acquire_timeout(Duration::from_secs(5));
    let store = runtime.block_on(within_a_minute(async || options.open(&url).await));
    let shelves = runtime.block_on(Shelves::new(&store));
    let mut random = fastrand::Rng::with_seed(7);
    let mut earlier = 0;
    for round in 0..rounds {
        if round % ROUNDS_OF_ONE == 0 {
            earlier += stored.len();
            runtime.block_on(shelves.clear());
            stored.clear();
        }
        let writer = runtime.spawn({
            let (shelves, first) = (shelves.clone(), runtime.block_on(shelves.next()));
            async move { write(&shelves, first).await }
        });
        std::thread::sleep(Duration::from_micros(random.u64(0..400_000)));
        kill_and_start(container.id());
        let said = runtime.block_on(writer).unwrap();
        let now = runtime.block_on(stored_after_recovery(&store, &shelves));
        said.check(&stored, &now);
        acknowledged += said.acknowledged.len();
        unknown += said.tried.len() - said.acknowledged.len();
        stored = now;
    }
    let (stored, took) = (earlier + stored.len(), began.elapsed());
    println!("{rounds} rounds, {acknowledged} acknowledged, {unknown} unknown, {stored} stored, {took:.0?}");
    assert!(acknowledged > 0);
    runtime.block_on(store.close());
}
