//! [`Queue`], the models that were accepted and are not settled yet, behind one lock.

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
    batch::BatchSizer,
    feed::FeedSender,
    journal::{Log, Recovered},
    stats::{WriteBehindStats, WriteMetrics},
    store_status::StoreStatus,
    ticket::AnswerSender,
};
use crate::{
    clock::{Moment, this_moment},
    error::{Error, ErrorKind, Result},
};

/// What is shared by the handles, the tickets and the worker of a queue.
pub(super) struct Queue<M> {
    pub(super) options: WriteBehindOptions,
    state: Mutex<QueueState<M>>,
    /// Notified when the worker has something to do.
    pub(super) wake_up: Notify,
    /// Notified when capacity was freed.
    pub(super) capacity_freed: Notify,
    /// Held by the first of those who wait for capacity. The others wait for it in the order in which they came.
    pub(super) waiters: tokio::sync::Mutex<()>,
    /// The position before which everything is settled.
    pub(super) settled: watch::Sender<u64>,
    pub(super) metrics: Mutex<WriteMetrics>,
    pub(super) store_status: StoreStatus,
    pub(super) journal: Option<Arc<Log>>,
    /// Cancelled when nobody can submit any more.
    pub(super) orphaned: CancellationToken,
    /// Cancelled when the worker is gone.
    pub(super) ended: CancellationToken,
}

struct QueueState<M> {
    waiting: VecDeque<QueuedModel<M>>,
    /// The bytes of the models that wait.
    waiting_bytes: usize,
    /// The position of the next model.
    next: u64,
    /// The capacity in use: by models that wait, are reserved, or are being written.
    held: Taken,
    /// The part of it that is reserved for transactions to commit.
    reserved: Taken,
    /// How many of the models that wait come from an earlier process. They are the first.
    recovered: usize,
    /// Everything before this position is to be written without waiting for more.
    flush_to: u64,
    /// The first position that is being written and not settled.
    writing: Option<u64>,
    /// The first position that is held back while later ones are written.
    held_back: Option<u64>,
    phase: Phase,
    counts: WriteBehindStats,
    feed: FeedSender<M>,
}

/// A model that waits to be written.
struct QueuedModel<M> {
    model: M,
    entry: QueueEntry<M>,
    /// The key of the batch that an earlier process may have stored it with.
    doubt: Option<Arc<str>>,
}

/// What the queue knows of a model.
pub(super) struct QueueEntry<M> {
    pub(super) position: u64,
    pub(super) bytes: usize,
    pub(super) accepted: Moment,
    pub(super) answer: AnswerSender<M>,
}

/// Models that are written together.
pub(super) struct Batch<M> {
    pub(super) models: Vec<M>,
    pub(super) entries: Vec<QueueEntry<M>>,
    /// The key of the attempt that may have stored it, in this process or an earlier one.
    pub(super) doubt: Option<Arc<str>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    /// It accepts nothing, and writes what it has.
    Closing,
    Ended,
}

/// Capacity that models take.
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
        Self { count: batch.entries.len(), bytes: batch.entries.iter().map(|entry| entry.bytes).sum() }
    }
}

impl<M> Queue<M> {
    fn state(&self) -> MutexGuard<'_, QueueState<M>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stops accepting models.
    pub(super) fn close(&self) {
        let mut state = self.state();
        if state.phase == Phase::Open {
            state.phase = Phase::Closing;
        }
        drop(state);
        self.wake_up.notify_one();
        // A waiter learns that the queue is closed, and wakes the next.
        self.capacity_freed.notify_one();
    }
}

impl<M: Clone + Send + Sync + 'static> Queue<M> {
    pub(super) fn new(options: WriteBehindOptions, journal: Option<Arc<Log>>) -> Result<Self> {
        let first = journal.as_ref().map_or(0, |log| log.next());
        let state = QueueState {
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
            counts: WriteBehindStats { batch_limit: BatchSizer::new(&options).size(), ..WriteBehindStats::default() },
            feed: FeedSender::new(),
        };
        Ok(Self {
            options,
            state: Mutex::new(state),
            wake_up: Notify::new(),
            capacity_freed: Notify::new(),
            waiters: tokio::sync::Mutex::new(()),
            settled: watch::Sender::new(first),
            metrics: Mutex::new(WriteMetrics::new()?),
            store_status: StoreStatus::default(),
            journal,
            orphaned: CancellationToken::new(),
            ended: CancellationToken::new(),
        })
    }

    pub(super) fn metrics(&self) -> MutexGuard<'_, WriteMetrics> {
        self.metrics.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds the models that an earlier process left.
    pub(super) fn recover(&self, recovered: Vec<Recovered<M>>) {
        let now = this_moment();
        let mut state = self.state();
        for Recovered { model, position, bytes, doubt } in recovered {
            state.counts.accepted += 1;
            state.take(Taken { count: 1, bytes });
            state.waiting_bytes += bytes;
            state.recovered += 1;
            let entry = QueueEntry { position, bytes, accepted: now, answer: AnswerSender::to_nobody() };
            state.waiting.push_back(QueuedModel { model, entry, doubt });
        }
        self.tell_settled(&state);
    }

    fn give_back(&self, state: &mut QueueState<M>, taken: Taken) {
        state.held = state.held.less(taken);
        self.capacity_freed.notify_one();
    }

    fn tell_settled(&self, state: &QueueState<M>) {
        let first = state.writing.or_else(|| state.waiting.front().map(|queued| queued.entry.position)).unwrap_or(state.next);
        let first = state.held_back.map_or(first, |held_back| held_back.min(first));
        self.settled.send_if_modified(|settled| std::mem::replace(settled, first) != first);
    }

    fn settle_in_journal(&self, positions: &[u64]) {
        if let Some(journal) = &self.journal {
            journal.settled(positions);
        }
    }

    /// Makes everything that was accepted due, and returns the position after it.
    pub(super) fn flush(&self) -> u64 {
        let mut state = self.state();
        state.flush_to = state.next;
        self.wake_up.notify_one();
        state.next
    }

    pub(super) fn stats(&self) -> WriteBehindStats {
        let state = self.state();
        let mut stats = state.counts.clone();
        (stats.depth, stats.reserved, stats.bytes) =
            (state.held.less(state.reserved).count, state.reserved.count, state.held.bytes);
        drop(state);
        self.metrics().add_to(&mut stats);
        stats
    }

    /// How much of the capacity is taken, from 0 to 1.
    pub(super) fn fullness(&self) -> f64 {
        let state = self.state();
        let part = |held: usize, most: usize| held as f64 / most as f64;
        part(state.held.count, self.options.queue_size).max(part(state.held.bytes, self.options.queue_bytes))
    }

    pub(super) fn feed<T>(&self, with: impl FnOnce(&FeedSender<M>) -> T) -> T {
        with(&self.state().feed)
    }
}

pub(super) fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the queue takes nothing more")
}
