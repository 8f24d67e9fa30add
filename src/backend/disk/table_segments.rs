//! [`TableSegments`], the segments and the spools of one table.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
};

use super::{
    row_span::RowSpan,
    segment_file,
    segment_name::SegmentName,
    spool::{EXTENSION, Spool, SpoolText},
};
use crate::{
    backend::log::files::{failed, path_of, sync_folder},
    clock::{Moment, this_moment},
    error::Result,
};

/// After how many bytes a spool is sealed, however few rows it has: whoever reads it has them in memory.
const MAX_SPOOL: u64 = 64 << 20;

/// How segments are written.
#[derive(Clone, Debug)]
pub(super) struct SegmentOptions {
    pub(super) content: String,
    pub(super) level: u32,
    pub(super) rows: u64,
    pub(super) is_synced: bool,
}

/// The segments and the spools of one table.
pub(super) struct TableSegments {
    /// Where the segments are.
    folder: PathBuf,
    /// Where the spools are, and segments that are not done.
    spools: PathBuf,
    options: SegmentOptions,
    state: Mutex<SegmentsState>,
    /// A segment was made, or could not be.
    made: Condvar,
}

struct SegmentsState {
    /// The spool that is appended to, and when it was begun.
    active: Option<(Spool, Moment)>,
    /// The spools that no more is appended to, by their numbers.
    sealed: BTreeMap<u64, SealedSpool>,
    segments: BTreeMap<u64, SegmentName>,
    next: u64,
}

/// A spool that no more is appended to.
#[derive(Clone, Copy, Debug)]
pub(super) struct SealedSpool {
    pub(super) rows: u64,
    pub(super) span: RowSpan,
    /// Whether somebody makes a segment of it now.
    pub(super) is_taken: bool,
}

/// Where rows are to be read.
pub(super) enum RowSource {
    Segment(PathBuf),
    /// The first bytes of a spool, with its number. The file is open: it may be removed meanwhile.
    Spool(u64, File, u64),
}

impl TableSegments {
    /// The segments and spools that are there.
    pub(super) fn new(
        folder: PathBuf,
        spools: PathBuf,
        options: SegmentOptions,
        segments: BTreeMap<u64, SegmentName>,
        sealed: BTreeMap<u64, SealedSpool>,
    ) -> Self {
        let next = segments.keys().chain(sealed.keys()).max().map_or(0, |last| last + 1);
        Self {
            folder,
            spools,
            options,
            state: Mutex::new(SegmentsState { active: None, sealed, segments, next }),
            made: Condvar::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, SegmentsState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends the rows of one operation, all or none. Seals the spool if it is full.
    pub(super) fn append(&self, lines: &str, rows: u64, span: RowSpan) -> Result<()> {
        let mut state = self.state();
        if state.active.is_none() {
            let number = state.next;
            // A number is not used again, even if the file could not be made.
            state.next += 1;
            state.active = Some((Spool::begin(&self.spools, number)?, this_moment()));
        }
        let Some((spool, _)) = &mut state.active else { return Ok(()) };
        spool.append(lines, rows, span, self.options.is_synced)?;
        if spool.rows >= self.options.rows || spool.length() >= MAX_SPOOL {
            state.seal();
        }
        Ok(())
    }

    /// Makes segments of all rows that are there by now, and waits for those that others make.
    pub(super) fn flush(&self) -> Result<()> {
        let last = {
            let mut state = self.state();
            state.seal();
            state.next
        };
        loop {
            while self.make_segment()? {}
            let state = self.state();
            let mut waiting = state.sealed.range(..last).map(|(_, spool)| spool);
            match waiting.next() {
                None => return Ok(()),
                Some(spool) if spool.is_taken => drop(self.made.wait(state)),
                // Somebody else could not make it.
                Some(_) => {}
            }
        }
    }

    /// Seals the spool that is appended to, if it has rows.
    pub(super) fn seal(&self) {
        self.state().seal();
    }

    /// When the spool that is appended to was begun. Returns `None` if there is none.
    pub(super) fn active_since(&self) -> Option<Moment> {
        self.state().active.as_ref().map(|(_, since)| *since)
    }

    /// Whether there is a sealed spool of which nobody makes a segment.
    pub(super) fn has_sealed(&self) -> bool {
        self.state().sealed.values().any(|spool| !spool.is_taken)
    }

    /// How many rows are in no segment.
    pub(super) fn pending(&self) -> u64 {
        let state = self.state();
        let sealed: u64 = state.sealed.values().map(|spool| spool.rows).sum();
        sealed + state.active.as_ref().map_or(0, |(spool, _)| spool.rows)
    }

    /// The names of the segments, in the order in which they were begun.
    pub(super) fn segments(&self) -> Vec<SegmentName> {
        self.state().segments.values().cloned().collect()
    }

    /// Makes a segment of the oldest sealed spool of which nobody makes one. Returns whether there was one. If it fails, the
    /// spool stays.
    pub(super) fn make_segment(&self) -> Result<bool> {
        let Some((number, spool)) = self.state().take_sealed() else { return Ok(false) };
        let made = self.make_segment_of(number, spool);
        let mut state = self.state();
        self.made.notify_all();
        match made {
            Ok(name) => {
                state.sealed.remove(&number);
                state.segments.extend(name.map(|name| (number, name)));
                drop(state);
                if let Err(error) = fs::remove_file(path_of(&self.spools, number, EXTENSION)) {
                    tracing::warn!(%error, "a spool whose segment is done could not be removed; it is when the store is opened");
                }
                Ok(true)
            }
            Err(error) => {
                if let Some(spool) = state.sealed.get_mut(&number) {
                    spool.is_taken = false;
                }
                Err(error)
            }
        }
    }

    fn make_segment_of(&self, number: u64, spool: SealedSpool) -> Result<Option<SegmentName>> {
        let text = SpoolText::read(&self.spools, number)?;
        let lines = text.lines();
        if lines.is_empty() {
            return Ok(None);
        }
        let name = SegmentName { content: self.options.content.clone(), start: spool.span.start, stop: spool.span.stop, number };
        let (unfinished, path) = (self.spools.join(format!("{number:016}.{UNFINISHED}")), self.folder.join(name.to_string()));
        let removed = fs::remove_file(&unfinished);
        removed
            .or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
            .map_err(failed(MAKING))?;
        let written = segment_file::write(&unfinished, lines.into_iter(), self.options.level);
        let written = written.and_then(|()| fs::rename(&unfinished, &path).map_err(failed(MAKING)));
        if let Err(error) = written {
            drop(fs::remove_file(&unfinished));
            return Err(error);
        }
        sync_folder(&self.folder).map_err(failed(MAKING))?;
        Ok(Some(name))
    }

    /// Where the rows of some times are, in the order in which they were stored, as it is now.
    pub(super) fn sources(&self, asked: RowSpan) -> Result<Vec<RowSource>> {
        let state = self.state();
        let mut sources = BTreeMap::new();
        for (number, name) in &state.segments {
            if asked.overlaps(RowSpan { start: name.start, stop: name.stop }) {
                sources.insert(*number, RowSource::Segment(self.folder.join(name.to_string())));
            }
        }
        let open = |number| File::open(path_of(&self.spools, number, EXTENSION)).map_err(failed(READING));
        for (number, _) in state.sealed.iter().filter(|(_, spool)| asked.overlaps(spool.span)) {
            sources.insert(*number, RowSource::Spool(*number, open(*number)?, u64::MAX));
        }
        if let Some((spool, _)) = state.active.as_ref().filter(|(spool, _)| asked.overlaps(spool.span)) {
            sources.insert(spool.number(), RowSource::Spool(spool.number(), open(spool.number())?, spool.length()));
        }
        Ok(sources.into_values().collect())
    }

    /// The folder of the segments.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }
}

impl SegmentsState {
    fn seal(&mut self) {
        if let Some((spool, _)) = self.active.take() {
            let sealed = SealedSpool { rows: spool.rows, span: spool.span, is_taken: false };
            self.sealed.insert(spool.number(), sealed);
        }
    }

    fn take_sealed(&mut self) -> Option<(u64, SealedSpool)> {
        let (number, spool) = self.sealed.iter_mut().find(|(_, spool)| !spool.is_taken)?;
        spool.is_taken = true;
        Some((*number, *spool))
    }
}

/// The extension of a segment that is not done.
pub(super) const UNFINISHED: &str = "new";

const MAKING: &str = "while a segment took its place";
const READING: &str = "while the spools of a table were opened";
