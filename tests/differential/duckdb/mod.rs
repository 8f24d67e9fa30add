//! DuckDB, and its Python package.
//!
//! One process has a file open: the client makes the tables of many cases, then larder has the file, then the client again.
//! Meanwhile the engine itself takes down what its functions show of a table, for the client to read in the end.

mod literals;
mod schema;
mod shown;

use std::{env, process::Command};

use larder::{Cx, OpenOptions, SqlText, Store};
use serde_json::json;
use tempfile::TempDir;

use self::schema::resting;
use crate::{
    case::{Case, quoted},
    cell::{Rows, line},
    harness::{Client, run},
    pipe::{DONE, Pipe},
};

struct Python {
    pipe: Pipe,
    directory: TempDir,
    /// Keeps the file open between the cases of a batch.
    kept: Option<Store>,
    batch: u64,
    /// How many looks there were at each case of the batch.
    looks: Vec<usize>,
}

impl Python {
    fn new() -> Self {
        let python = env::var("LARDER_PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let has_package = Command::new(&python).args(["-c", "import duckdb; assert duckdb.__version__ == '2.0.0'"]).output();
        assert!(
            has_package.is_ok_and(|output| output.status.success()),
            "the differential test needs the Python package duckdb 2.0.0 (pip install duckdb==2.0.0): {python} does not have it, and LARDER_PYTHON \
             may name another interpreter"
        );
        let pipe = Pipe::start(Command::new(python).args(["-c", include_str!("client.py")]));
        Self { pipe, directory: tempfile::tempdir().expect("a directory"), kept: None, batch: 0, looks: Vec::new() }
    }

    fn path(&self) -> String {
        self.directory.path().join(format!("{}.duckdb", self.batch)).display().to_string()
    }

    fn ask(&mut self, run: &[String], show: &[String]) -> Vec<String> {
        let asked = json!({ "path": self.path(), "run": run, "show": show, "done": DONE });
        let shown = self.pipe.ask(&format!("{asked}\n"));
        assert!(!shown.iter().any(|line| line.starts_with("cannot be shown")), "{shown:?}");
        shown
    }

    async fn opened(&self) -> Store {
        let url = format!("duckdb:{}?threads=1", self.path());
        OpenOptions::new().max_connections(2).open(&url).await.expect("a store")
    }
}

/// Where the rows of a case go at each look.
fn looks(case: &Case) -> String {
    quoted(&format!("looks_{}", case.number))
}

/// The lines that belong to a case, and to one look at it.
fn of<'a>(shown: &'a [String], prefix: &str) -> Vec<&'a str> {
    shown.iter().filter_map(|line| line.strip_prefix(prefix)).collect()
}

async fn execute(store: &Store, statement: String) {
    let sql = store.sql().expect("a SQL store");
    sql.execute(&Cx::new(), &SqlText::new(statement.clone())).await.unwrap_or_else(|error| panic!("{statement}: {error:?}"));
}

impl Client for Python {
    type Schema = schema::DuckDb;

    const ENGINE: &'static str = "DuckDB";
    const BATCH: usize = 24;
    const HAS_DECIMALS: bool = true;

    fn begin(&mut self, cases: &[Case]) -> Vec<Rows> {
        self.batch += 1;
        let mut run = vec!["CREATE SEQUENCE generated_seq START 100".to_owned()];
        for case in cases {
            run.extend(case.setup());
            run.push(format!("ALTER TABLE {} RENAME TO {}", quoted(case.table), resting(case)));
            run.push(format!("CREATE TABLE {} AS SELECT 0::BIGINT AS look, * FROM {} LIMIT 0", looks(case), resting(case)));
        }
        let show: Vec<_> =
            cases.iter().map(|case| format!("SELECT '{} '||{} FROM {}", case.number, case.lines(), resting(case))).collect();
        let shown = self.ask(&run, &show);
        cases
            .iter()
            .map(|case| of(&shown, &format!("{} ", case.number)).into_iter().map(|shown| line(&case.fields(), shown)).collect())
            .collect()
    }

    async fn open(&mut self, case: &Case) -> Store {
        if self.kept.is_none() {
            self.kept = Some(self.opened().await);
        }
        let store = self.opened().await;
        execute(&store, format!("ALTER TABLE {} RENAME TO {}", resting(case), quoted(case.table))).await;
        self.looks.push(0);
        store
    }

    fn meanwhile(&mut self, _: &Case) -> Option<Rows> {
        None
    }

    async fn look(&mut self, case: &Case, store: &Store) {
        let look = self.looks.last_mut().expect("an open case");
        execute(store, format!("INSERT INTO {} SELECT {look}, * FROM {}", looks(case), quoted(case.table))).await;
        *look += 1;
    }

    async fn close(&mut self, case: &Case, store: Store) {
        self.look(case, &store).await;
        execute(&store, format!("ALTER TABLE {} RENAME TO {}", quoted(case.table), resting(case))).await;
        store.close().await;
    }

    async fn end(&mut self, cases: &[Case]) -> Vec<Vec<Rows>> {
        if let Some(kept) = self.kept.take() {
            kept.close().await;
        }
        let show = cases.iter().flat_map(|case| {
            let (number, lines) = (case.number, case.lines());
            [
                format!("SELECT '{number} '||look||' '||{lines} FROM {}", looks(case)),
                format!("SELECT '{number} end '||{lines} FROM {}", resting(case)),
            ]
        });
        let shown = self.ask(&[], &show.collect::<Vec<_>>());
        let of_case = |(case, looks): (&Case, usize)| {
            let rows = |look: String| -> Rows {
                of(&shown, &format!("{} {look} ", case.number)).into_iter().map(|shown| line(&case.fields(), shown)).collect()
            };
            (0..looks).map(|look| rows(look.to_string())).chain([rows("end".to_owned())]).collect()
        };
        let all = cases.iter().zip(std::mem::take(&mut self.looks)).map(of_case).collect();
        let _ = std::fs::remove_file(self.path());
        all
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn duckdb_does_what_its_own_package_shows() {
    run(&mut Python::new(), 48).await;
}
