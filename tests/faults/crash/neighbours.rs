//! A file that several stores and several processes have open: whoever closes it must not cost the others their locks, or their
//! writes.

use larder::{Cx, Filter, Store, TransactionalExt};
#[cfg(feature = "sqlite")]
use larder::{OpenOptions, Transactional as _, TxOptions};
#[cfg(feature = "sqlite")]
use sea_orm::Database;

#[cfg(feature = "sqlite")]
use super::writer::is_sound;
use crate::{
    child::{Again, run, say, told},
    support::{create_tables, entities::note, note},
};

#[cfg(feature = "sqlite")]
const TEST: &str = concat!(module_path!(), "::a_neighbour_costs_a_writer_nothing");

#[cfg(feature = "sqlite")]
/// How many transactions there are, with a log and without one.
fn writes(writes_ahead: bool) -> u64 {
    if writes_ahead { 1_000 } else { 200 }
}

async fn count(store: &Store) -> u64 {
    store.repository::<note::Entity>().count(&Cx::new(), &Filter::all()).await.unwrap()
}

#[cfg(feature = "sqlite")]
/// The processes that the test starts.
fn is_child() -> bool {
    let (Some(url), Some(part)) = (told("URL"), told("PART")) else { return false };
    let writes_ahead = told("LOG").is_some();
    let options = OpenOptions::new().write_ahead_log(writes_ahead);
    run(async {
        match part.as_str() {
            "neighbour" => {
                let store = options.open(&url).await.unwrap();
                say(&count(&store).await.to_string());
                store.close().await;
            }
            "rival" => {
                let store = options.open(&url).await.unwrap();
                let written = store.repository::<note::Entity>().create(&Cx::new(), &note("rival")).await;
                say(&format!("{:?}", written.map(drop).map_err(|error| error.kind())));
            }
            _ => write(&options, &url, writes(writes_ahead)).await,
        }
    });
    true
}

#[cfg(feature = "sqlite")]
/// Opens and closes the file in all ways there are.
async fn look(options: &OpenOptions, url: &str) {
    for look in [url.to_owned(), format!("{url}?mode=ro"), format!("{url}?mode=rw")] {
        let second = options.open(&look).await.unwrap();
        is_sound(&second).await;
        assert_eq!(count(&second).await, 1);
        second.close().await;
    }
    let connection = Database::connect(url).await.unwrap();
    let third = Store::from_sea_orm(connection.clone()).unwrap();
    assert_eq!(count(&third).await, 1);
    third.close().await;
    connection.close().await.unwrap();
}

#[cfg(feature = "sqlite")]
/// Writes, and looks at its own file meanwhile.
async fn write(options: &OpenOptions, url: &str, transactions: u64) {
    let store = options.open(url).await.unwrap();
    let notes = &store.repository::<note::Entity>();
    notes.create(&Cx::new(), &note("first")).await.unwrap();
    look(options, url).await;

    if told("LOG").is_none() {
        // In a transaction it keeps others from writing, who give up after a while.
        let cx = store.begin(&Cx::new(), TxOptions::new()).await.unwrap();
        notes.create(&cx, &note("undone")).await.unwrap();
        look(options, url).await;
        let (said, ended) = Again::running(TEST).tell("URL", url).tell("PART", "rival").start().end();
        assert!(ended.success() && said == ["Err(Contention)"], "{said:?}");
        cx.rollback().await.unwrap();
    }
    // The neighbour comes and goes while this one writes.
    let neighbour = Again::running(TEST).tell("URL", url).tell("PART", "neighbour").start();
    let (said, ended) = neighbour.end();
    assert!(ended.success() && said == ["1"], "{said:?}");
    for _ in 0..transactions {
        let written = notes.tx(&Cx::new(), |cx| async move { notes.create(&cx, &note("next")).await });
        written.await.unwrap();
    }
    say("DONE");
    std::future::pending::<()>().await;
}

/// A process writes; stores of its own on the same file, and another process, open and close that meanwhile; it is killed: all
/// that it wrote is there. larder opens a file by its engine alone, so that none of its locks is released by the way.
#[cfg(feature = "sqlite")]
#[test]
fn a_neighbour_costs_a_writer_nothing() {
    if is_child() {
        return;
    }
    for writes_ahead in [true, false] {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", directory.path().join("a.sqlite").display());
        let options = OpenOptions::new().write_ahead_log(writes_ahead);
        run(async {
            let store = options.open(&url).await.unwrap();
            create_tables(&store).await;
            store.close().await;
        });
        let writer = Again::running(TEST).tell("URL", &url).tell("PART", "writer");
        let mut writer = if writes_ahead { writer.tell("LOG", "1") } else { writer }.start();
        assert_eq!(writer.next().as_deref(), Some("DONE"));
        writer.kill();
        run(async {
            let store = options.open(&url).await.unwrap();
            is_sound(&store).await;
            assert_eq!(count(&store).await, writes(writes_ahead) + 1);
            store.close().await;
        });
    }
}

#[cfg(feature = "duckdb-linked")]
const DUCKDB_TEST: &str = concat!(module_path!(), "::a_neighbour_costs_a_writer_to_duckdb_nothing");

#[cfg(feature = "duckdb-linked")]
/// The processes that the test of DuckDB starts: one that writes, and one that is kept out.
async fn be_child(url: &str, part: &str) {
    let store = match larder::open(url).await {
        Ok(store) => store,
        Err(error) => return say(&format!("{:?}", error.kind())),
    };
    assert_eq!(part, "writer");
    let notes = &store.repository::<note::Entity>();
    let path = std::path::Path::new(url.strip_prefix("duckdb:").unwrap());
    let [symbolic, hard] = ["s", "h"].map(|name| path.with_file_name(name));
    std::os::unix::fs::symlink(path, &symbolic).unwrap();
    std::fs::hard_link(path, &hard).unwrap();
    for name in [path, &symbolic] {
        let second = larder::open(&format!("duckdb:{}", name.display())).await.unwrap();
        assert_eq!(count(&second).await, 0);
        second.close().await;
    }
    larder::open(&format!("duckdb:{}", hard.display())).await.unwrap_err();
    larder::open(&format!("{url}?mode=ro")).await.unwrap_err();
    let (said, ended) = Again::running(DUCKDB_TEST).tell("URL", url).tell("PART", "neighbour").start().end();
    assert!(ended.success() && said == ["Connection"], "{said:?}");
    for _ in 0..100 {
        notes.tx(&Cx::new(), |cx| async move { notes.create(&cx, &note("next")).await }).await.unwrap();
    }
    say("DONE");
    std::future::pending::<()>().await;
}

/// The same of DuckDB, which lets one process have a file: other stores of that process share it by any of its names, another
/// process is kept out, and what was acknowledged outlives the writer. The process has the file open once, whatever was tried.
#[cfg(feature = "duckdb-linked")]
#[test]
fn a_neighbour_costs_a_writer_to_duckdb_nothing() {
    if let (Some(url), Some(part)) = (told("URL"), told("PART")) {
        return run(be_child(&url, &part));
    }
    let directory = tempfile::tempdir().unwrap();
    let url = format!("duckdb:{}", directory.path().join("a.duckdb").display());
    run(async {
        let store = larder::open(&url).await.unwrap();
        create_tables(&store).await;
        store.close().await;
    });
    let mut writer = Again::running(DUCKDB_TEST).tell("URL", &url).tell("PART", "writer").start();
    assert_eq!(writer.next().as_deref(), Some("DONE"));
    writer.kill();
    run(async {
        let store = larder::open(&url).await.unwrap();
        assert_eq!(count(&store).await, 100);
        store.close().await;
    });
}
