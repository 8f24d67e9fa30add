//! The one task that writes.

use std::{
    future::{Future, pending},
    ops::Deref,
    panic::AssertUnwindSafe,
    sync::Arc,
    time::Duration,
};

use futures_util::FutureExt as _;
use tokio_util::sync::CancellationToken;

use super::{
    batch::{FlushReason, Pace, Verdict, may_be_a_models_fault, verdict},
    queue::{Batch, Queue, Work},
    target::{Attempt, Failure, Standing, Stored, Target},
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

pub(super) struct Worker<M: Clone + Send + Sync + 'static> {
    target: Arc<dyn Target<M>>,
    pace: Pace,
    /// Cancelled when there is no more time.
    abandoned: CancellationToken,
    queue: End<M>,
}

/// A queue that ends with its worker, however that ends.
struct End<M: Clone + Send + Sync + 'static>(Arc<Queue<M>>);

impl<M: Clone + Send + Sync + 'static> Deref for End<M> {
    type Target = Queue<M>;

    fn deref(&self) -> &Queue<M> {
        &self.0
    }
}

impl<M: Clone + Send + Sync + 'static> Drop for End<M> {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// What attempts have come to.
enum Outcome<M> {
    /// They are stored, and how long the attempt took that has done that.
    Stored(Duration),
    Reported,
    Halves(Batch<M>, Batch<M>),
    /// There is no more time for them.
    Left(Batch<M>),
}

impl<M: Clone + Send + Sync + 'static> Worker<M> {
    pub(super) fn new(queue: Arc<Queue<M>>, target: Arc<dyn Target<M>>, abandoned: CancellationToken) -> Self {
        let pace = Pace::new(&queue.options);
        Self { target, pace, abandoned, queue: End(queue) }
    }

    /// Writes what is due until the queue is closed and empty, or abandoned.
    pub(super) async fn run(mut self) {
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
            let len = part.models.len();
            match self.attempts(part).await {
                Outcome::Stored(took) if is_whole => self.pace.stored(len, took),
                Outcome::Stored(_) | Outcome::Reported => {}
                Outcome::Halves(first, second) => {
                    if is_whole {
                        self.pace.taken_apart();
                    }
                    is_whole = false;
                    parts.extend([second, first]);
                }
                Outcome::Left(part) => {
                    parts.push(part);
                    parts.into_iter().rev().for_each(|part| self.queue.abandon(part));
                    break;
                }
            }
        }
        self.queue.done();
    }

    /// Attempts to store models until it is known what becomes of them.
    async fn attempts(&self, mut part: Batch<M>) -> Outcome<M> {
        let key: Arc<str> = part.doubt.clone().unwrap_or_else(|| new_id().to_string().into());
        let (mut is_noted, mut suspicions) = (part.doubt.is_some(), 0);
        loop {
            if self.abandoned.is_cancelled() {
                return Outcome::Left(part);
            }
            let began = this_moment();
            let Failure { error, standing } = match self.attempt(&part, &key, &mut is_noted).await {
                Ok(stored) => {
                    self.queue.condition.answered();
                    self.queue.settle(part, Ok(stored));
                    return Outcome::Stored(began.elapsed());
                }
                Err(failure) => failure,
            };
            match standing {
                Standing::Unknown => part.doubt = Some(key.clone()),
                // By ids, an earlier attempt may have stored some of them.
                Standing::NotStored if self.target.goes_by_key() => part.doubt = None,
                Standing::NotStored | Standing::AsBefore => {}
            }
            let is_suspect = standing != Standing::AsBefore && may_be_a_models_fault(&error);
            suspicions = if is_suspect { suspicions + 1 } else { 0 };
            let is_doubtful = standing == Standing::AsBefore && part.doubt.is_some() && error.kind() != ErrorKind::Closed;
            let verdict = match is_doubtful {
                true => Verdict::Retry,
                false => verdict(&error, part.models.len(), suspicions, self.target.can_repeat()),
            };
            match verdict {
                Verdict::Retry => self.back_off(&error).await,
                Verdict::Split | Verdict::Report => match self.resolve(part, &key, standing).await {
                    Ok(outcome) => return outcome,
                    Err(part) => return self.refuse(part, error, verdict),
                },
                Verdict::GiveUp => {
                    self.queue.close();
                    self.abandoned.cancel();
                    return Outcome::Left(part);
                }
            }
        }
    }

    /// Finds out whether an attempt whose outcome is unknown has stored its models after all. If not, gives them back.
    async fn resolve(&self, mut part: Batch<M>, key: &str, standing: Standing) -> Result<Outcome<M>, Batch<M>> {
        if standing != Standing::Unknown || !self.target.can_repeat() {
            return Err(part);
        }
        loop {
            let attempt = Attempt { models: &part.models, key, is_doubtful: true, are_wanted: true };
            match self.bounded(|cx| async move { self.target.stored_before(&cx, attempt).await.map_err(Failure::from) }).await {
                Ok(Some(stored)) => {
                    self.queue.settle(part, Ok(stored));
                    return Ok(Outcome::Reported);
                }
                Ok(None) => {
                    if self.target.goes_by_key() {
                        part.doubt = None;
                    }
                    return Err(part);
                }
                Err(failure) => self.back_off(&failure.error).await,
            }
            if self.abandoned.is_cancelled() {
                return Ok(Outcome::Left(part));
            }
        }
    }

    /// Takes apart what cannot be stored as it is, or reports it.
    fn refuse(&self, part: Batch<M>, error: Error, verdict: Verdict) -> Outcome<M> {
        match error.kind() {
            // The store has not said anything for itself.
            ErrorKind::CommitUnknown | ErrorKind::EngineDown => drop(self.queue.condition.failed(&error)),
            _ => self.queue.condition.answered(),
        }
        if verdict == Verdict::Split {
            self.queue.written().retries += 1;
            let (first, second) = part.halves();
            return Outcome::Halves(first, second);
        }
        let error = match part.doubt {
            None if error.kind() == ErrorKind::CommitUnknown => {
                Error::new(ErrorKind::Internal, "attempts to store it were not answered, and it is not stored").with_source(error)
            }
            _ => error,
        };
        self.queue.settle(part, Err(error));
        Outcome::Reported
    }

    /// Notes that an attempt failed for the store's fault, and waits a while.
    async fn back_off(&self, error: &Error) {
        let failures = self.queue.condition.failed(error);
        self.queue.written().retries += 1;
        let wait = AGAIN.after(failures, fastrand::f64()).unwrap_or_default();
        tokio::select! {
            () = pause(wait) => {}
            () = self.abandoned.cancelled() => {}
        }
    }

    async fn attempt(&self, part: &Batch<M>, key: &str, is_noted: &mut bool) -> Result<Stored<M>, Failure> {
        if let Some(journal) = self.queue.journal.as_ref().filter(|_| self.target.goes_by_key() && !*is_noted) {
            // So that a process which finds them in the journal asks for them by the same key.
            journal.begun(key, part.positions()).await.map_err(Failure::before)?;
            *is_noted = true;
        }
        let are_wanted = self.queue.feed(|feed| feed.is_watched()) || part.is_wanted();
        let attempt = Attempt { models: &part.models, key, is_doubtful: part.doubt.is_some(), are_wanted };
        self.bounded(|cx| async move { self.target.store(&cx, attempt).await }).await
    }

    /// One call of the repository, which may hang and panic.
    async fn bounded<T: Send, F: Future<Output = Result<T, Failure>> + Send>(
        &self,
        call: impl FnOnce(Cx) -> F + Send,
    ) -> Result<T, Failure> {
        let timeout = self.queue.options.write_timeout;
        let unanswered = "the repository did not answer in time";
        let answer = AssertUnwindSafe(call(Cx::new().with_timeout(timeout).with_cancel(self.abandoned.clone()))).catch_unwind();
        let given_up = async {
            self.abandoned.cancelled().await;
            pause(LAST_GRACE).await;
        };
        let answered = tokio::select! {
            answered = clock::within(timeout.saturating_add(GRACE), answer, ErrorKind::CommitUnknown, unanswered) => answered?,
            () = given_up => return Err(Error::new(ErrorKind::CommitUnknown, unanswered).into()),
        };
        answered.unwrap_or_else(|_| Err(Error::new(ErrorKind::CommitUnknown, "the repository panicked").into()))
    }
}
