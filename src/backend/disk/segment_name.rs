//! [`SegmentName`], what the name of a segment says.

use std::fmt;

/// How the name of a segment ends.
const SUFFIX: &str = ".json.br";

/// The name of a segment: `CONTENT_START_STOP_NUMBER.json.br`, with the times of its first and its last row in milliseconds since
/// 1970, and a number that no other segment of its table has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SegmentName {
    pub(crate) content: String,
    pub(crate) start: i64,
    pub(crate) stop: i64,
    pub(crate) number: u64,
}

impl SegmentName {
    /// Returns `None` for what is no name of a segment.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let mut parts = name.strip_suffix(SUFFIX)?.rsplitn(4, '_');
        let (number, stop, start, content) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let parsed = Self {
            content: content.to_owned(),
            start: start.parse().ok()?,
            stop: stop.parse().ok()?,
            number: number.parse().ok()?,
        };
        // Only what would be written so.
        (parsed.to_string() == name).then_some(parsed)
    }
}

impl fmt::Display for SegmentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}_{}_{:010}{SUFFIX}", self.content, self.start, self.stop, self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_it_was_written() {
        for (start, stop, number) in [(0, 0, 0), (-5, 7, 12_345_678_901), (i64::MIN, i64::MAX, 3)] {
            let name = SegmentName { content: "metrics".into(), start, stop, number };
            assert_eq!(SegmentName::parse(&name.to_string()), Some(name));
        }
    }

    #[test]
    fn other_names_are_none() {
        for name in
            ["", "a.json.br", "a_1_2_3.json.br", "a_1_2_0000000003.json", "a_01_2_0000000003.json.br", "a_1_x_0000000003.json.br"]
        {
            assert_eq!(SegmentName::parse(name), None, "{name}");
        }
    }
}
