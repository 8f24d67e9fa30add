//! larder beside its peers, and beside the fastest way by hand, on the same work.
//!
//! ```text
//! cargo run --release -p larder-bench -- [--rows N] [--rounds R] [--only P1,P7] [--json FILE] [--plot DIR] [--postgres URL] [--toasty]
//! ```
//!
//! Without `--postgres` a server is found or started as the tests do it. Absolute times are this machine's; what counts is how
//! the subjects of one run compare.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for a terminal")]

mod arguments;
mod batched;
mod claims;
mod client;
mod compare;
mod data;
mod deadline;
mod duckdb;
mod entry;
mod files;
mod groups;
mod growth;
mod larder_client;
mod layer;
mod measure;
mod memory;
mod mixed;
mod place;
mod plot;
mod postgres;
mod record;
mod report;
mod sea_orm_client;
mod server;
mod sqlite;
mod sqlx_line;
mod toasty;
mod workload;
mod write_behind;

use std::process::{Command, ExitCode};

use clap::Parser;

use crate::{arguments::Arguments, report::Section, server::TestDatabase, workload::Work};

type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

/// What all workloads are run with.
struct Run {
    rows: usize,
    rounds: usize,
    memory_rows: u64,
    deep: bool,
    toasty: bool,
    postgres: Option<TestDatabase>,
    postgres_url: String,
}

impl Run {
    fn postgres_url(&self) -> &str {
        &self.postgres_url
    }

    fn has_postgres(&self) -> bool {
        self.postgres.is_some()
    }
}

fn missing() -> Box<dyn std::error::Error + Send + Sync> {
    "a record is missing, or is none".into()
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    if let Some(url) = arguments.postgres.as_ref().filter(|url| std::env::var(POSTGRES).as_ref() != Ok(*url)) {
        // The tests' way to a server reads the environment, which only a new process can be given.
        let status = Command::new(std::env::current_exe()?).args(std::env::args_os().skip(1)).env(POSTGRES, url).status()?;
        return Ok(ExitCode::from(u8::try_from(status.code().unwrap_or(1))?));
    }
    tokio::runtime::Runtime::new()?.block_on(run(arguments))?;
    Ok(ExitCode::SUCCESS)
}

const POSTGRES: &str = "LARDER_POSTGRES_URL";

async fn run(arguments: Arguments) -> Result<()> {
    if !arguments.memory_child.is_empty() {
        return memory::child(&arguments.memory_child, arguments.memory_rows).await;
    }
    let works: Vec<Work> = workload::all().filter(|work| arguments.wants(work.id())).collect();
    if arguments.toasty {
        toasty::build()?;
    }
    let wants_postgres = works.iter().any(Work::uses_postgres) && !server::is_skipped();
    let postgres = if wants_postgres { Some(TestDatabase::empty().await) } else { None };
    let run = Run {
        rows: arguments.rows.max(workload::FEWEST_ROWS),
        rounds: arguments.rounds.max(1),
        memory_rows: arguments.memory_rows,
        deep: arguments.deep,
        toasty: arguments.toasty,
        postgres_url: postgres.as_ref().map(TestDatabase::url).unwrap_or_default(),
        postgres,
    };
    introduce(&run)?;
    let mut sections: Vec<Section> = Vec::new();
    for work in works.into_iter().filter(|work| run.has_postgres() || !work.needs_postgres()) {
        let section = work.run(&run).await?;
        report::print(&section);
        if let Some(directory) = &arguments.plot {
            std::fs::create_dir_all(directory)?;
            plot::write(&section, directory)?;
        }
        sections.push(section);
    }
    if let Some(file) = &arguments.json {
        let lines: Vec<_> = sections.iter().flat_map(|section| &section.lines).collect();
        std::fs::write(file, serde_json::to_string_pretty(&lines)?)?;
    }
    Ok(())
}

fn introduce(run: &Run) -> Result<()> {
    let cores = std::thread::available_parallelism()?;
    println!("{} rows, {} rounds, {cores} cores; medians, and times of whole rounds", run.rows, run.rounds);
    println!("/limit and /peer: the time by that of the limit, and by that of the fastest peer; less is better");
    println!("SQLite: a file, WAL, synchronous=NORMAL unless it says FULL, foreign keys on, times as text");
    println!("scans are in the order of the ids, as larder's always are; but Toasty's is in none");
    println!("Diesel, rusqlite and duckdb-rs block the thread that calls them; the other libraries do not");
    if run.has_postgres() {
        let own = std::env::var_os(POSTGRES).is_none();
        println!("Postgres: {}", if own { "a container in memory, with fsync=off" } else { "the server that was named" });
    }
    Ok(())
}
