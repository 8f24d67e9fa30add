//! DuckDB's files: who has one open, by which name, and who may read it.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
};

use larder::{Cx, ErrorKind};
use sea_orm::Schema;

use super::url;
use crate::support::{entities::note, note, tables};

/// A file is opened once in a process, by whatever name; a second store shares it and has to want the same.
#[tokio::test]
async fn stores_on_one_file_share_it() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("made/on/the/way/a.duckdb");
    let first = larder::open(&url(&file, "")).await.unwrap();
    tables::create(&first).await;
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
    tables::create(&store).await;
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
    tables::create(&store).await;
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
    use std::os::unix::fs::PermissionsExt;

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
    assert_eq!(larder::open("duckdb:/").await.unwrap_err().kind(), ErrorKind::Io);
}
