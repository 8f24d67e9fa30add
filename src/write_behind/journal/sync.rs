//! When an open journal is forced to the disk.

use std::sync::Arc;

use super::{
    JournalSync,
    log::{Log, failed},
};
use crate::{
    clock::pause,
    error::{Error, ErrorKind, Result},
};

impl Log {
    /// Forces the journal to the disk as it was asked to, for as long as it is polled.
    pub(in super::super) async fn keep_synced(self: Arc<Self>) {
        loop {
            match self.sync {
                JournalSync::System => std::future::pending().await,
                JournalSync::Each => self.wake_up.notified().await,
                JournalSync::Every(period) => pause(period).await,
            }
            if self.sync_now().await.is_err() {
                // It fails for good.
                return;
            }
        }
    }

    /// Forces to the disk what is in the journal now. If that fails, nothing more is accepted.
    pub(super) async fn sync_now(&self) -> Result<()> {
        // What another has taken is on the disk only when that has ended.
        let _turn = self.syncing.lock().await;
        let (files, position) = self.take_unsynced();
        if files.is_empty() {
            return Ok(());
        }
        let synced = tokio::task::spawn_blocking(move || files.iter().try_for_each(|file| file.sync_data())).await;
        let synced = synced.map_err(|error| Error::new(ErrorKind::Internal, "a sync was stopped").with_source(error));
        let synced = synced.and_then(|synced| synced.map_err(failed("while the journal was synced")));
        match synced {
            Ok(()) => self.synced.send_modify(|synced| *synced = position),
            Err(error) => {
                self.fail(error.clone());
                return Err(error);
            }
        }
        Ok(())
    }

    /// Waits until what is at a position is on the disk, where that was asked for.
    pub(in super::super) async fn on_disk(&self, position: u64) -> Result<()> {
        if self.sync != JournalSync::Each {
            return Ok(());
        }
        let mut synced = self.synced.subscribe();
        let is_over = |synced: &u64| *synced > position || self.failure().is_some();
        let _ = synced.wait_for(is_over).await;
        self.failure().map_or(Ok(()), Err)
    }
}
