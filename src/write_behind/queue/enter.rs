//! The ways into a queue, and back out before anything is written.

use super::{Phase, Queue, Slip, State, Taken, Waits, closed};
use crate::{
    clock::this_moment,
    error::{Error, ErrorKind, Result},
    write_behind::{
        FeedEvent, WhenFull, WriteBehindOptions,
        ticket::{Answer, Loss},
    },
};

/// A model on its way in.
pub(in super::super) struct Incoming<M> {
    pub(in super::super) model: M,
    pub(in super::super) bytes: usize,
    /// The model for the journal, if there is one.
    pub(in super::super) json: Vec<u8>,
    pub(in super::super) answer: Answer<M>,
}

impl<M: Clone + Send + Sync + 'static> Queue<M> {
    /// Takes room for models that are to come, or says why there is none.
    pub(in super::super) fn reserve(&self, taken: Taken, when_full: WhenFull) -> Result<()> {
        let mut state = self.state();
        state.check_open()?;
        self.make_room(&mut state, taken, when_full)?;
        state.take(taken);
        state.reserved += taken.count;
        Ok(())
    }

    /// Gives back the room of models that do not come.
    pub(in super::super) fn release(&self, taken: Taken) {
        let mut state = self.state();
        state.reserved -= taken.count;
        self.give_back(&mut state, taken);
        self.bell.notify_one();
    }

    /// Takes models in, for which room was reserved, and tells the position of the first. Closing does not keep them out, but the end does.
    pub(in super::super) fn enter_reserved<I>(&self, incoming: I) -> Result<u64, (Error, I)>
    where
        I: IntoIterator<Item = Incoming<M>> + AsRef<[Incoming<M>]>,
    {
        let taken = Taken::by(incoming.as_ref());
        let mut state = self.state();
        state.reserved -= taken.count;
        let entered = if state.phase == Phase::Ended { Err((closed(), incoming)) } else { self.enter(&mut state, incoming) };
        if entered.is_err() {
            self.give_back(&mut state, taken);
            self.bell.notify_one();
        }
        entered
    }

    /// Takes models in, all or none, and tells the position of the first; or gives them back.
    pub(in super::super) fn push<I>(&self, incoming: I) -> Result<u64, (Error, I)>
    where
        I: IntoIterator<Item = Incoming<M>> + AsRef<[Incoming<M>]>,
    {
        let taken = Taken::by(incoming.as_ref());
        let mut state = self.state();
        let has_room = state.check_open().and_then(|()| self.make_room(&mut state, taken, self.options.when_full));
        if let Err(error) = has_room {
            return Err((error, incoming));
        }
        state.take(taken);
        let entered = self.enter(&mut state, incoming);
        if entered.is_err() {
            self.give_back(&mut state, taken);
        }
        entered
    }

    /// Notes models for which there was no room.
    pub(in super::super) fn rejected(&self, incoming: &[Incoming<M>]) {
        let mut state = self.state();
        state.counts.rejected += incoming.len() as u64;
        for new in incoming {
            state.feed.tell(&new.model, FeedEvent::Rejected);
        }
        drop(state);
        self.condition.rejected(incoming.len());
    }

    fn enter<I>(&self, state: &mut State<M>, incoming: I) -> Result<u64, (Error, I)>
    where
        I: IntoIterator<Item = Incoming<M>> + AsRef<[Incoming<M>]>,
    {
        let first = state.next;
        if let Some(journal) = &self.journal
            && let Err(error) = journal.accepted(first, incoming.as_ref().iter().map(|new| &*new.json))
        {
            return Err((error, incoming));
        }
        let accepted = this_moment();
        let before = (state.waiting.len(), state.waiting_bytes);
        for Incoming { model, bytes, mut answer, .. } in incoming {
            answer.loss = Loss::Waiting;
            state.feed.tell(&model, FeedEvent::Accepted);
            let slip = Slip { position: state.next, bytes, accepted, answer };
            state.next += 1;
            state.waiting_bytes += bytes;
            state.counts.accepted += 1;
            state.waiting.push_back(Waits { model, slip, doubt: None });
        }
        let after = (state.waiting.len(), state.waiting_bytes);
        // The worker wants to know of the first, whose age it watches, and when there is enough.
        let size = state.counts.batch_limit;
        let is_enough = |(count, bytes): (usize, usize)| count >= size || bytes >= self.options.batch_bytes;
        if before.0 == 0 || (is_enough(after) && !is_enough(before)) {
            self.bell.notify_one();
        }
        Ok(first)
    }

    /// Sees to it that there is room, if there may be.
    fn make_room(&self, state: &mut State<M>, taken: Taken, when_full: WhenFull) -> Result<()> {
        if taken.count > self.options.queue_size || (taken.count > 1 && taken.bytes > self.options.queue_bytes) {
            return Err(Error::new(ErrorKind::InvalidInput, "more at once than the queue ever holds"));
        }
        let waiting = Taken { count: state.waiting.len(), bytes: state.waiting_bytes };
        let may_drop = when_full == WhenFull::DropOldest && state.has_room(taken, waiting, &self.options);
        while !state.has_room(taken, Taken::default(), &self.options) {
            let oldest = may_drop.then(|| state.waiting.pop_front()).flatten();
            let Some(Waits { model, slip, .. }) = oldest else { return Err(full()) };
            state.counts.dropped += 1;
            state.waiting_bytes -= slip.bytes;
            self.give_back(state, Taken { count: 1, bytes: slip.bytes });
            self.settle_in_journal(&[slip.position]);
            let error = Error::new(ErrorKind::QueueFull, "made room for a newer one");
            state.feed.tell(&model, |model| FeedEvent::Failed(model, error.clone()));
            slip.answer.give(Err(error));
            self.tell_settled(state);
        }
        Ok(())
    }

    /// Takes the model at a position back out.
    pub(in super::super) fn withdraw(&self, position: u64) -> Option<M> {
        let mut state = self.state();
        let at = state.waiting.binary_search_by_key(&position, |waits| waits.slip.position).ok()?;
        let Waits { model, slip, .. } = state.waiting.remove(at)?;
        state.counts.withdrawn += 1;
        state.waiting_bytes -= slip.bytes;
        self.give_back(&mut state, Taken { count: 1, bytes: slip.bytes });
        self.settle_in_journal(&[position]);
        slip.answer.forget();
        self.tell_settled(&state);
        self.bell.notify_one();
        Some(model)
    }
}

impl<M> State<M> {
    fn check_open(&self) -> Result<()> {
        if self.phase == Phase::Open { Ok(()) } else { Err(closed()) }
    }

    /// Whether there is room, or would be without what is `gone`. One model has room wherever nothing else is.
    fn has_room(&self, taken: Taken, gone: Taken, options: &WriteBehindOptions) -> bool {
        let (held, bytes) = (self.held - gone.count, self.held_bytes - gone.bytes);
        held + taken.count <= options.queue_size && (held == 0 || bytes + taken.bytes <= options.queue_bytes)
    }

    fn take(&mut self, taken: Taken) {
        self.held += taken.count;
        self.held_bytes += taken.bytes;
        self.counts.greatest_depth = self.counts.greatest_depth.max(self.held);
    }
}

fn full() -> Error {
    Error::new(ErrorKind::QueueFull, "there is no room until something is written")
}
