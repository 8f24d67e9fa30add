//! No more files can be opened, until some are closed.

use std::{fs::File, process::Command, time::Duration};

use futures::future::join_all;
use larder::{Cx, Filter, OpenOptions, Transactional, TransactionalExt, TxOptions};

use crate::{
    child::{Again, run, say, told},
    support::{entities::note, note},
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
        if told("ALONE").is_none() {
            let other = larder::open(&url.replace("a.", "b.")).await;
            say(&format!("OPEN {:?}", other.map(drop).map_err(|error| error.kind())));
        }
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

/// What a child says that can neither connect nor open another store.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
const REFUSED: &[&str] = &["CONNECT Err(Connection)", "OPEN Err(Connection)", "DONE"];

/// Lets a child run out of files.
fn run_out_of_files(url: &str, test: &str, expected: &[&str]) {
    let limit = format!("--nofile={FILES}:{FILES}");
    let program = ["prlimit", &limit];
    if let Err(error) = Command::new(program[0]).arg("--version").output() {
        panic!(
            "this test lets a process open few files, by prlimit, which does not run here ({error}): install it (apt-get install util-linux)"
        );
    }
    let child = Again::under(&program, test).tell("URL", url);
    // DuckDB ends the process where it cannot open another database for want of files (2.0.0).
    let child = if url.starts_with("duckdb") { child.tell("ALONE", "1") } else { child };
    let (words, ended) = child.start().end();
    assert!(ended.success(), "{words:?}");
    assert_eq!(words, expected);
}

/// A process has no files left to open: a new connection is refused as that, those that are open go on, and when there are files
/// again, so does the store. What could not be opened leaves its place in the pool.
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
        crate::support::create_tables(&store).await;
        store.close().await;
    });
    run_out_of_files(&url, concat!(module_path!(), "::sqlite_goes_on_when_there_are_files_again"), REFUSED);
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
    run_out_of_files(
        &database.url(),
        concat!(module_path!(), "::a_client_of_postgres_goes_on_when_there_are_files_again"),
        REFUSED,
    );
    runtime.block_on(async { drop(database) });
}

/// DuckDB's connections need no files of their own: a store goes on with none left.
#[cfg(feature = "duckdb-linked")]
#[test]
fn duckdb_goes_on_when_there_are_files_again() {
    if is_child() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let url = format!("duckdb:{}", directory.path().join("a.duckdb").display());
    run(async {
        let store = larder::open(&url).await.unwrap();
        crate::support::create_tables(&store).await;
        store.close().await;
    });
    let test = concat!(module_path!(), "::duckdb_goes_on_when_there_are_files_again");
    run_out_of_files(&url, test, &["CONNECT Ok(())", "DONE"]);
}

/// A file, or a folder, that the process has no right to read is `Io`, and its database is not made anew.
#[cfg(feature = "sqlite")]
#[test]
fn sqlite_may_not_read_its_file() {
    use std::{
        fs::{File, Permissions, set_permissions},
        os::unix::fs::PermissionsExt,
    };

    if let Some(url) = told("URL") {
        return run(async {
            for parameters in ["", "?mode=rw", "?mode=ro"] {
                let error = larder::open(&(url.clone() + parameters)).await.unwrap_err();
                say(&format!("{:?} {:?}", error.kind(), error.code()));
            }
        });
    }
    let test = concat!(module_path!(), "::sqlite_may_not_read_its_file");
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path().join("folder");
    std::fs::create_dir(&folder).unwrap();
    let file = folder.join("a.sqlite");
    let url = format!("sqlite:{}", file.display());
    run(async { larder::open(&url).await.unwrap().close().await });
    for locked in [&file, &folder] {
        let unlocked = std::fs::metadata(locked).unwrap().permissions();
        set_permissions(locked, Permissions::from_mode(0o000)).unwrap();
        // Who may read all the same, as root may, gives that right up.
        let rights = "-dac_override,-dac_read_search";
        let program: &[&str] = match File::open(&file) {
            Ok(_) => &["setpriv", "--inh-caps", rights, "--bounding-set", rights],
            Err(_) => &[],
        };
        let (words, ended) = Again::under(program, test).tell("URL", &url).start().end();
        assert!(ended.success(), "{words:?}");
        assert_eq!(words, ["Io Some(\"14\")"; 3], "{locked:?}");
        set_permissions(locked, unlocked).unwrap();
    }
}
