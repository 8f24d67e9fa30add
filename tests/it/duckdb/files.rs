//! DuckDB's files: who has one open, by which name, and who may read it.

#[cfg(unix)]
use std::os::unix::fs::PermissionsExt;
use std::{
    env,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use larder::{Cx, ErrorKind, TransactionalExt as _};
use sea_orm::Schema;
use tokio::time::timeout;

use super::url;
use crate::support::{create_tables, entities::note, note};

/// A file is opened once in a process, by whatever name; a second store shares it and has to want the same.
#[tokio::test]
async fn stores_on_one_file_share_it() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("made/on/the/way/a.duckdb");
    let first = larder::open(&url(&file, "")).await.unwrap();
    create_tables(&first).await;
    let other_name = file.parent().unwrap().join("../way/a.duckdb");
    let second = larder::open(&url(&other_name, "")).await.unwrap();
    let notes = [&first, &second].map(|store| store.repository::<note::Entity>());
    let made = notes[0].create(&Cx::new(), &note("shared")).await.unwrap();
    assert_eq!(notes[1].find(&Cx::new(), &made.id).await.unwrap(), Some(made));
    assert_eq!(larder::open(&url(&file, "?threads=7")).await.unwrap_err().kind(), ErrorKind::InvalidInput);
    first.close().await;
    notes[1].create(&Cx::new(), &note("goes on")).await.unwrap();
    second.close().await;
    let read_only = larder::open(&url(&file, "?read_only=true")).await.unwrap();
    let notes = read_only.repository::<note::Entity>();
    assert_eq!(notes.count(&Cx::new(), &larder::Filter::all()).await.unwrap(), 2);
    assert_eq!(notes.create(&Cx::new(), &note("refused")).await.unwrap_err().kind(), ErrorKind::ReadOnly);
}

/// A file may be closed and opened from several tasks at once: it is never open twice, and nothing is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_closed_before_it_is_opened_again() {
    let directory = tempfile::tempdir().unwrap();
    let place = url(&directory.path().join("a.duckdb"), "");
    let store = larder::open(&place).await.unwrap();
    create_tables(&store).await;
    store.close().await;
    let tasks = (0..4).map(|task| {
        let place = place.clone();
        tokio::spawn(async move {
            for i in 0..10 {
                let store = larder::open(&place).await.unwrap();
                store.repository::<note::Entity>().create(&Cx::new(), &note(&format!("{task} {i}"))).await.unwrap();
                // Some are closed and some just dropped.
                if i % 2 == 0 {
                    store.close().await;
                }
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let store = larder::open(&place).await.unwrap();
    assert_eq!(store.repository::<note::Entity>().count(&Cx::new(), &larder::Filter::all()).await.unwrap(), 40);
}

const HELD: &str = "LARDER_TEST_DUCKDB_HELD";

/// A file that another process has open is `Connection`, by that process' number; when it is gone, the file opens.
#[tokio::test]
async fn another_process_is_named() {
    if let Ok(held) = env::var(HELD) {
        let _store = larder::open(&held).await.unwrap();
        writeln!(std::io::stdout().lock(), "\nHELD").unwrap();
        return std::future::pending().await;
    }
    let directory = tempfile::tempdir().unwrap();
    let place = url(&directory.path().join("a.duckdb"), "");
    let mut holder = Command::new(env::current_exe().unwrap());
    holder.args(["--exact", "duckdb::files::another_process_is_named", "--nocapture"]).env(HELD, &place);
    let mut holder = holder.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(holder.stdout.take().unwrap()).lines().map(Result::unwrap);
    let is_held = lines.any(|line| line == "HELD");
    let refused = larder::open(&place).await;
    holder.kill().unwrap();
    holder.wait().unwrap();
    let error = refused.unwrap_err();
    assert_eq!((is_held, error.kind()), (true, ErrorKind::Connection));
    assert!(error.to_string().contains(&format!("process {}", holder.id())), "{error}");
    larder::open(&place).await.unwrap();
}

/// Links lead to one file and one log: a second name of a file that is open is refused, and so is a link that leads nowhere.
#[cfg(unix)]
#[tokio::test]
async fn links_do_not_lead_astray() {
    let directory = tempfile::tempdir().unwrap();
    let [file, symbolic, hard, dangling] = ["a", "s", "h", "d"].map(|name| directory.path().join(format!("{name}.duckdb")));
    std::os::unix::fs::symlink(directory.path().join("nothing.duckdb"), &dangling).unwrap();
    assert_eq!(larder::open(&url(&dangling, "")).await.unwrap_err().kind(), ErrorKind::Connection);
    assert!(!directory.path().join("nothing.duckdb").exists());

    let store = larder::open(&url(&file, "")).await.unwrap();
    create_tables(&store).await;
    std::os::unix::fs::symlink(&file, &symbolic).unwrap();
    std::fs::hard_link(&file, &hard).unwrap();
    let same = larder::open(&url(&symbolic, "")).await.unwrap();
    let made = store.repository::<note::Entity>().create(&Cx::new(), &note("shared")).await.unwrap();
    assert_eq!(same.repository::<note::Entity>().find(&Cx::new(), &made.id).await.unwrap(), Some(made));
    assert_eq!(larder::open(&url(&hard, "")).await.unwrap_err().kind(), ErrorKind::InvalidInput);
}

/// What larder makes is its owner's alone: the folders, the file and the log, also the log that follows a checkpoint.
#[cfg(unix)]
#[tokio::test]
async fn files_are_their_owners_alone() {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path().join("made/here");
    let file = folder.join("a.duckdb");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for _ in 0..2 {
        let store = larder::open(&url(&file, "")).await.unwrap();
        let table = Schema::new(store.sql().unwrap().dialect().sea_orm()).create_table_from_entity(note::Entity);
        store.sql().unwrap().execute(&Cx::new(), table.clone().if_not_exists()).await.unwrap();
        store.repository::<note::Entity>().create(&Cx::new(), &note("private")).await.unwrap();
        assert_eq!([mode(&folder), mode(folder.parent().unwrap())], [0o700, 0o700]);
        assert_eq!([mode(&file), mode(&file.with_extension("duckdb.wal"))], [0o600, 0o600]);
        store.close().await;
    }
}

/// What is no database is `Corrupt`, or cannot be opened, and stays as it is.
#[tokio::test]
async fn what_is_no_database_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("text.duckdb");
    let text = "not a database ".repeat(10_000);
    std::fs::write(&file, &text).unwrap();
    assert_eq!(larder::open(&url(&file, "")).await.unwrap_err().kind(), ErrorKind::Corrupt);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    let missing = directory.path().join("missing/a.duckdb");
    for mode in ["?mode=ro", "?mode=rw"] {
        assert_eq!(larder::open(&url(&missing, mode)).await.unwrap_err().kind(), ErrorKind::Connection, "{mode}");
    }
    assert!(!missing.parent().unwrap().exists());
}

/// What is no regular file is refused before it is opened, also as a log, and keeps nobody from another file. Reading a pipe
/// would never end.
#[cfg(unix)]
#[tokio::test]
async fn what_is_no_regular_file_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let [folder, pipe, file] = ["folder", "pipe", "a.duckdb"].map(|name| directory.path().join(name));
    std::fs::create_dir(&folder).unwrap();
    let make_pipe = |path: &Path| assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    make_pipe(&pipe);
    make_pipe(&directory.path().join("b.duckdb.wal"));
    let linked = directory.path().join("linked");
    std::os::unix::fs::symlink(&pipe, &linked).unwrap();
    let with_log = directory.path().join("b.duckdb");
    for path in [&folder, &pipe, &linked, &with_log, Path::new("/dev/null"), Path::new("/dev/zero"), Path::new("/")] {
        for mode in ["", "?mode=ro", "?mode=rw"] {
            let opened = timeout(Duration::from_secs(60), larder::open(&url(path, mode))).await.unwrap();
            // Without a file there is nothing to do with its log.
            let missing = path == with_log && !mode.is_empty();
            let expected = if missing { ErrorKind::Connection } else { ErrorKind::InvalidInput };
            assert_eq!(opened.unwrap_err().kind(), expected, "{path:?} {mode}");
        }
    }
    let store = larder::open(&url(&file, "")).await.unwrap();
    create_tables(&store).await;
    timeout(Duration::from_secs(60), store.close()).await.unwrap();
}

/// DuckDB takes a backslash for a separator: the path would be another one.
#[cfg(unix)]
#[tokio::test]
async fn a_path_with_a_backslash_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path().join(r"a\b");
    let kind = |opened: larder::Result<larder::Store>| opened.unwrap_err().kind();
    assert_eq!(kind(larder::open(&url(&folder, "")).await), ErrorKind::InvalidInput);
    assert_eq!(kind(larder::open(&url(&folder.join("c.duckdb"), "")).await), ErrorKind::InvalidInput);
    assert!(std::fs::read_dir(&directory).unwrap().next().is_none());
    // By a link, too.
    std::fs::create_dir(&folder).unwrap();
    let link = directory.path().join("link");
    std::os::unix::fs::symlink(&folder, &link).unwrap();
    assert_eq!(kind(larder::open(&url(&link.join("c.duckdb"), "")).await), ErrorKind::InvalidInput);
    let file = directory.path().join("d.duckdb");
    let setting = format!("?temp_directory={}", folder.display());
    assert_eq!(kind(larder::open(&url(&file, &setting)).await), ErrorKind::InvalidInput);
}

const UNREADABLE: &str = "LARDER_TEST_DUCKDB_UNREADABLE";

/// A file that may not be read, or whose folder may not be entered, is `Io`, and is not said to be missing. Where this runs as
/// root, which may read everything, it runs again without that right.
#[cfg(unix)]
#[tokio::test]
async fn what_may_not_be_read_is_not_missing() {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path().join("folder");
    let file = folder.join("a.duckdb");
    larder::open(&url(&file, "")).await.unwrap().close().await;
    let allow = |path: &Path, mode| std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    allow(&file, 0o000);
    if std::fs::File::open(&file).is_ok() {
        assert!(env::var(UNREADABLE).is_err(), "the right to read everything was not given up");
        let mut again = Command::new("setpriv");
        again.arg("--bounding-set=-dac_override,-dac_read_search").arg(env::current_exe().unwrap());
        again.args(["--exact", "duckdb::files::what_may_not_be_read_is_not_missing"]).env(UNREADABLE, "");
        let output = again.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        return;
    }
    let refused = async |file: &Path, modes: &[&str]| {
        for mode in modes {
            let error = larder::open(&url(file, mode)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Io, "{file:?} {mode} {error}");
            assert!(!error.to_string().contains("exist"), "{error}");
        }
    };
    refused(&file, &["", "?mode=rw", "?mode=ro"]).await;
    allow(&file, 0o400);
    refused(&file, &["", "?mode=rw"]).await;
    larder::open(&url(&file, "?mode=ro")).await.unwrap().close().await;
    for mode in [0o000, 0o400] {
        allow(&folder, mode);
        refused(&file, &["", "?mode=rw", "?mode=ro"]).await;
        refused(&folder.join("new/b.duckdb"), &["", "?mode=rw", "?mode=ro"]).await;
    }
    allow(&folder, 0o500);
    refused(&folder.join("b.duckdb"), &[""]).await;
    refused(&folder.join("new/b.duckdb"), &[""]).await;
    allow(&folder, 0o700);
}

/// A log that cannot be made is no contention: the transaction is not run again.
#[tokio::test]
async fn a_log_that_cannot_be_made_is_no_contention() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("a.duckdb");
    let store = larder::open(&url(&file, "")).await.unwrap();
    create_tables(&store).await;
    store.close().await;
    let store = larder::open(&url(&file, "")).await.unwrap();
    std::fs::create_dir(file.with_extension("duckdb.wal")).unwrap();
    let notes = &store.repository::<note::Entity>();
    assert_eq!(notes.create(&Cx::new(), &note("lost")).await.unwrap_err().kind(), ErrorKind::Io);
    let runs = &AtomicU32::new(0);
    let outcome: larder::Result<()> = store
        .tx(&Cx::new(), |cx| async move {
            runs.fetch_add(1, Ordering::Relaxed);
            notes.create(&cx, &note("lost")).await.map(drop)
        })
        .await;
    assert_eq!((outcome.unwrap_err().kind(), runs.load(Ordering::Relaxed)), (ErrorKind::Io, 1));
    std::fs::remove_dir(file.with_extension("duckdb.wal")).unwrap();
    notes.create(&Cx::new(), &note("kept")).await.unwrap();
    assert_eq!(notes.count(&Cx::new(), &larder::Filter::all()).await.unwrap(), 1);
}
