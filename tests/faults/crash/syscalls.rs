//! Writers killed at each of their system calls.

use std::fs;

#[cfg(feature = "duckdb-linked")]
use super::engine::DUCKDB;
#[cfg(feature = "sqlite")]
use super::engine::SQLITE;
use super::{
    engine::{Engine, open},
    writer::{Names, Said, Shelves},
};
use crate::child::{Again, Child, Fault, copy, number, run, say, told};

/// How far apart the calls are that a writer is killed at. With 1, it is killed at each.
pub(crate) const STRIDE: &str = "LARDER_CRASH_STRIDE";

/// The sizes of the transactions. The number 3 is that of single writes, whatever its size.
const SIZES: [usize; 4] = [1, 10, 200, 0];

/// What writes, or removes what was written.
const CALLS: [&str; 6] = ["pwrite64", "write", "fdatasync", "fsync", "ftruncate", "unlink"];

/// Does what this process was started for, if it is a child.
fn is_child() -> bool {
    let Some(url) = told("URL") else { return false };
    run(async {
        let store = open(&url).await;
        let shelves = Shelves::of(&store);
        if told("RECOVER").is_some() {
            shelves.stored().await;
        } else {
            for (number, size) in SIZES.into_iter().enumerate() {
                shelves.write_aloud(number, size).await.unwrap();
            }
        }
        say("DONE");
        if told("STAY").is_some() {
            std::future::pending::<()>().await;
        }
        store.close().await;
    });
    true
}

/// Kills a child at its calls, one after another, until it comes to its end before it is killed. Says at how many it was.
fn kill_at_each(engine: &Engine, start: impl Fn(&Fault<'_>) -> Child, look: impl Fn(Said, bool)) -> usize {
    let mut killed = 0;
    for calls in CALLS {
        for nth in (1..).step_by(number(STRIDE, engine.stride)) {
            let (said, ended) = start(&Fault { calls, what: "signal=KILL", when: nth.to_string() }).end();
            look(Said::of(&said), ended.success());
            if ended.success() {
                break;
            }
            killed += 1;
        }
    }
    killed
}

fn kill_a_writer(engine: &Engine, test: &str, power: bool) {
    let home = tempfile::tempdir().unwrap();
    let (template, folder) = (home.path().join("template"), home.path().join("work"));
    engine.make(&template);
    let start = |fault: &Fault<'_>| {
        drop(fs::remove_dir_all(&folder));
        copy(&template, &folder);
        let writer = Again::with_fault(fault, &folder, engine.files, test).tell("URL", engine.url(&folder));
        if power { writer.tell("POWER", "1") } else { writer }.start()
    };
    let all = Names::from(["0", "1", "2", "3.a", "3.b", "3.c"].map(str::to_owned));
    let look = |said: Said, has_ended: bool| {
        let stored = engine.stored(&folder);
        said.check(&Names::new(), &stored);
        assert!(!has_ended || stored == all, "{stored:?}");
    };
    let killed = kill_at_each(engine, start, look);
    println!("{test}: killed at {killed} calls");
    assert!(killed >= 4, "{killed}");
}

/// Leaves a log that has not been moved, and kills whoever reads it again.
fn kill_a_reader(engine: &Engine, test: &str) {
    let home = tempfile::tempdir().unwrap();
    let (left, folder) = (home.path().join("left"), home.path().join("work"));
    engine.make(&left);
    let mut writer = Again::running(test).tell("URL", engine.url(&left)).tell("STAY", "1").start();
    while writer.next().unwrap() != "DONE" {}
    writer.kill();
    let log = fs::OpenOptions::new().write(true).open(left.join(engine.files[1])).unwrap();
    let length = log.metadata().unwrap().len();
    let mut killed = 0;
    // The whole log; and one whose end is torn off, in the last of the writes.
    for (cut, expected) in [(0, 6), (20, 5)] {
        log.set_len(length - cut).unwrap();
        let start = |fault: &Fault<'_>| {
            drop(fs::remove_dir_all(&folder));
            copy(&left, &folder);
            let reader = Again::with_fault(fault, &folder, engine.files, test);
            reader.tell("URL", engine.url(&folder)).tell("RECOVER", "1").start()
        };
        let look = |_, _| {
            let stored = engine.stored(&folder);
            assert_eq!(stored.len(), expected, "{stored:?}");
        };
        killed += kill_at_each(engine, start, look);
    }
    println!("{test}: killed at {killed} calls");
    assert!(killed >= 4, "{killed}");
}

/// A writer to SQLite is killed at a system call, each in turn: what was acknowledged is stored, and nothing is there by half.
/// What a commit needs is in the log before it is answered.
#[cfg(feature = "sqlite")]
#[test]
fn sqlite_may_be_killed_at_any_call() {
    if !is_child() {
        kill_a_writer(&SQLITE, concat!(module_path!(), "::sqlite_may_be_killed_at_any_call"), false);
    }
}

/// The same where commits sync, which all happens on one thread: no call is left out.
#[cfg(feature = "sqlite")]
#[test]
fn sqlite_that_syncs_may_be_killed_at_any_call() {
    if !is_child() {
        kill_a_writer(&SQLITE, concat!(module_path!(), "::sqlite_that_syncs_may_be_killed_at_any_call"), true);
    }
}

/// Whoever reads SQLite's log again is killed at a system call, each in turn: the next to open the file finds all of it. The log
/// is removed only when it has been moved.
#[cfg(feature = "sqlite")]
#[test]
fn sqlite_may_be_killed_while_it_recovers() {
    if !is_child() {
        kill_a_reader(&SQLITE, concat!(module_path!(), "::sqlite_may_be_killed_while_it_recovers"));
    }
}

/// A writer to DuckDB is killed at a system call, each in turn: what was acknowledged is stored, and nothing is there by half.
/// What a commit needs is in the log before it is answered.
#[cfg(feature = "duckdb-linked")]
#[test]
fn duckdb_may_be_killed_at_any_call() {
    if !is_child() {
        kill_a_writer(&DUCKDB, concat!(module_path!(), "::duckdb_may_be_killed_at_any_call"), false);
    }
}

/// Whoever reads DuckDB's log again is killed at a system call, each in turn: the next to open the file finds all of it. The log
/// is removed only when it has been moved.
#[cfg(feature = "duckdb-linked")]
#[test]
fn duckdb_may_be_killed_while_it_recovers() {
    if !is_child() {
        kill_a_reader(&DUCKDB, concat!(module_path!(), "::duckdb_may_be_killed_while_it_recovers"));
    }
}
