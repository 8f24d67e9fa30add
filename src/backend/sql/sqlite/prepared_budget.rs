//! [`PreparedBudget`], which limits how many statements a connection keeps prepared, and how many bytes they take.

use std::cell::Cell;

use rusqlite::{Connection as Library, Statement, StatementStatus};

/// The most statements that are kept.
pub(super) const MAX_STATEMENTS: usize = 128;

/// Statements of a longer text are not kept: hardly one is like another.
pub(super) const MAX_STATEMENT_LENGTH: usize = 8_192;

/// The most bytes that all of them take, and the most that one takes.
const MAX_BYTES: usize = 4 << 20;
const MAX_STATEMENT_BYTES: usize = MAX_BYTES / 2;

/// Counts the bytes of the statements that a connection keeps. The library does not tell which of them it lets go of.
#[derive(Debug, Default)]
pub(super) struct PreparedBudget {
    /// How many bytes those take that were prepared since all were let go of.
    bytes: Cell<usize>,
}

impl PreparedBudget {
    /// Makes room for a statement, if need be by letting go of all others. Says whether it may be kept itself.
    pub(super) fn makes_room_for(&self, statement: &Statement<'_>, library: &Library) -> bool {
        if !is_new(statement) {
            return true;
        }
        let bytes = usize::try_from(statement.get_status(StatementStatus::MemUsed)).unwrap_or_default();
        if bytes > MAX_STATEMENT_BYTES {
            return false;
        }
        let all = self.bytes.get() + bytes;
        if all > MAX_BYTES {
            library.flush_prepared_statement_cache();
        }
        self.bytes.set(if all > MAX_BYTES { bytes } else { all });
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
        let (library, kept) = (Library::open_in_memory()?, PreparedBudget::default());
        let mut most = 0;
        for length in (1..20_000).step_by(97) {
            let list = vec!["?"; length].join(", ");
            let mut statement = library.prepare(&format!("SELECT 1 WHERE 1 IN ({list})"))?;
            let bytes = usize::try_from(statement.get_status(StatementStatus::MemUsed)).unwrap_or_default();
            let before = kept.bytes.get();
            assert_eq!(kept.makes_room_for(&statement, &library), bytes <= MAX_STATEMENT_BYTES, "{bytes}");
            assert!(kept.bytes.get() <= MAX_BYTES && (bytes > MAX_STATEMENT_BYTES || kept.bytes.get() >= bytes));
            most = most.max(bytes);
            statement.raw_query().next()?;
            let after = kept.bytes.get();
            assert!(kept.makes_room_for(&statement, &library), "it was there before");
            assert_eq!(kept.bytes.get(), after);
            assert!(after >= bytes || after == before);
        }
        assert!(most > MAX_STATEMENT_BYTES, "{most}");
        Ok(())
    }
}
