//! The file of a store: whether it is still the one that was opened.
//!
//! A file can be deleted, moved or replaced while it is open. Connections that are open go on with the old one, where nobody will
//! find what they store; and new ones would open whatever is at the path now, or make an empty file there.

use std::{
    fs::{self, File, Metadata},
    io,
    path::{Path, PathBuf},
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use rusqlite::ffi;

use crate::error::{Error, ErrorKind, Result};

/// What tells one file from another.
type Inode = (u64, u64);

#[derive(Debug)]
pub(crate) struct FileIdentity {
    path: PathBuf,
    /// That of the file that was opened first.
    opened: OnceLock<Inode>,
    /// Whether the file was seen to be another, or not to be there.
    is_displaced: AtomicBool,
}

impl FileIdentity {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, opened: OnceLock::new(), is_displaced: AtomicBool::new(false) }
    }

    /// Whether the file was opened before, so that it must not be made again.
    pub(super) fn was_opened(&self) -> bool {
        self.opened.get().is_some()
    }

    /// Looks at the file. Refuses one that is another than the first that was opened, or that is not there any more; and what is
    /// no file at all, which may keep whoever reads it waiting. Blocks for as long as the file system takes to answer.
    pub(super) fn look(&self) -> Result<()> {
        let found = self.found()?;
        if found.as_ref().is_some_and(|found| !found.is_file()) && !self.was_opened() {
            let message = "the path of the database is that of a folder, a pipe or a device, and not of a file";
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        self.compare(found.as_ref())
    }

    /// The same of a file that is open now: the first one is the one that it has to stay.
    pub(super) fn note_opened(&self) -> Result<()> {
        let found = self.found()?;
        if let Some(found) = &found {
            self.opened.get_or_init(|| inode(found));
        }
        self.compare(found.as_ref())
    }

    fn found(&self) -> Result<Option<Metadata>> {
        match fs::metadata(&self.path) {
            Ok(found) => Ok(Some(found)),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(unseen(error)),
        }
    }

    fn compare(&self, found: Option<&Metadata>) -> Result<()> {
        let is_opened = |opened: &Inode| found.is_some_and(|found| inode(found) == *opened);
        let is_displaced = self.opened.get().is_some_and(|opened| !is_opened(opened));
        self.is_displaced.store(is_displaced, Ordering::Relaxed);
        if is_displaced { Err(displaced()) } else { Ok(()) }
    }

    /// Why the file cannot be opened, or made where that is allowed.
    pub(super) fn not_opened(&self, may_be_made: bool) -> Error {
        let is_missing = |path: &Path| fs::metadata(path).is_err_and(|error| self::is_missing(&error));
        let folder = self.path.parent();
        let (kind, message) = match is_missing(&self.path) {
            true if !may_be_made => (ErrorKind::Connection, "the file does not exist"),
            true if folder.is_some_and(is_missing) => (ErrorKind::Connection, "the folder of the file does not exist"),
            // Not the file itself: closing it would release the locks that other connections have on it.
            _ if folder.is_some_and(|folder| File::open(folder).is_err_and(|error| is_out_of_handles(&error))) => {
                (ErrorKind::Connection, "this process, or the machine, has too many files open")
            }
            true => (ErrorKind::Io, "the file cannot be made"),
            false => (ErrorKind::Io, "the file, or its log beside it, cannot be opened"),
        };
        Error::new(kind, message)
    }

    /// Refuses to go on where the last look found the file displaced, unless it is back.
    pub(super) fn check(&self) -> Result<()> {
        if self.is_displaced.load(Ordering::Relaxed) { self.look() } else { Ok(()) }
    }
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Whether no more files can be opened: `EMFILE`, `ENFILE`.
fn is_out_of_handles(error: &io::Error) -> bool {
    cfg!(unix) && matches!(error.raw_os_error(), Some(23 | 24))
}

fn displaced() -> Error {
    let message = "the file of the database was deleted, moved or replaced while it was open; open the store again";
    Error::new(ErrorKind::Io, message).with_code(ffi::SQLITE_READONLY_DBMOVED.to_string())
}

fn unseen(error: io::Error) -> Error {
    let message = "the file of the database cannot be looked at";
    Error::new(ErrorKind::Io, message).with_code(ffi::SQLITE_CANTOPEN.to_string()).with_source(error)
}

/// The number of the device and that of the file on it.
#[cfg(unix)]
fn inode(file: &Metadata) -> Inode {
    use std::os::unix::fs::MetadataExt;

    (file.dev(), file.ino())
}

/// All files are one: only their absence is noticed.
#[cfg(not(unix))]
fn inode(_: &Metadata) -> Inode {
    (0, 0)
}
