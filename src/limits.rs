//! How long a unit of work may take, and what gives it up before.

use std::{future::Future, pin::pin, sync::Arc, time::Duration};

use futures_util::{
    FutureExt as _,
    future::{Either, pending, select, select_all},
};
use tokio_util::sync::CancellationToken;

use crate::{
    clock::Deadline,
    error::{Error, ErrorKind, Result},
};

/// When a unit of work has to be done, and what gives it up. Without either, it costs nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Limits(Option<Arc<Bounds>>);

#[derive(Clone, Debug, Default)]
struct Bounds {
    deadline: Option<Deadline>,
    tokens: Vec<CancellationToken>,
}

impl Limits {
    /// The same, and so long from now on at most.
    pub(crate) fn with_timeout(&self, timeout: Duration) -> Self {
        let mut some = self.0.as_deref().cloned().unwrap_or_default();
        let deadline = Deadline::after(timeout);
        some.deadline = Some(some.deadline.map_or(deadline, |earlier| earlier.min(deadline)));
        Self(Some(Arc::new(some)))
    }

    /// The same, and given up with the token as well.
    pub(crate) fn with_cancel(&self, token: CancellationToken) -> Self {
        let mut some = self.0.as_deref().cloned().unwrap_or_default();
        some.tokens.push(token);
        Self(Some(Arc::new(some)))
    }

    /// Whether there are none.
    #[cfg(feature = "_sql")]
    pub(crate) fn are_none(&self) -> bool {
        self.0.is_none()
    }

    /// How much time is left, if that is limited.
    pub(crate) fn remaining(&self) -> Option<Duration> {
        self.0.as_ref()?.deadline.map(Deadline::remaining)
    }

    /// Refuses what is given up or late by now.
    pub(crate) fn check(&self) -> Result<()> {
        let Some(some) = &self.0 else { return Ok(()) };
        if some.tokens.iter().any(CancellationToken::is_cancelled) {
            return Err(cancelled("before it began"));
        }
        match self.remaining() {
            Some(Duration::ZERO) => Err(late("before it began")),
            _ => Ok(()),
        }
    }

    /// Runs something until it ends or a limit is reached. Then it is dropped, and the error says what it was doing.
    pub(crate) fn bound<'a, T: Send + 'a>(
        &'a self,
        doing: &'static str,
        work: impl Future<Output = Result<T>> + Send + 'a,
    ) -> impl Future<Output = Result<T>> + Send + 'a {
        let Some(bounds) = &self.0 else { return Either::Left(work) };
        // On the heap, as in `race`: what has no limits is to take no more room for them.
        Either::Right(Box::pin(async move {
            self.check()?;
            let done = bounds.race(doing, work).await?;
            done.map_err(|error| match error.kind() {
                // The engine may have noticed first.
                ErrorKind::DeadlineExceeded | ErrorKind::Cancelled => match self.check() {
                    Ok(()) => error,
                    Err(reached) => Error::new(reached.kind(), doing).with_source(error),
                },
                _ => error,
            })
        }))
    }

    /// The same of anything that ends, begun even if it is late.
    pub(crate) fn race<'a, T: Send + 'a>(
        &'a self,
        doing: &'static str,
        work: impl Future<Output = T> + Send + 'a,
    ) -> impl Future<Output = Result<T>> + Send + 'a {
        match &self.0 {
            None => Either::Left(work.map(Ok)),
            Some(bounds) => Either::Right(Box::pin(bounds.race(doing, work))),
        }
    }
}

impl Bounds {
    async fn race<T>(&self, doing: &'static str, work: impl Future<Output = T> + Send) -> Result<T> {
        match select(pin!(work), pin!(self.reached(doing))).await {
            Either::Left((done, _)) => Ok(done),
            Either::Right((reached, _)) => Err(reached),
        }
    }

    async fn reached(&self, doing: &'static str) -> Error {
        let late_by_now = async {
            match self.deadline {
                Some(deadline) => deadline.passed().await,
                None => pending().await,
            }
        };
        let given_up = async {
            match self.tokens.is_empty() {
                false => drop(select_all(self.tokens.iter().map(|token| Box::pin(token.cancelled()))).await),
                true => pending().await,
            }
        };
        match select(pin!(late_by_now), pin!(given_up)).await {
            Either::Left(_) => late(doing),
            Either::Right(_) => cancelled(doing),
        }
    }
}

fn late(doing: &'static str) -> Error {
    Error::new(ErrorKind::DeadlineExceeded, doing)
}

fn cancelled(doing: &'static str) -> Error {
    Error::new(ErrorKind::Cancelled, doing)
}
