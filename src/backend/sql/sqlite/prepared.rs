//! Statements that a connection keeps prepared: so many at most, of so many bytes at most.

use std::cell::Cell;

use rusqlite::{Connection as Library, Statement, StatementStatus};

/// How many statements are kept.
pub(super) const MOST: usize = 128;

/// Statements of a longer text are not kept: hardly one is like another.
pub(super) const LONGEST: usize = 8_192;

/// How many bytes all of them take at most, and a single one.
const BYTES: usize = 4 << 20;
const LARGEST: usize = BYTES / 2;

/// What is known of the statements that a connection keeps. Which of them the library lets go of, it does not tell.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// How many bytes those take that were prepared since all were let go of.
    bytes: Cell<usize>,
}

impl Kept {
    /// Makes room for a statement, if need be by letting go of all others. Says whether it may be kept itself.
    pub(super) fn makes_room_for(&self, statement: &Statement<'_>, library: &Library) -> bool {
        if !is_new(statement) {
            return true;
        }
        let bytes = usize::try_from(statement.get_status(StatementStatus::MemUsed)).unwrap_or_default();
        if bytes > LARGEST {
            return false;
        }
        let all = self.bytes.get() + bytes;
        if all > BYTES {
            library.flush_prepared_statement_cache();
        }
        self.bytes.set(if all > BYTES { bytes } else { all });
        true
    }
}

/// Whether a statement has not run yet.
pub(super) fn is_new(statement: &Statement<'_>) -> bool {
    statement.get_status(StatementStatus::Run) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_bounded_by_its_bytes() -> rusqlite::Result<()> {
        let (library, kept) = (Library::open_in_memory()?, Kept::default());
        let mut most = 0;
        for length in (1..20_000).step_by(97) {
            let list = vec!["?"; length].join(", ");
            let mut statement = library.prepare(&format!("SELECT 1 WHERE 1 IN ({list})"))?;
            let bytes = usize::try_from(statement.get_status(StatementStatus::MemUsed)).unwrap_or_default();
            let before = kept.bytes.get();
            assert_eq!(kept.makes_room_for(&statement, &library), bytes <= LARGEST, "{bytes}");
            assert!(kept.bytes.get() <= BYTES && (bytes > LARGEST || kept.bytes.get() >= bytes));
            most = most.max(bytes);
            statement.raw_query().next()?;
            let after = kept.bytes.get();
            assert!(kept.makes_room_for(&statement, &library), "it was there before");
            assert_eq!(kept.bytes.get(), after);
            assert!(after >= bytes || after == before);
        }
        assert!(most > LARGEST, "{most}");
        Ok(())
    }
}
