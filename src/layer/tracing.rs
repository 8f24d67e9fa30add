//! [`Tracing`], a span for each operation.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use async_trait::async_trait;
use futures_core::Stream;
use tracing::{Instrument as _, Span, field::Empty};

use super::{Around, Call};
use crate::{
    backend::{Answer, Models, Parts},
    clock::{Moment, this_moment},
    context::Cx,
    error::{Error, Result},
};

/// A span of [`tracing`] for each operation, with the names of OpenTelemetry's stable conventions for database clients:
/// <https://opentelemetry.io/docs/specs/semconv/db/database-spans/>. What the engine's library says is within the span.
///
/// | field | value |
/// |---|---|
/// | `otel.name` | the operation and its table, such as `insert note` |
/// | `otel.kind` | `client` |
/// | `db.system.name` | `sqlite`, `postgresql`, `duckdb`, `memory` |
/// | `db.operation.name` | `find`, `find_locked`, `select`, `count`, `project`, `aggregate`, `stream`, `insert`, `upsert`, `update`, `update_where`, `update_first`, `delete`, `delete_where`, `delete_first`, `sql`, `begin`, `has_committed` |
/// | `db.collection.name` | the table, with its schema if the entity names one; missing where there is none |
/// | `db.operation.batch.size` | how many models or ids were given, if more than one |
/// | `db.response.returned_rows` | how many models or rows were answered |
/// | `db.client.operation.duration` | seconds until the answer; of a stream, until it was dropped |
/// | `error.type` | the [kind](crate::ErrorKind) of an error, such as `Duplicate` |
/// | `otel.status_code` | `ERROR` after an error |
///
/// No value, no text of SQL and no message of an error is recorded. The target is `larder`, the level INFO. Without a subscriber
/// for it, no span is made. See [the module](crate::layer) for an example.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tracing(());

impl Tracing {
    /// A span for each operation.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
impl Around for Tracing {
    async fn around(&self, cx: &Cx, call: Call<'_>) -> Result<Answer> {
        let span = span_of(&call);
        if span.is_disabled() {
            return call.run(cx).await;
        }
        let operation = OperationSpan { span, began: this_moment(), returned: 0 };
        let answer = call.run(cx).instrument(operation.span.clone()).await;
        match answer {
            Ok(Answer::Parts(Some(parts))) => Ok(Answer::Parts(Some(Box::pin(Traced { parts, operation })))),
            Ok(answer) => {
                operation.end(answer.returned(), None);
                Ok(answer)
            }
            Err(error) => {
                operation.end(None, Some(&error));
                Err(error)
            }
        }
    }
}

fn span_of(call: &Call<'_>) -> Span {
    let span = tracing::info_span!(
        target: "larder",
        "operation",
        otel.name = Empty,
        otel.kind = "client",
        otel.status_code = Empty,
        db.system.name = Empty,
        db.operation.name = call.name(),
        db.collection.name = Empty,
        db.operation.batch.size = Empty,
        db.response.returned_rows = Empty,
        db.client.operation.duration = Empty,
        error.type = Empty,
    );
    if span.is_disabled() {
        return span;
    }
    span.record(
        "db.system.name",
        match call.backend().name() {
            "postgres" => "postgresql",
            other => other,
        },
    );
    match call.table().map(|table| table.full_name()) {
        Some(table) => {
            span.record("otel.name", format!("{} {table}", call.name()));
            span.record("db.collection.name", table);
        }
        None => drop(span.record("otel.name", call.name())),
    }
    if let Some(given) = call.write().and_then(|write| write.given()).filter(|given| *given > 1) {
        span.record("db.operation.batch.size", given);
    }
    span
}

/// An operation that runs.
struct OperationSpan {
    span: Span,
    began: Moment,
    returned: usize,
}

impl OperationSpan {
    fn end(&self, returned: Option<usize>, error: Option<&Error>) {
        self.span.record("db.client.operation.duration", self.began.elapsed().as_secs_f64());
        if let Some(returned) = returned {
            self.span.record("db.response.returned_rows", returned);
        }
        if let Some(error) = error {
            self.span.record("error.type", format!("{:?}", error.kind()));
            self.span.record("otel.status_code", "ERROR");
        }
    }
}

/// A stream in the span of its operation, which ends when it is dropped.
struct Traced {
    parts: Parts,
    operation: OperationSpan,
}

impl Stream for Traced {
    type Item = Result<Box<dyn Models>>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Self { parts, operation } = self.get_mut();
        let next = ready!(operation.span.in_scope(|| parts.as_mut().poll_next(context)));
        match &next {
            Some(Ok(models)) => operation.returned += models.len(),
            Some(Err(error)) => operation.end(None, Some(error)),
            None => {}
        }
        Poll::Ready(next)
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        self.operation.end(Some(self.operation.returned), None);
    }
}
