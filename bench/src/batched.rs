//! What batches gain over single writes, on a SQLite table with many indexes.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use larder::{Cx, Durability, Filter, Storage};

use crate::{
    Result, Run,
    entry::{Entity, Model, entry, indexes},
    measure::{Subjects, Times},
    place::{Engine, Place},
    report::{Line, Section},
};

pub const ID: &str = "S2";
const SIZES: [usize; 6] = [10, 25, 50, 100, 200, 500];
const MOST_ROUNDS: usize = 3;

#[derive(Clone, Copy, Debug, PartialEq)]
struct Arm {
    durability: Durability,
    /// None for single writes.
    size: Option<usize>,
    rows: usize,
}

pub async fn run(run: &Run) -> Result<Section> {
    let rows = (run.rows / 10).max(10);
    let entries: Vec<Model> = (0..u32::try_from(rows)?).map(entry).collect();
    let mut lines = Vec::new();
    for durability in [Durability::Process, Durability::Power] {
        // Each waits for the disk.
        let single = if durability == Durability::Power { rows.div_ceil(10) } else { rows };
        let sizes = SIZES.map(|size| Arm { durability, size: Some(size), rows });
        let mut arms = Subjects::new([Arm { durability, size: None, rows: single }].into_iter().chain(sizes));
        let rounds = run.rounds.min(MOST_ROUNDS);
        for round in 1..=rounds {
            for (arm, times) in arms.turn() {
                eprintln!("{ID} round {round} of {rounds}: {}", name(*arm));
                times.push(once(*arm, entries.get(..arm.rows).unwrap_or(&entries)).await?);
            }
        }
        lines.extend(beside_single(arms.finish()));
    }
    Ok(Section {
        id: ID,
        title: "SQLite, 12 indexes: larder's create one by one, and create_batch by batch size".to_owned(),
        lines,
    })
}

fn name(arm: Arm) -> String {
    let what = arm.size.map_or_else(|| "single".to_owned(), |size| format!("batches of {size}"));
    format!("larder, {what}, {}", if arm.durability == Durability::Power { "FULL" } else { "NORMAL" })
}

fn beside_single(arms: Vec<(Arm, Times)>) -> Vec<Line> {
    let lines: Vec<_> = arms.iter().map(|(arm, times)| (arm, Line::new(ID, name(*arm), arm.rows as u64, times))).collect();
    let single = lines.iter().find(|(arm, _)| arm.size.is_none()).and_then(|(_, line)| line.each_ns());
    let line = |(_, line): (&Arm, Line)| match single.zip(line.each_ns()) {
        Some((single, each)) => line.detail(format!("{:.1}x the rate of single writes", single / each)),
        None => line,
    };
    lines.into_iter().map(line).collect()
}

async fn once(arm: Arm, entries: &[Model]) -> Result<Duration> {
    let place = Place::with_table(Engine::Sqlite, arm.durability, "", Entity, &indexes()).await?;
    let (store, repository) = place.repository::<Entity>().await?;
    let time = tokio::spawn(write(arm, repository.clone(), entries.to_vec())).await??;
    let written = repository.count(&Cx::new(), &Filter::all()).await?;
    store.close().await;
    if written == arm.rows as u64 { Ok(time) } else { Err(format!("{written} of {} rows are there", arm.rows).into()) }
}

async fn write(arm: Arm, entries: Arc<dyn Storage<Model, i64>>, new: Vec<Model>) -> Result<Duration> {
    let cx = Cx::new();
    let start = Instant::now();
    match arm.size {
        None => {
            for entry in &new {
                entries.create(&cx, entry).await?;
            }
        }
        Some(size) => {
            for batch in new.chunks(size) {
                entries.create_batch(&cx, batch).await?;
            }
        }
    }
    Ok(start.elapsed())
}
