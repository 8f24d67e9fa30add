//! Reads a log file into a store, and back.
//!
//! ```text
//! cargo run --example quickstart [-- FILE] [--key REGEX] [--store URL] [--json]
//! ```
//!
//! Each distinct match of the key is a *fiber*, the group of all lines that contain it. Lines, fibers and which line belongs to
//! which fiber are written by a [`service::LogService`] that is given its three repositories and never learns what store is
//! behind them. Reading the same path again into the same store changes nothing: ids are made from what they stand for.

#![allow(clippy::print_stderr, reason = "a program for a terminal")]

mod parse;
mod report;
mod service;
mod source;
mod text;

use std::{
    io::{ErrorKind, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use larder::{Cx, Error, Store, new_id};
use larder_entity::{fiber, fiber_membership, raw_log};
use larder_migration::Migrations;

use self::{
    parse::{Batch, LogParser},
    report::Report,
    service::LogService,
    source::LogFile,
};

/// How many lines are written in one transaction.
const BATCH: usize = 200;

/// The log of Debian's package manager, and what its lines have in common: the package.
const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/dpkg.log");
const SAMPLE_KEY: &str = r"[a-z0-9][a-z0-9+.-]+:(?:amd64|all)";

/// Reads a log file into a store, and back.
#[derive(Parser)]
struct Arguments {
    /// Any text file; without one, a sample that comes with the crate.
    file: Option<PathBuf>,
    /// A regular expression; each distinct match is a group of lines.
    #[arg(long, value_name = "REGEX", default_value = SAMPLE_KEY)]
    key: String,
    /// Where to store: `memory:`, `file:DIR`, `sqlite:PATH`, `duckdb:PATH`, `postgres://…`; without it, a new SQLite file in the
    /// temporary directory.
    #[arg(long, value_name = "URL")]
    store: Option<String>,
    /// Print the figures as JSON.
    #[arg(long)]
    json: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(output) => {
            let written = std::io::stdout().write_all(output.as_bytes());
            match written {
                // Whoever reads the output may have seen enough of it.
                Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                    eprintln!("error: cannot write: {error}");
                    ExitCode::FAILURE
                }
                _ => ExitCode::SUCCESS,
            }
        }
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<String, String> {
    let file = LogFile::open(&arguments.file.unwrap_or_else(|| SAMPLE.into()))?;
    let mut parser = LogParser::new(&arguments.key, file.name())?;
    let url = arguments.store.unwrap_or_else(fresh_sqlite);
    let store = larder::open(&url).await.map_err(|error| format!("cannot open the store {}: {error}", text::shown(&url)))?;
    let told = |error: Error| format!("the store failed: {error}");
    Migrations::default().up(&store, None).await.map_err(told)?;

    let service = service_on(&store);
    let ingested = ingest(&service, &file, &mut parser).await?;
    let refusal = refused_batch(&service, &parser.failing_batch(&ingested)).await?;
    let report = Report::read_back(&service, &ingested).await.map_err(told)?;
    store.close().await;
    Ok(if arguments.json { report.json(&url) } else { report.text(&url, file.name(), &refusal) })
}

/// The only place that knows there is a store: the service sees repositories.
fn service_on(store: &Store) -> LogService {
    LogService {
        logs: store.repository::<raw_log::Entity>(),
        fibers: store.repository::<fiber::Entity>(),
        memberships: store.repository::<fiber_membership::Entity>(),
    }
}

/// Writes the file, batch by batch, and returns what was in it.
async fn ingest(service: &LogService, file: &LogFile, parser: &mut LogParser) -> Result<Batch, String> {
    let bar = ProgressBar::new(file.bytes()).with_style(style());
    let mut all = Batch::default();
    for lines in file.batches(BATCH)? {
        let lines = lines?;
        let batch = parser.batch(&lines.text);
        service.store(&batch).await.map_err(|error| format!("the store failed: {error}"))?;
        bar.inc(lines.bytes);
        all.extend(batch);
    }
    bar.finish_and_clear();
    Ok(all)
}

/// Stores a batch that cannot be stored, and makes sure that nothing of it is.
async fn refused_batch(service: &LogService, batch: &Batch) -> Result<Error, String> {
    let Err(refusal) = service.store(batch).await else { return Err("a bad batch was stored".to_owned()) };
    let ids: Vec<_> = batch.logs.iter().map(|log| log.log_id).collect();
    match service.logs.find_many(&Cx::new(), &ids).await {
        Ok(left) if left.is_empty() => Ok(refusal),
        Ok(_) => Err("a refused batch left something behind".to_owned()),
        Err(error) => Err(format!("the store failed: {error}")),
    }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{bar:30} {bytes}/{total_bytes} {bytes_per_sec}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn fresh_sqlite() -> String {
    format!("sqlite:{}", std::env::temp_dir().join(format!("larder-quickstart-{}.sqlite", new_id())).display())
}
