//! A journal's folder in which others have made files.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Command, time::Duration};

use larder::{CancellationToken, Cx, ErrorKind, Filter, Journal, WriteBehind, WriteBehindOptions};

use crate::support::{Notes, entities::note, note};

async fn notes() -> (larder::Store, Notes) {
    let store = larder::open("memory:").await.unwrap();
    let notes = store.repository::<note::Entity>();
    (store, notes)
}

async fn start(notes: &Notes, folder: &Path) -> larder::Result<WriteBehind<note::Model>> {
    let options = WriteBehindOptions::new().linger(WriteBehindOptions::MAX_LINGER);
    let starting = WriteBehind::builder(notes.clone()).reconcile_by_id().options(options).journal(Journal::at(folder)).start();
    tokio::time::timeout(Duration::from_secs(10), starting).await.expect("it starts, or says why not")
}

/// Leaves one note in the journal.
async fn leave(folder: &Path) {
    let (_store, notes) = notes().await;
    let queue = start(&notes, folder).await.unwrap();
    drop(queue.submit(&Cx::new(), &note("left")).unwrap());
    let token = CancellationToken::new();
    token.cancel();
    queue.close(&Cx::new().with_cancel(token)).await;
}

/// Names that are nearly those of a journal's files belong to somebody else, and are left alone.
#[tokio::test]
async fn files_of_other_names_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    leave(folder.path()).await;
    let names = [
        "1.journal",
        "+5.journal",
        "00000000000000001.journal",
        "99999999999999999.journal",
        "x.journal",
        ".journal",
        "notes.txt",
    ];
    for name in names {
        fs::write(folder.path().join(name), "somebody else's").unwrap();
    }
    fs::create_dir(folder.path().join("sub.journal")).unwrap();
    for _ in 0..2 {
        let (_store, notes) = notes().await;
        let queue = start(&notes, folder.path()).await.unwrap();
        queue.flush(&Cx::new()).await.unwrap();
        queue.close(&Cx::new()).await;
        for name in names {
            assert_eq!(fs::read_to_string(folder.path().join(name)).unwrap(), "somebody else's", "{name}");
        }
    }
}

/// A link in the place of a file that is about to be made leads nowhere: it is removed, and what it leads to stays.
#[tokio::test]
async fn a_link_is_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    leave(folder.path()).await;
    let target = folder.path().join("target.txt");
    fs::write(&target, "precious").unwrap();
    std::os::unix::fs::symlink(&target, folder.path().join("new")).unwrap();
    let (_store, notes) = notes().await;
    let queue = start(&notes, folder.path()).await.unwrap();
    assert_eq!(queue.recovery().replayed, 1);
    assert_eq!(fs::read_to_string(&target).unwrap(), "precious");
}

/// A pipe in the place of a file would be waited for without an end.
#[tokio::test]
async fn a_pipe_is_refused() {
    for name in ["lock", "0000000000000042.journal"] {
        let folder = tempfile::tempdir().unwrap();
        leave(folder.path()).await;
        drop(fs::remove_file(folder.path().join(name)));
        assert!(Command::new("mkfifo").arg(folder.path().join(name)).status().unwrap().success());
        let (_store, notes) = notes().await;
        let error = start(&notes, folder.path()).await.map(drop).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io, "{error}");
        assert!(error.to_string().contains(name), "{error}");
        fs::remove_file(folder.path().join(name)).unwrap();
        let queue = start(&notes, folder.path()).await.unwrap();
        assert_eq!(queue.recovery().replayed, 1);
    }
}

/// The lock holds although its file is deleted.
#[tokio::test]
async fn a_deleted_lock_lets_nobody_in() {
    let folder = tempfile::tempdir().unwrap();
    let (_store, notes) = notes().await;
    let queue = start(&notes, folder.path()).await.unwrap();
    fs::remove_file(folder.path().join("lock")).unwrap();
    let error = start(&notes, folder.path()).await.map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
    drop(queue.submit(&Cx::new(), &note("stored")).unwrap());
    queue.close(&Cx::new()).await;
    drop(queue);
    start(&notes, folder.path()).await.unwrap();
    assert_eq!(notes.count(&Cx::new(), &Filter::all()).await.unwrap(), 1);
}

#[tokio::test]
async fn a_journal_has_a_folder() {
    let (_store, notes) = notes().await;
    assert_eq!(start(&notes, Path::new("")).await.map(drop).unwrap_err().kind(), ErrorKind::InvalidInput);
}

/// Others on the machine cannot read what was submitted.
#[tokio::test]
async fn its_owner_alone_can_read_it() {
    let outer = tempfile::tempdir().unwrap();
    let folder = outer.path().join("made/by the queue");
    for _ in 0..2 {
        leave(&folder).await;
    }
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

/// A record that says it has more positions than any queue is damaged, and takes no memory.
#[tokio::test]
async fn a_run_of_positions_without_an_end_is_damaged() {
    let folder = tempfile::tempdir().unwrap();
    leave(folder.path()).await;
    // "Settled", from the first position on, so many.
    let body: Vec<u8> = [2].into_iter().chain(1_000_000_u64.to_le_bytes()).chain((1_u64 << 40).to_le_bytes()).collect();
    let head = [0xF5, b'l', b'r', 0xFA].into_iter().chain(u32::try_from(body.len()).unwrap().to_le_bytes());
    let record: Vec<u8> = head.chain(crc32(&body).to_le_bytes()).chain(body).collect();
    fs::write(folder.path().join("0000000000000042.journal"), record).unwrap();
    let (_store, notes) = notes().await;
    let queue = start(&notes, folder.path()).await.unwrap();
    assert_eq!((queue.recovery().replayed, queue.recovery().cut_bytes), (1, 29));
}

/// CRC-32 (ISO-HDLC), as zlib computes it.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |sum, byte| (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0xEDB8_8320 * (sum & 1))))
}
