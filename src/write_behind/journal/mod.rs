//! A journal on disk: what was accepted outlives the process.

mod columns;
mod log;
mod record;
mod recover;

use std::{path::PathBuf, time::Duration};

pub(super) use columns::ModelCodec;
pub(super) use log::Log;
pub(super) use recover::{OpenedJournal, Recovered, open};

use crate::error::{Error, ErrorKind, Result};

/// What the files of a journal are called, after their numbers.
const EXTENSION: &str = "journal";

/// When what is in the journal is forced to the disk. It outlives a killed process anyway, because the operating system has it;
/// this is about a power failure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum JournalSync {
    /// At once: [`submit_wait`](crate::WriteBehind::submit_wait) returns when the model is on the disk; those that wait meanwhile
    /// share a sync. [`submit`](crate::WriteBehind::submit), which never waits, returns before, and the sync follows.
    Each,
    /// At least this often: a power failure costs what was accepted in the last so many milliseconds.
    Every(Duration),
    /// When the operating system does it: a power failure may cost what was accepted in the last half a minute or so, and if the
    /// store outlives it, what was stored by [key](crate::WriteBehindBuilder::reconcile_by_key) meanwhile may be stored again.
    #[default]
    System,
}

/// A folder that remembers what was accepted and is not stored yet; see
/// [`WriteBehindBuilder::journal`](crate::WriteBehindBuilder::journal).
///
/// # What is in it
/// Of each model the table's name, and the name and the value of each column, in the portable form in which a
/// [`Creator`](crate::Creator) stores them. The model's serde form has no part in it: a field that serde skips, renames or
/// shortens comes back as it was. A field that is no column (`#[sea_orm(ignore)]`) does not.
///
/// Columns can be of the types that every backend has: booleans, whole and floating-point numbers, decimals (`rust_decimal`),
/// text, characters, enums, bytes, JSON, UUIDs, the dates and times of `chrono`, and lists of these. A model with a column of
/// another type is [`Unsupported`](crate::ErrorKind::Unsupported) when it is submitted.
///
/// # What if the entity changes?
/// Models are read back only into the columns that they were written from. If the table has another name, a column was added,
/// removed or renamed, or a value does not fit its field, the model is [set aside](JournalRecovery::set_aside) and not stored. So
/// is all that a version of this library before the columns has written. Let the queue store what it holds before the entity is
/// changed.
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
    /// A journal in this folder, which is made if it is not there, and belongs to one queue at a time. The folder that is made
    /// can be read by its owner alone (mode 0700), and so can the files (0600). Files of other names in it are left alone.
    pub fn at(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into(), sync: JournalSync::default(), segment_bytes: 8 * MIB, max_bytes: 4096 * MIB }
    }

    /// When it is forced to the disk.
    pub fn sync(self, sync: JournalSync) -> Self {
        Self { sync, ..self }
    }

    /// After how many bytes a new file is begun, 8 MiB by default. A file is deleted once all that it and the older ones hold is
    /// stored or reported.
    pub fn segment_bytes(self, segment_bytes: u64) -> Self {
        Self { segment_bytes, ..self }
    }

    /// How many bytes all files may have, 4 GiB by default. Beyond that nothing is accepted, which is
    /// [`ResourceExhausted`](crate::ErrorKind::ResourceExhausted): it takes a store that is down while models are withdrawn, or
    /// make room for newer ones, again and again.
    pub fn max_bytes(self, max_bytes: u64) -> Self {
        Self { max_bytes, ..self }
    }

    pub(super) fn check(&self) -> Result<()> {
        if self.directory.as_os_str().is_empty() {
            return Err(Error::new(ErrorKind::InvalidInput, "a journal needs a folder"));
        }
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
    /// What could not be read, in the middle of a file, or as a model: each was copied to one of these files. What was accepted
    /// there is not replayed. A model is in a file of its own, as JSON, with its columns and the reason.
    pub set_aside: Vec<PathBuf>,
    /// The reason for each of these files, in the same order: it names the column, and no value.
    pub reasons: Vec<String>,
}
