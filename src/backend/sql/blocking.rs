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

/// How often a call that nobody waits for any more is told to stop, until it has: an interrupt that comes before the engine has
/// begun is lost.
const INTERRUPT_AGAIN: Duration = Duration::from_millis(5);

/// Makes a running call of the engine end early.
pub(super) type Interrupt = Arc<dyn Fn() + Send + Sync>;

/// Runs a call on a thread that may block, and takes what it works on along. If the future is dropped, the call is interrupted,
/// where there is a way to, and what it worked on is dropped when it has really ended.
///
/// `afterwards` runs on the same thread when the call has ended and can no longer be interrupted: only there may what it worked
/// on be handed to somebody else.
pub(super) async fn call<L: Send + 'static, T: Send + 'static>(
    held: L,
    interrupt: Option<Interrupt>,
    work: impl FnOnce(&mut L) -> Result<T> + Send + 'static,
    afterwards: fn(&mut L),
) -> Result<(L, Result<T>)> {
    let running = interrupt.map(|interrupt| InterruptOnDrop { state: CallState::default(), interrupt });
    let ending = CallEnd(running.as_ref().map(|running| running.state.clone()));
    let (answer, answered) = oneshot::channel();
    let call = BlockingCall { ending, held, work, afterwards, answer };
    // One type for all calls: tokio's part of it is compiled once.
    let run: Box<dyn FnOnce() + Send> = Box::new(move || call.run());
    let ran = tokio::task::spawn_blocking(run);
    // From here on, dropping this future interrupts the call.
    let running = running;
    let answer = answered.await;
    drop(running);
    match answer {
        Ok(answer) => Ok(answer),
        Err(_) if ran.await.is_err_and(|error| error.is_panic()) => Err(panicked()),
        // What it was to work on was dropped.
        Err(_) => Err(Error::new(ErrorKind::Cancelled, "the runtime ended before the call began")),
    }
}

/// A call to be run. It may be dropped instead, when its runtime ends.
struct BlockingCall<L, W, T> {
    // Before what is held: who has that next is not interrupted.
    ending: CallEnd,
    held: L,
    work: W,
    afterwards: fn(&mut L),
    answer: oneshot::Sender<(L, Result<T>)>,
}

impl<L, W: FnOnce(&mut L) -> Result<T>, T> BlockingCall<L, W, T> {
    fn run(self) {
        // Dropped in the reverse order.
        let Self { answer, mut held, work, afterwards, ending } = self;
        let result = if ending.is_given_up() { Err(Error::new(ErrorKind::Cancelled, "")) } else { work(&mut held) };
        drop(ending);
        afterwards(&mut held);
        // To nobody, what is held goes back by being dropped.
        drop(answer.send((held, result)));
    }
}

/// Dropping it notes that the call has ended, whether it ran or not.
struct CallEnd(Option<CallState>);

impl CallEnd {
    fn is_given_up(&self) -> bool {
        self.0.as_ref().is_some_and(|state| *state.lock() == CallProgress::GivenUp)
    }
}

impl Drop for CallEnd {
    fn drop(&mut self) {
        if let Some(state) = &self.0 {
            *state.lock() = CallProgress::Done;
        }
    }
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
enum CallProgress {
    #[default]
    Going,
    GivenUp,
    Done,
}

#[derive(Clone, Default)]
struct CallState(Arc<Mutex<CallProgress>>);

impl CallState {
    fn lock(&self) -> MutexGuard<'_, CallProgress> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Interrupts the call, unless it has ended. Says whether it has. The lock is held over every interrupt, so that none comes
    /// after the end and meets the next call.
    fn interrupt(&self, interrupt: &Interrupt) -> bool {
        let mut progress = self.lock();
        if *progress != CallProgress::Done {
            *progress = CallProgress::GivenUp;
            interrupt();
        }
        *progress == CallProgress::Done
    }
}

/// A call that is interrupted when this is dropped before it has ended.
struct InterruptOnDrop {
    state: CallState,
    interrupt: Interrupt,
}

impl Drop for InterruptOnDrop {
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

#[cfg(test)]
mod tests {
    use std::sync::{
        atomic::{AtomicU32, Ordering},
        mpsc::{Receiver, Sender, channel},
    };

    use futures_util::FutureExt as _;
    use tokio::runtime::Builder;

    use super::*;

    /// A runtime that ends drops calls that have not begun. What they held is somebody else's then, and not interrupted.
    #[test]
    fn a_call_that_never_began_interrupts_nobody() -> std::result::Result<(), Box<dyn std::error::Error>> {
        let runtime = Builder::new_current_thread().build()?;
        let handle = runtime.handle().clone();
        runtime.shutdown_background();
        let _inside = handle.enter();
        let (interrupts, held) = (Arc::new(AtomicU32::new(0)), Arc::new(()));
        let counted = interrupts.clone();
        let interrupt: Interrupt = Arc::new(move || counted.store(counted.load(Ordering::Relaxed) + 1, Ordering::Relaxed));
        let outcome = call(held.clone(), Some(interrupt), |_| Ok(()), |_| ()).now_or_never();
        let error = outcome.map(|outcome| outcome.map(|_| ()).map_err(|error| error.kind()));
        assert_eq!(error, Some(Err(ErrorKind::Cancelled)));
        assert_eq!((Arc::strong_count(&held), interrupts.load(Ordering::Relaxed)), (1, 0));
        Ok(())
    }

    /// A call that is given up when it has ended interrupts nobody: others may have what it worked on by then.
    #[test]
    fn what_comes_after_a_call_is_not_interrupted() -> std::result::Result<(), Box<dyn std::error::Error>> {
        let runtime = Builder::new_current_thread().build()?;
        let _inside = runtime.enter();
        let interrupts = Arc::new(AtomicU32::new(0));
        let counted = interrupts.clone();
        let interrupt: Interrupt = Arc::new(move || counted.store(counted.load(Ordering::Relaxed) + 1, Ordering::Relaxed));
        let ((reached, has_ended), (dropped, is_dropped)) = (channel::<()>(), channel::<()>());
        let afterwards = |(reached, is_dropped): &mut (Sender<()>, Receiver<()>)| {
            reached.send(()).unwrap_or_default();
            is_dropped.recv().unwrap_or_default();
        };
        let mut call = Box::pin(call((reached, is_dropped), Some(interrupt), |_| Ok(()), afterwards));
        assert!((&mut call).now_or_never().is_none());
        has_ended.recv()?;
        drop(call);
        dropped.send(())?;
        assert_eq!(interrupts.load(Ordering::Relaxed), 0);
        Ok(())
    }
}
