//! [`WriteBehind`], what an application has of a queue.

use std::{fmt, sync::Arc};

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::{
    Feed, JournalRecovery, WriteBehindBuilder, WriteBehindStats,
    batch_writer::BatchWriter,
    journal::ModelCodec,
    queue::{Queue, closed},
};
use crate::{
    context::Cx,
    error::{Error, ErrorKind, Result},
    health::{HealthCheck, HealthStatus},
    repository::Creator,
};

/// A queue in front of a repository: what is submitted is accepted at once, and written in batches by a task of its own.
///
/// ```
/// use std::sync::Arc;
/// use larder::{Cx, Storage, WriteBehind};
/// use larder_entity::{ConfigVersion, raw_log};
/// use uuid::Uuid;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = larder::open("memory:").await?;
/// let logs: Arc<dyn Storage<raw_log::Model, Uuid>> = store.repository::<raw_log::Entity>();
/// let queue = WriteBehind::builder(logs.clone()).reconcile_by_id().start().await?;
///
/// let line = raw_log::Model {
///     log_id: larder::new_id(),
///     timestamp: store.database_now(),
///     source_id: "door".into(),
///     raw_text: "opened".into(),
///     ingestion_time: None,
///     config_version: ConfigVersion(1),
/// };
/// let ticket = queue.submit(&Cx::new(), &line)?; // Accepted: in memory, not in the store.
/// let stored = ticket.await?; // In the store, with what the engine made up.
/// assert!(stored.ingestion_time.is_some());
///
/// let told = queue.close(&Cx::new()).await;
/// assert_eq!((told.accepted, told.stored), (1, 1));
/// # Ok(()) }
/// ```
///
/// **Accepted is not stored.** What is accepted is in memory: if the process is killed, all is lost that no ticket has told to be
/// stored, at most [`queue_size`](crate::WriteBehindOptions::queue_size) models. With a [journal](WriteBehindBuilder::journal)
/// nothing is. Reads do not see what is not written yet; [`flush`](Self::flush) before one that has to.
///
/// **Batches** are written when there are enough models or bytes, or when the first has waited for long enough, in one
/// transaction each, in the order in which they were submitted. What somebody waits for is stored by
/// [`create_many`](Creator::create_many); a batch all of whose tickets were dropped by [`create_batch`](Creator::create_batch),
/// which is faster.
///
/// **Failures.** While the store is at fault (contention, a lost connection, a full disk, a missing table) a batch is attempted
/// again, with growing pauses, and the queue holds what comes, until it is full. A batch that is refused for what is in it is
/// divided in halves, down to the models that cannot be stored: their tickets tell why, the others are stored once, in their
/// order. So a batch is a transaction only as long as nothing is wrong with it. After three bad batches in a row models are
/// written one by one, and then in batches that double. A model that brings the engine down three times, or is not answered for
/// ten times, is not written again.
///
/// A trigger, a policy or a limit of the database can refuse one model with a code that tells of the database's own state
/// (row-level security, a missing table, a deadlock, a full disk). After three such attempts the batch is divided as well, and a
/// model that is refused alone is held back while those behind it are stored. If it is refused ten times, and others are stored
/// meanwhile, its ticket tells why. If it is stored after all, it is stored later than some that were submitted after it. If
/// nothing else is stored either, the store is at fault, and everything is waited for.
///
/// **Unknown outcomes.** Whether a batch is stored whose commit was not answered is found out as the builder was told ([by
/// id](WriteBehindBuilder::reconcile_by_id), [by key](WriteBehindBuilder::reconcile_by_key)), so that nothing is stored twice;
/// else its tickets are [`CommitUnknown`](ErrorKind::CommitUnknown), and it is not written again.
///
/// A clone is the same queue. Dropping the last one closes it: what it holds is written for another 30 seconds, and what is left
/// then is reported. A runtime that shuts down ends it at once.
pub struct WriteBehind<M> {
    pub(super) shared: Arc<WriteBehindInner<M>>,
}

impl<M> Clone for WriteBehind<M> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

/// What the handles share. The worker has no part in it, and so it is dropped with the last handle.
pub(super) struct WriteBehindInner<M> {
    pub(super) queue: Arc<Queue<M>>,
    pub(super) writer: Arc<dyn BatchWriter<M>>,
    /// The repository, past the queue.
    pub(super) direct: Arc<dyn BatchWriter<M>>,
    /// What a model becomes in the journal, if there is one.
    pub(super) codec: Option<ModelCodec<M>>,
    abandoned: CancellationToken,
    recovery: JournalRecovery,
}

impl<M> Drop for WriteBehindInner<M> {
    fn drop(&mut self) {
        self.queue.close();
        self.queue.orphaned.cancel();
    }
}

impl<M: Clone + Serialize + Send + Sync + 'static> WriteBehind<M> {
    /// Begins with a repository to write to, such as an `Arc<dyn Storage<M, Id>>`.
    pub fn builder<C: Creator<M> + ?Sized + 'static>(repository: Arc<C>) -> WriteBehindBuilder<M, C> {
        WriteBehindBuilder::new(repository)
    }
}

impl<M: Clone + Send + Sync + 'static> WriteBehind<M> {
    pub(super) fn new(
        queue: Arc<Queue<M>>,
        writer: Arc<dyn BatchWriter<M>>,
        direct: Arc<dyn BatchWriter<M>>,
        codec: Option<ModelCodec<M>>,
        abandoned: CancellationToken,
        recovery: JournalRecovery,
    ) -> Self {
        Self { shared: Arc::new(WriteBehindInner { queue, writer, direct, codec, abandoned, recovery }) }
    }

    /// Waits until all that was accepted before is stored or reported, without letting it wait for more.
    ///
    /// # Errors
    /// [`DeadlineExceeded`](ErrorKind::DeadlineExceeded) and [`Cancelled`](ErrorKind::Cancelled), by the context: it is written
    /// all the same. In a transaction [`NestedAcquire`](ErrorKind::NestedAcquire), because what is waited for may wait for that.
    ///
    /// # Dropping the future
    /// Changes nothing: what was accepted is still written at once.
    pub async fn flush(&self, cx: &Cx) -> Result<()> {
        if cx.is_in_any() {
            return Err(Error::new(ErrorKind::NestedAcquire, "waiting in a transaction for what may wait for the transaction"));
        }
        let position = self.shared.queue.flush();
        let mut settled = self.shared.queue.settled.subscribe();
        // The sender lives in the queue.
        cx.limits()
            .race("while the queue was written", async move { drop(settled.wait_for(|settled| *settled >= position).await) })
            .await
    }

    /// Takes nothing more, writes what there is, and tells what became of everything: what is `abandoned` in it was left when the
    /// context's deadline was reached, or it was cancelled, or when the store was closed. All tickets are answered then. Closing
    /// again tells the same. Without a deadline it takes as long as it takes; a repository that does not answer is given up a
    /// second after the deadline.
    ///
    /// What waits for open transactions is waited for. In a transaction that has submitted something it would wait for itself.
    ///
    /// # Dropping the future
    /// The queue takes nothing more all the same, and what it holds is written as if there were no deadline.
    pub async fn close(&self, cx: &Cx) -> WriteBehindStats {
        let queue = &self.shared.queue;
        if cx.limits().check().is_err() {
            // Nothing more is begun.
            self.shared.abandoned.cancel();
        }
        queue.close();
        if cx.limits().race("while the queue was written", queue.ended.cancelled()).await.is_err() {
            self.shared.abandoned.cancel();
            queue.ended.cancelled().await;
        }
        queue.stats()
    }

    /// A live feed of what happens to models from now on.
    ///
    /// # Errors
    /// [`Overloaded`](ErrorKind::Overloaded): there are 100. [`Closed`](ErrorKind::Closed): the queue has ended.
    pub fn subscribe(&self) -> Result<Feed<M>> {
        self.shared.queue.feed(|source| source.subscribe())
    }

    /// What the queue has done, and holds.
    #[must_use]
    pub fn stats(&self) -> WriteBehindStats {
        self.shared.queue.stats()
    }

    /// How the queue gets on with its store. [`Degraded`](HealthStatus::Degraded): the last attempt to write failed for the
    /// store's fault, or four fifths of the room are taken. [`Down`](HealthStatus::Down): three or more have failed in a row, the
    /// queue has ended, or its journal could not be synced, after which nothing more is accepted. From failed attempts it
    /// recovers by itself, from the last two by being started again.
    #[must_use]
    pub fn health(&self) -> HealthCheck {
        let queue = &self.shared.queue;
        if queue.ended.is_cancelled() {
            return HealthCheck::not_up(HealthStatus::Down, closed());
        }
        match queue.journal.as_ref().and_then(|journal| journal.failure()) {
            Some(failed) => HealthCheck::not_up(HealthStatus::Down, failed),
            None => queue.store_status.health(queue.fullness()),
        }
    }

    /// What was found in the journal when the queue was started.
    #[must_use]
    pub fn recovery(&self) -> &JournalRecovery {
        &self.shared.recovery
    }
}

impl<M> fmt::Debug for WriteBehind<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteBehind").finish_non_exhaustive()
    }
}
