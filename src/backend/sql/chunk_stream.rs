//! [`ChunkStream`], models that a task reads and another takes, in chunks.

#[cfg(any(feature = "duckdb-linked", feature = "sqlite"))]
use std::pin::pin;
use std::{
    pin::Pin,
    task::{Context, Poll},
};

use futures_core::Stream;
#[cfg(any(feature = "duckdb-linked", feature = "sqlite"))]
use futures_util::future::{Either, select};
#[cfg(any(feature = "duckdb-linked", feature = "sqlite"))]
use tokio::sync::mpsc::error::TrySendError;
use tokio::{runtime::Handle, sync::mpsc, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    backend::Models,
    error::{Error, ErrorKind, Result},
};

/// Sends the chunks of a stream, from the task that reads them.
pub(crate) struct ChunkSender {
    sender: mpsc::Sender<Box<dyn Models>>,
    /// Whether the task has ended, with its runtime perhaps. A thread that blocks would wait on.
    #[cfg_attr(not(any(feature = "duckdb-linked", feature = "sqlite")), expect(dead_code))]
    ended: CancellationToken,
    #[cfg_attr(not(any(feature = "duckdb-linked", feature = "sqlite")), expect(dead_code))]
    runtime: Handle,
}

impl ChunkSender {
    /// Waits for room. An error says that nobody reads any more.
    #[cfg(feature = "_sqlx")]
    pub(crate) async fn send(&self, chunk: Box<dyn Models>) -> Result<()> {
        self.sender.send(chunk).await.map_err(|_| given_up())
    }

    /// The same, on a thread that may block.
    #[cfg(any(feature = "duckdb-linked", feature = "sqlite"))]
    pub(crate) fn send_blocking(&self, chunk: Box<dyn Models>) -> Result<()> {
        let chunk = match self.sender.try_send(chunk) {
            Ok(()) => return Ok(()),
            Err(TrySendError::Closed(_)) => return Err(given_up()),
            Err(TrySendError::Full(chunk)) => chunk,
        };
        let (sent, ended) = (pin!(self.sender.send(chunk)), pin!(self.ended.cancelled()));
        match self.runtime.block_on(select(sent, ended)) {
            Either::Left((Ok(()), _)) => Ok(()),
            _ => Err(given_up()),
        }
    }
}

fn given_up() -> Error {
    Error::new(ErrorKind::Cancelled, "the stream was dropped")
}

/// A stream of the chunks that a task sends. Dropping it ends the task.
pub(crate) struct ChunkStream {
    receiver: mpsc::Receiver<Box<dyn Models>>,
    task: JoinHandle<Result<()>>,
    has_ended: bool,
}

impl ChunkStream {
    pub(crate) fn by<F>(produce: impl FnOnce(ChunkSender) -> F) -> Self
    where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        let (sender, receiver) = mpsc::channel(1);
        let ended = CancellationToken::new();
        let guard = ended.clone().drop_guard();
        let runtime = Handle::current();
        let produced = produce(ChunkSender { sender, ended, runtime: runtime.clone() });
        let task = runtime.spawn(async move {
            let _guard = guard;
            produced.await
        });
        Self { receiver, task, has_ended: false }
    }
}

impl Stream for ChunkStream {
    type Item = Result<Box<dyn Models>>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.has_ended {
            return Poll::Ready(None);
        }
        if let Some(chunk) = std::task::ready!(this.receiver.poll_recv(context)) {
            return Poll::Ready(Some(Ok(chunk)));
        }
        // Only what the task says at its end tells an end from a failure.
        let outcome = std::task::ready!(Pin::new(&mut this.task).poll(context));
        this.has_ended = true;
        match outcome {
            Ok(Ok(())) => Poll::Ready(None),
            Ok(Err(error)) => Poll::Ready(Some(Err(error))),
            Err(error) if error.is_cancelled() => {
                let message = "reading was given up, with the runtime that it was a task of";
                Poll::Ready(Some(Err(Error::new(ErrorKind::Cancelled, message).with_source(error))))
            }
            Err(error) => Poll::Ready(Some(Err(Error::new(ErrorKind::Internal, "reading panicked").with_source(error)))),
        }
    }
}

impl Drop for ChunkStream {
    fn drop(&mut self) {
        self.task.abort();
    }
}
