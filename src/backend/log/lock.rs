//! [`FolderLock`], which leaves a folder to one process at a time.

use std::{
    fs::{File, TryLockError},
    path::Path,
    time::Duration,
};

use super::files::{failed, private, require_regular};
use crate::{
    clock::wait_here,
    error::{Error, ErrorKind, Result},
};

/// How often the lock is tried, and how long it is waited for in between.
const LOCK_ATTEMPTS: u32 = 20;
const LOCK_PAUSE: Duration = Duration::from_millis(5);

const LOCKING: &str = "while the folder was locked";

/// Locks a folder as long as it is there, or until it is unlocked.
pub(crate) struct FolderLock {
    file: File,
    folder: Option<File>,
}

impl FolderLock {
    /// Locks the file `lock` in the folder; and the folder itself, where that can be locked, because the file may be deleted.
    ///
    /// # Errors
    /// [`Connection`](ErrorKind::Connection), with `taken`, if another has it.
    pub(crate) fn take(directory: &Path, taken: &'static str) -> Result<Self> {
        let path = directory.join("lock");
        require_regular(&path)?;
        let file = private().create(true).write(true).truncate(false).open(path).map_err(failed(LOCKING))?;
        lock(&file, taken)?;
        let folder = if cfg!(unix) { Some(File::open(directory).map_err(failed(LOCKING))?) } else { None };
        match folder.as_ref().map_or(Ok(()), |folder| lock(folder, taken)) {
            Err(error) if error.kind() == ErrorKind::Connection => Err(error),
            // Not every file system can lock a folder.
            _ => Ok(Self { file, folder }),
        }
    }

    /// Leaves the folder to others. Nothing may be written afterwards.
    pub(crate) fn unlock(&self) {
        for file in [Some(&self.file), self.folder.as_ref()].into_iter().flatten() {
            if let Err(error) = file.unlock() {
                tracing::warn!(%error, "a folder stays locked until its last handle is gone");
            }
        }
    }
}

fn lock(file: &File, taken: &'static str) -> Result<()> {
    for attempt in 1.. {
        match file.try_lock() {
            Ok(()) => break,
            // A process that is just being started has copies of all open files for a moment, also of one that was closed here
            // meanwhile.
            Err(TryLockError::WouldBlock) if attempt < LOCK_ATTEMPTS => wait_here(LOCK_PAUSE),
            Err(TryLockError::WouldBlock) => return Err(Error::new(ErrorKind::Connection, taken)),
            Err(TryLockError::Error(error)) => return Err(failed(LOCKING)(error)),
        }
    }
    Ok(())
}
