//! Calls of a library that blocks, on threads that may.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{runtime::Handle, sync::oneshot};

use crate::{
    clock::pause,
    error::{Error, ErrorKind, Result},
};

/// How often a call that nobody waits for any more is told to stop, until it has: an interrupt that comes before the engine has begun is
/// lost.
const INTERRUPT_AGAIN: Duration = Duration::from_millis(5);

/// Makes a running call of the engine end early.
pub(super) type Interrupt = Arc<dyn Fn() + Send + Sync>;

/// Runs a call on a thread that may block, and takes what it works on along. If the future is dropped, the call is interrupted, where there
/// is a way to, and what it worked on is dropped when it has really ended.
pub(super) async fn call<L: Send + 'static, T: Send + 'static>(
    mut held: L,
    interrupt: Option<Interrupt>,
    work: impl FnOnce(&mut L) -> Result<T> + Send + 'static,
) -> Result<(L, Result<T>)> {
    let running = interrupt.map(|interrupt| Running { state: State::default(), interrupt });
    let state = running.as_ref().map(|running| running.state.clone());
    let (answer, answered) = oneshot::channel();
    tokio::task::spawn_blocking(move || {
        let result = match &state {
            Some(state) if *state.lock() == Progress::GivenUp => Err(Error::new(ErrorKind::Cancelled, "")),
            _ => work(&mut held),
        };
        if let Some(state) = state {
            *state.lock() = Progress::Done;
        }
        // To nobody, what is held goes back by being dropped.
        drop(answer.send((held, result)));
    });
    // From here on, dropping this future interrupts the call.
    let running = running;
    let answer = answered.await;
    drop(running);
    answer.map_err(|_| panicked())
}

/// What a call answers, whether it panics or not; `None` if it did, in whatever state it left what it worked on.
pub(super) fn unless_it_panics<T>(work: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).ok()
}

/// Drops something whose end blocks, such as the last connection, which writes the log to the file.
pub(super) fn drop_elsewhere<T: Send + 'static>(what: T) {
    match Handle::try_current() {
        Ok(runtime) => drop(runtime.spawn_blocking(move || drop(what))),
        Err(_) => drop(what),
    }
}

pub(super) fn panicked() -> Error {
    Error::new(ErrorKind::Internal, "a call to the engine panicked")
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Progress {
    #[default]
    Going,
    GivenUp,
    Done,
}

#[derive(Clone, Default)]
struct State(Arc<Mutex<Progress>>);

impl State {
    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Interrupts the call, unless it has ended. Says whether it has. The lock is held over every interrupt, so that none comes after the end
    /// and meets the next call.
    fn interrupt(&self, interrupt: &Interrupt) -> bool {
        let mut progress = self.lock();
        if *progress != Progress::Done {
            *progress = Progress::GivenUp;
            interrupt();
        }
        *progress == Progress::Done
    }
}

/// A call that is interrupted when this is dropped before it has ended.
struct Running {
    state: State,
    interrupt: Interrupt,
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.state.interrupt(&self.interrupt) {
            return;
        }
        let Ok(runtime) = Handle::try_current() else { return };
        let (state, interrupt) = (self.state.clone(), self.interrupt.clone());
        runtime.spawn(async move {
            while !state.interrupt(&interrupt) {
                pause(INTERRUPT_AGAIN).await;
            }
        });
    }
}
