//! The files of databases: what is no file, and what becomes of one while it is open.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use ::sea_orm::{ConnectOptions, Database};
use larder::{
    Cx, Durability, ErrorKind, Filter, HealthStatus, OpenOptions, ReaderExt as _, Store, Transactional as _,
    TransactionalExt as _, TxOptions,
};

use crate::support::{create_tables, entities::note, note};

fn url(file: &Path) -> String {
    format!("sqlite:{}", file.display())
}

/// A folder, a pipe and a device are refused before they are read, which might never end.
#[cfg(unix)]
#[tokio::test]
async fn what_is_no_file_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let link = directory.path().join("link");
    std::os::unix::fs::symlink(&pipe, &link).unwrap();
    for path in [directory.path(), &pipe, &link, Path::new("/dev/zero"), Path::new("/dev/null")] {
        for parameters in ["", "?mode=ro"] {
            let error = larder::open(&(url(path) + parameters)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{path:?}");
            assert!(error.to_string().contains("not of a file"), "{error}");
        }
    }
}

/// A URI inside of a URL is not taken for a path, nor as what it means.
#[tokio::test]
async fn a_uri_is_no_path() {
    for url in ["sqlite:file:x.db", "sqlite://file:x.db", "sqlite:file:///tmp/x.db", "sqlite:file:x.db?mode=ro"] {
        let error = larder::open(url).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{url}");
        assert!(error.to_string().contains("`sqlite:PATH`"), "{error}");
    }
    assert!(!Path::new("x.db").exists() && !Path::new("file:x.db").exists());
}

/// A file that is not there is said to be missing, and so is a folder.
#[tokio::test]
async fn what_is_missing_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let told = async |url: String| {
        let error = larder::open(&url).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Connection, Some("14")), "{error}");
        error.to_string()
    };
    let file = url(&directory.path().join("none.sqlite"));
    assert!(told(file.clone() + "?mode=rw").await.contains("the file does not exist"));
    assert!(told(file.clone() + "?mode=ro").await.contains("the file does not exist"));
    assert!(told(url(&directory.path().join("none/a.sqlite"))).await.contains("the folder of the file does not exist"));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

/// What is done to a file.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Done {
    Deleted,
    Moved,
    Replaced,
}

const ALL: [Done; 3] = [Done::Deleted, Done::Moved, Done::Replaced];

impl Done {
    /// Does it. Says where the file is afterwards.
    fn to(self, file: &Path) -> PathBuf {
        let moved = file.with_extension("moved");
        match self {
            Self::Deleted => fs::remove_file(file).unwrap(),
            Self::Moved => fs::rename(file, &moved).unwrap(),
            Self::Replaced => {
                fs::rename(file, &moved).unwrap();
                fs::copy(&moved, file).unwrap();
            }
        }
        moved
    }

    /// Whether there is a file at the path afterwards, as long as nobody makes one.
    fn leaves_one(self) -> bool {
        self == Self::Replaced
    }
}

/// Everything is refused, and no other file is made.
async fn is_refused(store: &Store, done: Done, file: &Path) {
    let (cx, notes) = (&Cx::new(), store.repository::<note::Entity>());
    let health = store.health(cx).await;
    assert_eq!(health.status(), HealthStatus::Down, "{done:?} {health:?}");
    let tx = store.tx(cx, |cx| {
        let notes = notes.clone();
        async move { notes.create(&cx, &note("in a transaction")).await }
    });
    let outcomes = [
        notes.create(cx, &note("lost")).await.map(drop),
        notes.all(cx).await.map(drop),
        notes.create_batch(cx, &[note("lost"), note("lost")]).await.map(drop),
        tx.await.map(drop),
    ];
    for outcome in outcomes {
        let error = outcome.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Io, Some("1032")), "{done:?} {error}");
        assert!(error.to_string().contains("deleted, moved or replaced"), "{error}");
    }
    assert_eq!(file.exists(), done.leaves_one(), "{done:?}");
}

fn options() -> [OpenOptions; 3] {
    [OpenOptions::new(), OpenOptions::new().durability(Durability::Power), OpenOptions::new().write_ahead_log(false)]
}

/// A file that is deleted, moved or replaced is noticed by the health, and nothing is stored in the old one any more. One that is
/// back is used again.
#[tokio::test]
async fn a_displaced_file_is_noticed_by_the_health() {
    for (options, done) in options().iter().flat_map(|options| ALL.map(|done| (options, done))) {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("a.sqlite");
        let store = options.open(&url(&file)).await.unwrap();
        create_tables(&store).await;
        let notes = store.repository::<note::Entity>();
        let kept = notes.create(&Cx::new(), &note("kept")).await.unwrap();
        let open = store.begin(&Cx::new(), TxOptions::new()).await.unwrap();
        notes.create(&open, &note("not committed yet")).await.unwrap();
        let moved = done.to(&file);
        assert_eq!(store.health(&Cx::new()).await.status(), HealthStatus::Down, "{done:?}");
        let refused = open.commit().await.unwrap_err();
        assert_eq!((refused.kind(), refused.code()), (ErrorKind::Io, Some("1032")), "{refused}");
        is_refused(&store, done, &file).await;
        if done == Done::Deleted {
            continue;
        }
        fs::rename(&moved, &file).unwrap();
        assert_eq!(store.health(&Cx::new()).await.status(), HealthStatus::Up, "{done:?}");
        assert_eq!(notes.all(&Cx::new()).await.unwrap(), [kept], "{done:?}");
    }
}

/// The same by a connection that is made, which takes no other file and makes none.
#[tokio::test]
async fn a_displaced_file_is_noticed_by_a_new_connection() {
    for (options, done) in options().iter().flat_map(|options| ALL.map(|done| (options, done))) {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("a.sqlite");
        let store = options.open(&url(&file)).await.unwrap();
        create_tables(&store).await;
        done.to(&file);
        // Whoever has the connections that there are makes others make more.
        let mut held = Vec::new();
        let refused = loop {
            match store.begin(&Cx::new(), TxOptions::new().read_only()).await {
                Ok(open) => held.push(open),
                Err(error) => break error,
            }
        };
        assert_eq!((refused.kind(), refused.code()), (ErrorKind::Io, Some("1032")), "{refused}");
        assert!(held.len() < 3, "{done:?}: {} connections", held.len());
        drop(held);
        is_refused(&store, done, &file).await;
    }
}

/// A pool of SeaORM's makes its connections by itself: the file is looked at for each operation.
#[tokio::test]
async fn a_displaced_file_is_noticed_under_a_pool_of_sea_orm() {
    for done in ALL {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("a.sqlite");
        let mut connect = ConnectOptions::new(url(&file) + "?mode=rwc");
        connect.max_connections(4).sqlx_logging(false);
        let store = Store::from_sea_orm(Database::connect(connect).await.unwrap()).unwrap();
        create_tables(&store).await;
        let notes = store.repository::<note::Entity>();
        notes.create(&Cx::new(), &note("kept")).await.unwrap();
        let moved = done.to(&file);
        is_refused(&store, done, &file).await;
        if done != Done::Deleted {
            fs::rename(&moved, &file).unwrap();
            assert_eq!(notes.count(&Cx::new(), &Filter::all()).await.unwrap(), 1, "{done:?}");
        }
    }
}
