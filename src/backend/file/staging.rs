//! [`Staging`], the files of a commit before they take their places.

use super::{
    file_change::{FileChange, discard},
    folder::{Folder, MAX_FILE, Stamp},
};
use crate::{
    error::{Error, ErrorKind, Result},
    table::TableName,
};

/// What a file is known by when a commit is done.
#[derive(Clone, Debug)]
pub(super) struct AfterCommit {
    pub(super) table: TableName,
    /// The name of the file, without its extension.
    pub(super) name: String,
    /// Returns `None` for a file that is not a new one.
    pub(super) stamp: Option<Stamp>,
    /// Returns `None` for a file that is removed.
    pub(super) sum: Option<u32>,
}

/// What a commit does to files, which is not done yet.
pub(super) struct Staging<'f> {
    folder: &'f mut Folder,
    pub(super) changes: Vec<FileChange>,
    pub(super) after: Vec<AfterCommit>,
}

impl<'f> Staging<'f> {
    pub(super) fn new(folder: &'f mut Folder) -> Self {
        Self { folder, changes: Vec::new(), after: Vec::new() }
    }

    pub(super) fn folder(&self) -> &Folder {
        self.folder
    }

    /// Writes a file that is to take a place. Returns what it is known by.
    pub(super) fn put(&mut self, path: String, bytes: &[u8]) -> Result<(Stamp, u32)> {
        let (staged, stamp) = self.folder.stage(bytes)?;
        self.changes.push(FileChange::Put { path, staged });
        Ok((stamp, crc32fast::hash(bytes)))
    }

    /// Forces what was written to the disk.
    pub(super) fn sync(&self) -> Result<()> {
        let staged = self.changes.iter().filter_map(|change| match change {
            FileChange::Put { staged, .. } => Some(*staged),
            _ => None,
        });
        self.folder.sync(&staged.collect::<Vec<_>>())
    }

    /// Removes what was written.
    pub(super) fn discard(&self) {
        discard(&self.changes, self.folder);
    }
}

/// Refuses a text that could not be read again.
pub(super) fn check_size(text: &str) -> Result<()> {
    if text.len() > MAX_FILE {
        return Err(Error::new(ErrorKind::ResourceExhausted, "a model that takes more than 64 MiB in a file"));
    }
    Ok(())
}
