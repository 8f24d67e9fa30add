//! Accepts models into the queue, and withdraws them before they are written.

use super::{Phase, Queue, QueueEntry, QueueState, QueuedModel, Taken, closed};
use crate::{
    clock::this_moment,
    error::{Error, ErrorKind, Result},
    write_behind::{
        FeedEvent, WhenFull, WriteBehindOptions,
        ticket::{AnswerSender, Loss},
    },
};

/// A model that is being submitted.
pub(in super::super) struct Incoming<M> {
    pub(in super::super) model: M,
    pub(in super::super) bytes: usize,
    /// The model as the journal stores it. Empty without a journal.
    pub(in super::super) encoded: Vec<u8>,
    pub(in super::super) answer: AnswerSender<M>,
}

impl<M: Clone + Send + Sync + 'static> Queue<M> {
    /// Reserves capacity for models that are submitted later, or returns why there is none. The oldest models, if they are in the
    /// way, are dropped only when those are submitted: their transaction may roll back, and the journal may refuse them.
    pub(in super::super) fn reserve(&self, taken: Taken, when_full: WhenFull) -> Result<()> {
        let mut state = self.state();
        state.check_open()?;
        state.in_the_way(taken, when_full, &self.options)?;
        state.held = state.held.plus(taken);
        state.reserved = state.reserved.plus(taken);
        Ok(())
    }

    /// Frees capacity that was reserved for models that are not submitted.
    pub(in super::super) fn release(&self, taken: Taken) {
        let mut state = self.state();
        state.reserved = state.reserved.less(taken);
        self.give_back(&mut state, taken);
        self.wake_up.notify_one();
    }

    /// Accepts models for which capacity was reserved, and returns the position of the first. They are accepted after the queue
    /// was closed, and not after it has ended.
    pub(in super::super) fn enter_reserved<I>(&self, incoming: I) -> Result<u64>
    where
        I: IntoIterator<Item = Incoming<M>> + AsRef<[Incoming<M>]>,
    {
        let taken = Taken::by(incoming.as_ref());
        let mut state = self.state();
        state.reserved = state.reserved.less(taken);
        let noted = if state.phase == Phase::Ended { Err(closed()) } else { self.note_accepted(&state, incoming.as_ref()) };
        if let Err(error) = noted {
            self.give_back(&mut state, taken);
            self.wake_up.notify_one();
            incoming.into_iter().for_each(|new| new.answer.give(Err(error.clone())));
            return Err(error);
        }
        let oldest = state.oldest_to_free(Taken::default(), &self.options).count;
        self.drop_oldest(&mut state, oldest);
        state.note_depth();
        Ok(self.enter(&mut state, incoming))
    }

    /// Accepts all of the models or none, and returns the position of the first.
    pub(in super::super) fn push<I>(&self, incoming: I) -> Result<u64>
    where
        I: IntoIterator<Item = Incoming<M>> + AsRef<[Incoming<M>]>,
    {
        let taken = Taken::by(incoming.as_ref());
        let mut state = self.state();
        state.check_open()?;
        let oldest = state.in_the_way(taken, self.options.when_full, &self.options)?;
        // The oldest are dropped only after the new ones were accepted by the journal.
        self.note_accepted(&state, incoming.as_ref())?;
        self.drop_oldest(&mut state, oldest);
        state.take(taken);
        Ok(self.enter(&mut state, incoming))
    }

    /// Notes models for which there was no capacity.
    pub(in super::super) fn rejected(&self, models: &[M]) {
        let mut state = self.state();
        state.counts.rejected += models.len() as u64;
        for model in models {
            state.feed.tell(model, FeedEvent::Rejected);
        }
        drop(state);
        self.store_status.rejected(models.len());
    }

    fn note_accepted(&self, state: &QueueState<M>, incoming: &[Incoming<M>]) -> Result<()> {
        let Some(journal) = &self.journal else { return Ok(()) };
        journal.accepted(state.next, incoming.iter().map(|new| &*new.encoded))
    }

    fn enter(&self, state: &mut QueueState<M>, incoming: impl IntoIterator<Item = Incoming<M>>) -> u64 {
        let first = state.next;
        let accepted = this_moment();
        let before = (state.waiting.len(), state.waiting_bytes);
        for Incoming { model, bytes, mut answer, .. } in incoming {
            answer.loss = Loss::Waiting;
            state.feed.tell(&model, FeedEvent::Accepted);
            let entry = QueueEntry { position: state.next, bytes, accepted, answer };
            state.next += 1;
            state.waiting_bytes += bytes;
            state.counts.accepted += 1;
            state.waiting.push_back(QueuedModel { model, entry, doubt: None });
        }
        let after = (state.waiting.len(), state.waiting_bytes);
        // The worker is woken for the first model, whose age it watches, and when there are enough for a batch.
        let size = state.counts.batch_limit;
        let is_enough = |(count, bytes): (usize, usize)| count >= size || bytes >= self.options.batch_bytes;
        if before.0 == 0 || (is_enough(after) && !is_enough(before)) {
            self.wake_up.notify_one();
        }
        first
    }

    /// Drops so many of the oldest models that this process has accepted.
    fn drop_oldest(&self, state: &mut QueueState<M>, count: usize) {
        if count == 0 {
            return;
        }
        let oldest: Vec<_> = state.waiting.drain(state.recovered..state.recovered + count).collect();
        let positions: Vec<_> = oldest.iter().map(|queued| queued.entry.position).collect();
        self.settle_in_journal(&positions);
        for QueuedModel { model, entry, .. } in oldest {
            state.counts.dropped += 1;
            state.waiting_bytes -= entry.bytes;
            self.give_back(state, Taken { count: 1, bytes: entry.bytes });
            let error = Error::new(ErrorKind::QueueFull, "made room for a newer one");
            state.feed.tell(&model, |model| FeedEvent::Failed(model, error.clone()));
            entry.answer.give(Err(error));
        }
        self.tell_settled(state);
    }

    /// Withdraws the model at a position. Returns `None` if it does not wait any more, or if the journal cannot note it.
    pub(in super::super) fn withdraw(&self, position: u64) -> Option<M> {
        let mut state = self.state();
        let at = state.waiting.binary_search_by_key(&position, |queued| queued.entry.position).ok()?;
        if let Some(journal) = &self.journal {
            journal.withdrawn(position).ok()?;
        }
        let QueuedModel { model, entry, .. } = state.waiting.remove(at)?;
        state.counts.withdrawn += 1;
        state.waiting_bytes -= entry.bytes;
        self.give_back(&mut state, Taken { count: 1, bytes: entry.bytes });
        entry.answer.forget();
        self.tell_settled(&state);
        self.wake_up.notify_one();
        Some(model)
    }
}

impl<M> QueueState<M> {
    fn check_open(&self) -> Result<()> {
        if self.phase == Phase::Open { Ok(()) } else { Err(closed()) }
    }

    /// How many of the oldest have to be dropped to free enough capacity, if that is allowed.
    fn in_the_way(&self, taken: Taken, when_full: WhenFull, options: &WriteBehindOptions) -> Result<usize> {
        if taken.count > options.queue_size || (taken.count > 1 && taken.bytes > options.queue_bytes) {
            return Err(Error::new(ErrorKind::InvalidInput, "more at once than the queue ever holds"));
        }
        let gone = match when_full {
            WhenFull::DropOldest => self.oldest_to_free(taken, options),
            _ => Taken::default(),
        };
        if self.has_room(taken, gone, options) { Ok(gone.count) } else { Err(full()) }
    }

    /// The capacity of the oldest models, as many as have to be dropped to free enough; or of all, if that is not enough. Models
    /// from an earlier process may be stored already, and are not dropped.
    fn oldest_to_free(&self, taken: Taken, options: &WriteBehindOptions) -> Taken {
        let mut gone = Taken::default();
        for queued in self.waiting.iter().skip(self.recovered) {
            if self.has_room(taken, gone, options) {
                break;
            }
            gone = gone.plus(Taken { count: 1, bytes: queued.entry.bytes });
        }
        gone
    }

    /// Whether there is capacity once `gone` is freed. An empty queue accepts one model of any size.
    fn has_room(&self, taken: Taken, gone: Taken, options: &WriteBehindOptions) -> bool {
        let Taken { count, bytes } = self.held.less(gone);
        count + taken.count <= options.queue_size && (count == 0 || bytes + taken.bytes <= options.queue_bytes)
    }

    pub(super) fn take(&mut self, taken: Taken) {
        self.held = self.held.plus(taken);
        self.note_depth();
    }

    fn note_depth(&mut self) {
        self.counts.greatest_depth = self.counts.greatest_depth.max(self.held.count);
    }
}

fn full() -> Error {
    Error::new(ErrorKind::QueueFull, "there is no room until something is written")
}
