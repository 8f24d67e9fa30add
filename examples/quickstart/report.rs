//! What the store holds of the file.

use std::{collections::BTreeMap, fmt::Write};

use larder::{Cx, Error, Result};
use larder_entity::{fiber, raw_log};
use serde_json::json;
use uuid::Uuid;

use crate::{
    parse::Batch,
    service::LogService,
    text::{printable, shown},
};

/// How many fibers, and lines of one, are shown.
const SHOWN: usize = 5;

pub struct Report {
    logs: usize,
    fibers: usize,
    memberships: usize,
    /// The fibers with the most lines.
    largest: Vec<(String, usize)>,
    /// Lines of the largest one.
    lines: Vec<String>,
}

impl Report {
    /// Reads what was written back from the store.
    pub async fn read_back(service: &LogService, written: &Batch) -> Result<Self> {
        let cx = Cx::new();
        let ids: Vec<_> = written.logs.iter().map(|log| log.log_id).collect();
        let logs = service.logs.find_many(&cx, &ids).await?;
        let ids: Vec<_> = written.fibers.iter().map(|fiber| fiber.fiber_id).collect();
        let fibers = service.fibers.find_many(&cx, &ids).await?;
        let ids: Vec<_> = written.memberships.iter().map(|member| (member.log_id, member.fiber_id)).collect();
        let memberships = service.memberships.find_many(&cx, &ids).await?;

        let mut lines_of: BTreeMap<Uuid, Vec<Uuid>> = BTreeMap::new();
        for member in &memberships {
            lines_of.entry(member.fiber_id).or_default().push(member.log_id);
        }
        let mut largest: Vec<_> = fibers.iter().map(|fiber| (key_of(fiber), fiber.fiber_id)).collect();
        let size = |id: &Uuid| lines_of.get(id).map_or(0, Vec::len);
        largest.sort_by(|(a, a_id), (b, b_id)| size(b_id).cmp(&size(a_id)).then_with(|| a.cmp(b)));
        let lines = match largest.first().and_then(|(_, id)| lines_of.get(id)) {
            Some(ids) => service.logs.find_many(&cx, ids.get(..SHOWN).unwrap_or(ids)).await?,
            None => Vec::new(),
        };
        Ok(Self {
            logs: logs.len(),
            fibers: fibers.len(),
            memberships: memberships.len(),
            largest: largest.into_iter().take(SHOWN).map(|(key, id)| (key, size(&id))).collect(),
            lines: lines.into_iter().map(|log: raw_log::Model| log.raw_text).collect(),
        })
    }

    pub fn json(&self, url: &str) -> String {
        let largest: Vec<_> = self.largest.iter().map(|(key, lines)| json!({ "key": key, "lines": lines })).collect();
        let report = json!({
            "store": shown(url),
            "logs": self.logs,
            "fibers": self.fibers,
            "memberships": self.memberships,
            "largest": largest,
        });
        format!("{report}\n")
    }

    pub fn text(&self, url: &str, file: &str, refusal: &Error) -> String {
        let mut text = format!("{file} is in {}\n\n", shown(url));
        let _ = writeln!(
            text,
            "    lines        {}\n    fibers       {}\n    memberships  {}\n",
            self.logs, self.fibers, self.memberships
        );
        let _ = writeln!(text, "A batch with one bad membership was refused and left nothing behind:\n    {refusal}\n");
        let title = if self.largest.is_empty() { "No line matches the key." } else { "The largest fibers, by lines:" };
        let _ = writeln!(text, "{title}");
        for (key, lines) in &self.largest {
            let _ = writeln!(text, "{lines:>8}  {}", printable(key));
        }
        if let Some((key, _)) = self.largest.first() {
            let _ = writeln!(text, "\nThe first lines of {}:", printable(key));
        }
        for line in &self.lines {
            let _ = writeln!(text, "    {}", printable(line));
        }
        text
    }
}

fn key_of(fiber: &fiber::Model) -> String {
    let key = fiber.attributes.as_ref().and_then(|attributes| attributes.get("key")?.as_str());
    key.unwrap_or_default().to_owned()
}
