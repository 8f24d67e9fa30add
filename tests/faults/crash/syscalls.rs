//! Writers killed at each of their system calls.

use std::path::Path;

#[cfg(feature = "sqlite")]
use larder::Durability;
use larder::{OpenOptions, Store};

use super::writer::{Names, Said, Shelves};
use crate::child::{Again, Child, Fault, copy, number, run, say, told};

/// How far apart the calls are that a writer is killed at. With 1, it is killed at each.
const STRIDE: &str = "LARDER_CRASH_STRIDE";

/// The sizes of the transactions.
const SIZES: [usize; 4] = [1, 10, 200, 0];

/// What writes, or removes what was written.
const CALLS: [&str; 6] = ["pwrite64", "write", "fdatasync", "fsync", "ftruncate", "unlink"];

/// An engine whose files are killed at.
struct Engine {
    scheme: &'static str,
    parameters: &'static str,
    names: &'static [&'static str],
    stride: usize,
    test: &'static str,
}

impl Engine {
    fn url(&self, folder: &Path) -> String {
        format!("{}:{}{}", self.scheme, folder.join(self.names[0]).display(), self.parameters)
    }

    fn child(&self, fault: Option<&Fault<'_>>, folder: &Path) -> Again {
        let again = match fault {
            Some(fault) => Again::with_fault(fault, folder, self.names, self.test),
            None => Again::running(self.test),
        };
        again.tell("URL", self.url(folder))
    }

    /// What is stored in a folder. Opening it here is what recovers it.
    fn stored(&self, folder: &Path) -> Names {
        run(async {
            let store = larder::open(&self.url(folder)).await.unwrap();
            #[cfg(feature = "sqlite")]
            if self.scheme == "sqlite" {
                super::writer::is_sound(&store).await;
            }
            let stored = Shelves::of(&store).stored().await;
            store.close().await;
            stored
        })
    }
}

/// Does what this process was started for, if it is a child.
fn is_child() -> bool {
    let Some(url) = told("URL") else { return false };
    let open = async || {
        #[cfg(feature = "sqlite")]
        if told("POWER").is_some() {
            return OpenOptions::new().durability(Durability::Power).open(&url).await.unwrap();
        }
        OpenOptions::new().open(&url).await.unwrap()
    };
    run(async {
        let store: Store = open().await;
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
fn kill_at_each(stride: usize, start: impl Fn(&Fault<'_>) -> Child, look: impl Fn(Said, bool)) -> usize {
    let mut killed = 0;
    for calls in CALLS {
        for nth in (1..).step_by(stride) {
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

fn kill_a_writer(engine: &Engine, tell: impl Fn(Again) -> Again) {
    let home = tempfile::tempdir().unwrap();
    let (template, folder) = (home.path().join("template"), home.path().join("work"));
    std::fs::create_dir(&template).unwrap();
    run(async {
        let store = larder::open(&engine.url(&template)).await.unwrap();
        Shelves::new(&store).await;
        store.close().await;
    });
    let start = |fault: &Fault<'_>| {
        drop(std::fs::remove_dir_all(&folder));
        copy(&template, &folder);
        tell(engine.child(Some(fault), &folder)).start()
    };
    let all = Names::from(["0", "1", "2", "3.a", "3.b", "3.c"].map(str::to_owned));
    let look = |said: Said, has_ended: bool| {
        let stored = engine.stored(&folder);
        said.check(&Names::new(), &stored);
        assert!(!has_ended || stored == all, "{stored:?}");
    };
    let killed = kill_at_each(number(STRIDE, engine.stride), start, look);
    println!("{}: killed at {killed} calls", engine.test);
    assert!(killed >= 10, "{killed}");
}

/// Leaves a log that has not been moved, and kills whoever reads it again.
fn kill_a_reader(engine: &Engine, log: &str) {
    let home = tempfile::tempdir().unwrap();
    let (left, folder) = (home.path().join("left"), home.path().join("work"));
    std::fs::create_dir(&left).unwrap();
    run(async {
        let store = larder::open(&engine.url(&left)).await.unwrap();
        Shelves::new(&store).await;
        store.close().await;
    });
    let mut writer = engine.child(None, &left).tell("STAY", "1").start();
    while writer.next().unwrap() != "DONE" {}
    writer.kill();
    let log = std::fs::OpenOptions::new().write(true).open(left.join(log)).unwrap();
    let length = log.metadata().unwrap().len();
    let mut killed = 0;
    // The whole log; and one whose end is torn off, in the last of the writes.
    for cut in [0, 100] {
        log.set_len(length - cut).unwrap();
        let start = |fault: &Fault<'_>| {
            drop(std::fs::remove_dir_all(&folder));
            copy(&left, &folder);
            engine.child(Some(fault), &folder).tell("RECOVER", "1").start()
        };
        let look = |_, _| {
            let stored = engine.stored(&folder);
            assert_eq!(stored.len(), if cut == 0 { 6 } else { 5 }, "{stored:?}");
        };
        killed += kill_at_each(number(STRIDE, engine.stride.div_ceil(2)), start, look);
    }
    println!("{}: killed at {killed} calls", engine.test);
    assert!(killed >= 10, "{killed}");
}

#[cfg(feature = "sqlite")]
fn sqlite(test: &'static str) -> Engine {
    Engine {
        scheme: "sqlite",
        parameters: "",
        names: &["a.sqlite", "a.sqlite-wal", "a.sqlite-shm", "a.sqlite-journal"],
        stride: 3,
        test,
    }
}

/// A writer to SQLite is killed at a system call, each in turn: what was acknowledged is stored, and nothing is there by half. What a commit needs is in
/// the log before it is answered.
#[cfg(feature = "sqlite")]
#[test]
fn sqlite_may_be_killed_at_any_call() {
    if !is_child() {
        kill_a_writer(&sqlite(concat!(module_path!(), "::sqlite_may_be_killed_at_any_call")), |again| again);
    }
}

/// The same where commits sync, which all happens on one thread: no call is left out.
#[cfg(feature = "sqlite")]
#[test]
fn sqlite_that_syncs_may_be_killed_at_any_call() {
    if !is_child() {
        let engine = sqlite(concat!(module_path!(), "::sqlite_that_syncs_may_be_killed_at_any_call"));
        kill_a_writer(&engine, |again| again.tell("POWER", "1"));
    }
}

/// Whoever reads SQLite's log again is killed at a system call, each in turn: the next to open the file finds all of it. The log is removed only when it has
/// been moved.
#[cfg(feature = "sqlite")]
#[test]
fn sqlite_may_be_killed_while_it_recovers() {
    if !is_child() {
        kill_a_reader(&sqlite(concat!(module_path!(), "::sqlite_may_be_killed_while_it_recovers")), "a.sqlite-wal");
    }
}

#[cfg(feature = "duckdb-linked")]
fn duckdb(test: &'static str) -> Engine {
    Engine {
        scheme: "duckdb",
        parameters: "?threads=1",
        names: &["a.duckdb", "a.duckdb.wal", "a.duckdb.wal.checkpoint", "a.duckdb.wal.recovery"],
        stride: 5,
        test,
    }
}

/// A writer to DuckDB is killed at a system call, each in turn: what was acknowledged is stored, and nothing is there by half. What a commit needs is in the
/// log before it is answered.
#[cfg(feature = "duckdb-linked")]
#[test]
fn duckdb_may_be_killed_at_any_call() {
    if !is_child() {
        kill_a_writer(&duckdb(concat!(module_path!(), "::duckdb_may_be_killed_at_any_call")), |again| again);
    }
}

/// Whoever reads DuckDB's log again is killed at a system call, each in turn: the next to open the file finds all of it. The log is removed only when it has
/// been moved.
#[cfg(feature = "duckdb-linked")]
#[test]
fn duckdb_may_be_killed_while_it_recovers() {
    if !is_child() {
        kill_a_reader(&duckdb(concat!(module_path!(), "::duckdb_may_be_killed_while_it_recovers")), "a.duckdb.wal");
    }
}
