//! No more files can be opened, until some are closed.

use std::{fs::File, process::Command, time::Duration};

use futures::future::join_all;
use larder::{Cx, Filter, OpenOptions, Transactional, TransactionalExt, TxOptions};

use crate::{
    child::{Again, run, say, told},
    support::{entities::note, note, tables},
};

/// How many files a child may have open.
const FILES: &str = "64";

/// All files that this process may still open.
fn hoard() -> Vec<File> {
    std::iter::from_fn(|| File::open("/dev/null").ok()).collect()
}

/// Runs out of files between one connection and the next.
fn is_child() -> bool {
    let Some(url) = told("URL") else { return false };
    run(async {
        let options = OpenOptions::new().max_connections(3).acquire_timeout(Duration::from_secs(5));
        let store = options.open(&url).await.unwrap();
        let notes = &store.repository::<note::Entity>();
        notes.create(&Cx::new(), &note("before")).await.unwrap();
        let open = store.begin(&Cx::new(), TxOptions::new()).await.unwrap();
        let held = store.begin(&Cx::new(), TxOptions::new().read_only()).await.unwrap();
        let hoarded = hoard();
        notes.create(&open, &note("meanwhile")).await.unwrap();
        let second = store.begin(&Cx::new(), TxOptions::new().read_only()).await;
        say(&format!("CONNECT {:?}", second.map(drop).map_err(|error| error.kind())));
        open.commit().await.unwrap();
        let other = larder::open(&url.replace("a.", "b.")).await;
        say(&format!("OPEN {:?}", other.map(drop).map_err(|error| error.kind())));
        drop((hoarded, held));
        let cx = Cx::new();
        let several = [(); 3].map(|()| store.begin(&cx, TxOptions::new().read_only()));
        for open in join_all(several).await {
            assert_eq!(notes.count(&open.unwrap(), &Filter::all()).await.unwrap(), 2);
        }
        let written = notes.tx(&Cx::new(), |cx| async move { notes.create(&cx, &note("after")).await });
        written.await.unwrap();
        assert_eq!(notes.count(&Cx::new(), &Filter::all()).await.unwrap(), 3);
        store.close().await;
        say("DONE");
    });
    true
}

/// Lets a child run out of files.
fn run_out_of_files(url: &str, test: &str) {
    let limit = format!("--nofile={FILES}:{FILES}");
    let program = ["prlimit", &limit];
    if let Err(error) = Command::new(program[0]).arg("--version").output() {
        panic!(
            "this test lets a process open few files, by prlimit, which does not run here ({error}): install it (apt-get install util-linux)"
        );
    }
    let (words, ended) = Again::under(&program, test).tell("URL", url).start().end();
    assert!(ended.success(), "{words:?}");
    assert_eq!(words, ["CONNECT Err(Connection)", "OPEN Err(Connection)", "DONE"]);
}

/// A process has no files left to open: a new connection is refused as that, those that are open go on, and when there are files again, so does the store.
/// What could not be opened leaves its place in the pool.
#[cfg(feature = "sqlite")]
#[test]
fn sqlite_goes_on_when_there_are_files_again() {
    if is_child() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", directory.path().join("a.sqlite").display());
    run(async {
        let store = larder::open(&url).await.unwrap();
        tables::create(&store).await;
        store.close().await;
    });
    run_out_of_files(&url, concat!(module_path!(), "::sqlite_goes_on_when_there_are_files_again"));
}

/// The same of connections to a server.
#[cfg(feature = "postgres")]
#[test]
fn a_client_of_postgres_goes_on_when_there_are_files_again() {
    use crate::support::postgres::{TestDatabase, is_skipped};

    if is_child() || is_skipped() {
        return;
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let database = runtime.block_on(TestDatabase::with_tables());
    run_out_of_files(&database.url(), concat!(module_path!(), "::a_client_of_postgres_goes_on_when_there_are_files_again"));
    runtime.block_on(async { drop(database) });
}
