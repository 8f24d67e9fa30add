//! Engines that keep a database in files.

use std::{fs, path::Path};

use larder::{OpenOptions, Store};

use super::writer::{Names, Shelves};
use crate::child::{run, told};

/// An engine, and the files that it makes, the database itself first.
pub(crate) struct Engine {
    scheme: &'static str,
    parameters: &'static str,
    pub files: &'static [&'static str],
    /// How far apart the system calls are at which something happens, where there is no time for all.
    pub stride: usize,
}

#[cfg(feature = "sqlite")]
pub(crate) const SQLITE: Engine = Engine {
    scheme: "sqlite",
    parameters: "",
    files: &["a.sqlite", "a.sqlite-wal", "a.sqlite-shm", "a.sqlite-journal"],
    stride: 4,
};

#[cfg(feature = "duckdb-linked")]
pub(crate) const DUCKDB: Engine = Engine {
    scheme: "duckdb",
    parameters: "?threads=1",
    files: &["a.duckdb", "a.duckdb.wal", "a.duckdb.wal.checkpoint", "a.duckdb.wal.recovery"],
    stride: 3,
};

impl Engine {
    pub(crate) fn url(&self, folder: &Path) -> String {
        format!("{}:{}{}", self.scheme, folder.join(self.files[0]).display(), self.parameters)
    }

    /// A database in a new folder, closed, with nothing written to it.
    pub(crate) fn make(&self, folder: &Path) {
        fs::create_dir_all(folder).unwrap();
        run(async {
            let store = larder::open(&self.url(folder)).await.unwrap();
            Shelves::new(&store).await;
            store.close().await;
        });
    }

    /// What is stored in a folder, in a sound database that can be written to. Opening it is what recovers it.
    pub(crate) fn stored(&self, folder: &Path) -> Names {
        run(async {
            let store = larder::open(&self.url(folder)).await.unwrap();
            #[cfg(feature = "sqlite")]
            if self.scheme == "sqlite" {
                super::writer::is_sound(&store).await;
            }
            let shelves = Shelves::of(&store);
            let stored = shelves.stored().await;
            shelves.write(1_000, 10).await.unwrap();
            assert_eq!(shelves.stored().await.len(), stored.len() + 1);
            store.close().await;
            stored
        })
    }
}

/// How a child was told to open its store.
pub(crate) fn options() -> OpenOptions {
    match told("POWER") {
        Some(_) => OpenOptions::new().durability(larder::Durability::Power),
        None => OpenOptions::new(),
    }
}

/// Opens what a child was told to.
pub(crate) async fn open(url: &str) -> Store {
    options().open(url).await.unwrap()
}
