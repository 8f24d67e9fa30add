//! [`Spool`], rows on their way into a segment.

use std::{
    fs::{self, File},
    io::Read as _,
    path::Path,
};

use super::row_span::RowSpan;
use crate::{
    backend::log::{
        Frames, SegmentWriter,
        files::{failed, path_of},
        frame,
    },
    error::{Error, ErrorKind, Result},
};

/// The extension of the files.
pub(super) const EXTENSION: &str = "spool";

/// A file that rows are appended to. Each record has the lines of the rows of one operation.
pub(super) struct Spool {
    writer: SegmentWriter,
    pub(super) rows: u64,
    pub(super) span: RowSpan,
}

impl Spool {
    pub(super) fn begin(folder: &Path, number: u64) -> Result<Self> {
        Ok(Self { writer: SegmentWriter::begin(folder, EXTENSION, number)?, rows: 0, span: RowSpan::default() })
    }

    /// Appends the rows of one operation, all or none.
    pub(super) fn append(&mut self, lines: &str, rows: u64, span: RowSpan, is_synced: bool) -> Result<()> {
        let mut bytes = Vec::with_capacity(lines.len() + 16);
        frame(&mut bytes, |bytes| bytes.extend(lines.as_bytes()));
        self.writer.append(&bytes)?;
        // The rows are there, whether they are synced or not.
        self.rows += rows;
        self.span = self.span.with(span);
        if is_synced {
            let unknown = |error| Error::new(ErrorKind::CommitUnknown, "rows could not be synced").with_source(error);
            self.writer.file().sync_data().map_err(unknown)?;
        }
        Ok(())
    }

    pub(super) fn number(&self) -> u64 {
        self.writer.number()
    }

    /// How many bytes the records have.
    pub(super) fn length(&self) -> u64 {
        self.writer.length()
    }
}

/// The content of a spool.
pub(super) struct SpoolText {
    text: Vec<u8>,
}

impl SpoolText {
    pub(super) fn read(folder: &Path, number: u64) -> Result<Self> {
        let text = fs::read(path_of(folder, number, EXTENSION)).map_err(failed("while a spool was read"))?;
        Ok(Self { text })
    }

    /// The records in the first bytes of a file.
    pub(super) fn of(file: File, length: u64) -> Result<Self> {
        let mut text = Vec::new();
        file.take(length).read_to_end(&mut text).map_err(failed("while a spool was read"))?;
        Ok(Self { text })
    }

    pub(super) fn frames(&self) -> Frames<&str> {
        Frames::read(&self.text, |body| std::str::from_utf8(body).ok())
    }

    pub(super) fn lines(&self) -> Vec<&str> {
        self.frames().records.into_iter().flat_map(str::lines).collect()
    }
}
