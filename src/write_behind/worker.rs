//! The one task that writes.

use std::{future::pending, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt as _;
use tokio_util::sync::CancellationToken;

use super::{
    batch::{Doubts, FlushReason, Pace, Verdict, verdict},
    queue::{Batch, Queue, Work},
    target::{Attempt, Stored, Target},
};
use crate::{
    clock::{self, pause, this_moment, until},
    context::Cx,
    error::{Error, ErrorKind, Result},
    id::new_id,
    transaction::Retry,
};

/// How much longer than it was given a repository may take to say that it was too long. Then it is not waited for any more.
const GRACE: Duration = Duration::from_secs(5);

/// The same of a repository that is told that the queue ends.
const LAST_GRACE: Duration = Duration::from_secs(1);

/// How long to wait before another attempt: with full jitter, longer each time.
const AGAIN: Retry = Retry::attempts(u32::MAX).wait(Duration::from_millis(10), Duration::from_secs(2));

/// How long what is left may take once nobody has the queue any more.
const DRAIN: Duration = Duration::from_secs(30);

pub(super) struct Worker<M> {
    queue: Arc<Queue<M>>,
    target: Arc<dyn Target<M>>,
    pace: Pace,
    /// Cancelled when there is no more time.
    abandoned: CancellationToken,
}

/// Ends the queue with its worker, however that ends.
struct End<M: Clone + Send + Sync + 'static>(Arc<Queue<M>>);

impl<M: Clone + Send + Sync + 'static> Drop for End<M> {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl<M: Clone + Send + Sync + 'static> Worker<M> {
    pub(super) fn new(queue: Arc<Queue<M>>, target: Arc<dyn Target<M>>, abandoned: CancellationToken) -> Self {
        let pace = Pace::new(&queue.options);
        Self { queue, target, pace, abandoned }
    }

    /// Writes what is due until the queue is closed and empty, or abandoned.
    pub(super) async fn run(mut self) {
        let _end = End(self.queue.clone());
        let (journal, orphaned, abandoned) = (self.queue.journal.clone(), self.queue.orphaned.clone(), self.abandoned.clone());
        let syncing = async {
            if let Some(journal) = journal {
                journal.keep_synced().await;
            }
            pending::<()>().await;
        };
        let orphanhood = async {
            orphaned.cancelled().await;
            pause(DRAIN).await;
            abandoned.cancel();
            pending::<()>().await;
        };
        tokio::select! {
            () = self.write_what_is_due() => {}
            () = syncing => {}
            () = orphanhood => {}
        }
    }

    async fn write_what_is_due(&mut self) {
        while !self.abandoned.is_cancelled() {
            match self.queue.work(self.pace.size()) {
                Work::Write(batch, reason) => self.write(batch, reason).await,
                Work::Wait(moment) => {
                    tokio::select! {
                        () = self.queue.bell.notified() => {}
                        () = self.abandoned.cancelled() => {}
                        () = until(moment) => {}
                    }
                }
                Work::End => return,
            }
        }
    }

    /// Stores a batch: as it is, or else without the models that cannot be.
    async fn write(&mut self, batch: Batch<M>, reason: FlushReason) {
        self.queue.written().begun(reason);
        let mut parts = vec![batch];
        let mut is_whole = true;
        while let Some(part) = parts.pop() {
            let (len, began) = (part.models.len(), this_moment());
            match self.attempts(part).await {
                Outcome::Settled(is_stored) => {
                    if is_whole && is_stored {
                        self.pace.stored(len, began.elapsed());
                    }
                }
                Outcome::Halves(first, second) => {
                    if is_whole {
                        self.pace.taken_apart();
                    }
                    is_whole = false;
                    parts.extend([second, first]);
                }
                Outcome::Left(part) => {
                    self.queue.abandon(part);
                    parts.into_iter().rev().for_each(|part| self.queue.abandon(part));
                    break;
                }
            }
        }
        self.queue.done();
    }

    /// Attempts to store models until the store answers for them.
    async fn attempts(&self, mut part: Batch<M>) -> Outcome<M> {
        let is_watched = self.queue.feed(|feed| feed.is_watched());
        let are_wanted = is_watched || part.is_wanted();
        let key: Arc<str> = part.doubt.clone().unwrap_or_else(|| new_id().to_string().into());
        let mut is_noted = part.doubt.is_some();
        for attempt in 1.. {
            if self.abandoned.is_cancelled() {
                return Outcome::Left(part);
            }
            let attempted = async {
                // So that a process which finds it in the journal asks for it by the same key.
                if let Some(journal) = self.queue.journal.as_ref().filter(|_| self.target.goes_by_key() && !is_noted) {
                    journal.begun(&key, part.positions()).map_err(Failure::of)?;
                    is_noted = true;
                }
                let is_doubtful = part.doubt.is_some();
                self.attempt(Attempt { models: &part.models, key: &key, is_doubtful, are_wanted }).await
            };
            let Failure { error, is_unknown } = match attempted.await {
                Ok(stored) => {
                    self.queue.condition.answered();
                    self.queue.settle(part, Ok(stored));
                    return Outcome::Settled(true);
                }
                Err(failure) => failure,
            };
            if is_unknown {
                part.doubt = Some(key.clone());
            }
            let doubts =
                Doubts { can_repeat: self.target.can_repeat(), is_one: part.doubt.is_some() && self.target.goes_by_key() };
            match verdict(&error, part.models.len(), attempt, doubts) {
                Verdict::Retry => {
                    let failures = self.queue.condition.failed(&error);
                    self.queue.written().retries += 1;
                    let wait = AGAIN.after(failures, fastrand::f64()).unwrap_or_default();
                    tokio::select! {
                        () = pause(wait) => {}
                        () = self.abandoned.cancelled() => {}
                    }
                }
                Verdict::Split => {
                    self.queue.written().retries += 1;
                    if self.target.goes_by_key() {
                        // Its transaction was begun, so no other with its key has committed.
                        part.doubt = None;
                    }
                    let (first, second) = part.halves();
                    return Outcome::Halves(first, second);
                }
                Verdict::Report => {
                    self.queue.condition.answered();
                    self.queue.settle(part, Err(error));
                    return Outcome::Settled(false);
                }
                Verdict::GiveUp => {
                    self.queue.close();
                    self.abandoned.cancel();
                    return Outcome::Left(part);
                }
            }
        }
        Outcome::Left(part)
    }

    /// One call of the repository, which may hang and panic.
    async fn attempt(&self, attempt: Attempt<'_, M>) -> Result<Stored<M>, Failure> {
        let timeout = self.queue.options.write_timeout;
        let cx = Cx::new().with_timeout(timeout).with_cancel(self.abandoned.clone());
        let unanswered = "the repository did not answer in time";
        let stored = AssertUnwindSafe(self.target.store(&cx, attempt)).catch_unwind();
        let given_up = async {
            self.abandoned.cancelled().await;
            pause(LAST_GRACE).await;
        };
        let answered = tokio::select! {
            answered = clock::within(timeout.saturating_add(GRACE), stored, ErrorKind::CommitUnknown, unanswered) => answered,
            () = given_up => Err(Error::new(ErrorKind::CommitUnknown, unanswered)),
        };
        match answered {
            Ok(Ok(stored)) => stored.map_err(Failure::of),
            Ok(Err(_)) => Err(self.panicked()),
            Err(error) => Err(Failure::of(error)),
        }
    }

    /// What a panic comes to. It may be one model's fault, so it is found out which.
    fn panicked(&self) -> Failure {
        // A transaction that was begun is rolled back by now.
        let is_unknown = !self.target.goes_by_key();
        let kind = if self.target.can_repeat() { ErrorKind::Internal } else { ErrorKind::CommitUnknown };
        Failure { error: Error::new(kind, "the repository panicked"), is_unknown }
    }
}

/// Why models were not stored, and whether they may be all the same.
struct Failure {
    error: Error,
    is_unknown: bool,
}

impl Failure {
    fn of(error: Error) -> Self {
        Self { is_unknown: error.kind() == ErrorKind::CommitUnknown, error }
    }
}

/// What attempts have come to.
enum Outcome<M> {
    /// Whether they are stored.
    Settled(bool),
    Halves(Batch<M>, Batch<M>),
    /// There is no more time for them.
    Left(Batch<M>),
}
