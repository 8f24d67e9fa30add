//! What the program can be asked for.

use std::path::PathBuf;

use clap::Parser;

/// Measures larder beside its peers, and beside the fastest way by hand.
#[derive(Debug, Parser)]
pub struct Arguments {
    /// Rows of the larger workloads; those of single operations take a part of it.
    #[arg(long, default_value_t = 100_000)]
    pub rows: usize,
    /// How often each workload is run; what takes long, less often.
    #[arg(long, default_value_t = 5)]
    pub rounds: usize,
    /// Only these workloads, such as `P1,P8,D11`; `P8` is all that begin with it.
    #[arg(long, value_delimiter = ',')]
    pub only: Vec<String>,
    /// Write what came out into this file.
    #[arg(long)]
    pub json: Option<PathBuf>,
    /// Draw a picture of each workload into this directory.
    #[arg(long)]
    pub plot: Option<PathBuf>,
    /// A server to use: `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, of a user who may create databases.
    #[arg(long, env = "LARDER_POSTGRES_URL", hide_env_values = true)]
    pub postgres: Option<String>,
    /// Run Toasty as well, whose package is built for it.
    #[arg(long)]
    pub toasty: bool,
    /// Rows of the workload that watches memory.
    #[arg(long, default_value_t = 1_000_000)]
    pub memory_rows: u64,
    /// Let the workload of growth go up to ten million rows.
    #[arg(long)]
    pub deep: bool,
    /// Be one of the processes whose memory is watched: an engine, what to do, and a URL.
    #[arg(long, hide = true, num_args = 3)]
    pub memory_child: Vec<String>,
}

impl Arguments {
    pub fn wants(&self, id: &str) -> bool {
        let family = id.split('-').next().unwrap_or(id);
        self.only.is_empty() || self.only.iter().any(|only| only.eq_ignore_ascii_case(id) || only.eq_ignore_ascii_case(family))
    }
}
