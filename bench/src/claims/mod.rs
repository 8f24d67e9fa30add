//! A queue of jobs: eight workers claim them one by one, until none is left.

mod job;
mod larder_queue;
mod limit_queue;
mod sea_orm_queue;
mod sqlx_queue;

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta};
use larder::Durability;
use sea_orm::sea_query::{Index, IndexCreateStatement};
use tokio::runtime::Handle;

use self::job::{COLUMN, Column, Entity, Model};
use crate::{
    Result, Run,
    client::Library,
    measure::{Subjects, Times},
    place::{Engine, Place},
    report::{Line, Section},
};

pub const ON_POSTGRES: &str = "P17";
pub const ON_SQLITE: &str = "P17-sqlite";
const JOBS: i64 = 2_000;
const WORKERS: usize = 8;
/// How much longer than the limit larder may take on Postgres.
const MOST: f64 = 1.3;

const WAITING: i32 = 0;
const CLAIMED: i32 = 1;

/// The columns of the table, in its order.
const COLUMNS: &str = "id, state, due, worker, payload";

/// A library's way to claim, as one worker uses it.
#[async_trait]
trait Queue: Send {
    /// The next job that is due, claimed and committed. Returns `None` if there is none.
    async fn claim(&mut self, worker: &str) -> Result<Option<Model>>;
}

/// Who claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Claimer {
    Larder,
    /// By a query and a change of what it answered, as it would be without claims.
    LarderInTwo,
    SeaOrm,
    Sqlx,
    Limit,
}

impl Claimer {
    fn name(self, engine: Engine) -> &'static str {
        match self {
            Self::Larder => "larder: update_first",
            Self::LarderInTwo => "larder: query, update_where",
            Self::SeaOrm => "SeaORM",
            Self::Sqlx => "sqlx",
            Self::Limit => Library::Limit.name(engine),
        }
    }

    async fn open(self, place: &Place) -> Result<Vec<Box<dyn Queue>>> {
        match self {
            Self::Larder => larder_queue::open(place, true).await,
            Self::LarderInTwo => larder_queue::open(place, false).await,
            Self::SeaOrm => sea_orm_queue::open(place).await,
            Self::Sqlx => sqlx_queue::open(place).await,
            Self::Limit => limit_queue::open(place).await,
        }
    }
}

pub async fn run(run: &Run, engine: Engine) -> Result<Section> {
    let id = if engine == Engine::Postgres { ON_POSTGRES } else { ON_SQLITE };
    let claimers = [Claimer::Larder, Claimer::LarderInTwo, Claimer::SeaOrm, Claimer::Sqlx, Claimer::Limit];
    let mut subjects = Subjects::new(claimers);
    for round in 1..=run.rounds {
        for (claimer, times) in subjects.turn() {
            eprintln!("{id} round {round} of {}: {}", run.rounds, claimer.name(engine));
            times.push(once(*claimer, engine, run).await?);
        }
    }
    let measured = subjects.finish();
    let seconds = |wanted: &[Claimer]| {
        let of = measured.iter().filter(|(claimer, _)| wanted.contains(claimer));
        of.map(|(_, times)| times.median().as_secs_f64()).min_by(f64::total_cmp)
    };
    let (limit, peer) = (seconds(&[Claimer::Limit]), seconds(&[Claimer::SeaOrm, Claimer::Sqlx]));
    let line = |(claimer, times): &(Claimer, Times)| {
        let time = times.median().as_secs_f64();
        let ratio_to_limit = limit.map(|limit| time / limit);
        let line = Line::new(id, claimer.name(engine), JOBS.unsigned_abs(), times);
        let line = Line { ratio_to_limit, ratio_to_best_peer: peer.map(|peer| time / peer), ..line };
        match *claimer == Claimer::Larder && engine == Engine::Postgres {
            true => line.target(format!("<= {MOST}x the time of the limit"), ratio_to_limit.is_some_and(|ratio| ratio <= MOST)),
            false => line,
        }
    };
    let title = format!("{}: {JOBS} jobs claimed one by one, {WORKERS} workers", engine.name());
    Ok(Section { id, title, lines: measured.iter().map(line).collect() })
}

/// By what is due first.
fn index() -> IndexCreateStatement {
    Index::create().name("bench_job_by_due").table(Entity).col(Column::State).col(Column::Due).col(Column::Id).to_owned()
}

fn job(id: i64) -> Model {
    let due = DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::seconds(id * 7_919 % JOBS);
    Model { id, state: WAITING, due, worker: None, payload: format!("the work of job {id}") }
}

async fn once(claimer: Claimer, engine: Engine, run: &Run) -> Result<Duration> {
    let place = Place::with_table(engine, Durability::Process, run.postgres_url(), Entity, &[index()]).await?;
    let (store, repository) = place.repository::<Entity>().await?;
    let cx = larder::Cx::new();
    repository.create_batch(&cx, &(1..=JOBS).map(job).collect::<Vec<_>>()).await?;
    let queues = claimer.open(&place).await?;
    let start = Instant::now();
    let workers: Vec<_> = (0..WORKERS).zip(queues).map(|(number, queue)| spawn(claimer, engine, number, queue)).collect();
    let mut claimed = Vec::new();
    for worker in workers {
        claimed.extend(worker.await??);
    }
    let time = start.elapsed();
    store.close().await;
    let different: BTreeSet<i64> = claimed.iter().map(|job| job.id).collect();
    let are_claimed = claimed.iter().all(|job| job.state == CLAIMED && job.worker.is_some());
    match claimed.len() == different.len() && i64::try_from(claimed.len())? == JOBS && are_claimed {
        true => Ok(time),
        false => Err(format!("{} jobs were claimed, {} different ones of {JOBS}", claimed.len(), different.len()).into()),
    }
}

type Worker = tokio::task::JoinHandle<Result<Vec<Model>>>;

/// One of the workers, on a thread of its own if the library blocks.
fn spawn(claimer: Claimer, engine: Engine, number: usize, queue: Box<dyn Queue>) -> Worker {
    let work = claim_all(queue, format!("worker {number}"));
    match claimer == Claimer::Limit && engine == Engine::Sqlite {
        true => tokio::task::spawn_blocking(move || Handle::current().block_on(work)),
        false => tokio::spawn(work),
    }
}

async fn claim_all(mut queue: Box<dyn Queue>, worker: String) -> Result<Vec<Model>> {
    let mut claimed = Vec::new();
    while let Some(job) = queue.claim(&worker).await? {
        claimed.push(job);
    }
    Ok(claimed)
}
