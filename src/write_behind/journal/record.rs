//! What the files of a journal are made of.
//!
//! A file is a sequence of records: a mark to find them by where something is damaged, the length and the checksum of what
//! follows (little-endian), and then that: one byte for the kind, and the rest. What a model is made of is up to `columns`.

use std::ops::Range;

use crate::value::encoding::{length_of, read_part, write_part};

/// Unlikely to be found in a model: it is no UTF-8.
const MARK: [u8; 4] = [0xF5, b'l', b'r', 0xFA];

/// The mark, the length, the checksum.
const HEAD: usize = MARK.len() + 4 + 4;

/// The most positions of one record: more than a queue holds.
pub(super) const MAX_POSITIONS: u64 = 1 << 24;

const ACCEPTED: u8 = 1;
const SETTLED: u8 = 2;
const BEGUN: u8 = 3;

/// Something that the journal was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Record<'a> {
    /// Models were accepted together, the first of them at a position.
    Accepted { first: u64, models: Vec<&'a [u8]> },
    /// What is at these positions is stored or reported.
    Settled(Vec<u64>),
    /// What is at these positions is about to be stored, as one batch, which is known by a key.
    Begun { key: &'a str, positions: Vec<u64> },
}

impl<'a> Record<'a> {
    /// Appends the record to `bytes`.
    pub(super) fn write_to(&self, bytes: &mut Vec<u8>) {
        let start = bytes.len();
        bytes.extend(MARK);
        bytes.extend([0; HEAD - MARK.len()]);
        match self {
            Self::Accepted { first, models } => {
                bytes.push(ACCEPTED);
                bytes.extend(first.to_le_bytes());
                for model in models {
                    write_part(model, bytes);
                }
            }
            Self::Settled(positions) => {
                bytes.push(SETTLED);
                write_positions(positions, bytes);
            }
            Self::Begun { key, positions } => {
                bytes.push(BEGUN);
                write_part(key.as_bytes(), bytes);
                write_positions(positions, bytes);
            }
        }
        let body = bytes.get(start + HEAD..).unwrap_or_default();
        let length = length_of(body).to_le_bytes();
        let sum = crc32fast::hash(body).to_le_bytes();
        let head = length.into_iter().chain(sum);
        for (byte, value) in bytes.iter_mut().skip(start + MARK.len()).zip(head) {
            *byte = value;
        }
    }

    fn read(body: &'a [u8]) -> Option<Self> {
        let (kind, rest) = body.split_first()?;
        match *kind {
            ACCEPTED => {
                let (first, mut rest) = rest.split_first_chunk()?;
                let mut models = Vec::new();
                while !rest.is_empty() {
                    let (model, others) = read_part(rest)?;
                    models.push(model);
                    rest = others;
                }
                Some(Self::Accepted { first: u64::from_le_bytes(*first), models })
            }
            SETTLED => read_positions(rest).map(Self::Settled),
            BEGUN => {
                let (key, positions) = read_part(rest)?;
                Some(Self::Begun { key: str::from_utf8(key).ok()?, positions: read_positions(positions)? })
            }
            _ => None,
        }
    }

    /// The record that begins here, and how long it is.
    fn at_start(bytes: &'a [u8]) -> Option<(Self, usize)> {
        let rest = bytes.strip_prefix(&MARK)?;
        let (length, rest) = rest.split_first_chunk()?;
        let (sum, rest) = rest.split_first_chunk()?;
        let body = rest.get(..u32::from_le_bytes(*length) as usize)?;
        // What a damaged record says must not be believed even for as long as it takes to read it.
        let is_sound = crc32fast::hash(body) == u32::from_le_bytes(*sum);
        let record = is_sound.then(|| Self::read(body)).flatten()?;
        Some((record, HEAD + body.len()))
    }
}

/// Positions as runs: the first of each, and how many.
fn write_positions(positions: &[u64], bytes: &mut Vec<u8>) {
    for run in positions.chunk_by(|a, b| a + 1 == *b) {
        bytes.extend(run.first().copied().unwrap_or_default().to_le_bytes());
        bytes.extend((run.len() as u64).to_le_bytes());
    }
}

fn read_positions(bytes: &[u8]) -> Option<Vec<u64>> {
    let (numbers, []) = bytes.as_chunks::<8>() else { return None };
    let (runs, []) = numbers.as_chunks::<2>() else { return None };
    let mut positions = Vec::new();
    for [first, count] in runs {
        let (first, count) = (u64::from_le_bytes(*first), u64::from_le_bytes(*count));
        // A run takes few bytes, however long it is.
        if count > MAX_POSITIONS.saturating_sub(positions.len() as u64) {
            return None;
        }
        positions.extend(first..first.checked_add(count)?);
    }
    Some(positions)
}

/// What is in a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Contents<'a> {
    pub(super) records: Vec<Record<'a>>,
    /// What is no record, and has records behind it.
    pub(super) damaged: Vec<Range<usize>>,
    /// What is no record, and has none behind it: an append that did not come to its end.
    pub(super) tail: Option<Range<usize>>,
}

impl<'a> Contents<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        let mut contents = Self::default();
        let (mut at, mut bad) = (0, None);
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            if let Some((record, length)) = Record::at_start(rest) {
                contents.damaged.extend(bad.take().map(|start| start..at));
                contents.records.push(record);
                at += length;
            } else {
                bad.get_or_insert(at);
                at += 1 + next_mark(rest.get(1..).unwrap_or_default());
            }
        }
        contents.tail = bad.map(|start| start..bytes.len());
        contents
    }
}

/// Where the next record may begin.
fn next_mark(bytes: &[u8]) -> usize {
    bytes.windows(MARK.len()).position(|window| window == MARK).unwrap_or(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records() -> [Record<'static>; 4] {
        [
            Record::Accepted { first: 7, models: vec![b"{}", b"", b"null"] },
            Record::Begun { key: "k", positions: vec![7] },
            Record::Accepted { first: 10, models: vec![b"[1]"] },
            Record::Settled(vec![1, 2, 3, 7, u64::MAX - 1]),
        ]
    }

    /// The records, and where each ends.
    fn written() -> (Vec<u8>, [usize; 4]) {
        let mut bytes = Vec::new();
        let ends = records().map(|record| {
            record.write_to(&mut bytes);
            bytes.len()
        });
        (bytes, ends)
    }

    #[test]
    fn records_are_read_as_they_were_written() {
        let (bytes, _) = written();
        let contents = Contents::of(&bytes);
        assert_eq!(contents, Contents { records: records().into(), damaged: vec![], tail: None });
    }

    /// Wherever it is cut, what was whole before is read.
    #[test]
    fn a_cut_tail_costs_only_the_record_that_is_cut() {
        let (bytes, ends) = written();
        for cut in 0..bytes.len() {
            let contents = Contents::of(bytes.get(..cut).unwrap_or_default());
            let whole = ends.iter().filter(|end| **end <= cut).count();
            assert_eq!((contents.records.len(), contents.damaged.len()), (whole, 0), "{cut}");
            assert_eq!(contents.tail.is_some(), cut != 0 && !ends.contains(&cut), "{cut}");
        }
    }

    /// Whichever bit is turned, all other records are read, and the damaged one is known as such.
    #[test]
    fn a_damaged_record_costs_only_itself() {
        let (bytes, ends) = written();
        let starts = [0].into_iter().chain(ends);
        for (hit, range) in starts.zip(ends).map(|(start, end)| start..end).enumerate() {
            for at in range.clone() {
                let mut bytes = bytes.clone();
                bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 0x10);
                let mut others = Vec::from(records());
                others.remove(hit);
                let (damaged, tail) = if hit == 3 { (vec![], Some(range.clone())) } else { (vec![range.clone()], None) };
                assert_eq!(Contents::of(&bytes), Contents { records: others, damaged, tail }, "{at}");
            }
        }
    }
}
