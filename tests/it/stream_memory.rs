//! A stream of a million models holds a few of them at a time, and one that is dropped half-way leaves the pool whole.

use std::{env, fs, process::Command};

use larder::{Cx, Dialect, Filter, Query, SqlText};

use crate::support::{
    backend::{Harness, OpenWith},
    entities::label,
};

const MODELS: u64 = 1_000_000;

/// The most that may be added to what the process holds, in KiB.
const MOST: u64 = 64 << 10;

const CHILD: &str = "LARDER_TEST_STREAM_MEMORY";

/// What the process holds in memory, in KiB.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// The statement that makes a million models.
fn insert_of_models(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => {
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 1000000) INSERT INTO label \
             SELECT printf('%07d', i), printf('%0100d', i) FROM n"
        }
        Dialect::Postgres => {
            "INSERT INTO label SELECT lpad(i::text, 7, '0'), lpad(i::text, 100, '0') FROM generate_series(1, 1000000) AS t(i)"
        }
        _ => "INSERT INTO label SELECT lpad(i::text, 7, '0'), lpad(i::text, 100, '0') FROM range(1, 1000001) AS t(i)",
    }
}

async fn stays_flat(harness: &'static dyn Harness) {
    // Two connections, to see that none is lost.
    let fixture = harness.open(OpenWith { max_connections: Some(2), ..OpenWith::default() }).await;
    let labels = fixture.store.repository::<label::Entity>();
    let sql = fixture.store.sql().unwrap();
    let numbers = SqlText::new(insert_of_models(sql.dialect()));
    assert_eq!(sql.execute(&Cx::new(), &numbers).await.unwrap(), MODELS);

    // What the engine keeps in any case is there after the first thousands.
    let mut stream = labels.stream(&Cx::new(), &Query::new()).await.unwrap();
    let (mut count, mut before, mut most) = (0, 0, 0);
    while stream.try_next().await.unwrap().is_some() {
        count += 1;
        if count == 50_000 {
            before = resident();
        }
        if count % 10_000 == 0 {
            most = most.max(resident());
        }
    }
    assert_eq!(count, MODELS);
    let growth = most.saturating_sub(before);
    println!("held {before} KiB, and {growth} KiB more while {MODELS} models were read");
    assert!(growth < MOST, "{growth} KiB more");

    for _ in 0..4 {
        let mut half = labels.stream(&Cx::new(), &Query::new()).await.unwrap();
        for _ in 0..MODELS / 20 {
            half.try_next().await.unwrap().unwrap();
        }
        drop(half);
    }
    let held = [labels.stream(&Cx::new(), &Query::new()).await.unwrap(), labels.stream(&Cx::new(), &Query::new()).await.unwrap()];
    drop(held);
    assert_eq!(labels.count(&Cx::new(), &Filter::all()).await.unwrap(), MODELS);
}

/// Runs the test of this name in a process of its own, whose memory is nobody else's.
fn in_a_process_of_its_own(harness: &'static dyn Harness, name: &str) {
    if harness.is_skipped() {
        return;
    }
    if env::var(CHILD).is_ok() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        return runtime.block_on(stays_flat(harness));
    }
    let mut child = Command::new(env::current_exe().unwrap());
    child.args(["--exact", &format!("stream_memory::{name}"), "--nocapture"]).env(CHILD, "1");
    let output = child.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().filter(|line| line.starts_with("held")).for_each(|line| println!("{line}"));
    assert!(output.status.success() && text.contains("held"), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
}

#[cfg(feature = "sqlite")]
#[test]
fn stays_flat_on_sqlite() {
    in_a_process_of_its_own(&crate::sqlite::File, "stays_flat_on_sqlite");
}

#[cfg(feature = "postgres")]
#[test]
fn stays_flat_on_postgres() {
    in_a_process_of_its_own(&crate::postgres::Server, "stays_flat_on_postgres");
}

#[cfg(feature = "duckdb-linked")]
#[test]
fn stays_flat_on_duckdb() {
    in_a_process_of_its_own(&crate::duckdb::File, "stays_flat_on_duckdb");
}
