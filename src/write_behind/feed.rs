//! [`Feed`], what happens to models as it happens.

use std::{fmt, sync::Arc};

use tokio::sync::broadcast::{self, error::RecvError};

use crate::error::{Error, ErrorKind, Result};

/// How many feeds a queue may have.
const MAX_FEEDS: usize = 100;

/// How many events a feed holds for one who is slow.
const FEED_CAPACITY: usize = 128;

/// What happened to a model; from a [`Feed`].
#[derive(Debug)]
#[non_exhaustive]
pub enum FeedEvent<M> {
    /// It was accepted. It is not stored yet, and may never be.
    Accepted(Arc<M>),
    /// It was not accepted: there was no room.
    Rejected(Arc<M>),
    /// It is stored, as it is here.
    Stored(Arc<M>),
    /// It was accepted, and is not stored; see [`Ticket`](crate::Ticket).
    Failed(Arc<M>, Error),
    /// This many events were lost, because nobody asked for them in time.
    Missed(u64),
}

impl<M> Clone for FeedEvent<M> {
    fn clone(&self) -> Self {
        match self {
            Self::Accepted(model) => Self::Accepted(model.clone()),
            Self::Rejected(model) => Self::Rejected(model.clone()),
            Self::Stored(model) => Self::Stored(model.clone()),
            Self::Failed(model, error) => Self::Failed(model.clone(), error.clone()),
            Self::Missed(count) => Self::Missed(*count),
        }
    }
}

/// A live feed of what happens to the models of a queue, from [`subscribe`](crate::WriteBehind::subscribe) on: each as it is
/// accepted, before it is written and whether or not it ever is, and again when it is stored or fails; not when it is withdrawn,
/// or left when the queue ends. Events of one kind come in the order of the models.
///
/// It holds 128 events. Whoever does not ask for them in time loses the oldest, is told how many, and costs nobody else anything.
pub struct Feed<M>(broadcast::Receiver<FeedEvent<M>>);

impl<M: Send + Sync> Feed<M> {
    /// Returns the next event, or `None` once the queue has ended.
    ///
    /// # Dropping the future
    /// Loses nothing.
    pub async fn next(&mut self) -> Option<FeedEvent<M>> {
        match self.0.recv().await {
            Ok(event) => Some(event),
            Err(RecvError::Lagged(count)) => Some(FeedEvent::Missed(count)),
            Err(RecvError::Closed) => None,
        }
    }
}

impl<M> fmt::Debug for Feed<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed").finish_non_exhaustive()
    }
}

/// Where the events come from.
pub(super) struct FeedSender<M>(Option<broadcast::Sender<FeedEvent<M>>>);

impl<M: Clone> FeedSender<M> {
    pub(super) fn new() -> Self {
        Self(Some(broadcast::Sender::new(FEED_CAPACITY)))
    }

    pub(super) fn subscribe(&self) -> Result<Feed<M>> {
        let sender = self.0.as_ref().ok_or_else(|| Error::new(ErrorKind::Closed, "the queue has ended"))?;
        if sender.receiver_count() >= MAX_FEEDS {
            return Err(Error::new(ErrorKind::Overloaded, "a queue has at most 100 feeds"));
        }
        Ok(Feed(sender.subscribe()))
    }

    pub(super) fn is_watched(&self) -> bool {
        self.0.as_ref().is_some_and(|sender| sender.receiver_count() > 0)
    }

    /// Tells of a model, which is copied only for somebody.
    pub(super) fn tell(&self, model: &M, event: impl FnOnce(Arc<M>) -> FeedEvent<M>) {
        if let Some(sender) = self.0.as_ref().filter(|sender| sender.receiver_count() > 0) {
            // Whoever has left since has lost nothing.
            drop(sender.send(event(Arc::new(model.clone()))));
        }
    }

    pub(super) fn end(&mut self) {
        self.0 = None;
    }
}
