//! Reads beside writes, on SQLite.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use larder::Durability;
use tokio::task::JoinHandle;

use crate::{
    Result, Run,
    client::{Client, Library},
    measure::Times,
    missing,
    place::{Engine, Place},
    record::{Model, numbered},
    report::{Line, Section},
};

pub const ID: &str = "D11";
const BATCH: u64 = 20_000;
const BATCHES: u64 = 8;
const MOST_ROUNDS: usize = 3;
const WRITERS: u64 = 10;
const READERS: u64 = 5;
const PERIOD: Duration = Duration::from_secs(3);
/// From one id that is asked for to the next: far, and no part of the number of rows.
const STRIDE: usize = 7919;
/// Apart for each writer.
const NUMBERS: u64 = 100_000_000;

pub async fn run(run: &Run) -> Result<Section> {
    let stored: Arc<[Model]> = numbered(0..run.rows as u64).into();
    let mut lines = Vec::new();
    for library in [Library::Larder, Library::SeaOrm] {
        let (mut alone, mut beside) = (Vec::new(), Vec::new());
        for round in 1..=run.rounds.min(MOST_ROUNDS) {
            eprintln!("{ID} round {round}: {} during batches", library.name(Engine::Sqlite));
            let (first, second) = during_batches(library, &stored).await?;
            alone.extend(first);
            beside.extend(second);
        }
        lines.push(latency(library, "find, alone", alone));
        lines.push(latency(library, "find, beside batches of 20 000", beside));
        eprintln!("{ID}: {}, {WRITERS} writers and {READERS} readers", library.name(Engine::Sqlite));
        lines.extend(together(library, &stored).await?);
    }
    Ok(Section {
        id: ID,
        title: "SQLite: reads beside writes (one find; then 10 writers and 5 readers for 3 s)".to_owned(),
        lines,
    })
}

fn latency(library: Library, what: &str, latencies: Vec<Duration>) -> Line {
    let (count, times) = (latencies.len(), Times::from_iter(latencies));
    let micros = |part| times.quantile(part).as_secs_f64() * 1e6;
    let detail = format!("p50 {:.1} \u{b5}s, p99 {:.1} \u{b5}s of {count} finds", micros(0.5), micros(0.99));
    Line::new(ID, format!("{}: {what}", library.name(Engine::Sqlite)), 1, &times).detail(detail)
}

async fn filled(library: Library, stored: &[Model]) -> Result<(Place, Box<dyn Client>)> {
    let place = Place::new(Engine::Sqlite, Durability::Process, "").await?;
    let mut client = library.open(&place).await?;
    client.create_batch(stored).await?;
    Ok((place, client))
}

/// How long finds take with nothing else going on, for as long as the batches take and then beside them.
async fn during_batches(library: Library, stored: &Arc<[Model]>) -> Result<(Vec<Duration>, Vec<Duration>)> {
    let (_place, mut client) = filled(library, stored).await?;
    let (mut reader, mut writer) = (client.another().await?, client.another().await?);
    let alone = tokio::spawn(find_until(client.another().await?, stored.clone(), sleep_for(Duration::from_secs(1)))).await??;
    reader.find_each(stored.get(..1).ok_or_else(missing)?).await?;
    let first = stored.len() as u64;
    let batches: Vec<_> = (0..BATCHES).map(|batch| numbered(first + batch * BATCH..first + (batch + 1) * BATCH)).collect();
    let writing = tokio::spawn(async move {
        for batch in &batches {
            writer.create_batch(batch).await?;
        }
        Ok(())
    });
    let beside = tokio::spawn(find_until(reader, stored.clone(), writing)).await??;
    client.close().await?;
    Ok((alone, beside))
}

fn sleep_for(period: Duration) -> JoinHandle<Result<()>> {
    tokio::spawn(async move {
        tokio::time::sleep(period).await;
        Ok(())
    })
}

/// How long each find took until something has ended.
async fn find_until(mut client: Box<dyn Client>, stored: Arc<[Model]>, end: JoinHandle<Result<()>>) -> Result<Vec<Duration>> {
    let mut latencies = Vec::new();
    for number in (0..).map(|find| find * STRIDE % stored.len()) {
        if end.is_finished() {
            break;
        }
        let wanted = stored.get(number..=number).ok_or_else(missing)?;
        let start = Instant::now();
        client.find_each(wanted).await?;
        latencies.push(start.elapsed());
    }
    end.await??;
    Ok(latencies)
}

/// What many tasks get done in a while, and how much of it failed.
async fn together(library: Library, stored: &Arc<[Model]>) -> Result<[Line; 2]> {
    let (_place, mut client) = filled(library, stored).await?;
    let deadline = Instant::now() + PERIOD;
    let (mut writers, mut readers) = (Vec::new(), Vec::new());
    for number in 1..=WRITERS {
        let mut writer = client.another().await?;
        writers.push(tokio::spawn(async move {
            let mut done = Done::default();
            for number in number * NUMBERS.. {
                if Instant::now() >= deadline {
                    break;
                }
                done.count(writer.create_each(&numbered(number..number + 1)).await);
            }
            done
        }));
    }
    for reader_number in 0..READERS as usize {
        let (mut reader, stored) = (client.another().await?, stored.clone());
        readers.push(tokio::spawn(async move {
            let mut done = Done::default();
            for number in 0.. {
                let wanted = (reader_number + number * STRIDE) % stored.len();
                if Instant::now() >= deadline {
                    break;
                }
                done.count(reader.find_each(stored.get(wanted..=wanted).unwrap_or_default()).await.map(drop));
            }
            done
        }));
    }
    let mut lines = Vec::new();
    for (what, tasks) in [("10 writers", writers), ("5 readers", readers)] {
        let mut sum = Done::default();
        for task in tasks {
            sum.add(task.await?);
        }
        let line = Line::new(ID, format!("{}: {what}", library.name(Engine::Sqlite)), sum.done, &Times::from_iter([PERIOD]));
        let detail =
            sum.error.map_or_else(|| "0 errors ".to_owned(), |error| format!("{} errors, such as: {error} ", sum.errors));
        let line = line.detail(detail);
        lines.push(if library.is_larder() { line.target("no error", sum.errors == 0) } else { line });
    }
    client.close().await?;
    lines.try_into().map_err(|_| missing())
}

#[derive(Default)]
struct Done {
    done: u64,
    errors: u64,
    error: Option<String>,
}

impl Done {
    fn count(&mut self, result: Result<()>) {
        match result {
            Ok(()) => self.done += 1,
            Err(error) => (self.errors, self.error) = (self.errors + 1, Some(error.to_string())),
        }
    }

    fn add(&mut self, other: Self) {
        (self.done, self.errors) = (self.done + other.done, self.errors + other.errors);
        self.error = self.error.take().or(other.error);
    }
}
