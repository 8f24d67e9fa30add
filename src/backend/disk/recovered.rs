//! What is in the folders of a table when it is opened, and what becomes of what a crash has left.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use super::{
    row_span::RowSpan,
    segment_name::SegmentName,
    spool::{EXTENSION, SpoolText},
    table_segments::{SealedSpool, SegmentOptions, TableSegments, UNFINISHED},
};
use crate::{
    backend::log::files::{failed, numbers_in, path_of, require_regular},
    error::{Error, ErrorKind, Result},
};

const READING: &str = "while the folder of a table was read";

/// What was found when a table was opened.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Spools that a crash has left, of which segments are made.
    pub(super) adopted: usize,
    /// Files that were removed: segments that were not done, and spools that have their segments.
    pub(super) removed: usize,
    /// What cannot be read.
    pub(super) damaged: Vec<(String, Error)>,
}

impl TableSegments {
    /// Looks through the folders of a table, which are there. `now` is the time of rows that have none.
    pub(super) fn open(
        folder: PathBuf,
        spools: PathBuf,
        options: SegmentOptions,
        span: impl Fn(&str) -> Option<RowSpan>,
        now: i64,
    ) -> Result<(Self, Found)> {
        let mut found = Found::default();
        let segments = segments_in(&folder)?;
        remove_unfinished(&spools, &mut found)?;
        let mut sealed = BTreeMap::new();
        for number in numbers_in(&spools, EXTENSION).map_err(failed(READING))? {
            let path = path_of(&spools, number, EXTENSION);
            require_regular(&path)?;
            if segments.contains_key(&number) {
                // The crash came between the segment and the end of its spool.
                fs::remove_file(&path).map_err(failed(READING))?;
                found.removed += 1;
                continue;
            }
            let text = SpoolText::read(&spools, number)?;
            let frames = text.frames();
            if !frames.damaged.is_empty() {
                let aside = path_of(&spools, number, "damaged");
                fs::copy(&path, &aside).map_err(failed("while a damaged spool was put aside"))?;
                let name = aside.file_name().unwrap_or_default().display().to_string();
                found.damaged.push((name, Error::new(ErrorKind::Corrupt, "a spool with damaged records")));
            }
            let lines = text.lines();
            let spans = lines.iter().filter_map(|line| span(line));
            let spool = SealedSpool {
                rows: lines.len() as u64,
                span: spans.fold(RowSpan::default(), RowSpan::with).or_at(now),
                is_taken: false,
            };
            found.adopted += 1;
            sealed.insert(number, spool);
        }
        Ok((Self::new(folder, spools, options, segments, sealed), found))
    }
}

/// The segments in a folder, by their numbers. Other files are left alone.
fn segments_in(folder: &Path) -> Result<BTreeMap<u64, SegmentName>> {
    let mut segments = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(failed(READING))? {
        let entry = entry.map_err(failed(READING))?;
        let name = entry.file_name().to_str().and_then(SegmentName::parse);
        if let Some(name) = name.filter(|_| entry.file_type().is_ok_and(|kind| kind.is_file())) {
            segments.insert(name.number, name);
        }
    }
    Ok(segments)
}

/// Removes segments that were not done when a process was killed. Their spools are there.
fn remove_unfinished(spools: &Path, found: &mut Found) -> Result<()> {
    for number in numbers_in(spools, UNFINISHED).map_err(failed(READING))? {
        fs::remove_file(path_of(spools, number, UNFINISHED)).map_err(failed(READING))?;
        found.removed += 1;
    }
    Ok(())
}
