//! Work on a stack that nested documents do not overflow.

use std::thread;

use crate::{
    backend::log::files::failed,
    error::{Error, ErrorKind, Result},
};

/// Documents may be nested 127 times. To read one takes up to 4 MiB, more than the threads of a runtime have.
const STACK: usize = 16 << 20;

/// Does work on another stack, and waits for it.
pub(super) fn on_deep_stack<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T> {
    thread::scope(|scope| {
        let thread = thread::Builder::new().name("larder-file".to_owned()).stack_size(STACK).spawn_scoped(scope, work);
        let thread = thread.map_err(failed("while a thread was started"))?;
        thread.join().map_err(|_| Error::new(ErrorKind::Internal, "a call panicked"))
    })
}
