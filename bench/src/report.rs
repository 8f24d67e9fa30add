//! What came out, as lines of a table and of JSON.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    client::Library,
    measure::Times,
    workload::{Bound, Comparison},
};

/// A workload and what its subjects came to.
pub struct Section {
    pub id: &'static str,
    pub title: String,
    pub lines: Vec<Line>,
}

/// A subject of a workload. Times are those of a whole round.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Line {
    pub workload: &'static str,
    pub subject: String,
    /// Rows or operations in a round.
    pub rows: u64,
    pub median_ns: Option<u64>,
    pub min_ns: Option<u64>,
    pub max_ns: Option<u64>,
    /// Its time by that of the limit.
    pub ratio_to_limit: Option<f64>,
    /// Its time by that of the fastest peer.
    pub ratio_to_best_peer: Option<f64>,
    pub target: Option<String>,
    pub met: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Memory>,
    /// What the columns have no place for.
    pub detail: Option<String>,
}

/// The resident memory of a process, in bytes.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Memory {
    pub start: u64,
    /// When it has gone through the first 200 000 rows.
    pub settled: u64,
    pub maximum: u64,
    /// What the engine says it took by itself after those.
    pub of_engine: u64,
}

impl Line {
    pub fn new(workload: &'static str, subject: impl Into<String>, rows: u64, times: &Times) -> Self {
        let nanoseconds = |time: Duration| (!times.is_empty()).then(|| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
        Self {
            workload,
            subject: subject.into(),
            rows,
            median_ns: nanoseconds(times.median()),
            min_ns: nanoseconds(times.quantile(0.0)),
            max_ns: nanoseconds(times.quantile(1.0)),
            ..Self::default()
        }
    }

    pub fn detail(self, detail: impl Into<String>) -> Self {
        Self { detail: Some(detail.into()), ..self }
    }

    pub fn target(self, target: impl Into<String>, met: bool) -> Self {
        Self { target: Some(target.into()), met: Some(met), ..self }
    }

    /// The median for one row or operation.
    pub fn each_ns(&self) -> Option<f64> {
        self.median_ns.map(|median| median as f64 / self.rows.max(1) as f64)
    }
}

/// The lines of a comparison, each beside the limit and the best peer, and what larder was to reach.
pub fn compared(comparison: &Comparison, rows: u64, measured: &[(Library, Times)]) -> Section {
    let seconds = |times: &Times| times.median().as_secs_f64();
    let limit = measured.iter().find(|(library, _)| library.is_limit()).map(|(_, times)| seconds(times));
    let peers = measured.iter().filter(|(library, _)| !library.is_larder() && !library.is_limit());
    let best_peer = peers.map(|(_, times)| seconds(times)).min_by(f64::total_cmp);
    let line = |(library, times): &(Library, Times)| {
        let line = Line::new(comparison.id, library.name(comparison.engine), rows, times);
        let line = Line {
            ratio_to_limit: limit.map(|limit| seconds(times) / limit),
            ratio_to_best_peer: best_peer.map(|best| seconds(times) / best),
            ..line
        };
        if library.is_larder() { judged(line, comparison, seconds(times), measured) } else { line }
    };
    Section { id: comparison.id, title: comparison.title.to_owned(), lines: measured.iter().map(line).collect() }
}

fn judged(line: Line, comparison: &Comparison, time: f64, measured: &[(Library, Times)]) -> Line {
    let (mut texts, mut met) = (Vec::new(), true);
    for bound in comparison.bounds {
        let (library, most, text) = match *bound {
            Bound::Faster(library, times) => (library, 1.0 / times, format!(">= {times}x the rate of")),
            Bound::Within(library, times) => (library, times, format!("<= {times}x the time of")),
        };
        texts.push(format!("{text} {}", library.name(comparison.engine)));
        let other = measured.iter().find(|(measured, _)| *measured == library);
        met &= other.is_some_and(|(_, times)| time <= most * times.median().as_secs_f64());
    }
    line.target(texts.join(", "), met)
}

pub fn print(section: &Section) {
    println!("\n{}  {}", section.id, section.title);
    let width = section.lines.iter().map(|line| line.subject.chars().count()).max().unwrap_or(0).max(7);
    println!(
        "  {:width$} {:>9} {:>11} {:>23} {:>11} {:>11} {:>7} {:>7}",
        "subject", "rows", "median", "min..max", "ns each", "each s", "/limit", "/peer"
    );
    for line in &section.lines {
        let number =
            |number: Option<f64>, digits: usize| number.map_or_else(|| "-".to_owned(), |number| format!("{number:.digits$}"));
        let time = |ns: Option<u64>| ns.map_or_else(|| "-".to_owned(), |ns| format!("{:.2} ms", ns as f64 / 1e6));
        println!(
            "  {:width$} {:>9} {:>11} {:>23} {:>11} {:>11} {:>7} {:>7}  {}{}",
            line.subject,
            line.rows,
            time(line.median_ns),
            format!("{} .. {}", time(line.min_ns), time(line.max_ns)),
            number(line.each_ns(), 0),
            number(line.each_ns().map(|ns| 1e9 / ns), 0),
            number(line.ratio_to_limit, 2),
            number(line.ratio_to_best_peer, 2),
            line.detail.as_deref().unwrap_or_default(),
            match (&line.target, line.met) {
                (Some(target), Some(met)) => format!("[{}: {target}]", if met { "met" } else { "MISSED" }),
                _ => String::new(),
            }
        );
    }
}
