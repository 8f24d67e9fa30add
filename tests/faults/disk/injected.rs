//! System calls that fail, one of them or all from one on.

use larder::{Cx, Dialect, ErrorKind, SqlText, Store, TransactionalExt};

#[cfg(feature = "duckdb-linked")]
use crate::crash::engine::DUCKDB;
#[cfg(feature = "sqlite")]
use crate::crash::{engine::SQLITE, writer::is_sound};
use crate::{
    child::{Again, Fault, copy, failed_calls, number, run, say, told},
    crash::{
        engine::{Engine, options},
        syscalls::STRIDE,
        writer::{Names, Said, Shelves},
    },
};

/// The sizes of the transactions. The number 3 is that of single writes, whatever its size.
const SIZES: [usize; 7] = [1, 10, 200, 0, 1, 10, 1];

/// So many large transactions make a log that is moved.
#[cfg(feature = "sqlite")]
const LONG: usize = 30;

/// Has the connection that writes prepare a statement that no other does. Says whether it was prepared on that connection before.
async fn mark(store: &Store) -> bool {
    let before = store.statement_counts().unwrap().prepared;
    let marked =
        store.tx(&Cx::new(), |cx| async move { store.sql()?.query_as::<i64>(&cx, &SqlText::new("SELECT 1000000")).await });
    assert_eq!(marked.await.unwrap(), [1_000_000]);
    store.statement_counts().unwrap().prepared == before
}

/// Writes whatever fails, and says what is there in the end.
fn is_writer() -> bool {
    let Some(url) = told("URL") else { return false };
    run(async {
        let store = match options().open(&url).await {
            Ok(store) => store,
            Err(error) => {
                say(&format!("SHUT {:?}", error.kind()));
                let Ok(store) = options().open(&url).await else { return };
                store
            }
        };
        let shelves = Shelves::of(&store);
        let can_be_marked = store.sql().unwrap().dialect() == Dialect::Sqlite;
        if can_be_marked {
            mark(&store).await;
        }
        for (number, size) in SIZES.into_iter().enumerate() {
            let written = shelves.write_aloud(number, size).await;
            if can_be_marked && written.is_err_and(|error| error.kind() == ErrorKind::CommitUnknown) {
                say(if mark(&store).await { "SAME" } else { "OTHER" });
            }
        }
        for name in shelves.stored().await {
            say(&format!("STORED {name}"));
        }
        store.close().await;
        say("DONE");
    });
    true
}

/// Makes calls of a writer fail, one after another, until there are no more of them. Says how writes were refused.
fn fail_each(engine: &Engine, test: &str, calls: &str, what: &str, kinds: &[&str], power: bool) -> Vec<String> {
    let home = tempfile::tempdir().unwrap();
    let (template, folder) = (home.path().join("template"), home.path().join("work"));
    engine.make(&template);
    let mut seen = Vec::new();
    for from_then_on in ["", "+"] {
        for nth in (1..).step_by(number(STRIDE, engine.stride)) {
            drop(std::fs::remove_dir_all(&folder));
            copy(&template, &folder);
            let fault = Fault { calls, what, when: format!("{nth}{from_then_on}") };
            let writer = Again::with_fault(&fault, &folder, engine.files, test).tell("URL", engine.url(&folder));
            let (words, ended) = if power { writer.tell("POWER", "1") } else { writer }.start().end();
            let at = format!("{fault:?}: {words:?}");
            assert!(ended.success(), "{at}");
            let failed = failed_calls(&folder);
            if failed == 0 {
                break;
            }
            let said = Said::of(&words);
            let wrong = said.refused.iter().find(|(_, why)| !kinds.contains(&why.split(' ').next().unwrap()));
            assert_eq!(wrong, None, "{at}");
            if from_then_on.is_empty() {
                // Each thread has its n-th call. Nothing else is refused: the next write succeeds.
                let mut numbers: Vec<_> = said.refused.iter().map(|(name, _)| name.split('.').next()).collect();
                numbers.dedup();
                assert!(numbers.len() <= failed, "{at}");
            }
            let in_the_end = words.iter().filter_map(|said| said.strip_prefix("STORED ")).map(str::to_owned).collect();
            if words.last().is_some_and(|last| last == "DONE") {
                said.check(&Names::new(), &in_the_end);
            }
            said.check(&Names::new(), &engine.stored(&folder));
            seen.extend(said.refused.into_iter().map(|(_, why)| why));
            seen.extend(words.into_iter().filter(|said| said.starts_with("SHUT") || said == "SAME" || said == "OTHER"));
        }
    }
    seen.sort();
    seen.dedup();
    seen
}

/// A write of SQLite's to one of its files finds no room, once or from then on: what is not stored is refused as that, what was
/// acknowledged is stored, nothing is there by half, and after a single failure the next write succeeds. A connection is used
/// again only if SQLite says that it is in no transaction.
#[cfg(feature = "sqlite")]
#[test]
fn sqlite_may_find_no_room_at_any_write() {
    if is_writer() {
        return;
    }
    let test = concat!(module_path!(), "::sqlite_may_find_no_room_at_any_write");
    for power in [false, true] {
        let seen = fail_each(&SQLITE, test, "pwrite64,write", "error=ENOSPC", &["ResourceExhausted"], power);
        assert!(seen.iter().any(|said| said == "ResourceExhausted 13"), "{seen:?}");
    }
}

/// The disk fails to sync, once or from then on: the commit that waited for it is unknown, and the store goes on with another
/// connection. What SQLite's connection believes of the file may not be so any more, so larder closes it.
#[cfg(feature = "sqlite")]
#[test]
fn a_commit_that_could_not_be_synced_is_unknown() {
    if is_writer() {
        return;
    }
    let test = concat!(module_path!(), "::a_commit_that_could_not_be_synced_is_unknown");
    for error in ["error=EIO", "error=ENOSPC"] {
        let seen = fail_each(&SQLITE, test, "fdatasync,fsync", error, &["CommitUnknown"], true);
        assert_eq!(seen, ["CommitUnknown ", "OTHER"]);
    }
}

/// The log finds no room in the file that it is moved to, or that file fails to sync: every commit is acknowledged and kept, in a
/// log that grows, and the next to open the file moves it. A commit does not wait for the log to be moved.
#[cfg(feature = "sqlite")]
#[test]
fn a_log_that_cannot_be_moved_is_kept() {
    let test = concat!(module_path!(), "::a_log_that_cannot_be_moved_is_kept");
    if let Some(url) = told("URL") {
        return run(async {
            let store = larder::open(&url).await.unwrap();
            let shelves = Shelves::of(&store);
            for number in 0..LONG {
                shelves.write_aloud(4 * number, 1_000).await.unwrap();
            }
            assert_eq!(shelves.stored().await.len(), LONG);
            store.close().await;
            say("DONE");
        });
    }
    for (calls, what) in [("pwrite64,write", "error=ENOSPC"), ("fdatasync,fsync", "error=EIO")] {
        let directory = tempfile::tempdir().unwrap();
        SQLITE.make(directory.path());
        let url = SQLITE.url(directory.path());
        let fault = Fault { calls, what, when: "1+".to_owned() };
        let child = Again::with_fault(&fault, directory.path(), &SQLITE.files[..1], test).tell("URL", &url).start();
        let (words, ended) = child.end();
        assert!(ended.success(), "{words:?}");
        // While it wrote, and when it closed the store.
        assert!(failed_calls(directory.path()) >= 2);
        let log = directory.path().join(SQLITE.files[1]);
        assert!(log.metadata().unwrap().len() > 1_000 * 4_096);
        run(async {
            let store = larder::open(&url).await.unwrap();
            is_sound(&store).await;
            let stored = Shelves::of(&store).stored().await;
            let said = Said::of(&words);
            assert_eq!((stored, said.acknowledged.len()), (said.acknowledged, LONG));
            store.close().await;
        });
        assert!(!log.exists());
    }
}

/// A write of DuckDB's to one of its files finds no room, once or from then on: the same holds. Where the engine gives its
/// instance up, larder opens the file again.
#[cfg(feature = "duckdb-linked")]
#[test]
fn duckdb_may_find_no_room_at_any_write() {
    if is_writer() {
        return;
    }
    let test = concat!(module_path!(), "::duckdb_may_find_no_room_at_any_write");
    let seen = fail_each(&DUCKDB, test, "pwrite64,write", "error=ENOSPC", &["ResourceExhausted"], false);
    assert!(seen.contains(&"ResourceExhausted TransactionContext".to_owned()), "{seen:?}");
}

/// DuckDB's log cannot be synced, once or from then on: the commit that waited for it is unknown where the engine gives its
/// instance up with it, and larder opens the file again; after a single failure the next write succeeds.
#[cfg(feature = "duckdb-linked")]
#[test]
fn duckdb_may_fail_to_sync() {
    if is_writer() {
        return;
    }
    let test = concat!(module_path!(), "::duckdb_may_fail_to_sync");
    for (error, kinds) in [("error=EIO", &["CommitUnknown", "EngineDown"][..]), ("error=ENOSPC", &["ResourceExhausted"])] {
        let seen = fail_each(&DUCKDB, test, "fdatasync,fsync", error, kinds, false);
        assert!(seen.iter().any(|said| said.starts_with(kinds[0])), "{seen:?}");
    }
}

/// DuckDB's log finds no room in the file that it is moved to: that is refused, every commit is kept, writes go on, and the next
/// to open the file moves the log.
#[cfg(feature = "duckdb-linked")]
#[test]
fn a_log_of_duckdb_that_cannot_be_moved_is_kept() {
    let test = concat!(module_path!(), "::a_log_of_duckdb_that_cannot_be_moved_is_kept");
    if let Some(url) = told("URL") {
        return run(async {
            let store = larder::open(&url).await.unwrap();
            let shelves = Shelves::of(&store);
            for number in [0, 1, 2, 4] {
                if number == 4 {
                    let moved = store.sql().unwrap().execute(&Cx::new(), &SqlText::new("CHECKPOINT")).await;
                    say(&format!("MOVED {:?}", moved.map(drop).map_err(|error| error.kind())));
                }
                shelves.write_aloud(number, 1_000).await.unwrap();
            }
            assert_eq!(shelves.stored().await.len(), 4);
            store.close().await;
            say("DONE");
        });
    }
    let directory = tempfile::tempdir().unwrap();
    DUCKDB.make(directory.path());
    let url = DUCKDB.url(directory.path());
    let fault = Fault { calls: "pwrite64,write", what: "error=ENOSPC", when: "1+".to_owned() };
    let (words, ended) = Again::with_fault(&fault, directory.path(), &DUCKDB.files[..1], test).tell("URL", &url).start().end();
    assert!(ended.success() && words.last().is_some_and(|last| last == "DONE"), "{words:?}");
    assert!(failed_calls(directory.path()) >= 1);
    assert!(words.iter().any(|said| said == "MOVED Err(EngineDown)"), "{words:?}");
    let said = Said::of(&words);
    assert_eq!((DUCKDB.stored(directory.path()), said.acknowledged.len()), (said.acknowledged, 4));
}
