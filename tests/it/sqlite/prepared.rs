//! Statements that connections keep prepared.

use std::{env, fs, process::Command};

use futures::future::join_all;
use larder::{Cx, Filter, OpenOptions, ReaderExt as _, Store, Transactional as _, TxOptions, field};

use super::File;
use crate::support::{backend::Harness, create_tables, entities::label};

/// Lists of many lengths are of few different statements, and what is asked twice is prepared once.
#[tokio::test]
async fn lists_of_many_lengths_are_few_statements() {
    let store = File.narrow().await.store;
    let (cx, labels) = (&Cx::new(), store.repository::<label::Entity>());
    let names: Vec<_> = (0..1_200).map(|nth| format!("{nth:04}")).collect();
    let models: Vec<_> = names.iter().map(|name| label::Model { name: name.clone(), text: None }).collect();
    labels.create_batch(cx, &models).await.unwrap();
    let before = store.statement_counts().unwrap().prepared;
    for length in (1..=1_200).step_by(7) {
        assert_eq!(labels.find_many(cx, &names[..length]).await.unwrap(), models[..length]);
        let listed: Filter<_> = field(label::COLUMN.name).is_in(&names[..length]);
        assert_eq!(labels.count(cx, &listed).await.unwrap(), length as u64);
        assert_eq!(labels.delete_many(cx, &names[1_200 - length..][..length.min(1)]).await.unwrap(), 1);
        labels.create(cx, &models[1_200 - length]).await.unwrap();
    }
    let prepared = store.statement_counts().unwrap().prepared - before;
    assert!(prepared < 2 * 130, "{prepared} statements");
    let ask = async |length: usize| labels.find_many(cx, &names[..length]).await.unwrap().len();
    assert_eq!(ask(1_000).await, 1_000);
    let before = store.statement_counts().unwrap().prepared;
    assert_eq!((ask(1_000).await, ask(995).await), (1_000, 995));
    assert_eq!(store.statement_counts().unwrap().prepared, before);
}

const CHILD: &str = "LARDER_TEST_PREPARED_MEMORY";

/// What the process holds in memory of its own, its program apart, in MiB.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() >> 10
}

/// Asks for lists of many lengths on each of three connections.
async fn ask_on_each(store: &Store) {
    let cx = &Cx::new();
    let names: Vec<_> = (0..1_200).map(|nth| format!("{nth:04}")).collect();
    let open: Vec<_> = (0..3).map(|_| store.begin(cx, TxOptions::new().read_only())).collect();
    let labels = store.repository::<label::Entity>();
    for cx in join_all(open).await.into_iter().map(Result::unwrap) {
        for length in (3..=1_200).step_by(9) {
            labels.find_many(&cx, &names[..length]).await.unwrap();
            // Another text for each length.
            let unlike = (0..length % 40).fold(Filter::all(), |all, _| all.and(field(label::COLUMN.text).is_not_null()));
            let listed = field(label::COLUMN.name).is_in(&names[..length]).and(unlike);
            labels.exists_where(&cx, &listed).await.unwrap();
        }
        cx.commit().await.unwrap();
    }
}

/// However many statements are large, those that are kept prepared take little memory.
#[cfg(target_os = "linux")]
#[test]
fn what_is_kept_prepared_takes_little_memory() {
    if env::var(CHILD).is_err() {
        let mut child = Command::new(env::current_exe().unwrap());
        child.args(["--exact", "sqlite::prepared::what_is_kept_prepared_takes_little_memory", "--nocapture"]).env(CHILD, "1");
        assert!(child.status().unwrap().success());
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", directory.path().join("a.sqlite").display());
        let store = OpenOptions::new().max_connections(10).open(&url).await.unwrap();
        create_tables(&store).await;
        let before = resident();
        ask_on_each(&store).await;
        let growth = resident().saturating_sub(before);
        println!("{growth} MiB more");
        assert!(growth < 40, "{growth} MiB more");
    });
}
