//! The conformance suite on the backend of one file.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use larder::{
    Capabilities, Cx, ErrorKind, Isolation, ReaderExt as _, Store, SystemClock,
    backend::Table,
    testing::{Fixture, Harness, OpenWith, entities::person, person},
};
use larder_outside::OneFile;

struct InOneFile;

#[async_trait::async_trait]
impl Harness for InOneFile {
    async fn open(&self, options: OpenWith) -> Fixture {
        let folder = tempfile::tempdir().unwrap();
        let store = OneFile::open(folder.path().join("store"), &[], options.clock(), options.acquire_timeout).unwrap();
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
    let table = Arc::new(Table::of::<person::Entity>());
    let open = |tables: &[Arc<Table>]| -> Store {
        let options = OpenWith::default();
        OneFile::open(folder.path().join("store"), tables, Arc::new(SystemClock), options.acquire_timeout).unwrap()
    };
    let (store, cx) = (open(&[]), Cx::new());
    let people = store.repository::<person::Entity>();
    let stored = people.create(&cx.with_idempotency_key("once"), &person("a@b")).await.unwrap();
    store.close().await;
    // Without its table, its rows are neither read nor lost.
    let store = open(&[]);
    let refused = store.repository::<person::Entity>().create(&cx, &person("c@d")).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unsupported);
    assert!(store.has_committed(&cx, "once").await.unwrap());
    store.forget_commits(&cx, std::time::Duration::ZERO).await.unwrap();
    store.close().await;
    assert_eq!(open(&[table]).repository::<person::Entity>().get(&cx, &stored.id).await.unwrap(), stored);
}
