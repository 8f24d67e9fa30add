//! [`WriteBehindBuilder`], how a queue is started.

use std::{fmt, sync::Arc};

use sea_orm::{EntityTrait, ModelTrait};
use serde::Serialize;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::{
    Journal, JournalRecovery, WriteBehind, WriteBehindOptions,
    batch_writer::{BatchWriter, ById, ByKey, Plain},
    journal::{self, ModelCodec, OpenedJournal, Recovered},
    queue::Queue,
    worker::Worker,
};
use crate::{
    entity::{IdOf, Storable},
    error::{Error, ErrorKind, Result},
    id::new_id,
    repository::{Creator, Reader, Transactional},
};

/// Starts a [`WriteBehind`] in front of a repository.
#[must_use]
pub struct WriteBehindBuilder<M, C: ?Sized> {
    repository: Arc<C>,
    writer: Arc<dyn BatchWriter<M>>,
    options: WriteBehindOptions,
    journal: Option<Journal>,
}

impl<M, C> WriteBehindBuilder<M, C>
where
    M: Clone + Serialize + Send + Sync + 'static,
    C: Creator<M> + ?Sized + 'static,
{
    pub(super) fn new(repository: Arc<C>) -> Self {
        let writer = Arc::new(Plain(repository.clone()));
        Self { repository, writer, options: WriteBehindOptions::default(), journal: None }
    }

    /// When it writes, and how much it holds.
    pub fn options(self, options: WriteBehindOptions) -> Self {
        Self { options, ..self }
    }

    /// When the answer to a write is lost, looks for the models by their ids, and stores those that are not there. Without this
    /// or [`reconcile_by_key`](Self::reconcile_by_key) their tickets are [`CommitUnknown`](ErrorKind::CommitUnknown).
    ///
    /// The application makes the ids: one that is left to the engine is refused, as [`InvalidInput`](ErrorKind::InvalidInput).
    /// What is found counts as stored.
    pub fn reconcile_by_id(self) -> Self
    where
        M: ModelTrait<Entity: Storable + EntityTrait<Model = M>>,
        C: Reader<M, IdOf<M::Entity>>,
    {
        Self { writer: Arc::new(ById(self.repository.clone())), ..self }
    }

    /// Stores each batch under an [idempotency key](crate::Cx::with_idempotency_key), by which it is known whether it was stored
    /// when the answer is lost. Its ids may be made by the engine. The store keeps the keys, a row for each batch, until they are
    /// [forgotten](crate::Store::forget_commits); with a journal, keep them for longer than it may lie there.
    pub fn reconcile_by_key(self) -> Self
    where
        M: ModelTrait<Entity: Storable + EntityTrait<Model = M>>,
        C: Transactional,
    {
        Self { writer: Arc::new(ByKey::new(self.repository.clone())), ..self }
    }

    /// Writes what is accepted to a journal, and takes what an earlier process has left there: it is stored first, once, however
    /// that process ended. It takes one of the reconciliations, to know what was stored already.
    ///
    /// Go on with the reconciliation it was begun with: another does not know what was stored by the first. What is in it are the
    /// [columns](Journal) of models.
    pub fn journal(self, journal: Journal) -> Self {
        Self { journal: Some(journal), ..self }
    }

    /// Starts it: a task on the current tokio runtime, which ends with [`close`](WriteBehind::close), or some time after the last
    /// handle was dropped.
    ///
    /// # Errors
    /// - [`InvalidInput`](ErrorKind::InvalidInput): options out of bounds, a journal without reconciliation, or no runtime.
    /// - [`Connection`](ErrorKind::Connection): the journal belongs to a queue that is open, here or in another process.
    /// - [`Io`](ErrorKind::Io), [`Auth`](ErrorKind::Auth), [`ResourceExhausted`](ErrorKind::ResourceExhausted): the journal
    ///   cannot be read or written.
    ///
    /// # Dropping the future
    /// Starts nothing. A journal stays as it was, and may be locked for a moment.
    pub async fn start(self) -> Result<WriteBehind<M>> {
        let invalid = |message| Error::new(ErrorKind::InvalidInput, message);
        self.options.check()?;
        let runtime = Handle::try_current().map_err(|error| invalid("a queue runs on tokio").with_source(error))?;
        let (opened, codec) = match (self.journal, self.writer.codec()) {
            (None, _) => (None, None),
            (Some(_), None) => return Err(invalid("a journal needs `reconcile_by_id` or `reconcile_by_key`")),
            (Some(journal), Some(codec)) => {
                journal.check()?;
                (Some(opened(journal, codec).await?), Some(codec))
            }
        };
        let (log, models, recovery) = match opened {
            None => (None, Vec::new(), JournalRecovery::default()),
            Some(OpenedJournal { log, models, recovery }) => (Some(Arc::new(log)), models, recovery),
        };
        let abandoned = CancellationToken::new();
        let queue = Arc::new(Queue::new(self.options, log)?);
        queue.recover(doubtful(models, &*self.writer, queue.options.batch_size));
        let worker = Worker::new(queue.clone(), self.writer.clone(), abandoned.clone());
        runtime.spawn(worker.run());
        Ok(WriteBehind::new(queue, self.writer, Arc::new(Plain(self.repository)), codec, abandoned, recovery))
    }
}

async fn opened<M: Send + 'static>(journal: Journal, codec: ModelCodec<M>) -> Result<OpenedJournal<M>> {
    let opened = tokio::task::spawn_blocking(move || journal::open(&journal, codec)).await;
    opened.map_err(|error| Error::new(ErrorKind::Internal, "the journal was not read to its end").with_source(error))?
}

/// What was found in a journal, in batches. Where a key tells, only those that were begun may be stored; by ids, any may.
fn doubtful<M: Send + Sync>(mut models: Vec<Recovered<M>>, writer: &dyn BatchWriter<M>, batch_size: usize) -> Vec<Recovered<M>> {
    if !writer.goes_by_key() {
        for batch in models.chunks_mut(batch_size) {
            let doubt: Arc<str> = new_id().to_string().into();
            batch.iter_mut().for_each(|model| model.doubt = Some(doubt.clone()));
        }
    }
    models
}

impl<M, C: ?Sized> fmt::Debug for WriteBehindBuilder<M, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteBehindBuilder").field("options", &self.options).finish_non_exhaustive()
    }
}
