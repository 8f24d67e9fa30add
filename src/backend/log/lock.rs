//! [`FolderLock`], which leaves a folder to one process at a time.

use std::{
    fs::{File, TryLockError},
    io::{self, Read as _, Write as _},
    path::Path,
    process,
    time::Duration,
};

use super::files::{failed, make_private, private, require_regular};
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
    /// Locks the file `lock` in the folder; and the folder itself, where that can be locked, because the file may be deleted. The
    /// file has the number of the process that has locked it.
    ///
    /// # Errors
    /// [`Connection`](ErrorKind::Connection), with `taken` and the number of the process, if another has it.
    pub(crate) fn take(directory: &Path, taken: &'static str) -> Result<Self> {
        let path = directory.join("lock");
        require_regular(&path)?;
        let file = private().create(true).read(true).write(true).truncate(false).open(path).map_err(failed(LOCKING))?;
        let held = || match holder(&file) {
            Some(holder) if holder != process::id() => format!("{taken}, in process {holder}"),
            Some(_) => format!("{taken}, in this process"),
            None => taken.to_owned(),
        };
        lock(&file, held)?;
        let folder = if cfg!(unix) { Some(File::open(directory).map_err(failed(LOCKING))?) } else { None };
        match folder.as_ref().map_or(Ok(()), |folder| lock(folder, held)) {
            Err(error) if error.kind() == ErrorKind::Connection => Err(error),
            // Not every file system can lock a folder.
            _ => {
                // A lock without a name is one as well, such as on a disk that is full.
                let _ = make_private(&file).and_then(|()| sign(&file));
                Ok(Self { file, folder })
            }
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

/// The number of the process that a file says has locked it.
fn holder(file: &File) -> Option<u32> {
    let mut text = String::new();
    file.take(16).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn sign(mut file: &File) -> io::Result<()> {
    file.set_len(0)?;
    writeln!(file, "{}", process::id())
}

fn lock(file: &File, taken: impl FnOnce() -> String) -> Result<()> {
    for attempt in 1.. {
        match file.try_lock() {
            Ok(()) => break,
            // A process that is just being started has copies of all open files for a moment, also of one that was closed here
            // meanwhile.
            Err(TryLockError::WouldBlock) if attempt < LOCK_ATTEMPTS => wait_here(LOCK_PAUSE),
            Err(TryLockError::WouldBlock) => return Err(Error::new(ErrorKind::Connection, taken())),
            Err(TryLockError::Error(error)) => return Err(failed(LOCKING)(error)),
        }
    }
    Ok(())
}
