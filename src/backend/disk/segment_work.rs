//! Who makes segments, and when: threads that may block, and a task that looks for what is due.

use std::{
    sync::{Arc, PoisonError, Weak},
    time::Duration,
};

use tokio::{runtime::Handle, task::spawn_blocking};

use super::{open_table::OpenTable, store::DiskStoreInner};
use crate::{
    clock::{pause, this_moment},
    coop::off_thread,
    error::Result,
};

impl DiskStoreInner {
    /// Makes segments of what is sealed, on threads that may block, as many as the machine has cores.
    pub(super) fn make_segments(self: &Arc<Self>, table: &Arc<OpenTable>) {
        let Ok(permit) = self.workers.clone().try_acquire_owned() else { return };
        let table = table.clone();
        spawn_blocking(move || {
            let _permit = permit;
            loop {
                match table.segments.make_segment() {
                    Ok(true) => {}
                    Ok(false) => return,
                    Err(error) => {
                        tracing::error!(%error, "a segment could not be made; its rows stay, and it is tried again");
                        return;
                    }
                }
            }
        });
    }

    pub(super) async fn flush(self: &Arc<Self>) -> Result<()> {
        let mut flushed = Ok(());
        for table in self.open_tables() {
            // A table whose segments cannot be made keeps no other from being flushed.
            flushed = flushed.and(off_thread(move || table.segments.flush()).await.flatten());
        }
        flushed
    }

    /// Starts the task that closes segments after the interval, unless it runs.
    pub(super) fn tick(self: &Arc<Self>) {
        let mut ticker = self.ticker.lock().unwrap_or_else(PoisonError::into_inner);
        if ticker.as_ref().is_some_and(|task| !task.is_finished()) {
            return;
        }
        let (store, interval) = (Arc::downgrade(self), self.interval);
        let task = Handle::current().spawn(async move {
            loop {
                let store = store.clone();
                match off_thread(move || close_due(&store, interval)).await {
                    Ok(Some(rest)) => pause(rest).await,
                    _ => return,
                }
            }
        });
        *ticker = Some(task.abort_handle());
    }
}

/// Closes the segments that are due, and returns how long to wait for the next. Returns `None` if the store is gone. Blocks.
fn close_due(store: &Weak<DiskStoreInner>, interval: Duration) -> Option<Duration> {
    let store = store.upgrade()?;
    let now = this_moment();
    let mut rest = interval;
    for table in store.open_tables() {
        if let Some(since) = table.segments.active_since() {
            let left = (since + interval).saturating_duration_since(now);
            if left.is_zero() {
                table.segments.seal();
            } else {
                rest = rest.min(left);
            }
        }
        if table.segments.has_sealed() {
            store.make_segments(&table);
        }
    }
    Some(rest)
}
