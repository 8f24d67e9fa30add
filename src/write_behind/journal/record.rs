//! What the records of a journal say. What a model is made of is up to `columns`.

use crate::{
    backend::log::frame,
    value::encoding::{read_part, write_part},
};

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
        frame(bytes, |bytes| match self {
            Self::Accepted { first, models } => {
                bytes.push(ACCEPTED);
                bytes.extend(first.to_le_bytes());
                models.iter().for_each(|model| write_part(model, bytes));
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
        });
    }

    /// The record that has this body. Returns `None` if none has.
    pub(super) fn read(body: &'a [u8]) -> Option<Self> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::log::Frames;

    #[test]
    fn records_are_read_as_they_were_written() {
        let records = [
            Record::Accepted { first: 7, models: vec![b"{}", b"", b"null"] },
            Record::Begun { key: "k", positions: vec![7] },
            Record::Accepted { first: 10, models: vec![b"[1]"] },
            Record::Settled(vec![1, 2, 3, 7, u64::MAX - 1]),
        ];
        let mut bytes = Vec::new();
        records.iter().for_each(|record| record.write_to(&mut bytes));
        assert_eq!(Frames::read(&bytes, Record::read), Frames { records: records.into(), damaged: vec![], tail: None });
    }

    /// A run takes few bytes, however long it says it is.
    #[test]
    fn positions_beyond_those_of_a_queue_are_no_record() {
        let mut bytes = vec![SETTLED];
        bytes.extend(0_u64.to_le_bytes());
        bytes.extend((MAX_POSITIONS + 1).to_le_bytes());
        assert_eq!(Record::read(&bytes), None);
    }
}
