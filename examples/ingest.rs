//! Follows a log into a store: lines are taken as fast as they come, and written behind.
//!
//! ```text
//! cargo run --release --example ingest -- /var/log/syslog --follow --store sqlite:logs.sqlite
//! tail -F /var/log/syslog | cargo run --release --example ingest -- - --store postgres://…
//! ```
//!
//! With `--journal DIR`, what was read and is not stored yet outlives the process. Ctrl-C stores what is in the queue, and ends.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for a terminal")]

use std::{
    error::Error,
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use larder::{Cx, Filter, Journal, Store, WriteBehind, WriteBehindOptions, WriteBehindStats, new_id};
use larder_entity::{ConfigVersion, raw_log};
use larder_migration::Migrations;
use tokio::{
    fs::File,
    io::{AsyncBufRead, AsyncBufReadExt, BufReader},
};

type Failure = Box<dyn Error + Send + Sync>;

/// The log of Debian's package manager.
const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/dpkg.log");

/// How long to wait for more where a file ends.
const PAUSE: Duration = Duration::from_millis(100);

/// Follows a log into a store.
#[derive(Parser)]
struct Arguments {
    /// Any text file, or `-` for the standard input; without one, a sample that comes with the crate.
    file: Option<PathBuf>,
    /// Where to store: `memory:`, `sqlite:PATH`, `duckdb:PATH`, `postgres://…`; without it, a SQLite file that is gone
    /// afterwards.
    #[arg(long, value_name = "URL")]
    store: Option<String>,
    /// Go on where the file ends, as it grows.
    #[arg(long)]
    follow: bool,
    /// Keep what is not stored yet in this folder, and store what is there from the last time.
    #[arg(long, value_name = "DIR")]
    journal: Option<PathBuf>,
    /// Read the file so many times.
    #[arg(long, default_value_t = 1, conflicts_with = "follow")]
    times: u32,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Failure> {
    let directory = tempfile::tempdir()?;
    let url = arguments.store.clone().unwrap_or_else(|| format!("sqlite:{}", directory.path().join("logs.sqlite").display()));
    let store = larder::open(&url).await?;
    Migrations::default().up(&store, None).await?;
    let logs = store.repository::<raw_log::Entity>();
    let queue = WriteBehind::builder(logs.clone()).options(WriteBehindOptions::bursts()).reconcile_by_id();
    let queue = match &arguments.journal {
        Some(folder) => queue.journal(Journal::at(folder)).start().await?,
        None => queue.start().await?,
    };
    let began = Instant::now();
    let progress = progress(queue.clone(), began);
    let read = tokio::select! {
        read = read_all(&arguments, &store, &queue) => read,
        // What is in the queue is stored all the same.
        interrupted = tokio::signal::ctrl_c() => interrupted.map_err(Into::into),
    };
    let stats = queue.close(&Cx::new()).await;
    progress.abort();
    report(&stats, began.elapsed(), logs.count(&Cx::new(), &Filter::all()).await?);
    store.close().await;
    read
}

async fn read_all(arguments: &Arguments, store: &Store, queue: &WriteBehind<raw_log::Model>) -> Result<(), Failure> {
    let path = arguments.file.clone().unwrap_or_else(|| SAMPLE.into());
    if path.as_os_str() == "-" {
        return submit_lines(BufReader::new(tokio::io::stdin()), "standard input", false, store, queue).await;
    }
    let name = path.display().to_string();
    for _ in 0..arguments.times {
        submit_lines(BufReader::new(File::open(&path).await?), &name, arguments.follow, store, queue).await?;
    }
    Ok(())
}

async fn submit_lines(
    mut lines: impl AsyncBufRead + Unpin,
    source: &str,
    follow: bool,
    store: &Store,
    queue: &WriteBehind<raw_log::Model>,
) -> Result<(), Failure> {
    let cx = Cx::new();
    let mut bytes = Vec::new();
    loop {
        lines.read_until(b'\n', &mut bytes).await?;
        let is_whole = bytes.last() == Some(&b'\n');
        if !is_whole && follow {
            // The rest of the line is still to come.
            tokio::time::sleep(PAUSE).await;
            continue;
        }
        if bytes.is_empty() {
            return Ok(());
        }
        // No backend stores a NUL character in text.
        let text = String::from_utf8_lossy(&bytes).trim_end_matches(['\r', '\n']).replace('\0', "\u{fffd}");
        let now = store.database_now();
        let line = raw_log::Model {
            log_id: new_id(),
            timestamp: now,
            source_id: source.to_owned(),
            raw_text: text,
            ingestion_time: Some(now),
            config_version: ConfigVersion(1),
        };
        // Waits where the store is slower than the source, and so holds that up. Nobody asks what becomes of one line.
        drop(queue.submit_wait(&cx, &line).await?);
        bytes.clear();
    }
}

/// A line that tells how it goes.
fn progress(queue: WriteBehind<raw_log::Model>, began: Instant) -> tokio::task::JoinHandle<()> {
    let style = ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
    let bar = ProgressBar::no_length().with_style(style);
    tokio::spawn(async move {
        loop {
            let stats = queue.stats();
            let rate = stats.stored as f64 / began.elapsed().as_secs_f64();
            bar.set_message(format!(
                "accepted {}, stored {}, waiting {}, {rate:.0} a second, {:?}",
                stats.accepted,
                stats.stored,
                stats.depth,
                queue.health().status
            ));
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    })
}

fn report(stats: &WriteBehindStats, took: Duration, in_store: u64) {
    let WriteBehindStats { accepted, stored, failed, batches, greatest_depth, latency, .. } = stats;
    println!("{accepted} lines accepted, {stored} stored, {failed} not, in {batches} batches; {in_store} are in the store");
    println!("{:.0} a second; at most {greatest_depth} waited at once", *stored as f64 / took.as_secs_f64());
    println!("from accepted to stored: {:.1?} in the median, {:.1?} at the 99th percentile", latency.median, latency.p99);
}
