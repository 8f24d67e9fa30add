//! The conformance suite on the backend of one file.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use larder::{
    Capabilities, Cx, Isolation, ReaderExt as _, Store, SystemClock,
    testing::{Fixture, Harness, OpenWith, entities::person, person},
};
use larder_outside::OneFile;

struct InOneFile;

#[async_trait::async_trait]
impl Harness for InOneFile {
    async fn open(&self, options: OpenWith) -> Fixture {
        let folder = tempfile::tempdir().unwrap();
        let store = OneFile::open(folder.path().join("store"), options.clock(), options.acquire_timeout).unwrap();
        Fixture::new(store, folder)
    }

    /// It has no SQL, no schema, no check constraints, no locking and no concurrent writers.
    fn declares(&self, capabilities: &Capabilities) -> bool {
        let mut declared = Capabilities::NONE;
        declared.durable = true;
        declared.reads_beside_writer = true;
        declared.isolation = &[Isolation::Serializable];
        declared.savepoints = true;
        declared.referential_actions = true;
        declared.unsigned = true;
        declared.decimals = true;
        *capabilities == declared
    }
}

larder::testing::conformance!(InOneFile);

/// What was committed is there after the store was opened again, and keys are remembered.
#[tokio::test]
async fn models_and_keys_are_there_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let open = || -> Store {
        let options = OpenWith::default();
        OneFile::open(folder.path().join("store"), Arc::new(SystemClock), options.acquire_timeout).unwrap()
    };
    let (store, cx) = (open(), Cx::new());
    let people = store.repository::<person::Entity>();
    let stored = people.create(&cx.with_idempotency_key("once"), &person("a@b")).await.unwrap();
    store.close().await;
    let store = open();
    assert!(store.has_committed(&cx, "once").await.unwrap());
    // A commit before anybody asks for the people keeps them.
    store.forget_commits(&cx, std::time::Duration::ZERO).await.unwrap();
    store.close().await;
    assert_eq!(open().repository::<person::Entity>().get(&cx, &stored.id).await.unwrap(), stored);
}
