//! How the cost of one grows with how many there are, on SQLite.

use std::time::{Duration, Instant};

use larder::Durability;

use crate::{
    Result, Run,
    client::Library,
    measure::Times,
    place::{Engine, Place},
    record::{Model, numbered},
    report::{Line, Section},
};

pub const ID: &str = "P15";
const SIZES: [u64; 4] = [10_000, 100_000, 1_000_000, 10_000_000];
const BATCH: u64 = 10_000;
const SINGLE: u64 = 2_000;
const MOST_ROUNDS: usize = 3;
/// How much more the cost of a row in a batch or a scan may be with many rows than with few.
const FLAT: f64 = 1.5;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Cost {
    Batch,
    Create,
    Find,
    /// By hand, to tell what the engine's own costs are.
    LimitFind,
    Scan,
}

impl Cost {
    fn name(self) -> &'static str {
        match self {
            Self::Batch => "larder, create_batch of 10 000",
            Self::Create => "larder, create",
            Self::Find => "larder, find",
            Self::LimitFind => "limit, find",
            Self::Scan => "larder, stream",
        }
    }
}

pub async fn run(run: &Run) -> Result<Section> {
    let largest = if run.deep { 10_000_000 } else { (run.rows as u64 * 10).max(SIZES[0]) };
    let sizes: Vec<u64> = SIZES.into_iter().filter(|size| *size <= largest).collect();
    let mut lines: Vec<(Cost, u64, Line)> = Vec::new();
    for size in sizes {
        let mut times = [Cost::Batch, Cost::Create, Cost::Find, Cost::LimitFind, Cost::Scan].map(|cost| (cost, Times::default()));
        for round in 1..=run.rounds.min(MOST_ROUNDS) {
            eprintln!("{ID} round {round}: {size} rows");
            let measured = tokio::spawn(measure(size)).await??;
            for ((_, times), time) in times.iter_mut().zip(measured) {
                times.push(time);
            }
        }
        for (cost, times) in times {
            let rows = if matches!(cost, Cost::Batch | Cost::Scan) { size } else { SINGLE };
            lines.push((cost, size, Line::new(ID, format!("{}, {size} rows", cost.name()), rows, &times)));
        }
    }
    lines.sort_by_key(|(cost, size, _)| (*cost, *size));
    let judged = lines.iter().map(|(cost, size, line)| judged(*cost, *size, line, &lines)).collect();
    Ok(Section { id: ID, title: "SQLite: the cost of one, by how many there are".to_owned(), lines: judged })
}

/// Beside the fewest rows.
fn judged(cost: Cost, size: u64, line: &Line, lines: &[(Cost, u64, Line)]) -> Line {
    let first = lines.iter().find(|(other, ..)| *other == cost);
    let Some((least, (now, before))) = first.and_then(|(_, least, first)| Some((*least, line.each_ns().zip(first.each_ns())?)))
    else {
        return line.clone();
    };
    let growth = now / before;
    let line = line.clone().detail(format!("{growth:.2}x "));
    if size == least || cost == Cost::LimitFind {
        return line;
    }
    let most = match cost {
        Cost::Batch | Cost::Scan => FLAT,
        Cost::Create | Cost::Find | Cost::LimitFind => (size as f64).ln() / (least as f64).ln(),
    };
    line.target(format!("<= {most:.2}x that of {least} rows"), growth <= most)
}

/// The times of each cost, in a new file.
async fn measure(size: u64) -> Result<[Duration; 5]> {
    let place = Place::new(Engine::Sqlite, Durability::Process, "").await?;
    let mut client = Library::Larder.open(&place).await?;
    let mut batch = Duration::ZERO;
    for first in (0..size).step_by(BATCH as usize) {
        let records = numbered(first..size.min(first + BATCH));
        batch += timed(client.create_batch(&records)).await?;
    }
    // Evenly among all, and not in their order.
    let wanted: Vec<Model> = (0..SINGLE).flat_map(|number| numbered_once(number * 7919 * (size / SINGLE) % size)).collect();
    timed(client.find_each(&wanted)).await?;
    let find = timed(client.find_each(&wanted)).await?;
    let create = timed(client.create_each(&numbered(size..size + SINGLE))).await?;
    client.close().await?;
    let mut limit = Library::Limit.open(&place).await?;
    timed(limit.find_each(&wanted)).await?;
    let limit_find = timed(limit.find_each(&wanted)).await?;
    limit.close().await?;
    let mut stream = Library::LarderStream.open(&place).await?;
    let scan = timed(stream.scan()).await?.mul_f64(size as f64 / (size + SINGLE) as f64);
    stream.close().await?;
    Ok([batch, create, find, limit_find, scan])
}

fn numbered_once(number: u64) -> Vec<Model> {
    numbered(number..number + 1)
}

async fn timed<T>(work: impl Future<Output = Result<T>> + Send) -> Result<Duration> {
    let start = Instant::now();
    work.await?;
    Ok(start.elapsed())
}
