//! Writing what may be there already.

use std::{fmt::Write, ops::RangeInclusive};

use chrono::{DateTime, Utc};
use larder::{Cx, Error, OnConflict, Result, TransactionalExt, Upserted};
use larder_entity::{ConfigVersion, fiber};

use crate::{
    Tour,
    parse::{Batch, LogParser},
    source::LogFile,
};

/// How many lines are written in one transaction.
const BATCH: usize = 200;

/// The configuration that a key stands for: the one of any line.
pub fn version_of(key: &str, file: &str) -> Result<ConfigVersion, String> {
    let batch = LogParser::new(key, file)?.batch(&[String::new()]);
    Ok(batch.logs.first().map(|log| log.config_version).unwrap_or_default())
}

/// Writes the file two times, and tells what became of its models.
pub async fn twice(tour: &Tour, file: &LogFile, key: &str) -> Result<String, String> {
    let mut text = format!("\nUpsert, {BATCH} lines in a transaction\n    {:12} inserted   updated   ignored\n", "");
    for time in ["first", "again"] {
        let counts = once(tour, file, key).await?;
        for (what, Upserted { inserted, updated, ignored, .. }) in ["lines", "fibers", "memberships"].iter().zip(counts) {
            let _ = writeln!(text, "    {time} {what:12} {inserted:>8}  {updated:>8}  {ignored:>8}");
        }
    }
    Ok(text)
}

async fn once(tour: &Tour, file: &LogFile, key: &str) -> Result<[Upserted; 3], String> {
    let before = Utc::now();
    let mut parser = LogParser::new(key, file.name())?;
    let now = before..=Utc::now();
    let mut all = [Upserted::default(); 3];
    for lines in file.batches(BATCH)? {
        let mut batch = parser.batch(&lines?.text);
        forget(&now, &mut batch);
        let counts = store(tour, &batch).await.map_err(|error| format!("the store failed: {error}"))?;
        for (sum, count) in all.iter_mut().zip(counts) {
            sum.inserted += count.inserted;
            sum.updated += count.updated;
            sum.ignored += count.ignored;
        }
    }
    Ok(all)
}

/// Stores a batch as a whole or not at all. A line or membership that is there stays as it is; a fiber goes on for longer.
async fn store(tour: &Tour, batch: &Batch) -> Result<[Upserted; 3]> {
    let Tour { store, logs, fibers, memberships, .. } = tour;
    let stored = store.tx(&Cx::new(), |cx| async move {
        let longer = OnConflict::replace_column(fiber::COLUMN.last_activity);
        Ok::<_, Error>([
            logs.upsert_batch(&cx, &batch.logs, &OnConflict::ignore()).await?,
            fibers.upsert_batch(&cx, &batch.fibers, &longer).await?,
            memberships.upsert_batch(&cx, &batch.memberships, &OnConflict::ignore()).await?,
        ])
    });
    stored.await
}

/// The parser gives the time of reading to a line that tells none. A fixed one instead makes every run print the same.
fn forget(now: &RangeInclusive<DateTime<Utc>>, batch: &mut Batch) {
    let fixed = |time| if now.contains(&time) { DateTime::UNIX_EPOCH } else { time };
    for log in &mut batch.logs {
        log.timestamp = fixed(log.timestamp);
    }
    for fiber in &mut batch.fibers {
        fiber.first_activity = fixed(fiber.first_activity);
        fiber.last_activity = fixed(fiber.last_activity).max(fiber.first_activity);
    }
}
