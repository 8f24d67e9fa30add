//! [`ModelStream`], models one after another.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
    vec,
};

use futures_core::Stream;
use futures_util::StreamExt as _;

use crate::error::Result;

/// Models one after another, read as they are asked for: at most a few thousand are held at a time, however many there are. It
/// borrows nothing.
///
/// An error is the last item. Nobody has to read a stream to its end: dropping it stops the engine, at the latest where it would
/// have given the next model, or the last of a part where it reads in parts, and gives its connection back. It keeps its context
/// until then, and with that a transaction that was begun by hand.
pub struct ModelStream<M> {
    chunk: vec::IntoIter<M>,
    /// None once there is no more.
    source: Option<Chunks<M>>,
}

/// Models in parts.
type Chunks<M> = Pin<Box<dyn Stream<Item = Result<Vec<M>>> + Send>>;

/// How many models are read at a time.
pub(crate) const CHUNK: usize = 1024;

impl<M> ModelStream<M> {
    /// A stream of models that come from elsewhere: for a [`Reader`](crate::Reader) of the application's own, such as a fake in a
    /// test.
    ///
    /// It ends after the first error; what `models` would give next is not read.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> larder::Result<()> {
    /// use larder::ModelStream;
    ///
    /// let mut names = ModelStream::new(futures::stream::iter(["Ann", "Bob"].map(Ok)));
    /// assert_eq!(names.try_next().await?, Some("Ann"));
    /// assert_eq!(names.try_next().await?, Some("Bob"));
    /// assert_eq!(names.try_next().await?, None);
    /// # Ok(()) }
    /// ```
    pub fn new(models: impl Stream<Item = Result<M>> + Send + 'static) -> Self
    where
        M: Send + 'static,
    {
        Self::of_chunks(models.map(|model| model.map(|model| vec![model])))
    }

    /// Models in parts, of which none is empty.
    pub(crate) fn of_chunks(chunks: impl Stream<Item = Result<Vec<M>>> + Send + 'static) -> Self {
        Self { chunk: Vec::new().into_iter(), source: Some(Box::pin(chunks)) }
    }

    /// A stream that has begun: its first part is there, or it has ended.
    pub(crate) async fn begun(mut chunks: impl Stream<Item = Result<Vec<M>>> + Send + Unpin + 'static) -> Result<Self> {
        let first = std::future::poll_fn(|context| Pin::new(&mut chunks).poll_next(context)).await.transpose()?;
        // A stream is not to be polled after its end.
        let source: Option<Chunks<M>> = if first.is_some() { Some(Box::pin(chunks)) } else { None };
        Ok(Self { chunk: first.unwrap_or_default().into_iter(), source })
    }

    /// Returns the next model, or `None` after the last.
    ///
    /// # Errors
    /// Those of [`Reader`](crate::Reader). After one, there is no more.
    ///
    /// # Dropping the future
    /// Loses nothing: the next call gives the model that this one would have given.
    pub async fn try_next(&mut self) -> Result<Option<M>> {
        std::future::poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await.transpose()
    }
}

/// No model is ever pinned.
impl<M> Unpin for ModelStream<M> {}

impl<M> Stream for ModelStream<M> {
    type Item = Result<M>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<M>>> {
        let this = self.get_mut();
        loop {
            if let Some(model) = this.chunk.next() {
                return Poll::Ready(Some(Ok(model)));
            }
            let Some(source) = &mut this.source else { return Poll::Ready(None) };
            match std::task::ready!(source.as_mut().poll_next(context)) {
                Some(Ok(chunk)) => this.chunk = chunk.into_iter(),
                Some(Err(error)) => {
                    this.source = None;
                    return Poll::Ready(Some(Err(error)));
                }
                None => this.source = None,
            }
        }
    }
}

impl<M> fmt::Debug for ModelStream<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelStream").finish_non_exhaustive()
    }
}
