//! What is left when the process is killed.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
};

use larder::ReaderExt as _;
use larder::{Cx, Error, TransactionalExt};

use crate::support::{entities::note, note, tables};

const URL: &str = "LARDER_TEST_CRASH_URL";

/// Writes until it is killed, and says after each transaction that it was committed.
async fn write_until_killed(url: &str) {
    let store = larder::open(url).await.unwrap();
    let notes = &store.repository::<note::Entity>();
    for round in 0.. {
        let written = store.tx(&Cx::new(), |cx| async move {
            notes.create_many(&cx, &[note(&format!("{round} a")), note(&format!("{round} b"))]).await?;
            Ok::<_, Error>(())
        });
        written.await.unwrap();
        let mut out = std::io::stdout().lock();
        writeln!(out, "\nACK {round}").unwrap();
        out.flush().unwrap();
    }
}

/// Killed at any moment: what was acknowledged is there, and nothing is there by half.
#[tokio::test]
async fn a_killed_process_undoes_nothing_it_acknowledged() {
    if let Ok(url) = env::var(URL) {
        return write_until_killed(&url).await;
    }
    for acknowledgements in [1, 7, 30, 60, 100] {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", directory.path().join("crash.sqlite").display());
        let store = larder::open(&url).await.unwrap();
        tables::create(&store).await;
        store.close().await;

        let test = "sqlite::crash::a_killed_process_undoes_nothing_it_acknowledged";
        let mut writer = Command::new(env::current_exe().unwrap());
        writer.args(["--exact", test, "--nocapture"]).env(URL, &url).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut writer = writer.spawn().unwrap();
        let lines = BufReader::new(writer.stdout.take().unwrap()).lines().map(Result::unwrap);
        let last = lines.filter(|line| line.starts_with("ACK")).take(acknowledgements).count();
        writer.kill().unwrap();
        writer.wait().unwrap();
        assert_eq!(last, acknowledgements);

        let notes = larder::open(&url).await.unwrap().repository::<note::Entity>();
        let bodies: Vec<_> = notes.all(&Cx::new()).await.unwrap().into_iter().map(|note| note.body).collect();
        for round in 0..acknowledgements {
            assert!(bodies.contains(&format!("{round} a")) && bodies.contains(&format!("{round} b")), "{round} is lost");
        }
        assert_eq!(bodies.len() % 2, 0);
    }
}
