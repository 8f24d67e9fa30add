//! Postgres, and psql.

mod literals;
mod schema;
mod shown;

use std::{env, process::Command, time::Duration};

use larder::{OpenOptions, Store};
use sea_orm::Database;

use crate::{
    case::{Case, quoted},
    cell::Rows,
    harness::{Client, run},
    pipe::{DONE, Pipe},
    support::postgres::{TestDatabase, is_skipped},
};

/// A role whose password takes one round of hashing instead of thousands: every case opens a store.
const QUICK_ROLE: &str = "CREATE ROLE quick SUPERUSER LOGIN PASSWORD 'SCRAM-SHA-256$1:bGFyZGVyLXRlc3Qtc2FsdA==$\
                          5DxaAPo4xx3vhhAcVdUiFGUW3piexhVNW3qH6H8CWTc=:4ufeQ2m9DwZOH+beaCglGLxYW3PtZTLxRZj998686No='";

struct Psql {
    pipe: Pipe,
    /// Where larder finds the database.
    url: String,
    /// Dropped in the end.
    _database: TestDatabase,
    looks: Vec<Rows>,
}

impl Psql {
    fn new(database: TestDatabase) -> Self {
        let pipe = Pipe::start(Command::new("psql").args(["-qAtX", "-v", "ON_ERROR_STOP=0", &database.url()]));
        let mut psql = Self { pipe, url: database.url(), _database: database, looks: Vec::new() };
        let prelude: Vec<_> = schema::PRELUDE.iter().map(|statement| (*statement).to_owned()).collect();
        psql.run(&prelude);
        // Not on a server that is not the tests' own.
        if env::var("LARDER_POSTGRES_URL").is_err() {
            psql.run(&[QUICK_ROLE.to_owned()]);
            psql.url = psql.url.replacen("postgres:postgres@", "quick:quick@", 1);
        }
        psql
    }

    fn run(&mut self, statements: &[String]) -> Vec<String> {
        self.pipe.ask(&format!("{};\n\\echo {DONE}\n", statements.join(";\n")))
    }

    fn rows(&mut self, case: &Case) -> Rows {
        let shown = self.run(&[case.select_rows()]);
        case.rows(shown)
    }
}

impl Client for Psql {
    type Schema = schema::Postgres;

    const ENGINE: &'static str = "Postgres";
    const BATCH: usize = 1;
    const HAS_DECIMALS: bool = true;

    fn begin(&mut self, cases: &[Case]) -> Vec<Rows> {
        let begun = |case: &Case| {
            self.run(&case.setup());
            self.rows(case)
        };
        cases.iter().map(begun).collect()
    }

    async fn open(&mut self, case: &Case) -> Store {
        let url = self.url.clone();
        // A connection of SeaORM's in one of four.
        if case.is_on_sea_orm() {
            let database = Database::connect(&url).await.expect("a connection of SeaORM's");
            return Store::from_sea_orm(database).expect("a store");
        }
        OpenOptions::new().max_connections(2).open(&url).await.expect("a store")
    }

    fn meanwhile(&mut self, case: &Case) -> Option<Rows> {
        self.run(&case.meanwhile);
        let is_of_rows = |statement: &String| ["INSERT", "UPDATE", "DELETE"].iter().any(|word| statement.starts_with(word));
        if !case.meanwhile.iter().all(is_of_rows) {
            // A change of the schema by another program is noticed after a second at the latest.
            std::thread::sleep(Duration::from_millis(1_050));
        }
        Some(self.rows(case))
    }

    async fn look(&mut self, case: &Case, _: &Store) {
        let rows = self.rows(case);
        self.looks.push(rows);
    }

    async fn close(&mut self, case: &Case, store: Store) {
        store.close().await;
        let (table, hidden) = (quoted(case.table), quoted(&format!("{}_table", case.table)));
        self.run(&[
            format!("DROP VIEW IF EXISTS {table}"),
            format!("DROP TABLE IF EXISTS {table} CASCADE"),
            format!("DROP TABLE IF EXISTS {hidden} CASCADE"),
        ]);
    }

    async fn end(&mut self, _: &[Case]) -> Vec<Vec<Rows>> {
        vec![std::mem::take(&mut self.looks)]
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn postgres_does_what_its_own_program_shows() {
    if is_skipped() {
        return;
    }
    run(&mut Psql::new(TestDatabase::empty().await), 100).await;
}
