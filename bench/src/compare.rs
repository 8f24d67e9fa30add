//! Runs a comparison: each round each library, on a database of its own state.

use std::time::{Duration, Instant};

use larder::field;
use tokio::{runtime::Handle, task::JoinHandle};

use crate::{
    Result, Run,
    client::{Client, Library},
    measure::{Subjects, Times},
    missing,
    place::{Engine, Place},
    record::{COLUMN, Entity, Model, numbered},
    report::{Section, compared},
    toasty,
    workload::{Comparison, Operation},
};

/// What an update leaves.
const UPDATED_VERSION: i64 = 43;

pub async fn run(comparison: &Comparison, run: &Run) -> Result<Section> {
    let rows = (run.rows / comparison.divisor).max(comparison.tasks);
    let all = numbered(0..run.rows as u64);
    // What is asked for by id lies side by side and stays in the engines' caches: it is the libraries that are compared.
    let mut records = all.get(..rows).ok_or_else(missing)?.to_vec();
    let libraries = comparison.libraries.iter().copied().filter(|library| *library != Library::Toasty);
    let mut subjects = Subjects::new(places(comparison, libraries, run, &all).await?);
    if matches!(comparison.operation, Operation::Update | Operation::UpdateMany) {
        records.iter_mut().for_each(|record| record.config_version = UPDATED_VERSION);
    }
    for round in 1..=run.rounds {
        for ((library, filled), times) in subjects.turn() {
            eprintln!("{} round {round} of {}: {}", comparison.id, run.rounds, library.name(comparison.engine));
            times.push(once(comparison, *library, filled.as_ref(), run, &records).await?);
        }
    }
    let mut measured: Vec<(Library, Times)> =
        subjects.finish().into_iter().map(|((library, _), times)| (library, times)).collect();
    if run.toasty && comparison.libraries.contains(&Library::Toasty) {
        let times = toasty::times(comparison, rows, run).await?;
        measured.push((Library::Toasty, times));
    }
    Ok(compared(comparison, rows as u64, &measured))
}

/// The libraries, for reading each with a database that it has filled by itself; but a Postgres server has one table for all.
async fn places(
    comparison: &Comparison,
    libraries: impl Iterator<Item = Library>,
    run: &Run,
    records: &[Model],
) -> Result<Vec<(Library, Option<Place>)>> {
    let mut places: Vec<(Library, Option<Place>)> = Vec::new();
    for library in libraries {
        let shared = places.first().filter(|_| comparison.engine == Engine::Postgres).and_then(|(_, place)| place.clone());
        let place = match comparison.operation {
            Operation::Find | Operation::Scan if shared.is_none() => Some(filled(comparison, library, run, records).await?),
            _ => shared,
        };
        places.push((library, place));
    }
    Ok(places)
}

async fn filled(comparison: &Comparison, library: Library, run: &Run, records: &[Model]) -> Result<Place> {
    let place = Place::new(comparison.engine, comparison.durability, run.postgres_url()).await?;
    let mut client = library.open(&place).await?;
    client.create_batch(records).await?;
    client.close().await?;
    Ok(place)
}

/// One library's turn: what it takes to open and to close is not counted.
async fn once(
    comparison: &Comparison,
    library: Library,
    filled_place: Option<&Place>,
    run: &Run,
    records: &[Model],
) -> Result<Duration> {
    let operation = comparison.operation;
    let place = match (filled_place, operation) {
        (Some(place), _) => place.clone(),
        (None, Operation::Update | Operation::UpdateMany) => filled(comparison, Library::Larder, run, records).await?,
        (None, _) => Place::new(comparison.engine, comparison.durability, run.postgres_url()).await?,
    };
    let mut client = library.open(&place).await?;
    // What a library does once, such as to look up the columns of the table, is not counted.
    let first = records.get(..comparison.tasks).unwrap_or(records);
    match operation {
        Operation::Create | Operation::CreateBatch => operate(client.as_mut(), operation, &one_more(records)).await?,
        Operation::Find | Operation::Update | Operation::UpdateMany => operate(client.as_mut(), operation, first).await?,
        Operation::Scan => operate(client.as_mut(), operation, records).await?,
    }
    let mut clients = Vec::new();
    for share in records.chunks(records.len().div_ceil(comparison.tasks)) {
        clients.push((client.another().await?, share.to_vec()));
    }
    drop(client);
    let start = Instant::now();
    let tasks: Vec<_> = clients.into_iter().map(|(client, share)| task(client, operation, share, comparison.tasks > 1)).collect();
    let mut clients = Vec::new();
    for task in tasks {
        clients.push(task.await??);
    }
    let time = start.elapsed();
    for client in &mut clients {
        client.close().await?;
    }
    drop(clients);
    check(&place, operation, records).await?;
    Ok(time)
}

fn one_more(records: &[Model]) -> Vec<Model> {
    numbered(records.len() as u64..records.len() as u64 + 1)
}

/// One of the tasks. It gives its client back: to end it takes time.
fn task(mut client: Box<dyn Client>, operation: Operation, share: Vec<Model>, many: bool) -> JoinHandle<Result<Box<dyn Client>>> {
    let on_a_thread = many && client.blocks();
    let work = async move {
        operate(&mut *client, operation, &share).await?;
        Ok(client)
    };
    if on_a_thread { tokio::task::spawn_blocking(move || Handle::current().block_on(work)) } else { tokio::spawn(work) }
}

pub async fn operate(client: &mut dyn Client, operation: Operation, records: &[Model]) -> Result<()> {
    let last = match operation {
        Operation::CreateBatch => return client.create_batch(records).await,
        Operation::Create => return client.create_each(records).await,
        Operation::Update => return client.update_each(records).await,
        Operation::UpdateMany => return client.update_batch(records).await,
        Operation::Find => client.find_each(records).await?,
        Operation::Scan => {
            let (count, last) = client.scan().await?;
            if count != records.len() {
                return Err(format!("{count} records were read, and there are {}", records.len()).into());
            }
            last
        }
    };
    if records.last() == Some(&last) { Ok(()) } else { Err("a record is not as it was stored".into()) }
}

/// Whether everything is there that was written.
async fn check(place: &Place, operation: Operation, records: &[Model]) -> Result<()> {
    let written = records.len() as u64;
    let (filter, expected) = match operation {
        Operation::Create | Operation::CreateBatch => (larder::Filter::all(), written + 1),
        Operation::Update | Operation::UpdateMany => (field(COLUMN.config_version).equals(UPDATED_VERSION), written),
        Operation::Find | Operation::Scan => return Ok(()),
    };
    let (store, repository) = place.repository::<Entity>().await?;
    let count = repository.count(&larder::Cx::new(), &filter).await?;
    store.close().await;
    if count == expected { Ok(()) } else { Err(format!("{count} records are stored, and {expected} were").into()) }
}
