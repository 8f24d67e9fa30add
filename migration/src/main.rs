//! `larder-migration`: applies, undoes and lists the steps of the schema.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use larder_migration::{Migrations, Status};

/// Migrates the schema of larder's ready-made stores.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// The store, such as `sqlite:app.sqlite`, `duckdb:app.duckdb` or `postgres://user:password@host/database`.
    #[arg(short, long, global = true, env = "DATABASE_URL", hide_env_values = true)]
    url: Option<String>,
}

#[derive(Subcommand)]
enum Command {
    /// Apply steps that have not been applied.
    Up {
        /// At most this many.
        #[arg(short, long)]
        num: Option<usize>,
    },
    /// Undo the latest steps.
    Down {
        /// This many.
        #[arg(short, long, default_value_t = 1)]
        num: usize,
    },
    /// List the steps.
    Status,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(lines) => {
            say(&lines.join("\n"));
            ExitCode::SUCCESS
        }
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<Vec<String>, String> {
    let url = arguments.url.ok_or("no store: give its URL by --url or DATABASE_URL")?;
    let text = |error: larder::Error| error.to_string();
    let store = larder::open(&url).await.map_err(text)?;
    let migrations = Migrations::default();
    let (verb, names) = match arguments.command {
        Command::Up { num } => ("applied", migrations.up(&store, num).await.map_err(text)?),
        Command::Down { num } => ("undone", migrations.down(&store, num).await.map_err(text)?),
        Command::Status => {
            let status = migrations.status(&store).await.map_err(text)?;
            store.close().await;
            let word = |step: &Status| match (step.applied, step.changed) {
                (_, true) => "changed",
                (true, false) => "applied",
                (false, false) => "pending",
            };
            return Ok(status.iter().map(|step| format!("{} {}", word(step), step.name)).collect());
        }
    };
    store.close().await;
    let lines = names.iter().map(|name| format!("{verb} {name}"));
    Ok(if names.is_empty() { vec!["nothing to do".to_owned()] } else { lines.collect() })
}

#[expect(clippy::print_stdout, reason = "the command's answer")]
fn say(lines: &str) {
    println!("{lines}");
}

#[expect(clippy::print_stderr, reason = "the command's complaint")]
fn complain(error: &str) {
    eprintln!("error: {error}");
}
