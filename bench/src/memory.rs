//! How much memory a process takes that writes or reads very many records. Each is a process of its own.

use std::process::{Command, Stdio};

use larder::{Cx, Durability, Query, SqlText, Store};

use crate::{
    Result, Run, files,
    measure::Times,
    place::{Engine, Place},
    record::{Entity, numbered},
    report::{Line, Memory, Section},
    write_behind,
};

pub const ID: &str = "MEM";
const CHUNK: u64 = 10_000;
/// By then every engine has moved its log into its file at least once, and has the room that it takes for that.
const SETTLED: u64 = 200_000;
/// What may still be taken after the first rows.
const FLAT: u64 = 16 << 20;

pub async fn run(run: &Run) -> Result<Section> {
    let mut lines = Vec::new();
    for engine in Engine::ALL {
        if engine == Engine::Postgres && !run.has_postgres() {
            continue;
        }
        let place = Place::new(engine, Durability::Process, run.postgres_url()).await?;
        for (work, what) in [("write", "create_batch in chunks of 10 000"), ("read", "stream")] {
            eprintln!("{ID}: {}, {what}", engine.name());
            let memory = in_a_process(engine, work, &place.url, run.memory_rows)?;
            let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
            let growth = memory.maximum.saturating_sub(memory.settled);
            let detail = format!(
                "start {:.1} MiB, maximum {:.1} MiB, {:.1} MiB more than after 200 000 rows, {:.1} of them the engine's own ",
                mib(memory.start),
                mib(memory.maximum),
                mib(growth),
                mib(memory.of_engine)
            );
            let line =
                Line::new(ID, format!("larder, {}, {what}", engine.name()), run.memory_rows, &Times::default()).detail(detail);
            let line = Line { memory: Some(memory), ..line };
            let flat = format!("<= {} MiB more", FLAT >> 20);
            lines.push(line.target(flat, growth.saturating_sub(memory.of_engine) <= FLAT));
        }
    }
    Ok(Section { id: ID, title: "resident memory of a process (MiB)".to_owned(), lines })
}

pub fn in_a_process(engine: Engine, work: &str, url: &str, rows: u64) -> Result<Memory> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--memory-child", engine.name(), work, url, "--memory-rows", &rows.to_string()]);
    // What glibc keeps for each thread that has freed it is not in use.
    command.env("MALLOC_ARENA_MAX", "1");
    let output = command.stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("the process that was to {work} failed").into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// The process itself.
pub async fn child(arguments: &[String], rows: u64) -> Result<()> {
    let [engine, work, url] = arguments else { return Err("an engine, a work and a URL are wanted".into()) };
    let engine = Engine::ALL.into_iter().find(|known| known.name() == engine);
    let place = Place::existing(engine.ok_or("no such engine")?, url.clone());
    let memory = match work.as_str() {
        "write" => write(&place, rows).await?,
        "read" => read(&place, rows).await?,
        "queue" => write_behind::hold(rows).await?,
        "files" => files::hold(&place.url, rows).await?,
        _ => return Err("no such work".into()),
    };
    println!("{}", serde_json::to_string(&memory)?);
    Ok(())
}

async fn write(place: &Place, rows: u64) -> Result<Memory> {
    let (store, records) = place.repository::<Entity>().await?;
    let cx = Cx::new();
    let mut watch = Watch::start()?;
    let mut settled = 0;
    for first in (0..rows).step_by(CHUNK as usize) {
        let chunk = numbered(first..rows.min(first + CHUNK));
        records.create_batch(&cx, &chunk).await?;
        watch.look(first + CHUNK)?;
        if first + CHUNK == SETTLED {
            settled = of_engine(place, &store).await?;
        }
    }
    watch.memory.of_engine = of_engine(place, &store).await?.saturating_sub(settled);
    store.close().await;
    Ok(watch.memory)
}

async fn read(place: &Place, rows: u64) -> Result<Memory> {
    let (store, records) = place.repository::<Entity>().await?;
    let mut watch = Watch::start()?;
    let mut stream = records.stream(&Cx::new(), &Query::new()).await?;
    let mut count = 0;
    while let Some(record) = stream.try_next().await? {
        std::hint::black_box(record);
        count += 1;
        if count % CHUNK == 0 {
            watch.look(count)?;
        }
    }
    store.close().await;
    if count == rows { Ok(watch.memory) } else { Err(format!("{count} of {rows} records were read").into()) }
}

/// What DuckDB says it has in memory by itself: the indexes of its tables, above all, which it keeps there. The others say
/// nothing.
async fn of_engine(place: &Place, store: &Store) -> Result<u64> {
    if place.engine != Engine::DuckDb {
        return Ok(0);
    }
    let sum = SqlText::new("SELECT CAST(sum(memory_usage_bytes) AS BIGINT) FROM duckdb_memory()");
    let bytes: Vec<i64> = store.sql()?.query_as(&Cx::new(), &sum).await?;
    Ok(bytes.first().copied().unwrap_or_default().unsigned_abs())
}

pub struct Watch {
    pub memory: Memory,
}

impl Watch {
    pub fn start() -> Result<Self> {
        let start = resident()?;
        Ok(Self { memory: Memory { start, settled: start, maximum: start, of_engine: 0 } })
    }

    pub fn look(&mut self, rows: u64) -> Result<()> {
        let now = resident()?;
        self.memory.maximum = self.memory.maximum.max(now);
        if rows <= SETTLED {
            self.memory.settled = self.memory.maximum;
        }
        Ok(())
    }
}

/// What the kernel says this process has in memory.
fn resident() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kibibytes << 10)
}
