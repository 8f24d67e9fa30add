//! Counts, sums and averages of groups, beside the engine's own SQL.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use larder::{Cx, Durability};

use crate::{
    Result, Run,
    client::Library,
    measure::{Subjects, Times},
    place::{Engine, Place},
    record::{Entity, Model, numbered},
    report::{Line, Section},
};

pub const ID: &str = "P18";
const MOST_RATIO: f64 = 1.2;

/// How many rows there are for each of the others' workloads: a million, if nothing else is said.
const FACTOR: usize = 10;
const ROWS_A_BATCH: usize = 50_000;

/// What records are grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupBy {
    Source,
    Hour,
}

/// A group: what its records have in common, and what their versions come to.
#[derive(Clone, Debug)]
pub struct Group {
    pub key: String,
    pub count: i64,
    pub sum: i64,
    pub average: f64,
}

/// SQLite's averages are not always the nearest to the exact ones.
impl PartialEq for Group {
    fn eq(&self, other: &Self) -> bool {
        let is_near = (self.average - other.average).abs() <= self.average.abs() * 1e-12;
        (&self.key, self.count, self.sum) == (&other.key, other.count, other.sum) && is_near
    }
}

impl GroupBy {
    /// The engine's own SQL, the fastest that it has for whoever knows how the times are stored. The key is text, or the beginning
    /// of the hour in seconds since 1970.
    pub fn sql(self, engine: Engine) -> String {
        let (key, group) = match (self, engine) {
            (Self::Source, _) => ("source_id", "source_id"),
            (Self::Hour, Engine::Sqlite) => ("unixepoch(substr(timestamp, 1, 13) || ':00')", "substr(timestamp, 1, 13)"),
            (Self::Hour, Engine::Postgres) => (
                "CAST(EXTRACT(EPOCH FROM date_trunc('hour', timestamp, 'UTC')) AS bigint)",
                "date_trunc('hour', timestamp, 'UTC')",
            ),
            (Self::Hour, Engine::DuckDb) => {
                ("epoch_us(time_bucket(INTERVAL 1 HOUR, timestamp)) // 1000000", "time_bucket(INTERVAL 1 HOUR, timestamp)")
            }
        };
        let values = match engine {
            Engine::Sqlite => "COUNT(*), SUM(config_version), AVG(config_version)",
            Engine::Postgres => "COUNT(*), CAST(SUM(config_version) AS bigint), CAST(AVG(config_version) AS float8)",
            Engine::DuckDb => "COUNT(*), CAST(SUM(config_version) AS BIGINT), AVG(config_version)",
        };
        format!("SELECT CAST({key} AS {}), {values} FROM raw_logs GROUP BY {group} ORDER BY {group}", self.key_type())
    }

    fn key_type(self) -> &'static str {
        if self == Self::Source { "text" } else { "bigint" }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Source => "by a text",
            Self::Hour => "by hour",
        }
    }
}

/// Records of a thousand hours, with versions that differ.
fn records(from: usize, until: usize, all: usize) -> Vec<Model> {
    let step = 3_600_000_000_000 / all.max(1) as i64;
    let spread = |(number, record): (usize, Model)| {
        let number = (from + number) as i64;
        let micros = record.ingestion_time.timestamp_micros() + number * step;
        let timestamp = DateTime::<Utc>::from_timestamp_micros(micros).unwrap_or(record.timestamp);
        Model { timestamp, config_version: number % 1_000, ..record }
    };
    numbered(from as u64..until as u64).into_iter().enumerate().map(spread).collect()
}

pub async fn run(run: &Run) -> Result<Section> {
    let mut lines = Vec::new();
    for engine in Engine::ALL.into_iter().filter(|engine| *engine != Engine::Postgres || run.has_postgres()) {
        let rows = run.rows * FACTOR;
        let place = Place::new(engine, Durability::Process, run.postgres_url()).await?;
        let (store, repository) = place.repository::<Entity>().await?;
        for from in (0..rows).step_by(ROWS_A_BATCH) {
            let records = records(from, rows.min(from + ROWS_A_BATCH), rows);
            repository.create_batch(&Cx::new(), &records).await?;
        }
        if engine != Engine::DuckDb {
            store.sql()?.execute(&Cx::new(), &larder::SqlText::new("ANALYZE")).await?;
        }
        store.close().await;
        for by in [GroupBy::Source, GroupBy::Hour] {
            lines.extend(of(run, &place, by, rows as u64).await?);
        }
    }
    Ok(Section { id: ID, title: "count, sum and average of groups".to_owned(), lines })
}

async fn of(run: &Run, place: &Place, by: GroupBy, rows: u64) -> Result<Vec<Line>> {
    let libraries: &[Library] = match place.engine {
        Engine::Sqlite | Engine::Postgres => &[Library::Larder, Library::SeaOrm, Library::Sqlx, Library::Limit],
        Engine::DuckDb => &[Library::Larder, Library::DuckDbRows],
    };
    let mut subjects = Subjects::new(libraries.iter().copied());
    let mut expected: Option<Vec<Group>> = None;
    for round in 1..=run.rounds {
        for (library, times) in subjects.turn() {
            let name = library.name(place.engine);
            eprintln!("{ID} {} {} round {round} of {}: {name}", place.engine.name(), by.name(), run.rounds);
            let (time, groups) = once(place, *library, by).await?;
            let expected = expected.get_or_insert_with(|| groups.clone());
            if *expected != groups {
                let other = expected.iter().zip(&groups).find(|(one, other)| one != other);
                let (first, now) = (expected.len(), groups.len());
                return Err(format!("{name} answers {now} groups, and not {first}; the first that differ: {other:?}").into());
            }
            times.push(time);
        }
    }
    let measured = subjects.finish();
    let seconds = |times: &Times| times.median().as_secs_f64();
    let limit = measured.last().map(|(_, times)| seconds(times)).unwrap_or_default();
    let peers = measured.iter().filter(|(library, _)| matches!(library, Library::SeaOrm | Library::Sqlx));
    let peer = peers.map(|(_, times)| seconds(times)).min_by(f64::total_cmp);
    let line = |(library, times): &(Library, Times)| {
        let subject = format!("{}, {}, {}", library.name(place.engine), place.engine.name(), by.name());
        let ratio = seconds(times) / limit;
        let line = Line {
            ratio_to_limit: Some(ratio),
            ratio_to_best_peer: peer.map(|peer| seconds(times) / peer),
            ..Line::new(ID, subject, rows, times)
        };
        if library.is_larder() {
            line.target(format!("<= {MOST_RATIO}x the engine's own SQL"), ratio <= MOST_RATIO)
        } else {
            line
        }
    };
    Ok(measured.iter().map(line).collect())
}

/// A library's turn. What it does once, such as to look at the forms of the times, is not counted.
async fn once(place: &Place, library: Library, by: GroupBy) -> Result<(Duration, Vec<Group>)> {
    let mut client = library.open(place).await?;
    client.group(by).await?;
    let start = Instant::now();
    let groups = client.group(by).await?;
    let time = start.elapsed();
    client.close().await?;
    Ok((time, groups))
}
