//! Writers killed at some moment, and at each of their system calls.

use std::{fs, path::Path, thread, time::Duration};

use larder::{Durability, OpenOptions, Store};

use crate::{
    child::{Again, Fault, number, run, say, told},
    held::{FORMATS, url},
    writer::{Names, Said, Shelves},
};

/// How often each writer is killed.
const ROUNDS: &str = "LARDER_CRASH_ROUNDS";

/// After so many rounds a new store is begun.
const ROUNDS_OF_ONE: usize = 5;

/// How far apart the calls are that a writer is killed at. With 1, it is killed at each.
const STRIDE: &str = "LARDER_CRASH_STRIDE";

/// What writes, moves or removes.
const CALLS: [&str; 8] = ["write", "fdatasync", "fsync", "syncfs", "rename", "unlink", "mkdir", "ftruncate"];

/// The sizes of the transactions that are killed at each call. The number 3 is that of single writes, whatever its size.
const SIZES: [usize; 5] = [1, 10, 30, 0, 1];

async fn open(url: &str) -> Store {
    let options = OpenOptions::new();
    let options = if told("POWER").is_some() { options.durability(Durability::Power) } else { options };
    options.open(url).await.unwrap()
}

/// Writes until it is killed, or what there is to write, if this process was started for that.
fn is_writer() -> bool {
    let Some(url) = told("URL") else { return false };
    run(async {
        let store = open(&url).await;
        let shelves = Shelves::of(&store);
        if told("RECOVER").is_some() {
            shelves.stored().await;
        } else if told("ALL").is_some() {
            for (number, size) in SIZES.into_iter().enumerate() {
                shelves.write_aloud(number, size).await.unwrap();
            }
        } else {
            for number in shelves.next().await.. {
                shelves.write_aloud(number, [1, 10, 100][number % 3]).await.unwrap();
            }
        }
        store.close().await;
        say("DONE");
    });
    true
}

/// A new store in a folder.
fn make(folder: &Path, format: &str) {
    run(async {
        let store = larder::open(&url(folder, &format!("format={format}"))).await.unwrap();
        Shelves::new(&store).await;
        store.close().await;
    });
}

/// What is stored in a folder, in a store that reports no damage and can be written to. Opening it is what recovers it.
fn stored(folder: &Path) -> Names {
    run(async {
        let store = larder::open(&url(folder, "")).await.unwrap();
        let shelves = Shelves::of(&store);
        let stored = shelves.stored().await;
        let recovery = store.recovery();
        assert!(recovery.unreadable.is_empty(), "{recovery:?}");
        store.close().await;
        assert_eq!(fs::read_dir(folder.join("store/.larder/new")).unwrap().count(), 0);
        stored
    })
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, to) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        match path.is_dir() {
            true => copy(&path, &to),
            false => assert!(fs::copy(&path, &to).is_ok()),
        }
    }
}

/// A writer is killed again and again: what was acknowledged is stored, nothing that was not tried is, and no transaction is
/// there by half.
#[test]
fn a_killed_writer_loses_nothing_it_acknowledged() {
    if is_writer() {
        return;
    }
    let test = concat!(module_path!(), "::a_killed_writer_loses_nothing_it_acknowledged");
    let (rounds, mut acknowledged) = (number(ROUNDS, 25), 0);
    let mut folder = tempfile::tempdir().unwrap();
    let mut before = Names::new();
    for round in 0..rounds {
        if round % ROUNDS_OF_ONE == 0 {
            folder = tempfile::tempdir().unwrap();
            make(folder.path(), FORMATS[round / ROUNDS_OF_ONE % 3]);
            before = Names::new();
        }
        let mut random = fastrand::Rng::with_seed(round as u64);
        let writer = Again::running(test).tell("URL", url(folder.path(), ""));
        let mut writer = if round % 2 == 0 { writer.tell("POWER", "1") } else { writer }.start();
        let words = random.usize(1..=20);
        let mut said: Vec<_> = (0..words).map_while(|_| writer.next()).collect();
        assert_eq!(said.len(), words, "it ended by itself: {said:?}");
        thread::sleep(Duration::from_micros(random.u64(0..20_000)));
        writer.kill();
        said.extend(writer.rest());
        let (said, stored) = (Said::of(&said), stored(folder.path()));
        said.check(&before, &stored);
        acknowledged += said.acknowledged.len();
        before = stored;
    }
    println!("{test}: {rounds} rounds, {acknowledged} acknowledged");
    assert!(acknowledged >= rounds, "{acknowledged}");
}

/// Kills a child at its calls, one after another, until it comes to its end before it is killed. Says at how many it was.
fn kill_at_each(test: &str, template: &Path, tell: &str, power: bool, look: impl Fn(Said, bool, &Path)) -> usize {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("work");
    let mut killed = 0;
    for calls in CALLS {
        for nth in (1..).step_by(number(STRIDE, 7)) {
            drop(fs::remove_dir_all(&folder));
            copy(template, &folder);
            let fault = Fault { calls, what: "signal=KILL", when: nth.to_string() };
            let child = Again::with_fault(&fault, &folder, &[], test).tell("URL", url(&folder, "")).tell(tell, "1");
            let (said, ended) = if power { child.tell("POWER", "1") } else { child }.start().end();
            look(Said::of(&said), ended.success(), &folder);
            if ended.success() {
                break;
            }
            killed += 1;
        }
    }
    killed
}

/// A writer is killed at a system call, each in turn: at each step of a commit, the files from before or those after it are what
/// is found, of all tables together.
#[test]
fn a_writer_may_be_killed_at_any_call() {
    if is_writer() {
        return;
    }
    let test = concat!(module_path!(), "::a_writer_may_be_killed_at_any_call");
    let all = Names::from(["0", "1", "2", "3.a", "3.b", "3.c", "4"].map(str::to_owned));
    for (format, power) in [("yaml", true), ("json", false), ("jsonl", true)] {
        let template = tempfile::tempdir().unwrap();
        make(template.path(), format);
        let look = |said: Said, has_ended: bool, folder: &Path| {
            let stored = stored(folder);
            said.check(&Names::new(), &stored);
            assert!(!has_ended || stored == all, "{stored:?}");
        };
        let killed = kill_at_each(test, template.path(), "ALL", power, look);
        println!("{test}: {format} killed at {killed} calls");
        assert!(killed >= 10, "{killed}");
    }
}

/// Whoever goes on with a commit is killed at a system call, each in turn: the next to open the store finds all of it.
#[test]
fn a_store_may_be_killed_while_it_recovers() {
    if is_writer() {
        return;
    }
    let test = concat!(module_path!(), "::a_store_may_be_killed_while_it_recovers");
    for format in ["yaml", "jsonl"] {
        let template = interrupted(test, format);
        let look = |_: Said, _: bool, folder: &Path| assert_eq!(stored(folder), Names::from(["0", "1"].map(str::to_owned)));
        let killed = kill_at_each(test, template.path(), "RECOVER", true, look);
        println!("{test}: {format} killed at {killed} calls");
        assert!(killed >= 2, "{killed}");
    }
}

/// A store with the record of a commit that is half done.
fn interrupted(test: &str, format: &str) -> tempfile::TempDir {
    for nth in 1.. {
        let folder = tempfile::tempdir().unwrap();
        make(folder.path(), format);
        // In YAML, each file of a commit is renamed. In JSON Lines, each is cut where it ended before, and appended to.
        let calls = if format == "yaml" { "rename" } else { "ftruncate" };
        let fault = Fault { calls, what: "signal=KILL", when: nth.to_string() };
        let (said, _) = Again::with_fault(&fault, folder.path(), &[], test)
            .tell("URL", url(folder.path(), ""))
            .tell("ALL", "1")
            .start()
            .end();
        let said = Said::of(&said);
        if said.acknowledged.contains("0")
            && !said.acknowledged.contains("1")
            && folder.path().join("store/.larder/commit").exists()
        {
            return folder;
        }
        assert!(!said.acknowledged.contains("4"), "it is never killed between");
    }
    unreachable!()
}
