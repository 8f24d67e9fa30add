//! A queue that writes behind, beside single inserts, on SQLite; how long it keeps its callers and its models waiting, and what
//! it holds.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use larder::{Cx, Durability, ErrorKind, Filter, Storage, WriteBehind, WriteBehindOptions, WriteBehindStats};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::{
    Result, Run,
    client::Client,
    measure::{Subjects, Times},
    memory::{self, Watch},
    place::{Engine, Place},
    record::{Entity, Model, numbered},
    report::{Line, Section},
    sea_orm_client,
};

pub const ID: &str = "P12";
const PRODUCERS: usize = 8;
/// Single inserts take long.
const FEWER: usize = 25;
const FASTER: f64 = 30.0;
const SUBMIT: Duration = Duration::from_millis(1);
const QUEUED: u64 = 10_000;
const QUEUED_BYTES: u64 = 20_000_000;
const SPARSE: u64 = 200;
const STORED: Duration = Duration::from_millis(100);
const BURST: u64 = 12_000;

type Records = Arc<dyn Storage<Model, Uuid>>;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Subject {
    /// A queue whose tickets are dropped, or waited for.
    Queue { tickets: bool },
    /// larder's `create`, by as many tasks.
    Create,
    /// SeaORM's insert, by as many tasks, on so many connections.
    SeaOrm { connections: u32 },
}

impl Subject {
    const ALL: [Self; 5] = [
        Self::Queue { tickets: false },
        Self::Queue { tickets: true },
        Self::Create,
        Self::SeaOrm { connections: 10 },
        Self::SeaOrm { connections: 1 },
    ];

    fn name(self) -> String {
        match self {
            Self::Queue { tickets: false } => "larder, write-behind".to_owned(),
            Self::Queue { tickets: true } => "larder, write-behind, every ticket waited for".to_owned(),
            Self::Create => "larder, create".to_owned(),
            Self::SeaOrm { connections: 1 } => "SeaORM, insert, one connection".to_owned(),
            Self::SeaOrm { connections } => format!("SeaORM, insert, {connections} connections"),
        }
    }

    fn rows(self, run: &Run) -> usize {
        let rows = if matches!(self, Self::Queue { .. }) { run.rows } else { run.rows / FEWER };
        rows / PRODUCERS * PRODUCERS
    }
}

pub async fn run(run: &Run) -> Result<Section> {
    let mut subjects = Subjects::new(Subject::ALL);
    let mut submits = Vec::new();
    for round in 1..=run.rounds {
        for (subject, times) in subjects.turn() {
            eprintln!("{ID} round {round} of {}: {}", run.rounds, subject.name());
            times.push(once(*subject, run, &mut submits).await?);
        }
    }
    let mut lines = beside_single(run, subjects.finish());
    lines.push(submitting(submits));
    lines.push(sparse().await?);
    lines.push(queued()?);
    for engine in [Engine::Sqlite, Engine::DuckDb] {
        lines.push(burst(engine).await?);
    }
    Ok(Section { id: ID, title: format!("SQLite: write-behind, {PRODUCERS} producers"), lines })
}

/// The queue's lines beside the faster of SeaORM's.
fn beside_single(run: &Run, measured: Vec<(Subject, Times)>) -> Vec<Line> {
    let lines =
        measured.iter().map(|(subject, times)| (*subject, Line::new(ID, subject.name(), subject.rows(run) as u64, times)));
    let lines: Vec<_> = lines.collect();
    let peers = lines.iter().filter(|(subject, _)| matches!(subject, Subject::SeaOrm { .. }));
    let best = peers.filter_map(|(_, line)| line.each_ns()).min_by(f64::total_cmp);
    let beside = |(subject, line): (Subject, Line)| match (subject, line.each_ns().zip(best)) {
        (Subject::Queue { .. } | Subject::Create, Some((each, best))) => {
            let line =
                Line { ratio_to_best_peer: Some(each / best), ..line }.detail(format!("{:.1}x SeaORM's rate", best / each));
            match subject {
                Subject::Queue { tickets: false } => {
                    line.target(format!(">= {FASTER:.0}x SeaORM's insert"), best / each >= FASTER)
                }
                _ => line,
            }
        }
        (_, _) => line,
    };
    lines.into_iter().map(beside).collect()
}

/// How long the records take until all of them are stored.
async fn once(subject: Subject, run: &Run, submits: &mut Vec<Duration>) -> Result<Duration> {
    let place = Place::new(Engine::Sqlite, Durability::Process, "").await?;
    let rows = subject.rows(run);
    let shares: Vec<Vec<Model>> = numbered(0..rows as u64).chunks(rows / PRODUCERS).map(<[Model]>::to_vec).collect();
    let time = match subject {
        Subject::Queue { tickets } => through_queue(&place, shares, tickets, submits).await?,
        Subject::Create => {
            let mut client = crate::client::Library::Larder.open(&place).await?;
            one_by_one(&mut *client, shares).await?
        }
        Subject::SeaOrm { connections } => {
            let mut client = sea_orm_client::open(&place, true, connections).await?;
            one_by_one(&mut *client, shares).await?
        }
    };
    let (store, records) = place.repository::<Entity>().await?;
    let stored = records.count(&Cx::new(), &Filter::all()).await?;
    store.close().await;
    if stored == rows as u64 { Ok(time) } else { Err(format!("{stored} of {rows} records are there").into()) }
}

async fn one_by_one(client: &mut dyn Client, shares: Vec<Vec<Model>>) -> Result<Duration> {
    let mut tasks = JoinSet::new();
    let start = Instant::now();
    for share in shares {
        let mut client = client.another().await?;
        tasks.spawn(async move { client.create_each(&share).await });
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    let time = start.elapsed();
    client.close().await?;
    Ok(time)
}

async fn through_queue(place: &Place, shares: Vec<Vec<Model>>, tickets: bool, submits: &mut Vec<Duration>) -> Result<Duration> {
    let (store, records) = place.repository::<Entity>().await?;
    let options = WriteBehindOptions::new().batch_size(5_000).queue_size(20_000);
    let queue = WriteBehind::builder(records).options(options).reconcile_by_id().start().await?;
    let mut tasks = JoinSet::new();
    let start = Instant::now();
    for share in shares {
        tasks.spawn(produce(queue.clone(), share, tickets));
    }
    while let Some(ended) = tasks.join_next().await {
        submits.extend(ended??);
    }
    queue.flush(&Cx::new()).await?;
    let time = start.elapsed();
    queue.close(&Cx::new()).await;
    store.close().await;
    Ok(time)
}

/// Submits records as fast as there is room for them, and tells how long each call took.
async fn produce(queue: WriteBehind<Model>, records: Vec<Model>, waits: bool) -> Result<Vec<Duration>> {
    let cx = Cx::new();
    let mut took = Vec::with_capacity(records.len());
    let mut tickets = Vec::with_capacity(if waits { records.len() } else { 0 });
    for (number, record) in records.iter().enumerate() {
        let start = Instant::now();
        let ticket = queue.submit(&cx, record);
        took.push(start.elapsed());
        let ticket = match ticket {
            Err(full) if full.kind() == ErrorKind::QueueFull => queue.submit_wait(&cx, record).await,
            ticket => ticket,
        };
        match ticket {
            Ok(ticket) if waits => tickets.push(ticket),
            ticket => drop(ticket?),
        }
        // As often as a task does that waits for its next record now and then.
        if number % 32 == 31 {
            tokio::task::yield_now().await;
        }
    }
    for ticket in tickets {
        ticket.await?;
    }
    Ok(took)
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn submitting(submits: Vec<Duration>) -> Line {
    let (count, times) = (submits.len(), Times::from_iter(submits));
    let [p50, p95, p99, most] = [0.5, 0.95, 0.99, 1.0].map(|part| times.quantile(part));
    let detail = format!(
        "p50 {:.1} \u{b5}s, p95 {:.1} \u{b5}s, p99 {:.1} \u{b5}s, most {:.0} \u{b5}s of {count}",
        micros(p50),
        micros(p95),
        micros(p99),
        micros(most)
    );
    Line::new(ID, "larder, submit, beside all that", 1, &times).detail(detail).target("p99 < 1 ms", p99 < SUBMIT)
}

/// How long a record takes from when it is submitted until it is stored, if there is hardly another.
async fn sparse() -> Result<Line> {
    let place = Place::new(Engine::Sqlite, Durability::Process, "").await?;
    let (store, records) = place.repository::<Entity>().await?;
    let queue = WriteBehind::builder(records).reconcile_by_id().start().await?;
    let mut waiting = JoinSet::new();
    for record in numbered(0..SPARSE) {
        let (start, ticket) = (Instant::now(), queue.submit(&Cx::new(), &record)?);
        waiting.spawn(async move { ticket.await.map(|_| start.elapsed()) });
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let mut took = Vec::new();
    while let Some(stored) = waiting.join_next().await {
        took.push(stored??);
    }
    queue.close(&Cx::new()).await;
    store.close().await;
    let times = Times::from_iter(took);
    let [p50, p99, most] = [0.5, 0.99, 1.0].map(|part| times.quantile(part).as_secs_f64() * 1e3);
    let detail = format!("p50 {p50:.1} ms, p99 {p99:.1} ms, most {most:.1} ms of {SPARSE}, one every 10 ms");
    Ok(Line::new(ID, "larder, from submitted to stored", 1, &times)
        .detail(detail)
        .target("< 100 ms", times.quantile(1.0) < STORED))
}

/// What a process takes more, once 10 000 records wait.
fn queued() -> Result<Line> {
    let memory = memory::in_a_process(Engine::Sqlite, "queue", "", QUEUED)?;
    let more = memory.maximum.saturating_sub(memory.start);
    let detail = format!("{:.1} MB more than before, start {:.1} MB", more as f64 / 1e6, memory.start as f64 / 1e6);
    let line = Line::new(ID, "larder, 10 000 records in the queue", QUEUED, &Times::default()).detail(detail);
    Ok(Line { memory: Some(memory), ..line }.target("< 20 MB more", more < QUEUED_BYTES))
}

/// The process for that: a queue whose store is busy with another's transaction.
pub async fn hold(records: u64) -> Result<crate::report::Memory> {
    let place = Place::new(Engine::Sqlite, Durability::Process, "").await?;
    let (store, repository) = place.repository::<Entity>().await?;
    let new = numbered(0..records);
    let busy = larder::Transactional::begin(&store, &Cx::new(), larder::TxOptions::new()).await?;
    repository.create_batch(&busy, &numbered(records..records + 1)).await?;
    let queue = WriteBehind::builder(repository).reconcile_by_id().start().await?;
    let mut watch = Watch::start()?;
    let mut tickets = Vec::with_capacity(new.len());
    for record in &new {
        tickets.push(queue.submit(&Cx::new(), record)?);
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    watch.look(records)?;
    if queue.stats().depth != new.len() {
        return Err("the store was not busy".into());
    }
    busy.rollback().await?;
    for ticket in tickets {
        ticket.await?;
    }
    watch.look(records)?;
    queue.close(&Cx::new()).await;
    store.close().await;
    Ok(watch.memory)
}

/// 12 000 records at once, by one task.
async fn burst(engine: Engine) -> Result<Line> {
    let place = Place::new(engine, Durability::Process, "").await?;
    let (time, stats) = burst_into(&place).await?;
    let is_whole = (stats.accepted, stats.stored, stats.rejected) == (BURST, BURST, 0);
    let detail = format!(
        "depth {}, accepted in {:.1} ms, latency p50 {:.1} ms, p99 {:.1} ms, most {:.1} ms, {} batches",
        stats.greatest_depth,
        time.as_secs_f64() * 1e3,
        stats.latency.median.as_secs_f64() * 1e3,
        stats.latency.p99.as_secs_f64() * 1e3,
        stats.latency.most.as_secs_f64() * 1e3,
        stats.batches
    );
    let times = Times::from_iter([stats.latency.most]);
    let line = Line::new(ID, format!("larder, {}, a burst of 12 000", engine.name()), BURST, &times);
    Ok(line.detail(detail).target("none lost, none refused", is_whole))
}

async fn burst_into(place: &Place) -> Result<(Duration, WriteBehindStats)> {
    let (store, records): (_, Records) = place.repository::<Entity>().await?;
    // The first use of a table is not counted.
    records.create_batch(&Cx::new(), &numbered(BURST..BURST + 2)).await?;
    let new = numbered(0..BURST);
    let queue = WriteBehind::builder(records).options(WriteBehindOptions::bursts()).reconcile_by_id().start().await?;
    let start = Instant::now();
    for record in &new {
        drop(queue.submit(&Cx::new(), record)?);
    }
    let time = start.elapsed();
    let stats = queue.close(&Cx::new()).await;
    store.close().await;
    Ok((time, stats))
}
