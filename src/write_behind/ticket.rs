//! [`Ticket`], what becomes of a model, and [`AnswerSender`], the other end of it.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use tokio::sync::oneshot;

use super::queue::Queue;
use crate::error::{Error, ErrorKind, Result};

/// What becomes of a model that was accepted: a future of the model as it is stored, with what the engine made up for it, or of
/// the error that kept it from being stored. It is answered once; after that, [`InvalidInput`](ErrorKind::InvalidInput).
///
/// # Errors
/// - Any that [`create_many`](crate::Creator::create_many) can have, of this model.
/// - [`CommitUnknown`](ErrorKind::CommitUnknown): it may be stored. Without
///   [reconciliation](crate::WriteBehindBuilder::reconcile_by_id), or when the queue ended before that was known.
/// - [`Internal`](ErrorKind::Internal): attempts to store it were never answered, and it is not stored; or it is stored, and what
///   the engine made of it is not known, as the message says.
/// - [`Closed`](ErrorKind::Closed): the queue was closed, and its time was over before this was written, or its worker is lost.
///   It is not stored; with a journal, the next queue stores it.
/// - [`QueueFull`](ErrorKind::QueueFull): it made room for a newer one, as [`WhenFull::DropOldest`](crate::WhenFull::DropOldest)
///   says.
/// - [`TransactionAborted`](ErrorKind::TransactionAborted): the transaction it was submitted in did not commit, or it is not
///   known whether it did. If that did, and the journal could not be written then, it is the journal's error.
///
/// # Dropping it
/// Changes nothing: the model is stored all the same.
#[must_use = "without its ticket nobody learns whether a model was stored; `drop` it if that is fine"]
pub struct Ticket<M> {
    answer: Option<oneshot::Receiver<Result<M>>>,
    queue: Arc<Queue<M>>,
    position: TicketPosition,
}

/// Where a model is in the queue. One that waits for a commit is not there yet.
#[derive(Clone, Debug)]
pub(super) enum TicketPosition {
    At(u64),
    /// So many behind one that is not known yet.
    Later(Arc<AtomicU64>, u64),
}

/// The position of what is not in the queue.
const NOWHERE: u64 = u64::MAX;

impl TicketPosition {
    pub(super) fn later() -> Self {
        Self::Later(Arc::new(AtomicU64::new(NOWHERE)), 0)
    }

    pub(super) fn plus(&self, more: u64) -> Self {
        match self {
            Self::At(position) => Self::At(position + more),
            Self::Later(first, offset) => Self::Later(first.clone(), offset + more),
        }
    }

    pub(super) fn set(&self, position: u64) {
        if let Self::Later(later, _) = self {
            later.store(position, Ordering::Relaxed);
        }
    }

    fn get(&self) -> u64 {
        match self {
            Self::At(position) => *position,
            Self::Later(first, offset) => first.load(Ordering::Relaxed).saturating_add(*offset),
        }
    }
}

impl<M> Ticket<M> {
    pub(super) fn new(queue: Arc<Queue<M>>, position: TicketPosition, answer: oneshot::Receiver<Result<M>>) -> Self {
        Self { answer: Some(answer), queue, position }
    }
}

impl<M: Clone + Send + Sync + 'static> Ticket<M> {
    /// Takes the model back, if its write has not begun: it is not stored then, and its room is free.
    ///
    /// # Errors
    /// The ticket, if it is too late, or if the model waits for its transaction to commit.
    pub fn withdraw(self) -> Result<M, Self> {
        self.queue.withdraw(self.position.get()).ok_or(self)
    }
}

impl<M> Future for Ticket<M> {
    type Output = Result<M>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(answer) = &mut self.answer else {
            return Poll::Ready(Err(Error::new(ErrorKind::InvalidInput, "a ticket is answered once")));
        };
        let answered = std::task::ready!(Pin::new(answer).poll(context));
        self.answer = None;
        Poll::Ready(answered.unwrap_or_else(|_| Err(Loss::Waiting.error())))
    }
}

impl<M> Unpin for Ticket<M> {}

impl<M> fmt::Debug for Ticket<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket").field("is_answered", &self.answer.is_none()).finish_non_exhaustive()
    }
}

/// How far a model came that nobody answers for any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    Uncommitted,
    Waiting,
    Writing,
}

impl Loss {
    fn error(self) -> Error {
        match self {
            Self::Uncommitted => {
                Error::new(ErrorKind::TransactionAborted, "the transaction it was submitted in is not known to have committed")
            }
            Self::Waiting => Error::new(ErrorKind::Closed, "the worker of the queue was lost before it was written"),
            Self::Writing => Error::new(ErrorKind::CommitUnknown, "the worker of the queue was lost while it was written"),
        }
    }
}

/// Answers a ticket, also if it is dropped.
pub(super) struct AnswerSender<M> {
    sender: Option<oneshot::Sender<Result<M>>>,
    pub(super) loss: Loss,
}

impl<M> AnswerSender<M> {
    pub(super) fn new(loss: Loss) -> (Self, oneshot::Receiver<Result<M>>) {
        let (sender, receiver) = oneshot::channel();
        (Self { sender: Some(sender), loss }, receiver)
    }

    /// One that nobody waits for.
    pub(super) fn to_nobody() -> Self {
        Self { sender: None, loss: Loss::Waiting }
    }

    pub(super) fn is_wanted(&self) -> bool {
        self.sender.as_ref().is_some_and(|sender| !sender.is_closed())
    }

    pub(super) fn give(mut self, answer: Result<M>) {
        if let Some(sender) = self.sender.take() {
            drop(sender.send(answer));
        }
    }

    /// Forgets the ticket: its holder has been answered otherwise.
    pub(super) fn forget(mut self) {
        self.sender = None;
    }
}

impl<M> Drop for AnswerSender<M> {
    fn drop(&mut self) {
        if let Some(sender) = self.sender.take() {
            drop(sender.send(Err(self.loss.error())));
        }
    }
}
