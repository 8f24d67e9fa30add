//! Hands batches to the worker, and settles them.

use std::sync::Arc;

use super::{Batch, Phase, Queue, QueueState, QueuedModel, Taken};
use crate::{
    clock::{Moment, this_moment},
    error::{Error, ErrorKind, Result},
    write_behind::{FeedEvent, FlushReason, batch::Waiting, ticket::Loss},
};

/// What the worker is to do.
pub(in super::super) enum Work<M> {
    Write(Batch<M>, FlushReason),
    /// Wait until this time, or until it is woken.
    Wait(Option<Moment>),
    End,
}

impl<M: Clone + Send + Sync + 'static> Queue<M> {
    /// The worker's next work, with batches of at most `size`.
    pub(in super::super) fn work(&self, size: usize) -> Work<M> {
        let mut state = self.state();
        state.counts.batch_limit = size;
        let Some(front) = state.waiting.front() else {
            let is_over = state.phase != Phase::Open && state.reserved.count == 0;
            return if is_over { Work::End } else { Work::Wait(None) };
        };
        if let Some(doubt) = front.doubt.clone() {
            return Work::Write(state.doubtful_batch(&doubt), FlushReason::Replay);
        }
        let waiting = Waiting {
            count: state.waiting.len(),
            bytes: state.waiting_bytes,
            oldest: front.entry.accepted,
            is_flushed: front.entry.position < state.flush_to,
            is_closing: state.phase != Phase::Open,
        };
        match waiting.due(size, &self.options, this_moment()) {
            Ok(reason) => Work::Write(state.next_batch(size, self.options.batch_bytes, None), reason),
            Err(later) => Work::Wait(Some(later)),
        }
    }

    /// The first models that wait, at most `size`, whether they are due or not. Returns `None` if none wait.
    pub(in super::super) fn more(&self, size: usize) -> Option<Batch<M>> {
        let mut state = self.state();
        match state.waiting.front()?.doubt.clone() {
            Some(doubt) => Some(state.doubtful_batch(&doubt)),
            None => Some(state.next_batch(size, self.options.batch_bytes, None)),
        }
    }

    /// Notes that nothing from this position on counts as settled, although what follows may be stored; or that this is over.
    pub(in super::super) fn hold_back(&self, from: Option<u64>) {
        let mut state = self.state();
        if state.held_back != from {
            state.held_back = from;
            self.tell_settled(&state);
        }
    }

    /// Settles models that were written. They are the first of those that are not settled, except for what is held back.
    pub(in super::super) fn settle(&self, batch: Batch<M>, outcome: Result<Option<Vec<M>>>) {
        let positions = batch.positions();
        self.settle_in_journal(&positions);
        let mut state = self.state();
        self.give_back(&mut state, Taken::of(&batch));
        state.writing = positions.last().map(|last| last + 1);
        match &outcome {
            Ok(stored) => {
                state.counts.stored += positions.len() as u64;
                let stored = stored.as_ref().unwrap_or(&batch.models);
                stored.iter().for_each(|model| state.feed.tell(model, FeedEvent::Stored));
            }
            Err(error) => {
                state.counts.failed += positions.len() as u64;
                batch.models.iter().for_each(|model| state.feed.tell(model, |model| FeedEvent::Failed(model, error.clone())));
            }
        }
        drop(state);
        if outcome.is_ok() {
            let now = this_moment();
            self.metrics().batch(batch.entries.iter().map(|entry| now - entry.accepted));
        }
        answer(batch, outcome);
        // Those who wait for all of them find them answered.
        self.tell_settled(&self.state());
    }

    /// Nothing is being written any more.
    pub(in super::super) fn done(&self) {
        let mut state = self.state();
        (state.writing, state.held_back) = (None, None);
        self.tell_settled(&state);
    }

    /// Gives up what was not stored in time.
    pub(in super::super) fn abandon(&self, batch: Batch<M>) {
        let mut state = self.state();
        state.counts.abandoned += batch.entries.len() as u64;
        self.give_back(&mut state, Taken::of(&batch));
        drop(state);
        let error = match batch.doubt {
            None => Error::new(ErrorKind::Closed, "the queue ended before it was stored"),
            Some(_) => Error::new(ErrorKind::CommitUnknown, "the queue ended before it was known whether it is stored"),
        };
        answer(batch, Err(error));
    }

    /// Ends the queue, and gives up the models that still wait.
    pub(in super::super) fn end(&self) {
        let mut state = self.state();
        state.phase = Phase::Ended;
        state.feed.end();
        let mut left = Batch { models: Vec::new(), entries: Vec::new(), doubt: None };
        for QueuedModel { model, entry, .. } in std::mem::take(&mut state.waiting) {
            left.models.push(model);
            left.entries.push(entry);
        }
        state.waiting_bytes = 0;
        (state.writing, state.held_back) = (None, None);
        self.tell_settled(&state);
        state.recovered = 0;
        drop(state);
        self.abandon(left);
        let mut state = self.state();
        // If the worker was stopped in the middle of it, a batch was dropped.
        let lost = state.held.less(state.reserved);
        state.counts.abandoned += lost.count as u64;
        self.give_back(&mut state, lost);
        drop(state);
        if let Some(journal) = &self.journal {
            journal.unlock();
        }
        self.ended.cancel();
    }
}

impl<M> QueueState<M> {
    /// A whole batch that an earlier process may have stored.
    fn doubtful_batch(&mut self, doubt: &Arc<str>) -> Batch<M> {
        self.next_batch(usize::MAX, usize::MAX, Some(doubt))
    }

    /// The first models that wait, as many as a batch takes; only those of one doubt, if that is asked for.
    fn next_batch(&mut self, size: usize, bytes: usize, doubt: Option<&Arc<str>>) -> Batch<M> {
        let mut batch = Batch { models: Vec::new(), entries: Vec::new(), doubt: doubt.cloned() };
        let mut left = bytes;
        let expected = if doubt.is_some() { 0 } else { size.min(self.waiting.len()) };
        batch.models.reserve_exact(expected);
        batch.entries.reserve_exact(expected);
        while batch.models.len() < size
            && let Some(QueuedModel { model, mut entry, .. }) = self.waiting.pop_front_if(|next| {
                let fits = next.entry.bytes <= left || batch.models.is_empty();
                fits && next.doubt.as_ref() == doubt
            })
        {
            left = left.saturating_sub(entry.bytes);
            self.recovered = self.recovered.saturating_sub(1);
            self.waiting_bytes -= entry.bytes;
            entry.answer.loss = Loss::Writing;
            batch.models.push(model);
            batch.entries.push(entry);
        }
        self.writing = batch.entries.first().map(|entry| entry.position);
        batch
    }
}

impl<M> Batch<M> {
    /// The two halves of a batch; or its parts before and from the model at this index, or the first one and the others.
    pub(in super::super) fn divided(mut self, index: Option<usize>) -> (Self, Self) {
        let len = self.models.len();
        let at = index.filter(|index| *index < len).map_or(len / 2, |index| index.max(1));
        let (models, entries) = (self.models.split_off(at), self.entries.split_off(at));
        let second = Self { models, entries, doubt: self.doubt.clone() };
        (self, second)
    }

    pub(in super::super) fn positions(&self) -> Vec<u64> {
        self.entries.iter().map(|entry| entry.position).collect()
    }

    /// The position of the first model.
    pub(in super::super) fn first(&self) -> Option<u64> {
        self.entries.first().map(|entry| entry.position)
    }

    pub(in super::super) fn is_wanted(&self) -> bool {
        self.entries.iter().any(|entry| entry.answer.is_wanted())
    }
}

fn answer<M>(batch: Batch<M>, outcome: Result<Option<Vec<M>>>) {
    match outcome {
        Ok(Some(stored)) => {
            for (entry, model) in batch.entries.into_iter().zip(stored) {
                entry.answer.give(Ok(model));
            }
        }
        // Nobody asked for the models when they were written.
        Ok(None) => {
            for entry in batch.entries {
                entry.answer.give(Err(Error::new(ErrorKind::Internal, "it is stored, and what it has become is not known")));
            }
        }
        Err(error) => {
            for entry in batch.entries {
                entry.answer.give(Err(error.clone()));
            }
        }
    }
}
