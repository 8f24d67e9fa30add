//! [`RowSpan`], the times of rows.

/// The times of the first and the last of some rows, in milliseconds since 1970. The default is that of no rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RowSpan {
    pub(super) start: i64,
    pub(super) stop: i64,
}

impl RowSpan {
    pub(super) const ALWAYS: Self = Self { start: i64::MIN, stop: i64::MAX };

    pub(super) fn with(self, other: Self) -> Self {
        Self { start: self.start.min(other.start), stop: self.stop.max(other.stop) }
    }

    /// The same, or one point in time if there are no times.
    pub(super) fn or_at(self, now: i64) -> Self {
        if self == Self::default() { Self { start: now, stop: now } } else { self }
    }

    pub(super) fn overlaps(self, other: Self) -> bool {
        self.start <= other.stop && other.start <= self.stop
    }
}

impl Default for RowSpan {
    fn default() -> Self {
        Self { start: i64::MAX, stop: i64::MIN }
    }
}
