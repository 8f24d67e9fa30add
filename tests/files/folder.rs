//! The folder of a store: whose it is, what is in it, and how it is opened.

use std::{fs, path::Path};

use larder::{Cx, Durability, ErrorKind, Filter, HealthStatus, OpenOptions, ReaderExt as _, Store};

use crate::{
    held::{FORMATS, Held, options, unreadable},
    support::{
        entities::{label, note, person},
        note, person,
    },
};

/// The modes of everything in a folder.
#[cfg(unix)]
fn modes(folder: &Path) -> Vec<(bool, u32)> {
    use std::os::unix::fs::PermissionsExt;

    let found = fs::metadata(folder).unwrap();
    let mut modes = vec![(found.is_dir(), found.permissions().mode() & 0o777)];
    if found.is_dir() {
        modes.extend(fs::read_dir(folder).unwrap().flat_map(|entry| self::modes(&entry.unwrap().path())));
    }
    modes
}

/// Writes a little of everything.
#[cfg(unix)]
async fn fill(url: &str) {
    for _ in 0..2 {
        let store = larder::open(url).await.unwrap();
        let (people, cx) = (store.repository::<person::Entity>(), Cx::new());
        let made = people.create_many(&cx, &[0, 1, 2].map(|_| person(&uuid::Uuid::new_v4().to_string()))).await.unwrap();
        people.update(&cx.with_idempotency_key(made[0].email.as_str()), &made[0]).await.unwrap();
        people.delete(&cx, &made[1].id).await.unwrap();
        store.close().await;
    }
}

/// Files are their owner's alone, whatever the mask of the process.
#[cfg(unix)]
#[test]
fn files_are_their_owners_alone() {
    let test = concat!(module_path!(), "::files_are_their_owners_alone");
    if let Some(url) = crate::child::told("URL") {
        return crate::child::run(fill(&url));
    }
    for format in FORMATS {
        for mask in ["0000", "0022", "0777"] {
            let held = Held::new();
            let program = ["sh", "-c", &format!("umask {mask} && exec \"$0\" \"$@\"")];
            let (_, ended) =
                crate::child::Again::under(&program, test).tell("URL", held.url(&format!("format={format}"))).start().end();
            assert!(ended.success());
            let modes = modes(&held.path(""));
            assert!(modes.len() > 8, "{modes:?}");
            assert!(
                modes.iter().all(|(is_folder, mode)| *mode == if *is_folder { 0o700 } else { 0o600 }),
                "{format} {mask} {modes:?}"
            );
        }
    }
}

/// One process has a folder; another is told which. When the store is closed, or its process killed, the folder is free.
#[cfg(unix)]
#[test]
fn one_process_has_a_folder() {
    let test = concat!(module_path!(), "::one_process_has_a_folder");
    if let Some(url) = crate::child::told("URL") {
        return crate::child::run(async {
            let store = larder::open(&url).await.unwrap();
            crate::child::say(&std::process::id().to_string());
            std::future::pending::<()>().await;
            drop(store);
        });
    }
    let held = Held::new();
    let mut other = crate::child::Again::running(test).tell("URL", held.url("")).start();
    let holder = other.next().unwrap();
    crate::child::run(async {
        let refused = larder::open(&held.url("")).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Connection);
        assert!(refused.to_string().ends_with(&format!("in process {holder}")), "{refused}");
        other.kill();
        let store = held.open("").await;
        let refused = larder::open(&held.url("")).await.unwrap_err().to_string();
        assert!(refused.ends_with("in this process"), "{refused}");
        store.close().await;
        held.open("").await;
    });
}

/// The files that are there decide about the format, and another is refused rather than an empty store opened.
#[tokio::test]
async fn the_format_is_that_of_the_files() {
    for format in FORMATS {
        let (held, cx) = (Held::new(), Cx::new());
        let store = held.open(&format!("format={format}")).await;
        store.repository::<note::Entity>().create(&cx, &note("a")).await.unwrap();
        store.close().await;
        for other in FORMATS.into_iter().filter(|other| *other != format) {
            let refused = larder::open(&held.url(&format!("format={other}"))).await.unwrap_err();
            assert!(refused.kind() == ErrorKind::InvalidInput && refused.to_string().contains(format), "{refused}");
        }
        let notes = held.open("").await.repository::<note::Entity>();
        assert_eq!(notes.count(&cx, &Filter::all()).await.unwrap(), 1, "{format}");
    }
}

/// Settings that a store in files has no use for are refused, and so are unknown parameters.
#[tokio::test]
async fn only_its_own_settings_are_taken() {
    let held = Held::new();
    let refused = [
        OpenOptions::new().max_connections(2).open(&held.url("")).await,
        OpenOptions::new().write_ahead_log(false).open(&held.url("")).await,
        larder::open(&held.url("formt=json")).await,
        larder::open("file:").await,
    ];
    for refused in refused {
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    assert!(!held.path("").exists());
    OpenOptions::new().durability(Durability::Power).open(&held.url("")).await.unwrap();
}

/// A table has at most as many models as it may: more are refused when they are stored, and when the store is opened.
#[tokio::test]
async fn a_table_has_a_limit() {
    for format in FORMATS {
        let (held, cx) = (Held::new(), Cx::new());
        let notes: Vec<_> = (0..10).map(|nth| note(&nth.to_string())).collect();
        let store = held.open(&format!("format={format}&max_models=9")).await;
        let repository = store.repository::<note::Entity>();
        assert_eq!(repository.create_many(&cx, &notes).await.unwrap_err().kind(), ErrorKind::ResourceExhausted);
        repository.create_many(&cx, &notes[..9]).await.unwrap();
        assert_eq!(repository.create(&cx, &notes[9]).await.unwrap_err().kind(), ErrorKind::ResourceExhausted);
        assert_eq!(repository.count(&cx, &Filter::all()).await.unwrap(), 9);
        store.close().await;
        let opened = larder::open(&held.url("max_models=8")).await;
        let refused = match opened {
            Ok(store) => store.repository::<note::Entity>().all(&cx).await.map(drop),
            Err(error) => Err(error),
        };
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::ResourceExhausted, "{format}");
    }
}

/// The health of a store whose folder is gone is down, and it stores nothing.
#[tokio::test]
async fn a_folder_that_is_gone_is_noticed() {
    let (held, cx) = (Held::new(), Cx::new());
    let store = held.open("").await;
    assert_eq!(store.health(&cx).await.status(), HealthStatus::Up);
    fs::remove_dir_all(held.path("")).unwrap();
    assert_eq!(store.health(&cx).await.status(), HealthStatus::Down);
    assert_eq!(store.repository::<note::Entity>().create(&cx, &note("a")).await.unwrap_err().kind(), ErrorKind::Io);
}

/// A table whose folder is on another file system is refused: a file could not take its place there as a whole.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn other_file_systems_are_refused() {
    let (room, cx) = (crate::room::Room::of(1_000), Cx::new());
    let url = crate::held::url(room.path(), "");
    let store = larder::open(&url).await.unwrap();
    store.repository::<note::Entity>().create(&cx, &note("a")).await.unwrap();
    let inner = room.path().join("store/label");
    fs::create_dir(&inner).unwrap();
    let _other = crate::room::Room::at(&inner, 100);
    let labels = store.repository::<label::Entity>();
    let model = label::Model { name: "x".to_owned(), text: None };
    assert_eq!(labels.create(&cx, &model).await.unwrap_err().kind(), ErrorKind::Unsupported);
    let notes = store.repository::<note::Entity>();
    notes.create(&cx, &note("b")).await.unwrap();
    assert_eq!(fs::read_dir(room.path().join("store/.larder/new")).unwrap().count(), 0);
    assert_eq!((notes.count(&cx, &Filter::all()).await.unwrap(), unreadable(&store).len()), (2, 1));
}

/// Eight tasks write, and one reads: the reader sees whole transactions, and no update is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn writers_and_a_reader_get_on() {
    for format in FORMATS {
        let held = Held::new();
        let store = options().open(&held.url(&format!("format={format}"))).await.unwrap();
        let labels = store.repository::<label::Entity>();
        let model = |name: &str, count: usize| label::Model { name: name.to_owned(), text: Some(count.to_string()) };
        labels.create_many(&Cx::new(), &["a", "b"].map(|name| model(name, 0))).await.unwrap();
        let writers = (0..8).map(|_| tokio::spawn(count_up(store.clone())));
        let writers: Vec<_> = writers.collect();
        while !writers.iter().all(tokio::task::JoinHandle::is_finished) {
            let seen = labels.all(&Cx::new()).await.unwrap();
            assert_eq!(seen[0].text, seen[1].text);
            tokio::task::yield_now().await;
        }
        for writer in writers {
            writer.await.unwrap();
        }
        store.close().await;
        let labels = held.open("").await.repository::<label::Entity>();
        assert_eq!(labels.all(&Cx::new()).await.unwrap(), ["a", "b"].map(|name| model(name, 80)));
    }
}

async fn count_up(store: Store) {
    use larder::TransactionalExt as _;

    for _ in 0..10 {
        let labels = store.repository::<label::Entity>();
        let counted = store.tx(&Cx::new(), |cx| {
            let labels = labels.clone();
            async move {
                for name in ["a", "b"] {
                    let mut label = labels.get(&cx, &name.to_owned()).await?;
                    label.text = Some((label.text.unwrap().parse::<usize>().unwrap() + 1).to_string());
                    labels.update(&cx, &label).await?;
                }
                Ok::<_, larder::Error>(())
            }
        });
        counted.await.unwrap();
    }
}
