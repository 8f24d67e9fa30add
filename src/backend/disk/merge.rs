//! Puts rows in order that are more than the memory is to hold: sorted runs go to files without names, and are merged.

use std::{
    cmp::Ordering,
    fs::File,
    io::{BufRead as _, BufReader, BufWriter, Seek as _, Write as _},
};

use crate::{backend::log::files::failed, error::Result};

/// How many bytes of rows are sorted at once.
const RUN: usize = 8 << 20;

const SORTING: &str = "while rows were put in order";

/// A row with its line.
pub(super) struct SortedRow<K> {
    pub(super) key: K,
    pub(super) line: String,
}

/// Sorts rows by keys that can be made of their lines again.
pub(super) struct Sorter<K, F> {
    key_of: F,
    rows: Vec<SortedRow<K>>,
    bytes: usize,
    runs: Vec<BufReader<File>>,
}

impl<K, F: Fn(&str) -> Result<K>> Sorter<K, F> {
    pub(super) fn new(key_of: F) -> Self {
        Self { key_of, rows: Vec::new(), bytes: 0, runs: Vec::new() }
    }

    pub(super) fn push(&mut self, key: K, line: String, compare: &impl Fn(&K, &K) -> Ordering) -> Result<()> {
        self.bytes += line.len() + size_of::<SortedRow<K>>();
        self.rows.push(SortedRow { key, line });
        if self.bytes >= RUN { self.spill(compare) } else { Ok(()) }
    }

    /// Writes the rows that are in memory to a file, in their order.
    fn spill(&mut self, compare: &impl Fn(&K, &K) -> Ordering) -> Result<()> {
        let failed = failed(SORTING);
        self.rows.sort_by(|one, other| compare(&one.key, &other.key));
        let mut file = BufWriter::new(tempfile::tempfile().map_err(&failed)?);
        for row in self.rows.drain(..) {
            file.write_all(row.line.as_bytes()).and_then(|()| file.write_all(b"\n")).map_err(&failed)?;
        }
        let mut file = file.into_inner().map_err(|error| failed(error.into_error()))?;
        file.rewind().map_err(&failed)?;
        self.runs.push(BufReader::new(file));
        self.bytes = 0;
        Ok(())
    }

    /// Gives all rows to `take`, in their order, until it says that it wants no more.
    pub(super) fn finish(
        mut self,
        compare: &impl Fn(&K, &K) -> Ordering,
        mut take: impl FnMut(&str) -> Result<bool>,
    ) -> Result<()> {
        self.rows.sort_by(|one, other| compare(&one.key, &other.key));
        let mut rest = std::mem::take(&mut self.rows).into_iter();
        // The rows in memory came last: of equal ones, those of earlier runs go first.
        let mut heads: Vec<Option<SortedRow<K>>> = Vec::new();
        for at in 0..self.runs.len() {
            heads.push(self.next_of(at)?);
        }
        let mut last = rest.next();
        loop {
            let mut first: Option<(usize, &SortedRow<K>)> = None;
            for (at, head) in heads.iter().chain([&last]).enumerate() {
                let Some(head) = head else { continue };
                if first.is_none_or(|(_, other)| compare(&head.key, &other.key).is_lt()) {
                    first = Some((at, head));
                }
            }
            let Some((at, row)) = first else { return Ok(()) };
            if !take(&row.line)? {
                return Ok(());
            }
            match heads.get_mut(at) {
                Some(head) => *head = self.next_of(at)?,
                None => last = rest.next(),
            }
        }
    }

    fn next_of(&mut self, run: usize) -> Result<Option<SortedRow<K>>> {
        let Some(run) = self.runs.get_mut(run) else { return Ok(None) };
        let mut line = String::new();
        if run.read_line(&mut line).map_err(failed(SORTING))? == 0 {
            return Ok(None);
        }
        line.pop();
        Ok(Some(SortedRow { key: (self.key_of)(&line)?, line }))
    }
}
