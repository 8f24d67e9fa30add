//! When an open journal is forced to the disk.

use std::sync::Arc;

use super::{
    JournalSync,
    files::{Log, failed},
};
use crate::{
    clock::{pause, this_moment},
    error::{Error, ErrorKind, Result},
};

impl Log {
    /// Forces the journal to the disk as it was asked to, for as long as it is polled.
    pub(in super::super) async fn keep_synced(self: Arc<Self>) {
        loop {
            match self.sync {
                JournalSync::System => std::future::pending().await,
                JournalSync::Each => self.bell.notified().await,
                JournalSync::Every(period) => pause(period).await,
            }
            let began = this_moment();
            if let Err(error) = self.sync_now().await {
                self.fail(error);
                return;
            }
            tracing::trace!(took = ?began.elapsed(), "synced a journal");
        }
    }

    /// Forces to the disk what is in the journal now.
    pub(in super::super) async fn sync_now(&self) -> Result<()> {
        let (files, position) = self.take_unsynced();
        let synced = tokio::task::spawn_blocking(move || files.iter().try_for_each(|file| file.sync_data())).await;
        synced
            .map_err(|error| Error::new(ErrorKind::Internal, "a sync was stopped").with_source(error))?
            .map_err(failed("while the journal was synced"))?;
        self.synced.send_if_modified(|synced| std::mem::replace(synced, position) != position);
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
