//! Toasty, which runs in a process of its own: its SQLite library cannot share a lock file with sqlx's.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use serde::Deserialize;

use crate::{
    Result, Run,
    measure::Times,
    place::Engine,
    workload::{Comparison, Operation},
};

const MANIFEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/toasty/Cargo.toml");

#[derive(Deserialize)]
struct Round {
    nanoseconds: u64,
}

/// Beside this program's own build.
fn target_directory() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    let target = program.parent().and_then(|profile| profile.parent()).ok_or("this program has no target directory")?;
    Ok(target.join("toasty"))
}

pub fn build() -> Result<()> {
    eprintln!("building the package that runs Toasty");
    let mut command = Command::new("cargo");
    command.args(["build", "--release", "--locked", "--manifest-path", MANIFEST, "--target-dir"]).arg(target_directory()?);
    if command.status()?.success() { Ok(()) } else { Err("the package that runs Toasty was not built".into()) }
}

/// The times of its rounds, with the same data as the others.
pub async fn times(comparison: &Comparison, rows: usize, run: &Run) -> Result<Times> {
    eprintln!("{}: Toasty", comparison.id);
    let operation = match comparison.operation {
        Operation::CreateBatch => "create-batch",
        Operation::Create => "create",
        Operation::Find => "find",
        Operation::Scan => "scan",
        Operation::Update => "update",
        Operation::UpdateMany => return Err("Toasty has no update of many models".into()),
    };
    let directory = tempfile::tempdir()?;
    let url = match comparison.engine {
        Engine::Postgres => run.postgres_url().to_owned(),
        _ => format!("sqlite:{}", directory.path().join("records.db").display()),
    };
    let mut command = Command::new(target_directory()?.join("release/larder-bench-toasty"));
    command.args([operation, &url, &run.rows.to_string(), &rows.to_string(), &run.rounds.to_string()]);
    let output = tokio::task::spawn_blocking(move || command.stderr(Stdio::inherit()).output()).await??;
    if !output.status.success() {
        return Err("the process that runs Toasty failed".into());
    }
    let lines = String::from_utf8(output.stdout)?;
    let rounds: Vec<Round> = lines.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    Ok(rounds.into_iter().map(|round| Duration::from_nanos(round.nanoseconds)).collect())
}
