//! [`WriteBehindStats`], what a queue has done so far.

use std::{collections::BTreeMap, time::Duration};

use hdrhistogram::Histogram;

use super::FlushReason;

/// What a queue has done since it was started, and holds now. Whatever was accepted is `depth`, or exactly one of `stored`,
/// `failed`, `withdrawn`, `dropped` and `abandoned`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WriteBehindStats {
    /// Models accepted, also those found in the journal.
    pub accepted: u64,
    /// Models not accepted, because there was no room.
    pub rejected: u64,
    /// Models stored.
    pub stored: u64,
    /// Models that could not be stored, as their tickets say.
    pub failed: u64,
    /// Models taken back by [`Ticket::withdraw`](crate::Ticket::withdraw).
    pub withdrawn: u64,
    /// Models that made room for newer ones.
    pub dropped: u64,
    /// Models that were left when the queue ended. With a journal, they are in it.
    pub abandoned: u64,
    /// Models accepted that are neither stored nor reported yet.
    pub depth: usize,
    /// Models submitted in transactions that are still open. They take room, and are not accepted before the commit.
    pub reserved: usize,
    /// The bytes that models in the queue and in open transactions take.
    pub bytes: usize,
    /// The most models that were ever held at once.
    pub greatest_depth: usize,
    /// How many models a batch may have at the moment.
    pub batch_limit: usize,
    /// Batches written, parts of those that had to be taken apart included.
    pub batches: u64,
    /// Attempts to write a batch, or a part of one, that failed and were followed by another.
    pub retries: u64,
    /// How many batches were written for each reason.
    pub reasons: BTreeMap<FlushReason, u64>,
    /// How many models the batches had.
    pub batch_size: Distribution<u64>,
    /// How long it took from when a model was accepted until it was stored.
    pub latency: Distribution<Duration>,
}

/// How figures are distributed, to three digits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Distribution<T> {
    /// Half of them are at most this.
    pub median: T,
    /// 95 in 100 are at most this.
    pub p95: T,
    /// 99 in 100 are at most this.
    pub p99: T,
    /// The greatest.
    pub most: T,
}

impl<T> Distribution<T> {
    fn of(figures: &Histogram<u64>, unit: impl Fn(u64) -> T) -> Self {
        let at = |part| unit(figures.value_at_quantile(part));
        Self { median: at(0.5), p95: at(0.95), p99: at(0.99), most: unit(figures.max()) }
    }
}

/// What the worker counts.
pub(super) struct WriteMetrics {
    pub(super) retries: u64,
    batches: u64,
    reasons: BTreeMap<FlushReason, u64>,
    sizes: Histogram<u64>,
    /// In microseconds.
    latencies: Histogram<u64>,
}

/// The longest latency that is told apart from longer ones.
const MAX_LATENCY: Duration = Duration::from_secs(24 * 60 * 60);

impl WriteMetrics {
    pub(super) fn new() -> crate::Result<Self> {
        let histogram = |most: u64| {
            Histogram::new_with_bounds(1, most, 3)
                .map_err(|error| crate::Error::new(crate::ErrorKind::Internal, "no histogram").with_source(error))
        };
        Ok(Self {
            retries: 0,
            batches: 0,
            reasons: BTreeMap::new(),
            sizes: histogram(super::WriteBehindOptions::MAX_BATCH_SIZE as u64)?,
            latencies: histogram(micros(MAX_LATENCY))?,
        })
    }

    pub(super) fn begun(&mut self, reason: FlushReason) {
        *self.reasons.entry(reason).or_default() += 1;
    }

    pub(super) fn batch(&mut self, latencies: impl ExactSizeIterator<Item = Duration>) {
        self.batches += 1;
        self.sizes.saturating_record(latencies.len() as u64);
        for latency in latencies {
            self.latencies.saturating_record(micros(latency));
        }
    }

    pub(super) fn add_to(&self, stats: &mut WriteBehindStats) {
        stats.batches = self.batches;
        stats.retries = self.retries;
        stats.reasons = self.reasons.clone();
        stats.batch_size = Distribution::of(&self.sizes, |size| size);
        stats.latency = Distribution::of(&self.latencies, Duration::from_micros);
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
