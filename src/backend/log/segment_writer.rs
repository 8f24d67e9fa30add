//! [`SegmentWriter`], which appends to the last of several files.

use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::files::{create_private, failed, path_of};
use crate::error::Result;

/// Appends records to a file. An append that fails is cut off before anything else is written.
pub(crate) struct SegmentWriter {
    directory: PathBuf,
    extension: &'static str,
    number: u64,
    file: Arc<File>,
    length: u64,
    /// Whether the file may be longer than that, by an append that failed.
    is_torn: bool,
}

impl SegmentWriter {
    /// Begins with a new file of this number.
    pub(crate) fn begin(directory: &Path, extension: &'static str, number: u64) -> Result<Self> {
        let file = create(directory, extension, number)?;
        Ok(Self { directory: directory.to_owned(), extension, number, file, length: 0, is_torn: false })
    }

    /// Goes on in a new file, of the next number.
    pub(crate) fn begin_next(&mut self) -> Result<()> {
        let number = self.number + 1;
        self.file = create(&self.directory, self.extension, number)?;
        (self.number, self.length, self.is_torn) = (number, 0, false);
        Ok(())
    }

    /// Appends bytes, all or none.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.cut_torn()?;
        self.is_torn = true;
        if let Err(error) = (&*self.file).write_all(bytes) {
            // If it cannot be cut off now, it is before anything else is written.
            drop(self.cut_torn());
            return Err(failed("while a segment was written")(error));
        }
        self.is_torn = false;
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Cuts off what is left of an append that failed.
    pub(crate) fn cut_torn(&mut self) -> Result<()> {
        if self.is_torn {
            self.file.set_len(self.length).map_err(failed("while a failed append was cut off a segment"))?;
            self.is_torn = false;
        }
        Ok(())
    }

    /// The number of the file that is written to.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// The length of the file that is written to.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// The file that is written to.
    pub(crate) fn file(&self) -> &Arc<File> {
        &self.file
    }
}

fn create(directory: &Path, extension: &str, number: u64) -> Result<Arc<File>> {
    create_private(&path_of(directory, number, extension)).map(Arc::new).map_err(failed("while a segment was made"))
}
