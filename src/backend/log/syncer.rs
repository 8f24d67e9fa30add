//! [`Syncer`], which forces files to the disk, once for all who wait for it.

use std::{
    fs::File,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

use super::files::failed;
use crate::error::{Error, ErrorKind, Result};

/// Forces to the disk what was appended. After one failure everything fails: what a disk could not sync may be lost, whatever it
/// says afterwards.
pub(crate) struct Syncer {
    state: Mutex<SyncState>,
    /// Held by who syncs.
    syncing: tokio::sync::Mutex<()>,
    /// The position before which everything is on the disk.
    synced: watch::Sender<u64>,
}

struct SyncState {
    /// Files and folders with something that is not on the disk yet.
    files: Vec<Arc<File>>,
    /// The position before which everything is in these files, or on the disk.
    position: u64,
    failed: Option<Error>,
}

impl Syncer {
    /// Everything before this position is on the disk.
    pub(crate) fn new(position: u64) -> Self {
        Self {
            state: Mutex::new(SyncState { files: Vec::new(), position, failed: None }),
            syncing: tokio::sync::Mutex::new(()),
            synced: watch::Sender::new(position),
        }
    }

    fn state(&self) -> MutexGuard<'_, SyncState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a file that was appended to, or a folder with a new one, and the position before which everything is written now.
    pub(crate) fn note(&self, file: &Arc<File>, position: u64) {
        let mut state = self.state();
        if !state.files.last().is_some_and(|last| Arc::ptr_eq(last, file)) {
            state.files.push(file.clone());
        }
        state.position = position;
    }

    /// Forces to the disk what was noted until now.
    pub(crate) async fn sync_now(&self) -> Result<()> {
        // What another has taken is on the disk only when that has ended.
        let _turn = self.syncing.lock().await;
        let (files, position) = {
            let mut state = self.state();
            (std::mem::take(&mut state.files), state.position)
        };
        if files.is_empty() {
            return Ok(());
        }
        let synced = tokio::task::spawn_blocking(move || files.iter().try_for_each(|file| file.sync_data())).await;
        let synced = synced.map_err(|error| Error::new(ErrorKind::Internal, "a sync was stopped").with_source(error));
        let synced = synced.and_then(|synced| synced.map_err(failed("while a segment was synced")));
        match &synced {
            Ok(()) => self.synced.send_modify(|synced| *synced = position),
            Err(error) => self.fail(error.clone()),
        }
        synced
    }

    fn fail(&self, error: Error) {
        tracing::error!(%error, "a log could not be synced: nothing more is accepted");
        self.state().failed = Some(error);
        // Whoever waits is to look.
        self.synced.send_modify(|_| {});
    }

    /// Why nothing can be forced to the disk any more.
    pub(crate) fn failure(&self) -> Option<Error> {
        self.state().failed.clone()
    }

    /// Waits until what is at a position is on the disk.
    pub(crate) async fn on_disk(&self, position: u64) -> Result<()> {
        let mut synced = self.synced.subscribe();
        let is_over = |synced: &u64| *synced > position || self.failure().is_some();
        let _ = synced.wait_for(is_over).await;
        self.failure().map_or(Ok(()), Err)
    }
}
