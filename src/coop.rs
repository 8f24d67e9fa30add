//! Cooperative scheduling: long work lets the other tasks of its runtime run, or goes on on a thread that may block.

use std::time::Duration;

use tokio::{runtime::Handle, sync::oneshot};

use crate::{
    clock::{Moment, this_moment},
    error::{Error, ErrorKind, Result},
};

/// After how many steps the time is looked at. A loop of fewer steps does not yield.
pub(crate) const STEPS: usize = 64;

/// How long one turn takes at most, except for its last steps.
const TURN: Duration = Duration::from_millis(2);

/// Lets other tasks of the runtime have their turns during a loop of many short steps.
pub(crate) struct Budget {
    steps: usize,
    since: Option<Moment>,
}

impl Budget {
    pub(crate) fn new() -> Self {
        Self { steps: 0, since: None }
    }

    /// Called once for each step.
    pub(crate) async fn consume(&mut self) {
        self.steps += 1;
        if self.steps >= STEPS {
            self.steps = 0;
            if self.since.is_some_and(|since| since.elapsed() >= TURN) {
                tokio::task::yield_now().await;
                self.since = None;
            }
            self.since.get_or_insert_with(this_moment);
        }
    }
}

/// Runs long work on a thread that may block; without a runtime, here. If the future is dropped, the work goes on to its end, and
/// its result is dropped.
pub(crate) async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let Ok(runtime) = Handle::try_current() else { return Ok(work()) };
    let (answer, answered) = oneshot::channel();
    // One type for all work: tokio's part of it is compiled once.
    let run: Box<dyn FnOnce() + Send> = Box::new(move || drop(answer.send(work())));
    let ran = runtime.spawn_blocking(run).await;
    ran.map_err(|failure| match failure.is_cancelled() {
        true => Error::new(ErrorKind::Cancelled, "the runtime ended"),
        false => panicked(),
    })?;
    answered.await.map_err(|_| panicked())
}

fn panicked() -> Error {
    Error::new(ErrorKind::Internal, "a call panicked")
}
