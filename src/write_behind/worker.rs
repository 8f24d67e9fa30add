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
    batch::{BatchSizer, FlushReason, Verdict, may_be_a_models_fault, verdict},
    batch_writer::{Attempt, AttemptOutcome, BatchWriter, Failure, Stored},
    queue::{Batch, Queue, Work},
    round::{RETRY_POLICY, Round, Suspicion},
};
use crate::{
    clock::{self, pause, this_moment, until},
    context::Cx,
    error::{Error, ErrorKind, Result},
    id::new_id,
};

/// How much longer than it was given a repository may take to say that it was too long. Then it is not waited for any more.
const GRACE: Duration = Duration::from_secs(5);

/// The same of a repository that is told that the queue ends.
const FINAL_GRACE: Duration = Duration::from_secs(1);

/// How long what is left may take once nobody has the queue any more.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);

pub(super) struct Worker<M: Clone + Send + Sync + 'static> {
    writer: Arc<dyn BatchWriter<M>>,
    sizer: BatchSizer,
    /// Cancelled when there is no more time.
    abandoned: CancellationToken,
    queue: EndOnDrop<M>,
}

/// A queue that ends with its worker, however that ends.
struct EndOnDrop<M: Clone + Send + Sync + 'static>(Arc<Queue<M>>);

impl<M: Clone + Send + Sync + 'static> Deref for EndOnDrop<M> {
    type Target = Queue<M>;

    fn deref(&self) -> &Queue<M> {
        &self.0
    }
}

impl<M: Clone + Send + Sync + 'static> Drop for EndOnDrop<M> {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// What attempts have come to.
enum BatchOutcome<M> {
    /// They are stored, and how long the attempt took that has done that.
    Stored(Duration),
    Reported,
    Divided(Batch<M>, Batch<M>),
    /// They were refused for what reads like the store's fault.
    Suspected(Batch<M>, Error),
    /// There is no more time for them.
    Left(Batch<M>),
}

impl<M: Clone + Send + Sync + 'static> Worker<M> {
    pub(super) fn new(queue: Arc<Queue<M>>, writer: Arc<dyn BatchWriter<M>>, abandoned: CancellationToken) -> Self {
        let sizer = BatchSizer::new(&queue.options);
        Self { writer, sizer, abandoned, queue: EndOnDrop(queue) }
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
            pause(DRAIN_TIMEOUT).await;
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
            match self.queue.work(self.sizer.size()) {
                Work::Write(batch, reason) => self.write(batch, reason).await,
                Work::Wait(moment) => {
                    tokio::select! {
                        () = self.queue.wake_up.notified() => {}
                        () = self.abandoned.cancelled() => {}
                        () = until(moment) => {}
                    }
                }
                Work::End => return,
            }
        }
    }

    /// Stores a batch: as it is, or else without the models that cannot be. While a model is suspected, those that wait are
    /// stored as well.
    async fn write(&mut self, batch: Batch<M>, reason: FlushReason) {
        self.queue.metrics().begun(reason);
        let mut round = Round::new(batch);
        let mut is_whole = true;
        while !round.is_over() {
            let Some(trial) = round.next() else {
                self.more(&mut round).await;
                continue;
            };
            let len = trial.batch.models.len();
            match self.attempts(trial.batch, round.is_searching).await {
                BatchOutcome::Stored(took) => {
                    if is_whole {
                        self.sizer.stored(len, took);
                    }
                    round.stored();
                }
                BatchOutcome::Reported => {}
                BatchOutcome::Divided(first, second) => {
                    if is_whole {
                        self.sizer.taken_apart();
                    }
                    round.add_parts(first, second);
                }
                BatchOutcome::Suspected(part, error) => {
                    if is_whole && len > 1 {
                        self.sizer.taken_apart();
                    }
                    self.suspect(&mut round, part, trial.suspicion, error).await;
                }
                BatchOutcome::Left(part) => {
                    round.add(part);
                    round.into_batches().into_iter().for_each(|part| self.queue.abandon(part));
                    break;
                }
            }
            is_whole = false;
            self.queue.hold_back(round.first_suspect());
        }
        self.queue.done();
    }

    /// Takes more of what waits, because others have to be stored before a suspect is known to be at fault. Or waits until a
    /// suspect is to be tried again.
    async fn more(&self, round: &mut Round<M>) {
        let size = if round.is_store_well { self.sizer.size() } else { 1 };
        let more = if self.abandoned.is_cancelled() { None } else { self.queue.more(size) };
        match more {
            Some(batch) => round.add(batch),
            None => {
                tokio::select! {
                    () = self.queue.wake_up.notified() => {}
                    () = self.abandoned.cancelled() => round.hurry(),
                    () = until(round.due()) => {}
                }
            }
        }
    }

    /// Goes on without models that were refused for what reads like the store's fault, until it is known whose that is.
    async fn suspect(&self, round: &mut Round<M>, part: Batch<M>, suspicion: Option<Suspicion>, error: Error) {
        self.queue.metrics().retries += 1;
        if let Some(part) = round.refused(part, suspicion) {
            self.queue.settle(part, Err(error));
        } else if suspicion.is_none() || !(round.is_store_well || round.is_first_tried) {
            self.back_off(&error).await;
        } else if !round.is_store_well {
            // No pause here: if the store recovered during one, the next model would be stored before the first suspect.
            self.queue.store_status.failed(&error);
        }
    }

    /// Attempts to store models until it is known what becomes of them.
    async fn attempts(&self, mut part: Batch<M>, is_searching: bool) -> BatchOutcome<M> {
        let key: Arc<str> = part.doubt.clone().unwrap_or_else(|| new_id().to_string().into());
        let (mut is_noted, mut suspicions) = (part.doubt.is_some(), 0);
        loop {
            if self.abandoned.is_cancelled() {
                return BatchOutcome::Left(part);
            }
            let began = this_moment();
            let Failure { error, outcome } = match self.attempt(&part, &key, &mut is_noted).await {
                Ok(stored) => {
                    self.queue.store_status.answered();
                    self.queue.settle(part, Ok(stored));
                    return BatchOutcome::Stored(began.elapsed());
                }
                Err(failure) => failure,
            };
            match outcome {
                AttemptOutcome::Unknown => part.doubt = Some(key.clone()),
                // By ids, an earlier attempt may have stored some of them.
                AttemptOutcome::NotStored if self.writer.goes_by_key() => part.doubt = None,
                AttemptOutcome::NotStored | AttemptOutcome::AsBefore => {}
            }
            let is_suspect = outcome != AttemptOutcome::AsBefore && may_be_a_models_fault(&error);
            suspicions = if is_suspect { suspicions + 1 } else { 0 };
            let is_doubtful = outcome == AttemptOutcome::AsBefore && part.doubt.is_some() && error.kind() != ErrorKind::Closed;
            let verdict = match is_doubtful {
                true => Verdict::Retry,
                false => verdict(&error, part.models.len(), suspicions, self.writer.can_repeat(), is_searching),
            };
            match verdict {
                Verdict::Retry => self.retry(&error).await,
                Verdict::Suspect if self.abandoned.is_cancelled() => return BatchOutcome::Left(part),
                Verdict::Suspect => return BatchOutcome::Suspected(part, error),
                Verdict::Split | Verdict::Report => match self.resolve(part, &key, outcome).await {
                    Ok(outcome) => return outcome,
                    Err(part) => return self.refuse(part, error, verdict),
                },
                Verdict::GiveUp => {
                    self.queue.close();
                    self.abandoned.cancel();
                    return BatchOutcome::Left(part);
                }
            }
        }
    }

    /// Finds out whether an attempt whose outcome is unknown has stored its models after all. If not, gives them back.
    async fn resolve(&self, mut part: Batch<M>, key: &str, outcome: AttemptOutcome) -> Result<BatchOutcome<M>, Batch<M>> {
        if outcome != AttemptOutcome::Unknown || !self.writer.can_repeat() {
            return Err(part);
        }
        loop {
            let attempt = Attempt { models: &part.models, key, is_doubtful: true, are_wanted: true };
            match self.bounded(|cx| async move { self.writer.stored_before(&cx, attempt).await.map_err(Failure::from) }).await {
                Ok(Some(stored)) => {
                    self.queue.settle(part, Ok(stored));
                    return Ok(BatchOutcome::Reported);
                }
                Ok(None) => {
                    if self.writer.goes_by_key() {
                        part.doubt = None;
                    }
                    return Err(part);
                }
                Err(failure) => self.retry(&failure.error).await,
            }
            if self.abandoned.is_cancelled() {
                return Ok(BatchOutcome::Left(part));
            }
        }
    }

    /// Takes apart what cannot be stored as it is, or reports it.
    fn refuse(&self, part: Batch<M>, error: Error, verdict: Verdict) -> BatchOutcome<M> {
        match error.kind() {
            // The store has not said anything for itself.
            ErrorKind::CommitUnknown | ErrorKind::EngineDown => drop(self.queue.store_status.failed(&error)),
            _ => self.queue.store_status.answered(),
        }
        if verdict == Verdict::Split {
            self.queue.metrics().retries += 1;
            let (first, second) = part.divided(error.index());
            return BatchOutcome::Divided(first, second);
        }
        let error = match part.doubt {
            None if error.kind() == ErrorKind::CommitUnknown => {
                Error::new(ErrorKind::Internal, "attempts to store it were not answered, and it is not stored").with_source(error)
            }
            _ => error,
        };
        self.queue.settle(part, Err(error));
        BatchOutcome::Reported
    }

    /// Notes that an attempt failed and will be repeated, and waits a while.
    async fn retry(&self, error: &Error) {
        self.queue.metrics().retries += 1;
        self.back_off(error).await;
    }

    /// Notes that an attempt failed for the store's fault, and waits a while.
    async fn back_off(&self, error: &Error) {
        let failures = self.queue.store_status.failed(error);
        let wait = RETRY_POLICY.after(failures, fastrand::f64()).unwrap_or_default();
        tokio::select! {
            () = pause(wait) => {}
            () = self.abandoned.cancelled() => {}
        }
    }

    async fn attempt(&self, part: &Batch<M>, key: &str, is_noted: &mut bool) -> Result<Stored<M>, Failure> {
        if let Some(journal) = self.queue.journal.as_ref().filter(|_| self.writer.goes_by_key() && !*is_noted) {
            // So that a process which finds them in the journal asks for them by the same key.
            journal.begun(key, part.positions()).await.map_err(Failure::before)?;
            *is_noted = true;
        }
        let are_wanted = self.queue.feed(|feed| feed.is_watched()) || part.is_wanted();
        let attempt = Attempt { models: &part.models, key, is_doubtful: part.doubt.is_some(), are_wanted };
        self.bounded(|cx| async move { self.writer.store(&cx, attempt).await }).await
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
            pause(FINAL_GRACE).await;
        };
        let answered = tokio::select! {
            answered = clock::within(timeout.saturating_add(GRACE), answer, ErrorKind::CommitUnknown, unanswered) => answered?,
            () = given_up => return Err(Error::new(ErrorKind::CommitUnknown, unanswered).into()),
        };
        answered.unwrap_or_else(|_| Err(Error::new(ErrorKind::CommitUnknown, "the repository panicked").into()))
    }
}
