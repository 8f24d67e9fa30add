//! DuckDB's own client: its Python package, by the interpreter that `LARDER_PYTHON` names.

use std::{env, path::PathBuf, process::Command};

use larder::Store;
use tempfile::TempDir;

/// A database file.
pub(crate) struct File {
    directory: TempDir,
}

impl File {
    pub(crate) fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("foreign.duckdb")
    }

    /// What a script prints whose `c` is a connection to the file. No other process may have the file open meanwhile.
    pub(crate) fn python(&self, script: &str) -> String {
        let python = env::var("LARDER_PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let script = format!("import sys, duckdb\nc = duckdb.connect(sys.argv[1])\n{script}\nc.close()\n");
        let output = Command::new(&python).args(["-c", &script]).arg(self.path()).output();
        let output = output.unwrap_or_else(|error| panic!("{python} does not run: {error}"));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    pub(crate) async fn open(&self) -> Store {
        self.open_with("").await
    }

    pub(crate) async fn open_with(&self, parameters: &str) -> Store {
        larder::open(&format!("duckdb:{}?threads=1{parameters}", self.path().display())).await.unwrap()
    }
}
