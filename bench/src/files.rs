//! A store in files, by how many models it has: to open it, to find, update and query, and the memory it takes.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use larder::{Cx, Filter, Query, Storage, Store, field_of};
use uuid::Uuid;

use crate::{
    Result, Run,
    measure::Times,
    memory::{self, Watch},
    place::Engine,
    record::{self, Entity, numbered},
    report::{Line, Memory, Section},
};

pub const ID: &str = "FILE";
const SIZES: [u64; 3] = [100, 1_000, 10_000];
const HELD: [u64; 2] = [10_000, 100_000];
const FORMATS: [&str; 2] = ["yaml", "jsonl"];
const SINGLE: u64 = 500;
const QUERIES: u64 = 20;
const COSTS: [&str; 5] = ["create_batch", "open", "find", "update", "query by a column"];

type Records = std::sync::Arc<dyn Storage<record::Model, Uuid>>;

pub async fn run(run: &Run) -> Result<Section> {
    let mut lines = Vec::new();
    for format in FORMATS {
        for size in SIZES {
            let mut times = COSTS.map(|cost| (cost, Times::default()));
            for round in 1..=run.rounds {
                eprintln!("{ID} round {round}: {size} models, {format}");
                for ((_, times), time) in times.iter_mut().zip(measure(format, size).await?) {
                    times.push(time);
                }
            }
            for (cost, times) in times {
                let rows = match cost {
                    "find" | "update" => SINGLE,
                    "query by a column" => QUERIES,
                    _ => size,
                };
                lines.push(Line::new(ID, format!("larder, {format}, {size} models, {cost}"), rows, &times));
            }
        }
        for size in HELD.into_iter().filter(|size| *size <= (run.rows as u64).max(HELD[0])) {
            lines.push(held(format, size).await?);
        }
    }
    Ok(Section { id: ID, title: "files: the cost of one, by how many there are".to_owned(), lines })
}

fn url(folder: &Path, format: &str) -> String {
    format!("file:{}?format={format}", folder.display())
}

async fn open(folder: &Path, format: &str) -> Result<(Store, Records)> {
    let store = larder::open(&url(folder, format)).await?;
    let records: Records = store.repository::<Entity>();
    // The files are read when the repository is used first.
    records.count(&Cx::new(), &Filter::all()).await?;
    Ok((store, records))
}

/// The times of each cost, in a new folder.
async fn measure(format: &str, size: u64) -> Result<[Duration; 5]> {
    let (folder, cx) = (tempfile::tempdir()?, Cx::new());
    let models = numbered(0..size);
    let (store, records) = open(folder.path(), format).await?;
    let begun = Instant::now();
    records.create_batch(&cx, &models).await?;
    let batch = begun.elapsed();
    store.close().await;

    let begun = Instant::now();
    let (store, records) = open(folder.path(), format).await?;
    let opened = begun.elapsed();
    // Evenly among all, and not in their order.
    let wanted = || (0..SINGLE).filter_map(|number| models.get((number * 7919 % size) as usize));
    let begun = Instant::now();
    for model in wanted() {
        std::hint::black_box(records.find(&cx, &model.log_id).await?);
    }
    let find = begun.elapsed();
    let begun = Instant::now();
    for model in wanted() {
        let changed = record::Model { config_version: model.config_version + 1, ..model.clone() };
        records.update(&cx, &changed).await?;
    }
    let update = begun.elapsed();
    let source = models.first().map(|model| model.source_id.clone()).unwrap_or_default();
    let query = Query::new().filter(field_of(record::Column::SourceId).equals(source)).limit(100);
    let begun = Instant::now();
    for _ in 0..QUERIES {
        std::hint::black_box(records.query(&cx, &query).await?);
    }
    let query = begun.elapsed();
    store.close().await;
    Ok([batch, opened, find, update, query])
}

/// What a process takes that has a store of so many models open.
async fn held(format: &str, size: u64) -> Result<Line> {
    eprintln!("{ID}: memory of {size} models, {format}");
    let folder = tempfile::tempdir()?;
    let (store, records) = open(folder.path(), format).await?;
    records.create_batch(&Cx::new(), &numbered(0..size)).await?;
    store.close().await;
    let memory = memory::in_a_process(Engine::Sqlite, "files", &url(folder.path(), format), size)?;
    let more = memory.maximum.saturating_sub(memory.start);
    let detail = format!("{:.1} MiB more than before, {} bytes a model ", more as f64 / f64::from(1 << 20), more / size);
    let line = Line::new(ID, format!("larder, {format}, {size} models, memory"), size, &Times::default()).detail(detail);
    Ok(Line { memory: Some(memory), ..line })
}

/// The process itself.
pub async fn hold(url: &str, rows: u64) -> Result<Memory> {
    let mut watch = Watch::start()?;
    let store = larder::open(url).await?;
    let count = store.repository::<Entity>().count(&Cx::new(), &Filter::all()).await?;
    watch.look(count)?;
    store.close().await;
    if count == rows { Ok(watch.memory) } else { Err(format!("{count} of {rows} models were read").into()) }
}
