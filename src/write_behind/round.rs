//! [`Round`], what is left of a batch while it is written, and which models are suspected: decisions, without anything that does
//! them.

use std::time::Duration;

use super::queue::Batch;
use crate::{
    clock::{Moment, this_moment},
    transaction::Retry,
};

/// How long to wait before another attempt: with full jitter, longer each time.
pub(super) const RETRY_POLICY: Retry = Retry::attempts(u32::MAX).wait(Duration::from_millis(10), Duration::from_secs(2));

/// How often one model is refused for what reads like the store's fault until it is taken to be the model's.
const MAX_REFUSALS: u32 = 10;

/// What is left of a batch.
///
/// When models are refused for what reads like the store's fault, the round begins to search: it divides what is refused, and
/// holds back the models that are refused alone, the suspects. A suspect that goes on being refused while others are stored is at
/// fault itself. While nothing is stored, the store is at fault: then the first suspect is tried again before anything behind it,
/// so that all are stored in their order when the store has recovered.
pub(super) struct Round<M> {
    /// What is to be tried, the last first.
    parts: Vec<Batch<M>>,
    /// In the order of their positions.
    suspects: Vec<Suspect<M>>,
    pub(super) is_searching: bool,
    /// Whether the last models that were tried, except for suspects, were stored.
    pub(super) is_store_well: bool,
    /// Whether the last attempt was that of the first suspect.
    pub(super) is_first_tried: bool,
}

/// One model that was refused alone.
struct Suspect<M> {
    batch: Batch<M>,
    suspicion: Suspicion,
    due: Moment,
}

/// What is known against a model.
#[derive(Clone, Copy, Default)]
pub(super) struct Suspicion {
    refusals: u32,
    /// Whether another model was stored after it was refused.
    are_others_stored: bool,
}

/// What is to be tried next.
pub(super) struct Trial<M> {
    pub(super) batch: Batch<M>,
    pub(super) suspicion: Option<Suspicion>,
}

impl<M> Round<M> {
    pub(super) fn new(batch: Batch<M>) -> Self {
        Self { parts: vec![batch], suspects: Vec::new(), is_searching: false, is_store_well: false, is_first_tried: false }
    }

    /// Returns `None` if nothing is left to be tried now.
    pub(super) fn next(&mut self) -> Option<Trial<M>> {
        if !self.is_store_well && !self.is_first_tried && !self.suspects.is_empty() {
            self.is_first_tried = true;
            return Some(self.suspects.remove(0).into());
        }
        self.is_first_tried = false;
        let now = this_moment();
        let suspect = match self.is_store_well {
            true => self.suspects.iter().position(|suspect| suspect.due <= now),
            // If the first suspect is at fault itself, only another one can show that the store has recovered. The least recently
            // tried one is next.
            false if self.parts.is_empty() => {
                let others = self.suspects.iter().enumerate().skip(1);
                others.min_by_key(|(_, suspect)| suspect.due).map(|(at, _)| at)
            }
            false => None,
        };
        match suspect {
            Some(at) => Some(self.suspects.remove(at).into()),
            None => self.parts.pop().map(|batch| Trial { batch, suspicion: None }),
        }
    }

    /// Whether nothing is left at all.
    pub(super) fn is_over(&self) -> bool {
        self.parts.is_empty() && self.suspects.is_empty()
    }

    /// Adds models that follow all others.
    pub(super) fn add(&mut self, batch: Batch<M>) {
        self.parts.insert(0, batch);
    }

    /// Adds the two parts of what was just tried.
    pub(super) fn add_parts(&mut self, first: Batch<M>, second: Batch<M>) {
        self.parts.extend([second, first]);
    }

    /// The position of the first suspect.
    pub(super) fn first_suspect(&self) -> Option<u64> {
        self.suspects.first().and_then(|suspect| suspect.batch.first())
    }

    /// When the next suspect is to be tried again.
    pub(super) fn due(&self) -> Option<Moment> {
        self.suspects.iter().map(|suspect| suspect.due).min()
    }

    /// Has all suspects tried again now.
    pub(super) fn hurry(&mut self) {
        let now = this_moment();
        self.suspects.iter_mut().for_each(|suspect| suspect.due = now);
    }

    /// Notes that models were stored.
    pub(super) fn stored(&mut self) {
        self.is_store_well = true;
        let now = this_moment();
        // Those that were refused only while nothing was stored are tried again at once, in their order: the store may have been
        // at fault.
        for suspect in self.suspects.iter_mut().filter(|suspect| !suspect.suspicion.are_others_stored) {
            suspect.suspicion.are_others_stored = true;
            suspect.due = now;
        }
    }

    /// Notes that models were refused for what reads like the store's fault. Gives one back once it is that model's own.
    pub(super) fn refused(&mut self, batch: Batch<M>, suspicion: Option<Suspicion>) -> Option<Batch<M>> {
        self.is_searching = true;
        if suspicion.is_none() {
            self.is_store_well = false;
        }
        if batch.models.len() > 1 {
            let (first, second) = batch.divided(None);
            self.add_parts(first, second);
            return None;
        }
        let mut suspicion = suspicion.unwrap_or_default();
        suspicion.refusals += 1;
        if suspicion.are_others_stored && suspicion.refusals >= MAX_REFUSALS {
            return Some(batch);
        }
        let due = this_moment() + RETRY_POLICY.after(suspicion.refusals, fastrand::f64()).unwrap_or_default();
        let at = self.suspects.partition_point(|other| other.batch.first() < batch.first());
        self.suspects.insert(at, Suspect { batch, suspicion, due });
        None
    }

    /// All that is left, in its order.
    pub(super) fn into_batches(self) -> Vec<Batch<M>> {
        let suspects = self.suspects.into_iter().map(|suspect| suspect.batch);
        let mut batches: Vec<_> = suspects.chain(self.parts).collect();
        batches.sort_by_key(Batch::first);
        batches
    }
}

impl<M> From<Suspect<M>> for Trial<M> {
    fn from(Suspect { batch, suspicion, .. }: Suspect<M>) -> Self {
        Self { batch, suspicion: Some(suspicion) }
    }
}
