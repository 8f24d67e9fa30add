//! SQLite, and the sqlite3 program.

mod literals;
mod schema;
mod shown;

use std::process::Command;

use larder::{OpenOptions, Store};
use sea_orm::Database;
use tempfile::TempDir;

use crate::{
    case::Case,
    cell::Rows,
    harness::{Client, run},
    pipe::{DONE, Pipe},
};

struct Sqlite3 {
    pipe: Pipe,
    directory: TempDir,
    looks: Vec<Rows>,
}

impl Sqlite3 {
    fn new() -> Self {
        let pipe = Pipe::start(Command::new("sqlite3").args(["-batch", "-init", "/dev/null"]));
        Self { pipe, directory: tempfile::tempdir().expect("a directory"), looks: Vec::new() }
    }

    fn path(&self, case: &Case) -> String {
        self.directory.path().join(format!("{}.sqlite", case.number)).display().to_string()
    }

    fn run(&mut self, statements: &[String]) -> Vec<String> {
        self.pipe.ask(&format!("{};\n.print '{DONE}'\n", statements.join(";\n")))
    }

    fn rows(&mut self, case: &Case) -> Rows {
        let shown = self.run(&[case.select_rows()]);
        case.rows(shown)
    }
}

impl Client for Sqlite3 {
    type Schema = schema::Sqlite;

    const ENGINE: &'static str = "SQLite";
    const BATCH: usize = 1;
    const HAS_DECIMALS: bool = false;

    fn begin(&mut self, cases: &[Case]) -> Vec<Rows> {
        let begun = |case: &Case| {
            let path = self.path(case);
            self.pipe.ask(&format!(".open '{path}'\nPRAGMA synchronous=OFF;\n.timeout 10000\n.print '{DONE}'\n"));
            self.run(&case.setup());
            self.rows(case)
        };
        cases.iter().map(begun).collect()
    }

    async fn open(&mut self, case: &Case) -> Store {
        let url = format!("sqlite:{}", self.path(case));
        // SeaORM's own driver in one of four.
        if case.is_on_sea_orm() {
            let database = Database::connect(&url).await.expect("a connection of SeaORM's");
            return Store::from_sea_orm(database).expect("a store");
        }
        OpenOptions::new().max_connections(2).open(&url).await.expect("a store")
    }

    fn meanwhile(&mut self, case: &Case) -> Option<Rows> {
        self.run(&case.meanwhile);
        Some(self.rows(case))
    }

    async fn look(&mut self, case: &Case, _: &Store) {
        let rows = self.rows(case);
        self.looks.push(rows);
    }

    async fn close(&mut self, case: &Case, store: Store) {
        store.close().await;
        for end in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{end}", self.path(case)));
        }
    }

    async fn end(&mut self, _: &[Case]) -> Vec<Vec<Rows>> {
        vec![std::mem::take(&mut self.looks)]
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn sqlite_does_what_its_own_program_shows() {
    run(&mut Sqlite3::new(), 200).await;
}
