//! A journal on disk: what was accepted outlives the process.

mod files;
mod record;
mod recover;
mod sync;

use std::{path::PathBuf, time::Duration};

pub(super) use files::Log;
pub(super) use recover::{Opened, Recovered, open};

use crate::error::{Error, ErrorKind, Result};

/// When what is in the journal is forced to the disk. It outlives a killed process anyway, because the operating system has it; this is about a power failure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum JournalSync {
    /// At once: [`submit_wait`](crate::WriteBehind::submit_wait) returns when the model is on the disk; those that wait meanwhile share a sync.
    /// [`submit`](crate::WriteBehind::submit), which never waits, returns before, and the sync follows.
    Each,
    /// At least this often: a power failure costs what was accepted in the last so many milliseconds.
    Every(Duration),
    /// When the operating system does it: a power failure may cost what was accepted in the last half a minute or so, and if the store outlives it, what was stored
    /// by [key](crate::WriteBehindBuilder::reconcile_by_key) meanwhile may be stored again.
    #[default]
    System,
}

/// A folder that remembers what was accepted and is not stored yet; see [`WriteBehindBuilder::journal`](crate::WriteBehindBuilder::journal).
#[derive(Clone, Debug)]
#[must_use]
pub struct Journal {
    directory: PathBuf,
    sync: JournalSync,
    segment_bytes: u64,
    max_bytes: u64,
}

const MIB: u64 = 1024 * 1024;

impl Journal {
    /// A journal in this folder, which is made if it is not there, and belongs to one queue at a time.
    pub fn at(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into(), sync: JournalSync::default(), segment_bytes: 8 * MIB, max_bytes: 4096 * MIB }
    }

    /// When it is forced to the disk.
    pub fn sync(self, sync: JournalSync) -> Self {
        Self { sync, ..self }
    }

    /// After how many bytes a new file is begun, 8 MiB by default. A file is deleted once all that it and the older ones hold is stored or reported.
    pub fn segment_bytes(self, segment_bytes: u64) -> Self {
        Self { segment_bytes, ..self }
    }

    /// How many bytes all files may have, 4 GiB by default. Beyond that nothing is accepted, which is [`ResourceExhausted`](crate::ErrorKind::ResourceExhausted): it takes a
    /// store that is down while models are withdrawn, or make room for newer ones, again and again.
    pub fn max_bytes(self, max_bytes: u64) -> Self {
        Self { max_bytes, ..self }
    }

    pub(super) fn check(&self) -> Result<()> {
        match self.sync {
            JournalSync::Every(Duration::ZERO) => {
                Err(Error::new(ErrorKind::InvalidInput, "a journal is synced every so often, or for each"))
            }
            _ => Ok(()),
        }
    }
}

/// What was found in a journal when it was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct JournalRecovery {
    /// How many models had been accepted and were not known to be stored or reported: they are in the queue again, in front.
    pub replayed: u64,
    /// How many bytes were cut off the end of the last file: an append that did not come to its end, and so was not accepted.
    pub cut_bytes: u64,
    /// What could not be read, in the middle of a file, or as a model: each was copied to one of these files. What was accepted there is not replayed.
    pub set_aside: Vec<PathBuf>,
}
