//! Writes and reads segments: a JSON array in a Brotli file, an element a line.
//!
//! The first element has the version of the format. After each block of rows follows an element with the number of rows until
//! there, and the checksum of their lines, because Brotli has none: no row is given away before its block was checked. The last
//! element is one of these, and is missing from a segment that was cut.

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader, BufWriter, Read as _, Write},
    path::Path,
    vec,
};

use serde::{Deserialize, Serialize};

use crate::{
    backend::log::files::{create_private, failed},
    error::{Error, ErrorKind, Result},
};

/// The version of the segments that are written here.
const FORMAT_VERSION: u64 = 1;

/// The longest line of a row.
pub(super) const MAX_LINE: usize = 64 << 20;

/// How many bytes a segment has at most when it is not compressed: what has more is no segment of this store.
const MAX_SEGMENT: u64 = 64 << 30;

/// How many rows have a checksum in common.
const BLOCK: usize = 256;

/// The window of Brotli, as a power of 2: the largest that every reader has.
const WINDOW: u32 = 22;

const BUFFER: usize = 64 << 10;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SegmentHead {
    format_version: u64,
}

#[derive(PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BlockCheck {
    rows: u64,
    crc32: u32,
}

/// Writes a file, and keeps the first error: Brotli's writer does not tell what fails when it ends.
struct ErrorKeeper {
    file: BufWriter<File>,
    error: Option<io::Error>,
}

impl ErrorKeeper {
    fn kept<T>(&mut self, done: io::Result<T>) -> io::Result<T> {
        done.map_err(|error| {
            let kind = error.kind();
            self.error.get_or_insert(error);
            kind.into()
        })
    }
}

impl Write for ErrorKeeper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes);
        self.kept(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.file.flush();
        self.kept(flushed)
    }
}

/// Writes a new file with the lines of rows, and forces it to the disk.
pub(super) fn write<'l>(path: &Path, lines: impl Iterator<Item = &'l str>, level: u32) -> Result<()> {
    let failed = failed("while a segment was written");
    let file = BufWriter::with_capacity(BUFFER, create_private(path).map_err(&failed)?);
    let mut writer = brotli::CompressorWriter::new(ErrorKeeper { file, error: None }, BUFFER, level, WINDOW);
    let written = write_lines(&mut writer, lines);
    let ErrorKeeper { file, error } = writer.into_inner();
    if let Some(error) = error {
        return Err(failed(error));
    }
    written.map_err(&failed)?;
    let file = file.into_inner().map_err(|error| failed(error.into_error()))?;
    file.sync_all().map_err(failed)
}

fn write_lines<'l>(writer: &mut impl Write, lines: impl Iterator<Item = &'l str>) -> io::Result<()> {
    let mut check = RunningCheck::default();
    write!(writer, "[\n{}", serde_json::to_string(&SegmentHead { format_version: FORMAT_VERSION })?)?;
    let mut is_checked = false;
    for line in lines {
        let line = line.trim_end();
        check.add(line);
        write!(writer, ",\n{line}")?;
        is_checked = check.rows % BLOCK as u64 == 0;
        if is_checked {
            write!(writer, ",\n{}", serde_json::to_string(&check.value())?)?;
        }
    }
    if !is_checked {
        write!(writer, ",\n{}", serde_json::to_string(&check.value())?)?;
    }
    writer.write_all(b"\n]\n")
}

/// The rows until here, and the checksum of their lines.
#[derive(Default)]
struct RunningCheck {
    rows: u64,
    sum: crc32fast::Hasher,
}

impl RunningCheck {
    fn add(&mut self, line: &str) {
        self.sum.update(line.as_bytes());
        self.rows += 1;
    }

    fn value(&self) -> BlockCheck {
        BlockCheck { rows: self.rows, crc32: self.sum.clone().finalize() }
    }
}

/// The lines of a segment, one after another.
pub(super) struct SegmentReader<R> {
    lines: BufReader<io::Take<R>>,
    /// The line that was read last. Returns `None` after the last element.
    next: Option<String>,
    /// The rows of a block that was checked, and that were not given away.
    block: vec::IntoIter<String>,
    check: RunningCheck,
}

impl SegmentReader<brotli::Decompressor<File>> {
    /// Begins to read a segment.
    ///
    /// # Errors
    /// [`Corrupt`](ErrorKind::Corrupt), and [`Unsupported`](ErrorKind::Unsupported) for a newer version.
    pub(super) fn open(file: File) -> Result<Self> {
        Self::new(brotli::Decompressor::new(file, BUFFER))
    }
}

impl<R: io::Read> SegmentReader<R> {
    fn new(source: R) -> Result<Self> {
        let lines = BufReader::with_capacity(BUFFER, source.take(MAX_SEGMENT));
        let mut reader = Self { lines, next: None, block: Vec::new().into_iter(), check: RunningCheck::default() };
        if reader.line()? != "[" {
            return Err(corrupt("a segment that does not begin as one"));
        }
        let head = reader.line()?;
        let head: SegmentHead =
            serde_json::from_str(element(&head)).map_err(|error| corrupt("a segment without its head").with_source(error))?;
        match head.format_version {
            FORMAT_VERSION => {}
            newer if newer > FORMAT_VERSION => {
                let message = "a segment of a newer `format_version` than this version of larder knows";
                return Err(Error::new(ErrorKind::Unsupported, message));
            }
            _ => return Err(corrupt("a segment of a `format_version` that there is none of")),
        }
        reader.next = Some(reader.line()?);
        Ok(reader)
    }

    /// The next line of the file, without its end.
    fn line(&mut self) -> Result<String> {
        let mut line = Vec::new();
        let read = (&mut self.lines).take(MAX_LINE as u64 + 1).read_until(b'\n', &mut line);
        read.map_err(|error| corrupt("a segment that cannot be decompressed any further").with_source(error))?;
        if line.pop() != Some(b'\n') {
            return Err(corrupt("a segment that was cut, or a line that is too long"));
        }
        String::from_utf8(line).map_err(|error| corrupt("a segment that is no UTF-8").with_source(error))
    }

    /// The line of the next row. Returns `None` after the last, if all were there.
    pub(super) fn next_row(&mut self) -> Result<Option<String>> {
        loop {
            if let Some(row) = self.block.next() {
                return Ok(Some(row));
            }
            let Some(next) = self.next.take() else { return Ok(None) };
            self.block = self.next_block(next)?.into_iter();
        }
    }

    /// The rows of a block that begins with this line.
    fn next_block(&mut self, mut line: String) -> Result<Vec<String>> {
        let mut rows = Vec::new();
        loop {
            let following = self.line()?;
            let is_last = following == "]";
            if is_last || rows.len() == BLOCK {
                self.require_checked(&line)?;
                self.next = (!is_last).then_some(following);
                if is_last && !matches!(self.lines.read(&mut [0]), Ok(0)) {
                    return Err(corrupt("a segment with something behind its end"));
                }
                return Ok(rows);
            }
            let row = element(&line);
            self.check.add(row);
            rows.push(row.to_owned());
            line = following;
        }
    }

    fn require_checked(&self, line: &str) -> Result<()> {
        let check: BlockCheck = serde_json::from_str(element(line))
            .map_err(|error| corrupt("a segment without the checksum of its rows").with_source(error))?;
        match check == self.check.value() {
            true => Ok(()),
            false => Err(corrupt("a segment whose rows are not those that were written")),
        }
    }
}

/// A line without the comma behind it.
fn element(line: &str) -> &str {
    line.strip_suffix(',').unwrap_or(line)
}

fn corrupt(message: &'static str) -> Error {
    Error::new(ErrorKind::Corrupt, message)
}
