//! A record in a file: a mark to find it by where something is damaged, the length and the checksum of its body (little-endian),
//! and then the body.

use std::ops::Range;

use crate::value::encoding::length_of;

/// Unlikely to be found in a body: it is no UTF-8.
const MARK: [u8; 4] = [0xF5, b'l', b'r', 0xFA];

/// The mark, the length, the checksum.
const HEAD: usize = MARK.len() + 4 + 4;

/// Appends a record whose body `write` appends.
pub(crate) fn frame(bytes: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = bytes.len();
    bytes.extend(MARK);
    bytes.extend([0; HEAD - MARK.len()]);
    write(bytes);
    let body = bytes.get(start + HEAD..).unwrap_or_default();
    let length = length_of(body).to_le_bytes();
    let sum = crc32fast::hash(body).to_le_bytes();
    let head = length.into_iter().chain(sum);
    for (byte, value) in bytes.iter_mut().skip(start + MARK.len()).zip(head) {
        *byte = value;
    }
}

/// What is in a file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frames<R> {
    pub(crate) records: Vec<R>,
    /// What is no record, and has records behind it.
    pub(crate) damaged: Vec<Range<usize>>,
    /// What is no record, and has none behind it: an append that did not come to its end.
    pub(crate) tail: Option<Range<usize>>,
}

impl<R> Frames<R> {
    /// Reads a file. `read` makes a record of a body, or returns `None` if it is none.
    pub(crate) fn read<'a>(bytes: &'a [u8], read: impl Fn(&'a [u8]) -> Option<R>) -> Self {
        let mut frames = Self { records: Vec::new(), damaged: Vec::new(), tail: None };
        let (mut at, mut bad) = (0, None);
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            let record = body_at_start(rest).and_then(|body| Some((read(body)?, HEAD + body.len())));
            if let Some((record, length)) = record {
                frames.damaged.extend(bad.take().map(|start| start..at));
                frames.records.push(record);
                at += length;
            } else {
                bad.get_or_insert(at);
                at += 1 + next_mark(rest.get(1..).unwrap_or_default());
            }
        }
        frames.tail = bad.map(|start| start..bytes.len());
        frames
    }
}

/// The body of the record that begins here, if it is sound: what a damaged record says must not be believed even for as long as
/// it takes to read it.
fn body_at_start(bytes: &[u8]) -> Option<&[u8]> {
    let rest = bytes.strip_prefix(&MARK)?;
    let (length, rest) = rest.split_first_chunk()?;
    let (sum, rest) = rest.split_first_chunk()?;
    let body = rest.get(..u32::from_le_bytes(*length) as usize)?;
    (crc32fast::hash(body) == u32::from_le_bytes(*sum)).then_some(body)
}

/// Where the next record may begin.
fn next_mark(bytes: &[u8]) -> usize {
    bytes.windows(MARK.len()).position(|window| window == MARK).unwrap_or(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODIES: [&[u8]; 4] = [b"{}", b"", b"[1]", b"a longer one"];

    /// The records, and where each ends.
    fn written() -> (Vec<u8>, [usize; 4]) {
        let mut bytes = Vec::new();
        let ends = BODIES.map(|body| {
            frame(&mut bytes, |bytes| bytes.extend(body));
            bytes.len()
        });
        (bytes, ends)
    }

    #[test]
    fn records_are_read_as_they_were_written() {
        let (bytes, _) = written();
        assert_eq!(Frames::read(&bytes, Some), Frames { records: BODIES.into(), damaged: vec![], tail: None });
    }

    /// Wherever it is cut, what was whole before is read.
    #[test]
    fn a_cut_tail_costs_only_the_record_that_is_cut() {
        let (bytes, ends) = written();
        for cut in 0..bytes.len() {
            let frames = Frames::read(bytes.get(..cut).unwrap_or_default(), Some);
            let whole = ends.iter().filter(|end| **end <= cut).count();
            assert_eq!((frames.records.len(), frames.damaged.len()), (whole, 0), "{cut}");
            assert_eq!(frames.tail.is_some(), cut != 0 && !ends.contains(&cut), "{cut}");
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
                let mut others = Vec::from(BODIES);
                others.remove(hit);
                let (damaged, tail) = if hit == 3 { (vec![], Some(range.clone())) } else { (vec![range.clone()], None) };
                assert_eq!(Frames::read(&bytes, Some), Frames { records: others, damaged, tail }, "{at}");
            }
        }
    }

    /// A body that its reader refuses is no record.
    #[test]
    fn a_body_of_an_unknown_form_is_damaged() {
        let (bytes, ends) = written();
        let frames = Frames::read(&bytes, |body| (!body.is_empty()).then_some(body));
        let [first, second, ..] = ends;
        assert_eq!((frames.records.len(), frames.damaged.len()), (3, 1));
        assert_eq!(frames.damaged.first(), Some(&(first..second)));
    }
}
