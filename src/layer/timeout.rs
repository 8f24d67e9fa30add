//! [`Timeout`], a time limit for each operation.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::{StreamExt as _, stream};

use super::{Around, Call};
use crate::{
    backend::{Answer, Parts},
    context::Cx,
    error::Result,
    limits::Limits,
};

/// A time limit for each operation: one that takes longer is [`DeadlineExceeded`](crate::ErrorKind::DeadlineExceeded). An earlier
/// deadline of the context stays.
///
/// | operation | what is limited |
/// |---|---|
/// | a call of the contract, a statement of [`Sql`](crate::Sql), [`has_committed`](crate::Store::has_committed) | the whole, as by [`Cx::with_timeout`]: in a transaction, what is late keeps it from committing |
/// | a stream | its opening, and the wait for each part of about a thousand models; the time that its reader takes between them is not limited |
/// | the begin of a transaction | the wait until it has begun. [`TxOptions::timeout`](crate::TxOptions::timeout) limits a transaction as a whole |
///
/// A write by itself that has a limit runs in a transaction of its own, so that it can be told for certain that nothing of it was
/// stored. SQL that no transaction takes, such as `VACUUM`, needs a store without this layer. See [the module](crate::layer) for
/// an example.
#[derive(Clone, Copy, Debug)]
pub struct Timeout(Duration);

impl Timeout {
    /// A limit for each operation.
    #[must_use]
    pub fn new(limit: Duration) -> Self {
        Self(limit)
    }
}

#[async_trait]
impl Around for Timeout {
    async fn around(&self, cx: &Cx, call: Call<'_>) -> Result<Answer> {
        if !call.is_stream() && !call.is_begin() {
            return call.run(&cx.with_timeout(self.0)).await;
        }
        // Its answer holds the context, and goes on after the limit.
        let limits = Limits::default().with_timeout(self.0);
        let answer = limits.bound("while it began", call.run(cx)).await?;
        Ok(match answer {
            Answer::Parts(Some(parts)) => Answer::Parts(Some(each_within(self.0, parts))),
            other => other,
        })
    }
}

/// The same parts, each of which has to be there in time.
fn each_within(limit: Duration, parts: Parts) -> Parts {
    Box::pin(stream::unfold(Some(parts), move |parts| async move {
        let mut parts = parts?;
        let limits = Limits::default().with_timeout(limit);
        let next = limits.bound("while the next part was read", async { parts.next().await.transpose() }).await;
        let parts = next.is_ok().then_some(parts);
        next.transpose().map(|next| (next, parts))
    }))
}
