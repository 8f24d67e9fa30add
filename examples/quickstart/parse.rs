//! From lines to models.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Datelike, NaiveDateTime, Timelike, Utc};
use larder_entity::{ConfigVersion, fiber, fiber_membership as membership, raw_log};
use regex::Regex;
use serde_json::json;
use uuid::Uuid;

/// Models that are stored together.
#[derive(Default)]
pub struct Batch {
    pub logs: Vec<raw_log::Model>,
    pub fibers: Vec<fiber::Model>,
    pub memberships: Vec<membership::Model>,
}

impl Batch {
    pub fn extend(&mut self, other: Self) {
        self.logs.extend(other.logs);
        self.memberships.extend(other.memberships);
        let mut known: BTreeSet<_> = self.fibers.iter().map(|fiber| fiber.fiber_id).collect();
        self.fibers.extend(other.fibers.into_iter().filter(|fiber| known.insert(fiber.fiber_id)));
    }
}

/// Makes models of lines.
pub struct LogParser {
    key: Regex,
    source: String,
    version: ConfigVersion,
    line: u64,
    started: DateTime<Utc>,
}

impl LogParser {
    pub fn new(key: &str, source: &str) -> Result<Self, String> {
        let regex = Regex::new(key).map_err(|error| {
            let reason = error.to_string();
            format!(
                "the key is not a regular expression: {}",
                reason.lines().last().unwrap_or_default().trim_start_matches("error: ")
            )
        })?;
        let version = ConfigVersion(Uuid::new_v5(&Uuid::NAMESPACE_OID, key.as_bytes()).as_u64_pair().0);
        Ok(Self { key: regex, source: source.to_owned(), version, line: 0, started: Utc::now() })
    }

    /// Ids are made of what they stand for, so that the same file gives the same ids.
    fn id(&self, kind: &str, what: &str) -> Uuid {
        Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{kind}\n{}\n{what}", self.version.0).as_bytes())
    }

    pub fn batch(&mut self, lines: &[String]) -> Batch {
        let mut batch = Batch::default();
        let mut fibers: BTreeMap<String, fiber::Model> = BTreeMap::new();
        for line in lines {
            self.line += 1;
            let log_id = self.id("line", &format!("{}\n{}\n{line}", self.source, self.line));
            let timestamp = self.time_of(line);
            let keys: BTreeSet<_> = self.key.find_iter(line).map(|key| key.as_str()).filter(|key| !key.is_empty()).collect();
            for key in keys {
                let fiber = fibers.entry(key.to_owned()).or_insert_with(|| self.fiber(key, timestamp));
                fiber.first_activity = fiber.first_activity.min(timestamp);
                fiber.last_activity = fiber.last_activity.max(timestamp);
                let fiber_id = fiber.fiber_id;
                batch.memberships.push(membership::Model { log_id, fiber_id, config_version: self.version });
            }
            batch.logs.push(raw_log::Model {
                log_id,
                timestamp,
                source_id: self.source.clone(),
                raw_text: line.clone(),
                ingestion_time: None,
                config_version: self.version,
            });
        }
        batch.fibers = fibers.into_values().collect();
        batch
    }

    fn fiber(&self, key: &str, time: DateTime<Utc>) -> fiber::Model {
        fiber::Model {
            fiber_id: self.id("fiber", key),
            fiber_type: "key".to_owned(),
            config_version: self.version,
            attributes: Some(json!({ "key": key })),
            first_activity: time,
            last_activity: time,
            closed: false,
        }
    }

    /// The time at the start of the line, or else the time it was read.
    fn time_of(&self, line: &str) -> DateTime<Utc> {
        let time =
            line.get(..19).and_then(|text| NaiveDateTime::parse_from_str(&text.replace('T', " "), "%Y-%m-%d %H:%M:%S").ok());
        // A leap second, or the year 0, is no time that can be stored.
        let time = time.filter(|time| time.nanosecond() < 1_000_000_000 && time.year() > 0);
        time.map_or(self.started, |time| time.and_utc())
    }

    /// A new line with a membership that cannot be: it is there twice.
    pub fn failing_batch(&mut self, stored: &Batch) -> Batch {
        let mut batch = self.batch(&["a line that is refused with its batch".to_owned()]);
        let log_id = batch.logs.first().map_or(Uuid::nil(), |log| log.log_id);
        batch.fibers = stored.fibers.iter().take(1).cloned().collect();
        let fiber_id = batch.fibers.first().map_or(Uuid::nil(), |fiber| fiber.fiber_id);
        batch.memberships = vec![membership::Model { log_id, fiber_id, config_version: self.version }; 2];
        batch
    }
}
