//! Asks a store about a log file, in every way a repository answers.
//!
//! ```text
//! cargo run --example query_tour [-- FILE] [--key REGEX] [--store URL]
//! ```
//!
//! Lines, fibers and memberships are those of the quickstart. They are written by upserts ([`upsert`]), read by filters, pages
//! and streams ([`read`]), and changed in sets, in a transaction that is rolled back ([`change`]). A new store, of whatever
//! kind, gives the same text for a file, but for the line that names the store.

#![allow(clippy::print_stderr, reason = "a program for a terminal")]

#[allow(dead_code, reason = "the quickstart does more with it")]
#[path = "../quickstart/parse.rs"]
mod parse;
#[allow(dead_code, reason = "no progress is shown")]
#[path = "../quickstart/source.rs"]
mod source;
#[path = "../quickstart/text.rs"]
mod text;

mod change;
mod read;
mod upsert;

use std::{
    io::{ErrorKind, Write},
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
};

use clap::Parser;
use larder::{Error, Filter, Storage, Store, field, field_of, new_id};
use larder_entity::{ConfigVersion, fiber, fiber_membership as membership, raw_log};
use larder_migration::Migrations;
use uuid::Uuid;

use self::source::LogFile;

/// The log of Debian's package manager, and what its lines have in common: the package.
const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/dpkg.log");
const SAMPLE_KEY: &str = r"[a-z0-9][a-z0-9+.-]+:(?:amd64|all)";

/// Asks a store about a log file, in every way a repository answers.
#[derive(Parser)]
struct Arguments {
    /// Any text file; without one, a sample that comes with the crate.
    file: Option<PathBuf>,
    /// A regular expression; each distinct match is a group of lines.
    #[arg(long, value_name = "REGEX", default_value = SAMPLE_KEY)]
    key: String,
    /// Where to store: `memory:`, `sqlite:PATH`, `duckdb:PATH`, `postgres://…`; without it, a new SQLite file in the temporary
    /// directory.
    #[arg(long, value_name = "URL")]
    store: Option<String>,
}

/// What each part of the tour works with.
struct Tour {
    store: Store,
    logs: Arc<dyn Storage<raw_log::Model, Uuid>>,
    fibers: Arc<dyn Storage<fiber::Model, Uuid>>,
    memberships: Arc<dyn Storage<membership::Model, (Uuid, Uuid)>>,
    /// The lines of the file: a store may hold others.
    of_file: Filter<raw_log::Model>,
    /// The fibers and memberships that the key makes.
    of_key: Filter<fiber::Model>,
    by_key: Filter<membership::Model>,
}

impl Tour {
    fn new(store: Store, file: &str, version: ConfigVersion) -> Self {
        Self {
            logs: store.repository::<raw_log::Entity>(),
            fibers: store.repository::<fiber::Entity>(),
            memberships: store.repository::<membership::Entity>(),
            of_file: field(raw_log::COLUMN.source_id).equals(file),
            // SeaORM has no typed column for a newtype.
            of_key: field_of(fiber::Column::ConfigVersion).equals(version),
            by_key: field_of(membership::Column::ConfigVersion).equals(version),
            store,
        }
    }
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
    let version = upsert::version_of(&arguments.key, file.name())?;
    let url = arguments.store.unwrap_or_else(fresh_sqlite);
    let store = larder::open(&url).await.map_err(|error| format!("cannot open the store {}: {error}", text::shown(&url)))?;
    let told = |error: Error| format!("the store failed: {error}");
    Migrations::default().up(&store, None).await.map_err(told)?;

    let tour = Tour::new(store, file.name(), version);
    let mut text = format!("{}\nin {}\n", file.name(), text::shown(&url));
    text += &upsert::twice(&tour, &file, &arguments.key).await?;
    text += &read::filters(&tour).await.map_err(told)?;
    text += &read::pages(&tour).await.map_err(told)?;
    text += &read::streams(&tour).await.map_err(told)?;
    text += &change::and_back(&tour).await.map_err(told)?;
    tour.store.close().await;
    Ok(text)
}

fn fresh_sqlite() -> String {
    format!("sqlite:{}", std::env::temp_dir().join(format!("larder-query-tour-{}.sqlite", new_id())).display())
}
