//! Disks that are full, or fail.

use std::path::Path;

use larder::{Cx, Durability, ErrorKind, Filter, OpenOptions};

use crate::{
    child::{Again, Fault, failed_calls, run, say, told},
    held::{FORMATS, url},
    room::Room,
    support::{entities::label, time},
    writer::{Names, Said, Shelves},
};

/// Writes until the disk is full. Says what was stored, and what may be.
async fn fill(shelves: &Shelves) -> (Names, Names) {
    let (mut stored, mut unknown, mut refused) = (Names::new(), Names::new(), 0);
    for number in 0..10_000 {
        match shelves.write(number, if refused == 0 { 100 } else { 10 }).await {
            Ok(()) => drop(stored.insert(number.to_string())),
            Err(error) => {
                assert!([ErrorKind::ResourceExhausted, ErrorKind::CommitUnknown].contains(&error.kind()), "{error:?}");
                if error.kind() == ErrorKind::CommitUnknown {
                    unknown.insert(number.to_string());
                }
                refused += 1;
                if refused == 4 {
                    return (stored, unknown);
                }
            }
        }
    }
    panic!("the disk is never full");
}

/// The disk fills while a store writes: writes are refused as that, what was acknowledged can be read and nothing is there by
/// half; when there is room again, the next write succeeds on the same store.
#[test]
fn a_store_outlives_a_full_disk() {
    for (format, durability) in FORMATS.into_iter().zip([Durability::Process, Durability::Power, Durability::Process]) {
        let room = Room::of(3_000);
        let url = url(room.path(), &format!("format={format}"));
        run(async {
            let store = OpenOptions::new().durability(durability).open(&url).await.unwrap();
            let shelves = Shelves::new(&store).await;
            let (expected, unknown) = fill(&shelves).await;
            let mut stored = shelves.stored().await;
            assert!(stored.is_superset(&expected) && stored.is_subset(&expected.union(&unknown).cloned().collect()));

            room.grow(40_000);
            shelves.write(20_000, 100).await.unwrap();
            stored.insert("20000".to_owned());
            assert_eq!(shelves.stored().await, stored);
            store.close().await;
            let again = larder::open(&url).await.unwrap();
            assert_eq!(Shelves::of(&again).stored().await, stored);
            assert!(again.recovery().unreadable.is_empty(), "{:?}", again.recovery());
            again.close().await;
        });
    }
}

const FAULTS: [(&str, &str); 6] = [
    ("fdatasync", "error=EIO"),
    ("fsync", "error=EIO"),
    ("rename", "error=ENOSPC"),
    ("rename", "error=EROFS"),
    ("rename", "error=EXDEV"),
    ("ftruncate,unlink", "error=EIO"),
];

/// Writes whatever fails, and says what is there in the end.
fn is_writer() -> bool {
    let Some(url) = told("URL") else { return false };
    run(async {
        let options = OpenOptions::new().durability(Durability::Power);
        let Ok(store) = options.open(&url).await else { return };
        let shelves = Shelves::of(&store);
        for (number, size) in [1, 10, 0, 0, 1, 10].into_iter().enumerate() {
            drop(shelves.write_aloud(number, size).await);
        }
        for name in shelves.stored().await {
            say(&format!("STORED {name}"));
        }
        store.close().await;
        say("DONE");
    });
    true
}

/// A system call of a writer fails, each in turn: what is not stored is refused, what was acknowledged is stored, a commit of
/// which neither is known is unknown, and nothing is there by half.
#[test]
fn any_call_may_fail() {
    if is_writer() {
        return;
    }
    let test = concat!(module_path!(), "::any_call_may_fail");
    let mut seen = Names::new();
    for format in ["yaml", "jsonl"] {
        for (calls, what) in FAULTS {
            for nth in (1..).step_by(crate::child::number("LARDER_CRASH_STRIDE", 3)) {
                let folder = tempfile::tempdir().unwrap();
                make(folder.path(), format);
                let fault = Fault { calls, what, when: nth.to_string() };
                let (words, ended) =
                    Again::with_fault(&fault, folder.path(), &[], test).tell("URL", url(folder.path(), "")).start().end();
                assert!(ended.success(), "{fault:?}: {words:?}");
                if failed_calls(folder.path()) == 0 {
                    break;
                }
                let said = Said::of(&words);
                let in_the_end: Names = words.iter().filter_map(|said| said.strip_prefix("STORED ")).map(str::to_owned).collect();
                if words.last().is_some_and(|last| last == "DONE") {
                    said.check(&Names::new(), &in_the_end);
                }
                run(async {
                    let store = larder::open(&url(folder.path(), "")).await.unwrap();
                    said.check(&Names::new(), &Shelves::of(&store).stored().await);
                    store.close().await;
                });
                seen.extend(said.refused.into_iter().map(|(_, why)| why.trim().to_owned()));
            }
        }
    }
    assert_eq!(seen, Names::from(["CommitUnknown", "Io", "ReadOnly", "ResourceExhausted"].map(str::to_owned)));
}

fn make(folder: &Path, format: &str) {
    run(async {
        let store = larder::open(&url(folder, &format!("format={format}"))).await.unwrap();
        Shelves::new(&store).await;
        store.close().await;
    });
}

/// Of too many open files for a moment, the store recovers.
#[test]
fn too_few_open_files_are_an_error_for_a_while() {
    let test = concat!(module_path!(), "::too_few_open_files_are_an_error_for_a_while");
    if let Some(url) = told("URL") {
        return run(async {
            let store = larder::open(&url).await.unwrap();
            let labels = store.repository::<label::Entity>();
            let model = |name: &str| label::Model { name: name.to_owned(), text: Some(time("2026-01-01T00:00:00Z").to_string()) };
            labels.create(&Cx::new(), &model("first")).await.unwrap();
            let mut taken = Vec::new();
            while let Ok(file) = std::fs::File::open("/dev/null") {
                taken.push(file);
            }
            let refused = labels.create(&Cx::new(), &model("second")).await.unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::ResourceExhausted, "{refused}");
            assert_eq!(labels.count(&Cx::new(), &Filter::all()).await.unwrap(), 1);
            drop(taken);
            labels.create(&Cx::new(), &model("third")).await.unwrap();
            say("DONE");
        });
    }
    let folder = tempfile::tempdir().unwrap();
    let program = ["sh", "-c", "ulimit -n 48 && exec \"$0\" \"$@\""];
    let (said, ended) = Again::under(&program, test).tell("URL", url(folder.path(), "")).start().end();
    assert!(ended.success() && said == ["DONE"], "{said:?}");
}
