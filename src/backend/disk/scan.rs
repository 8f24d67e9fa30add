//! Reads rows of segments and spools, one after another.

use std::{
    fs::File,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

use brotli::Decompressor;
use sea_orm::Value;

use super::{
    open_table::OpenTable,
    row_span::RowSpan,
    segment_file::SegmentReader,
    spool::{EXTENSION, SpoolText},
    table_segments::RowSource,
    time_range::asked_for,
};
use crate::{
    backend::file::{Findings, Line, open_regular, read_line},
    error::{Error, ErrorKind, Result},
    query::ResolvedFilter,
    table::Table,
};

/// Whether the rows that follow are wanted.
pub(super) type GoesOn = bool;

impl OpenTable {
    /// Gives each row that fulfils a condition to `visit`, with its line, in the order in which they were stored. What cannot be
    /// read is reported, and skipped.
    pub(super) fn scan(
        &self,
        findings: &Findings,
        opened: &AtomicU64,
        condition: &ResolvedFilter,
        mut visit: impl FnMut(&str, Vec<Value>) -> Result<GoesOn>,
    ) -> Result<()> {
        let asked = self.time.map_or(RowSpan::ALWAYS, |column| asked_for(condition, column));
        for source in self.segments.sources(asked)? {
            let place = self.place_of(&source);
            let mut is_sound = true;
            let mut take = |line: &str| match row_of(&self.table, line) {
                Ok(row) if condition.is_met_by(&row) => visit(line, row),
                Ok(_) => Ok(true),
                Err(error) => {
                    // The others are read all the same.
                    is_sound = false;
                    findings.add(place.clone(), error);
                    Ok(true)
                }
            };
            let goes_on = match source {
                RowSource::Spool(_, file, length) => {
                    let text = SpoolText::of(file, length)?;
                    each(text.lines().into_iter().map(|line| Ok(line.to_owned())), &mut take)
                }
                RowSource::Segment(path) => {
                    opened.fetch_add(1, Ordering::Relaxed);
                    open(&path).and_then(|reader| {
                        let Some(mut reader) = reader else { return Ok(true) };
                        each(std::iter::from_fn(|| reader.next_row().transpose()), &mut take)
                    })
                }
            };
            match goes_on {
                Ok(true) if is_sound => findings.remove(&place),
                Ok(true) => {}
                Ok(false) => return Ok(()),
                Err(error) if [ErrorKind::Corrupt, ErrorKind::Unsupported].contains(&error.kind()) => findings.add(place, error),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// How a file is called in reports.
    fn place_of(&self, source: &RowSource) -> String {
        let name = |path: &Path| path.file_name().unwrap_or_default().display().to_string();
        let folder = name(self.segments.folder());
        match source {
            RowSource::Segment(path) => format!("{folder}/{}", name(path)),
            RowSource::Spool(number, ..) => format!(".larder/spool.{folder}/{number:016}.{EXTENSION}"),
        }
    }
}

fn each(rows: impl Iterator<Item = Result<String>>, take: &mut impl FnMut(&str) -> Result<GoesOn>) -> Result<GoesOn> {
    for row in rows {
        if !take(&row?)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Begins to read a segment. Returns `None` if it is not there any more.
fn open(path: &Path) -> Result<Option<SegmentReader<Decompressor<File>>>> {
    open_regular(path)?.map(|(file, _)| SegmentReader::open(file)).transpose()
}

/// The row of a line.
pub(super) fn row_of(table: &Table, line: &str) -> Result<Vec<Value>> {
    match read_line(table, line)? {
        Line::Model(document) => Ok(document.row),
        _ => Err(Error::new(ErrorKind::Corrupt, "a line that is no row")),
    }
}
