//! [`Sums`], the checksums of a table's files, by which damage is told from a change that somebody has made.

use std::{collections::BTreeMap, fmt::Write as _, fs};

use super::folder::{Folder, Stamp, read_text};
use crate::error::{Error, ErrorKind, Result};

/// What the files of a table were when this store read or wrote them last. They are kept beside the files, so that these stay
/// readable and can be merged. A change that somebody makes gives a file another stamp, and is no damage.
#[derive(Default, PartialEq, Eq)]
pub(super) struct Sums(BTreeMap<String, (Stamp, u32)>);

impl Sums {
    pub(super) fn of<'f>(files: impl Iterator<Item = (&'f str, Stamp, u32)>) -> Self {
        Self(files.map(|(name, stamp, sum)| (name.to_owned(), (stamp, sum))).collect())
    }

    /// Reads the sums of a table. What cannot be read is no sum.
    pub(super) fn read(folder: &Folder, table: &str) -> Self {
        let text = read_text(&folder.own(&file_of(table))).ok().flatten();
        let line = |line: &str| {
            let mut parts = line.splitn(3, ' ');
            let (sum, stamp, name) = (parts.next()?, parts.next()?, parts.next()?);
            Some((name.to_owned(), (Stamp::parse(stamp)?, u32::from_str_radix(sum, 16).ok()?)))
        };
        Self(text.map(|(text, _)| text.lines().filter_map(line).collect()).unwrap_or_default())
    }

    /// Keeps the sums of a table for the next to open the store. Without them, only damage would not be noticed.
    pub(super) fn keep(&self, folder: &mut Folder, table: &str) {
        let mut text = String::new();
        for (name, (stamp, sum)) in &self.0 {
            let _ = writeln!(text, "{sum:08x} {stamp} {name}");
        }
        let kept =
            folder.stage(text.as_bytes()).map(|(number, _)| fs::rename(folder.staged(number), folder.own(&file_of(table))));
        if !matches!(kept, Ok(Ok(()))) {
            tracing::warn!(table, "the checksums of a table's files could not be kept");
        }
    }

    /// What is known of a file.
    pub(super) fn get(&self, name: &str) -> Option<(Stamp, u32)> {
        self.0.get(name).copied()
    }

    /// Refuses a file that is not what it was, and that nobody is known to have changed.
    pub(super) fn check(&self, name: &str, stamp: &Stamp, sum: u32) -> Result<()> {
        match self.0.get(name) {
            Some((known, before)) if known == stamp && *before != sum => {
                let message = "the file is not what it was, though its time says that nobody has changed it: it is damaged";
                Err(Error::new(ErrorKind::Corrupt, message))
            }
            _ => Ok(()),
        }
    }
}

fn file_of(table: &str) -> String {
    format!("sums.{table}")
}
