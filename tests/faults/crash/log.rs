//! What a killed process leaves of SQLite's log, torn and damaged.

use std::{
    fs,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use super::writer::{Names, Shelves, is_sound};
use crate::child::{Again, run, say, told};

/// Transactions of several pages each, by number and size. Each is one commit.
const WRITES: [(usize, usize); 5] = [(0, 1), (1, 10), (2, 60), (4, 10), (5, 1)];

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;

/// A log, and how far its frames lead.
struct Log {
    bytes: Vec<u8>,
    frame: usize,
    /// For each number of frames, how many commits are among them.
    commits: Vec<usize>,
}

impl Log {
    fn read(path: &Path) -> Self {
        let bytes = fs::read(path).unwrap();
        let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
        let frame = FRAME_HEADER + number(8) as usize;
        let mut commits = vec![0];
        for at in (HEADER..bytes.len()).step_by(frame) {
            // The last frame of a commit says how long the database is.
            commits.push(commits[commits.len() - 1] + usize::from(number(at + 4) != 0));
        }
        Self { bytes, frame, commits }
    }

    fn start_of(&self, frame: usize) -> usize {
        HEADER + frame * self.frame
    }

    fn cut(&self, length: usize) -> Vec<u8> {
        self.bytes[..length].to_vec()
    }

    fn damaged(&self, at: usize) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        bytes[at] ^= 0x10;
        bytes
    }
}

/// Writes, and waits to be killed.
fn is_writer() -> bool {
    let Some(url) = told("URL") else { return false };
    run(async {
        let shelves = Shelves::of(&larder::open(&url).await.unwrap());
        for (number, size) in WRITES {
            shelves.write(number, size).await.unwrap();
        }
        say("DONE");
        std::future::pending::<()>().await;
    });
    true
}

/// What a killed writer leaves: a folder, the database in it, and its log.
fn left_by_a_writer() -> (TempDir, Vec<u8>, Log) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("a.sqlite");
    let url = format!("sqlite:{}", file.display());
    run(async {
        let store = larder::open(&url).await.unwrap();
        Shelves::new(&store).await;
        store.close().await;
    });
    let mut writer = Again::running(concat!(module_path!(), "::a_damaged_log_ends_before_the_damage")).tell("URL", &url).start();
    assert_eq!(writer.next().as_deref(), Some("DONE"));
    writer.kill();
    let log = Log::read(&directory.path().join("a.sqlite-wal"));
    (directory, fs::read(&file).unwrap(), log)
}

/// Opens a database with a log, and expects so many of the transactions in it. It can be written to again.
async fn expect(database: &[u8], log: &[u8], folder: &Path, commits: usize, what: &str) {
    let path = |end: &str| -> PathBuf { folder.join(format!("b.sqlite{end}")) };
    for end in ["", "-wal", "-shm"] {
        drop(fs::remove_file(path(end)));
    }
    fs::write(path(""), database).unwrap();
    fs::write(path("-wal"), log).unwrap();
    let url = format!("sqlite:{}", path("").display());
    let mut expected: Names = WRITES.iter().take(commits).map(|(number, _)| number.to_string()).collect();
    for number in [Some(6), None] {
        let store = larder::open(&url).await.unwrap();
        is_sound(&store).await;
        let shelves = Shelves::of(&store);
        assert_eq!(shelves.stored().await, expected, "{what}");
        if let Some(number) = number {
            shelves.write(number, 1).await.unwrap();
            expected.insert(number.to_string());
        }
        store.close().await;
    }
}

/// The log of a killed process is cut anywhere, or a bit of it is flipped: the store opens, the file is sound, and of the commits
/// there are those before the damage, no more and no less. SQLite's checksums end the log there.
#[test]
fn a_damaged_log_ends_before_the_damage() {
    if is_writer() {
        return;
    }
    let (directory, database, log) = left_by_a_writer();
    let frames = log.commits.len() - 1;
    assert!(log.commits[frames] == WRITES.len() && frames > 20, "{:?}", log.commits);
    run(async {
        for (bytes, what) in
            [(log.cut(0), "no log"), (log.cut(HEADER / 2), "half a header"), (log.damaged(HEADER - 1), "a header")]
        {
            expect(&database, &bytes, directory.path(), 0, what).await;
        }
        for (frame, commits) in log.commits.iter().copied().enumerate() {
            let start = log.start_of(frame);
            expect(&database, &log.cut(start), directory.path(), commits, &format!("cut at {frame} of {frames}")).await;
            if frame == frames {
                continue;
            }
            for torn in [FRAME_HEADER / 2, FRAME_HEADER, log.frame / 2] {
                let what = format!("cut in {frame} of {frames}, after {torn} bytes");
                expect(&database, &log.cut(start + torn), directory.path(), commits, &what).await;
            }
            // The page's number, the checksum, the page.
            for damaged in [3, FRAME_HEADER - 1, log.frame / 2] {
                let what = format!("damaged in {frame} of {frames}, at byte {damaged}");
                expect(&database, &log.damaged(start + damaged), directory.path(), commits, &what).await;
            }
        }
    });
}
