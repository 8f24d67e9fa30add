//! A queue of jobs in a table: several workers claim them, try again what fails, a little later each time, and give up at last.
//!
//! ```text
//! cargo run --example jobs [-- --store URL --workers 8 --jobs 400]
//! ```
//!
//! A claim is one call, `update_first`: it takes the jobs that have been due the longest, and makes them due again when the worker
//! has had time enough. So the jobs of a worker that is gone, as the first one here, are claimed by others, and no transaction is
//! open while a job is done. What a worker says of a job counts only as long as the job is still its own.

#![allow(clippy::print_stdout, reason = "a program for a terminal")]

use std::{error::Error, sync::Arc, time::Duration};

use chrono::Utc;
use clap::Parser;
use larder::{Changes, Cx, Filter, Query, ReaderExt, Result, SqlText, Storage, Store, field};
use sea_orm::Schema;
use tokio::task::JoinSet;

use crate::job::{COLUMN, DEAD, DONE, WAITING};

mod job {
    use sea_orm::entity::prelude::*;
    use serde::{Deserialize, Serialize};

    /// A job that is to be done, when it is due; also one that a worker has claimed.
    pub const WAITING: &str = "waiting";
    pub const DONE: &str = "done";
    /// A job that was tried too often.
    pub const DEAD: &str = "dead";

    #[sea_orm::compact_model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Serialize, Deserialize)]
    #[sea_orm(table_name = "job")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i64,
        pub state: String,
        pub due: DateTimeUtc,
        pub tries: i32,
        pub worker: Option<String>,
        pub error: Option<String>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

type Jobs = Arc<dyn Storage<job::Model, i64>>;

/// Does jobs, by several workers at once.
#[derive(Parser)]
struct Arguments {
    /// Where: `memory:`, `sqlite:PATH`, `duckdb:PATH`, `postgres://…`. A table `job` is made there.
    #[arg(long, default_value = "memory:")]
    store: String,
    #[arg(long, default_value_t = 4)]
    workers: u64,
    #[arg(long, default_value_t = 200)]
    jobs: i64,
}

/// How many jobs a worker claims at once.
const BATCH: u64 = 4;
/// How long a worker has for them, before others may claim them.
const LEASE: Duration = Duration::from_millis(500);
/// How often a job is tried.
const MOST_TRIES: i32 = 4;
/// How long a job waits after it has failed for the first time. Twice as long the next time.
const BACK_OFF: Duration = Duration::from_millis(10);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let store = larder::open(&arguments.store).await?;
    let jobs: Jobs = store.repository::<job::Entity>();
    create_table(&store).await?;
    let waiting = |id| job::Model { id, state: WAITING.into(), due: Utc::now(), tries: 0, worker: None, error: None };
    jobs.create_batch(&Cx::new(), &(1..=arguments.jobs).map(waiting).collect::<Vec<_>>()).await?;

    // This one is gone before it has done anything.
    let lost = claim(&jobs, "worker 0").await?.len();
    let mut workers = JoinSet::new();
    for number in 1..=arguments.workers {
        workers.spawn(work(jobs.clone(), format!("worker {number}")));
    }
    let mut shares = Vec::new();
    while let Some(ended) = workers.join_next().await {
        shares.push(ended??);
    }
    report(&jobs, &arguments, lost, &shares).await?;
    store.close().await;
    Ok(())
}

async fn create_table(store: &Store) -> Result<()> {
    if store.capabilities().schema {
        let sql = store.sql()?;
        let table = Schema::new(sql.dialect().sea_orm()).create_table_from_entity(job::Entity);
        sql.execute(&Cx::new(), &table).await?;
        sql.execute(&Cx::new(), &SqlText::new("CREATE INDEX job_by_due ON job (state, due)")).await?;
    }
    Ok(())
}

/// The jobs that have been due the longest. Nobody else claims them before the lease ends.
async fn claim(jobs: &Jobs, worker: &str) -> Result<Vec<job::Model>> {
    let due = field(COLUMN.state).equals(WAITING).and(field(COLUMN.due).at_most(Utc::now()));
    let first = Query::new().filter(due).order_by(COLUMN.due).limit(BATCH);
    let taken = Changes::new().set(COLUMN.worker, worker).set(COLUMN.due, Utc::now() + LEASE).increase(COLUMN.tries, 1);
    jobs.update_first(&Cx::new(), &first, &taken).await
}

/// Notes what became of a job that is still the worker's. Says whether it was.
async fn settle(jobs: &Jobs, job: &job::Model, changes: Changes<job::Model>) -> Result<bool> {
    let owned = field(COLUMN.id).equals(job.id).and(field(COLUMN.tries).equals(job.tries));
    Ok(jobs.update_where(&Cx::new(), &owned, &changes.set(COLUMN.worker, None::<String>)).await? == 1)
}

/// Does jobs until none is left. Returns how many this worker has done.
async fn work(jobs: Jobs, worker: String) -> Result<usize> {
    let mut done = 0;
    while jobs.exists_where(&Cx::new(), &field(COLUMN.state).equals(WAITING)).await? {
        let claimed = match claim(&jobs, &worker).await {
            Ok(claimed) if !claimed.is_empty() => claimed,
            // Nothing is due; or, on DuckDB, another worker was in the way.
            Err(error) if !error.is_retryable() => return Err(error),
            Ok(_) | Err(_) => {
                tokio::time::sleep(BACK_OFF).await;
                continue;
            }
        };
        for job in claimed {
            let changes = outcome(&job, run(&job).await);
            // What is told of contention was not noted. The job is done again when its lease has ended.
            done += usize::from(
                settle(&jobs, &job, changes).await.or_else(|error| if error.is_retryable() { Ok(false) } else { Err(error) })?,
            );
        }
    }
    Ok(done)
}

/// The work itself, of which some fails at first, and some always.
async fn run(job: &job::Model) -> Result<(), &'static str> {
    tokio::time::sleep(Duration::from_millis(1)).await;
    match job.id % 10 {
        0 => Err("cannot be done"),
        3 | 6 if job.tries == 1 => Err("not yet"),
        _ => Ok(()),
    }
}

/// What a job becomes when it was done, or has failed.
fn outcome(job: &job::Model, result: Result<(), &'static str>) -> Changes<job::Model> {
    match result {
        Ok(()) => Changes::new().set(COLUMN.state, DONE).set_null(COLUMN.error),
        Err(reason) if job.tries >= MOST_TRIES => Changes::new().set(COLUMN.state, DEAD).set(COLUMN.error, reason),
        Err(reason) => {
            let later = BACK_OFF * 2_u32.pow(job.tries.unsigned_abs().saturating_sub(1));
            Changes::new().set(COLUMN.due, Utc::now() + later).set(COLUMN.error, reason)
        }
    }
}

async fn report(jobs: &Jobs, arguments: &Arguments, lost: usize, shares: &[usize]) -> Result<(), Box<dyn Error>> {
    let cx = Cx::new();
    let count = async |state: &str| jobs.count(&cx, &field(COLUMN.state).equals(state)).await;
    let (done, dead) = (count(DONE).await?, count(DEAD).await?);
    println!("{done} jobs are done, {dead} are dead letters");
    let tries: i64 = jobs.all(&cx).await?.iter().map(|job| i64::from(job.tries)).sum();
    println!("{tries} tries by {} workers, who settled {shares:?}", arguments.workers);
    println!("{lost} jobs of a worker that was gone were done by others");
    let letters = jobs.delete_where_returning(&cx, &field(COLUMN.state).equals(DEAD)).await?;
    let reason = letters.first().and_then(|letter| letter.error.clone()).unwrap_or_default();
    println!("the dead letters {:?} are taken out: {reason}", letters.iter().take(3).map(|letter| letter.id).collect::<Vec<_>>());
    let total = u64::try_from(arguments.jobs)?;
    if done + dead != total || jobs.count(&cx, &Filter::all()).await? != done {
        return Err("a job was lost".into());
    }
    Ok(())
}
