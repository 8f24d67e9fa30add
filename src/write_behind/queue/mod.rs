//! [`Queue`], what was accepted and is not settled yet: one lock over all of it.

mod enter;
mod leave;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

pub(super) use self::{enter::Incoming, leave::Work};
use super::{
    WriteBehindOptions,
    batch::Pace,
    condition::Condition,
    feed::Source,
    journal::{Log, Recovered},
    stats::{WriteBehindStats, Written},
    ticket::Answer,
};
use crate::{
    clock::{Moment, this_moment},
    error::{Error, ErrorKind, Result},
};

/// What is shared by the handles, the tickets and the worker of a queue.
pub(super) struct Queue<M> {
    pub(super) options: WriteBehindOptions,
    state: Mutex<State<M>>,
    /// Rung when the worker has something to look at.
    pub(super) bell: Notify,
    /// Rung when there may be room.
    pub(super) room: Notify,
    /// Those who wait for room, in the order in which they came.
    pub(super) line: tokio::sync::Mutex<()>,
    /// The position before which everything is settled.
    pub(super) settled: watch::Sender<u64>,
    pub(super) written: Mutex<Written>,
    pub(super) condition: Condition,
    pub(super) journal: Option<Arc<Log>>,
    /// Cancelled when nobody can submit any more.
    pub(super) orphaned: CancellationToken,
    /// Cancelled when the worker is gone.
    pub(super) ended: CancellationToken,
}

struct State<M> {
    waiting: VecDeque<Waits<M>>,
    /// The bytes of those that wait.
    waiting_bytes: usize,
    /// The position of the next.
    next: u64,
    /// What takes room: all that waits, is reserved, or is being written.
    held: Taken,
    /// What of it waits for transactions to commit.
    reserved: Taken,
    /// How many of those that wait come from an earlier process. They are in front.
    recovered: usize,
    /// Everything before this position is to be written without waiting for more.
    flush_to: u64,
    /// From where on nothing is settled yet of what is being written.
    writing: Option<u64>,
    /// The first position of what is held back while what follows is written.
    held_back: Option<u64>,
    phase: Phase,
    counts: WriteBehindStats,
    feed: Source<M>,
}

/// A model that waits.
struct Waits<M> {
    model: M,
    slip: Slip<M>,
    /// The key of the batch that an earlier process may have stored it with.
    doubt: Option<Arc<str>>,
}

/// What is known of a model beside itself.
pub(super) struct Slip<M> {
    pub(super) position: u64,
    pub(super) bytes: usize,
    pub(super) accepted: Moment,
    pub(super) answer: Answer<M>,
}

/// Models that are written together.
pub(super) struct Batch<M> {
    pub(super) models: Vec<M>,
    pub(super) slips: Vec<Slip<M>>,
    /// What it is known by, if an attempt of this process or an earlier one may have stored it.
    pub(super) doubt: Option<Arc<str>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    /// Takes nothing more, and writes what it has.
    Closing,
    Ended,
}

/// Room that was taken for models.
#[derive(Clone, Copy, Default)]
pub(super) struct Taken {
    pub(super) count: usize,
    pub(super) bytes: usize,
}

impl Taken {
    pub(super) fn by<M>(incoming: &[Incoming<M>]) -> Self {
        Self { count: incoming.len(), bytes: incoming.iter().map(|new| new.bytes).sum() }
    }

    fn plus(self, more: Self) -> Self {
        Self { count: self.count + more.count, bytes: self.bytes + more.bytes }
    }

    fn less(self, less: Self) -> Self {
        Self { count: self.count - less.count, bytes: self.bytes - less.bytes }
    }

    fn of<M>(batch: &Batch<M>) -> Self {
        Self { count: batch.slips.len(), bytes: batch.slips.iter().map(|slip| slip.bytes).sum() }
    }
}

impl<M> Queue<M> {
    fn state(&self) -> MutexGuard<'_, State<M>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes nothing more.
    pub(super) fn close(&self) {
        let mut state = self.state();
        if state.phase == Phase::Open {
            state.phase = Phase::Closing;
        }
        drop(state);
        self.bell.notify_one();
        // Who waits for room learns that there will be none, and so does the next.
        self.room.notify_one();
    }
}

impl<M: Clone + Send + Sync + 'static> Queue<M> {
    pub(super) fn new(options: WriteBehindOptions, journal: Option<Arc<Log>>) -> Result<Self> {
        let first = journal.as_ref().map_or(0, |log| log.next());
        let state = State {
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            next: first,
            held: Taken::default(),
            reserved: Taken::default(),
            recovered: 0,
            flush_to: 0,
            writing: None,
            held_back: None,
            phase: Phase::Open,
            counts: WriteBehindStats { batch_limit: Pace::new(&options).size(), ..WriteBehindStats::default() },
            feed: Source::new(),
        };
        Ok(Self {
            options,
            state: Mutex::new(state),
            bell: Notify::new(),
            room: Notify::new(),
            line: tokio::sync::Mutex::new(()),
            settled: watch::Sender::new(first),
            written: Mutex::new(Written::new()?),
            condition: Condition::default(),
            journal,
            orphaned: CancellationToken::new(),
            ended: CancellationToken::new(),
        })
    }

    pub(super) fn written(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts what an earlier process left in front.
    pub(super) fn recover(&self, recovered: Vec<Recovered<M>>) {
        let now = this_moment();
        let mut state = self.state();
        for Recovered { model, position, bytes, doubt } in recovered {
            state.counts.accepted += 1;
            state.take(Taken { count: 1, bytes });
            state.waiting_bytes += bytes;
            state.recovered += 1;
            let slip = Slip { position, bytes, accepted: now, answer: Answer::to_nobody() };
            state.waiting.push_back(Waits { model, slip, doubt });
        }
        self.tell_settled(&state);
    }

    fn give_back(&self, state: &mut State<M>, taken: Taken) {
        state.held = state.held.less(taken);
        self.room.notify_one();
    }

    fn tell_settled(&self, state: &State<M>) {
        let first = state.writing.or_else(|| state.waiting.front().map(|waits| waits.slip.position)).unwrap_or(state.next);
        let first = state.held_back.map_or(first, |held_back| held_back.min(first));
        self.settled.send_if_modified(|settled| std::mem::replace(settled, first) != first);
    }

    fn settle_in_journal(&self, positions: &[u64]) {
        if let Some(journal) = &self.journal {
            journal.settled(positions);
        }
    }

    /// Has everything that was accepted written without waiting for more, and tells up to which position that is.
    pub(super) fn flush(&self) -> u64 {
        let mut state = self.state();
        state.flush_to = state.next;
        self.bell.notify_one();
        state.next
    }

    pub(super) fn stats(&self) -> WriteBehindStats {
        let state = self.state();
        let mut stats = state.counts.clone();
        (stats.depth, stats.reserved, stats.bytes) =
            (state.held.less(state.reserved).count, state.reserved.count, state.held.bytes);
        drop(state);
        self.written().add_to(&mut stats);
        stats
    }

    /// How much of the room is taken, from 0 to 1.
    pub(super) fn fullness(&self) -> f64 {
        let state = self.state();
        let part = |held: usize, most: usize| held as f64 / most as f64;
        part(state.held.count, self.options.queue_size).max(part(state.held.bytes, self.options.queue_bytes))
    }

    pub(super) fn feed<T>(&self, with: impl FnOnce(&Source<M>) -> T) -> T {
        with(&self.state().feed)
    }
}

pub(super) fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the queue takes nothing more")
}
