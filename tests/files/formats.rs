//! The conformance suite in each format.

use larder::{
    Capabilities, Isolation,
    testing::{Fixture, Harness, OpenWith},
};

/// A store in a folder of its own, in this format.
pub(crate) struct InFiles(pub &'static str);

#[async_trait::async_trait]
impl Harness for InFiles {
    async fn open(&self, wanted: OpenWith) -> Fixture {
        let folder = tempfile::tempdir().unwrap();
        let wanted = OpenWith { max_connections: None, ..wanted };
        let url = format!("file:{}?format={}", folder.path().join("store").display(), self.0);
        Fixture::new(wanted.options().open(&url).await.unwrap(), folder)
    }

    /// Each model is a file that is synced.
    fn large_batch(&self) -> u16 {
        5_000
    }

    fn declares(&self, capabilities: &Capabilities) -> bool {
        let mut declared = Capabilities::NONE;
        declared.durable = true;
        declared.reads_beside_writer = true;
        declared.isolation = &[Isolation::Serializable];
        declared.savepoints = true;
        declared.referential_actions = true;
        declared.unsigned = true;
        declared.decimals = true;
        declared.arrays = true;
        declared.row_locks = true;
        *capabilities == declared
    }
}

mod yaml {
    larder::testing::conformance!(crate::formats::InFiles("yaml"));
}

mod json {
    larder::testing::conformance!(crate::formats::InFiles("json"));
}

mod json_lines {
    larder::testing::conformance!(crate::formats::InFiles("jsonl"));
}
