//! Moving the write-ahead log into the database.
//!
//! SQLite would do it inside of whichever commit makes the log too long, and that one would wait for the disk. Here it is done by a task of its
//! own, beside readers and the writer. A writer that never pauses would keep the log from ever beginning anew, so from some length on the task
//! takes a turn to write.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::runtime::Handle;

use super::{connection::Connection, pool::Pool};
use crate::{
    backend::sql::blocking,
    context::{Access, Patience},
    error::{Error, ErrorKind, Result},
};

/// From how many pages on the log is moved: SQLite's own limit.
pub(super) const LONG: u32 = 1_000;

/// From how many pages on writers have to wait for it.
const TOO_LONG: u32 = 4_000;

#[derive(Default)]
pub(super) struct Checkpoints {
    is_running: AtomicBool,
    /// Whether somebody was told that a reader is in the way, since the log was moved.
    is_told: AtomicBool,
}

impl Checkpoints {
    /// Moves the log in the background, unless that goes on already.
    pub(super) fn begin(pool: &Arc<Pool>) {
        let Ok(runtime) = Handle::try_current() else { return };
        if !pool.checkpoints().is_running.swap(true, Ordering::AcqRel) {
            let running = Running(pool.clone());
            runtime.spawn(async move {
                if let Err(error) = move_log(&running.0).await {
                    tracing::debug!(%error, "the log could not be moved now");
                }
            });
        }
    }
}

struct Running(Arc<Pool>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.checkpoints().is_running.store(false, Ordering::Release);
    }
}

async fn move_log(pool: &Arc<Pool>) -> Result<()> {
    let (length, is_all) = checkpoint(pool, Access::Read).await?;
    let (length, is_all) = if length >= TOO_LONG { checkpoint(pool, Access::Write).await? } else { (length, is_all) };
    let is_told = &pool.checkpoints().is_told;
    if is_all {
        is_told.store(false, Ordering::Relaxed);
    } else if length >= TOO_LONG && !is_told.swap(true, Ordering::Relaxed) {
        tracing::warn!(pages = length, "the write-ahead log grows: a reader that goes on for long keeps it from being moved");
    }
    Ok(())
}

/// Moves what can be moved now. Says how long the log is, and whether all of it was moved.
async fn checkpoint(pool: &Arc<Pool>, access: Access) -> Result<(u32, bool)> {
    let mut pooled = pool.acquire(access, Patience::Timeout).await?;
    let pool = pool.clone();
    let work = move |(): &mut ()| {
        let connection = pooled.connection().ok_or_else(|| Error::new(ErrorKind::Internal, "a connection that is gone"))?;
        let moved = match access {
            Access::Read => connection.at_length(&mut Connection::checkpoint),
            Access::Write => connection.at_length(&mut Connection::checkpoint_all),
        };
        // From here, and not by the task, which its runtime may have stopped running.
        pooled.give_back();
        let (length, is_all) = moved?;
        if is_all {
            pool.log_was_moved();
        }
        Ok((length, is_all))
    };
    blocking::call((), None, work).await?.1
}
