//! A store in a folder, and its files.

use std::{
    fs,
    path::{Path, PathBuf},
};

use larder::{OpenOptions, Store};
use tempfile::TempDir;

/// The formats, and whether a model has a file of its own.
pub(crate) const FORMATS: [&str; 3] = ["yaml", "json", "jsonl"];

/// A folder for a store.
pub(crate) struct Held(TempDir);

impl Held {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join("store").join(name)
    }

    pub(crate) fn url(&self, parameters: &str) -> String {
        url(self.0.path(), parameters)
    }

    pub(crate) async fn open(&self, parameters: &str) -> Store {
        larder::open(&self.url(parameters)).await.unwrap()
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), text).unwrap();
    }

    /// Writes a file as if nobody had changed it: damage leaves its time as it was.
    pub(crate) fn damage(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        let modified = fs::metadata(&path).unwrap().modified().unwrap();
        fs::write(&path, bytes).unwrap();
        fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
    }

    /// Replaces a text in a file.
    pub(crate) fn edit(&self, name: &str, from: &str, to: &str) {
        let text = self.read(name);
        assert!(text.contains(from), "{text}");
        self.write(name, &text.replace(from, to));
    }

    /// The names of the files of a table, in order.
    pub(crate) fn files(&self, table: &str) -> Vec<String> {
        let listed = fs::read_dir(self.path(table)).unwrap();
        let mut names: Vec<_> = listed.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// The URL of a store in a folder of its own inside of this one.
pub(crate) fn url(folder: &Path, parameters: &str) -> String {
    format!("file:{}?{parameters}", folder.join("store").display())
}

/// The places that a store cannot read, and the kinds of the reasons.
pub(crate) fn unreadable(store: &Store) -> Vec<(String, larder::ErrorKind)> {
    store.recovery().unreadable.into_iter().map(|found| (found.place, found.error.kind())).collect()
}

/// Options with which nobody waits for long.
pub(crate) fn options() -> OpenOptions {
    OpenOptions::new().acquire_timeout(std::time::Duration::from_secs(60))
}
