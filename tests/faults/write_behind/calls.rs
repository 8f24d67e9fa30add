//! A queue's journal at each of its system calls: killed there, or without room.

use std::{fs, path::Path, time::Duration};

use larder::{Cx, Journal, JournalSync};

use super::{Numbered, patient, settled, start, stored, submit};
use crate::{
    child::{Again, Fault, copy, failed_calls, number, run, say, told},
    crash::{engine::SQLITE, syscalls::STRIDE},
    support::entities::{note, ticket},
};

/// What is submitted, each part before the queue is flushed.
const PARTS: [std::ops::Range<i32>; 3] = [0..3, 3..6, 6..12];

/// What changes the files of a journal.
const CALLS: [&str; 6] = ["write", "openat", "fsync", "unlink", "rename", "ftruncate"];

/// How long a queue is waited for that cannot write its journal.
const BRIEFLY: Duration = Duration::from_millis(300);

fn journal(folder: &Path) -> Journal {
    Journal::at(folder).segment_bytes(300)
}

/// Does what this process was started for, if it is a child: submits numbers, and says of each what became of it; or has stored
/// what it finds.
fn is_child<M: Numbered>() -> bool {
    let (Some(url), Some(folder)) = (told("URL"), told("JOURNAL")) else { return false };
    run(async {
        let store = larder::open(&url).await.unwrap();
        let journal = journal(folder.as_ref());
        let (journal, is_synced) = match told("SYNC") {
            Some(_) => (journal.sync(JournalSync::Each), true),
            None => (journal, false),
        };
        let queue = match start::<M>(&store, patient().batch_size(3), Some(journal)).await {
            Ok(queue) => queue,
            Err(error) => return say(&format!("SHUT {:?}", error.kind())),
        };
        let briefly = || Cx::new().with_timeout(BRIEFLY);
        for part in PARTS.into_iter().filter(|_| told("SUBMIT").is_some()) {
            for number in part {
                let submitted = match is_synced {
                    true => queue.submit_wait(&Cx::new(), &M::of(number)).await,
                    false => submit(&queue, number),
                };
                match submitted {
                    Ok(ticket) => drop((ticket, say(&format!("ACCEPTED {number}")))),
                    Err(error) => say(&format!("REFUSED {:?}", error.kind())),
                }
            }
            drop(queue.flush(&briefly()).await);
        }
        say(&format!("HEALTH {:?}", queue.health().status));
        queue.close(&briefly()).await;
        say("DONE");
    });
    true
}

/// The files that a journal has in its folder, and the folder.
fn names(folder: &Path) -> Vec<String> {
    let folder = folder.canonicalize().unwrap().display().to_string();
    (0..60).map(|number| format!("{number:016}.journal")).chain(["new".to_owned(), folder]).collect()
}

/// A child of a test, with a fault, on the database and the journal of a folder.
fn child(test: &str, fault: &Fault<'_>, folder: &Path) -> Again {
    let names = names(folder);
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    Again::with_fault(fault, folder, &names, test).tell("URL", SQLITE.url(folder)).tell("JOURNAL", folder)
}

/// What is stored in a folder when its journal has nothing more.
fn left<M: Numbered>(folder: &Path) -> Vec<i32> {
    run(async {
        let store = larder::open(&SQLITE.url(folder)).await.unwrap();
        let (numbers, _) = settled::<M>(&store, &journal(folder)).await;
        store.close().await;
        numbers
    })
}

fn again(from: &Path, to: &Path) {
    drop(fs::remove_dir_all(to));
    copy(from, to);
}

fn accepted(said: &[String]) -> Vec<i32> {
    said.iter().filter_map(|said| said.strip_prefix("ACCEPTED ")?.parse().ok()).collect()
}

/// Kills a child at its calls, one after another, until it comes to its end before it is killed. Says at how many it was.
fn kill_at_each(calls: &'static str, attempt: impl Fn(&Fault<'_>) -> bool) -> usize {
    let kills = (1..).take_while(|nth| attempt(&Fault { calls, what: "signal=KILL", when: nth.to_string() }));
    kills.count()
}

/// Kills who submits, and then who has stored what such a one left, of which a part is stored already: the n-th write said so.
fn kill_at_all<M: Numbered>(test: &str, nth: usize) {
    let home = tempfile::tempdir().unwrap();
    let (template, folder) = (home.path().join("template"), home.path().join("work"));
    let of_template = home.path().join("left");
    SQLITE.make(&template);
    let mut killed = 0;
    for calls in CALLS {
        killed += kill_at_each(calls, |fault| {
            again(&template, &folder);
            let (said, ended) = child(test, fault, &folder).tell("SUBMIT", "1").start().end();
            if calls == "write" && fault.when == nth.to_string() {
                again(&folder, &of_template);
                assert_eq!((accepted(&said).len(), in_store::<M>(&folder)), (12, 9));
            }
            let accepted = accepted(&said);
            let mut numbers = left::<M>(&folder);
            if !ended.success() && numbers.len() > accepted.len() {
                // Its acceptance was not said.
                numbers.pop();
            }
            assert_eq!(numbers, accepted, "{fault:?}: {said:?}");
            !ended.success()
        });
    }
    let submitted = killed;
    for calls in CALLS {
        killed += kill_at_each(calls, |fault| {
            again(&of_template, &folder);
            let (said, ended) = child(test, fault, &folder).start().end();
            assert_eq!(left::<M>(&folder), (0..12).collect::<Vec<_>>(), "{fault:?}: {said:?}");
            !ended.success()
        });
    }
    println!("{test}: killed at {submitted} calls, and then at {}", killed - submitted);
    assert!(submitted > 20 && killed > submitted + 6);
}

/// How many models are stored, whatever the journal has.
fn in_store<M: Numbered>(folder: &Path) -> usize {
    run(async {
        let store = larder::open(&SQLITE.url(folder)).await.unwrap();
        let stored = stored::<M>(&store).await.len();
        store.close().await;
        stored
    })
}

/// Makes calls of a child fail, one after another, until there are no more of them. Says how it was refused.
fn fail_each<M: Numbered>(test: &str, calls: &str, what: &str, sync: bool) -> Vec<String> {
    let home = tempfile::tempdir().unwrap();
    let (template, folder) = (home.path().join("template"), home.path().join("work"));
    SQLITE.make(&template);
    let mut seen = Vec::new();
    for from_then_on in ["", "+"] {
        for nth in (1..).step_by(if from_then_on.is_empty() { 1 } else { number(STRIDE, 3) }) {
            again(&template, &folder);
            let fault = Fault { calls, what, when: format!("{nth}{from_then_on}") };
            let child = child(test, &fault, &folder).tell("SUBMIT", "1");
            let (said, ended) = if sync { child.tell("SYNC", "1") } else { child }.start().end();
            let at = format!("{fault:?}: {said:?}");
            assert!(ended.success(), "{at}");
            let failed = failed_calls(&folder);
            if failed == 0 {
                break;
            }
            let refused: Vec<_> = said.iter().filter(|said| said.starts_with("REFUSED ") || said.starts_with("SHUT ")).collect();
            assert!(sync || !from_then_on.is_empty() || refused.len() <= failed, "{at}");
            assert_eq!(left::<M>(&folder), accepted(&said), "{at}");
            // A sync may fail when nothing more is to come.
            let is_down = said.iter().any(|said| said == "HEALTH Down");
            assert!(!sync || refused.is_empty() || is_down, "{at}");
            seen.extend(refused.into_iter().cloned());
        }
    }
    seen.sort();
    seen.dedup();
    seen
}

/// Who submits is killed at a system call on the journal, each in turn, and so is who takes the journal over then: what was
/// accepted is stored once, in its order. A file of the journal is deleted only when all that it has is settled, or is in
/// another.
#[test]
fn a_queue_by_id_may_be_killed_at_any_call() {
    if !is_child::<note::Model>() {
        kill_at_all::<note::Model>(concat!(module_path!(), "::a_queue_by_id_may_be_killed_at_any_call"), 15);
    }
}

/// The same by key: a batch that was begun is asked for by the key that the journal has.
#[test]
fn a_queue_by_key_may_be_killed_at_any_call() {
    if !is_child::<ticket::Model>() {
        kill_at_all::<ticket::Model>(concat!(module_path!(), "::a_queue_by_key_may_be_killed_at_any_call"), 18);
    }
}

/// The journal finds no room for an append, or cannot be opened for lack of it, once or from then on: the model is refused as
/// that, and is not stored; all that was accepted is, and after a single failure the next is accepted. What is left of a failed
/// append is cut off.
#[test]
fn a_journal_by_id_may_find_no_room_at_any_call() {
    if is_child::<note::Model>() {
        return;
    }
    let test = concat!(module_path!(), "::a_journal_by_id_may_find_no_room_at_any_call");
    for calls in ["write", "write,ftruncate", "openat", "fsync", "unlink"] {
        let seen = fail_each::<note::Model>(test, calls, "error=ENOSPC", false);
        let refused = seen.iter().filter(|said| **said != "SHUT ResourceExhausted").collect::<Vec<_>>();
        assert!(refused.iter().all(|said| *said == "REFUSED ResourceExhausted"), "{calls}: {seen:?}");
        assert_eq!(refused.is_empty(), !calls.starts_with("write"), "{calls}");
    }
}

/// The same by key, where a batch is not begun before the journal has its key.
#[test]
fn a_journal_by_key_may_find_no_room_at_any_write() {
    if is_child::<ticket::Model>() {
        return;
    }
    let test = concat!(module_path!(), "::a_journal_by_key_may_find_no_room_at_any_write");
    assert_eq!(fail_each::<ticket::Model>(test, "write", "error=ENOSPC", false), ["REFUSED ResourceExhausted"]);
}

/// The journal cannot be synced, once or from then on: whoever waited for that is refused, nothing more is accepted, health says
/// so, and what was accepted is stored.
#[test]
fn a_journal_that_cannot_be_synced_accepts_nothing_more() {
    if is_child::<note::Model>() {
        return;
    }
    let test = concat!(module_path!(), "::a_journal_that_cannot_be_synced_accepts_nothing_more");
    assert_eq!(fail_each::<note::Model>(test, "fdatasync", "error=EIO", true), ["REFUSED Io"]);
}
