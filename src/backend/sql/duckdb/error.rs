//! Errors of DuckDB. It has no codes: an error is told by the name of its type, which begins its text, and by words after that.
//! The tests hold both to what the engine says (2.0).

use std::borrow::Cow;

use duckdb::Error as DuckError;

use crate::{
    backend::sql::statement::changed::out_of_range_in,
    error::{Error, ErrorKind},
    query::out_of_range,
};

/// The type of the errors that the engine gives up with.
pub(super) const FATAL: &str = "FATAL";

/// What larder calls the type of the errors that follow.
pub(super) const INVALIDATED: &str = "Invalidated";

pub(super) fn classify(error: DuckError) -> Error {
    let DuckError::DuckDBFailure(_, Some(text)) = &error else {
        let kind = match error {
            DuckError::FromSqlConversionFailure(..) => ErrorKind::Unsupported,
            DuckError::NulError(_) | DuckError::ToSqlConversionFailure(_) | DuckError::InvalidParameterCount(..) => {
                ErrorKind::InvalidInput
            }
            _ => ErrorKind::Internal,
        };
        let message = if kind == ErrorKind::Unsupported { "a column of a type that is not read; cast it to another" } else { "" };
        return Error::new(kind, message).with_source(error);
    };
    let (name, words) = parts(text);
    if let Some(column) = out_of_range_in(words).filter(|_| name == "Invalid Input") {
        return out_of_range().with_code(name).in_column(column).with_source(error);
    }
    let kind = kind(name, words);
    let classified = Error::new(kind, message(kind, words)).with_code(name).with_constraint(constraint(kind, words));
    classified.with_source(error)
}

/// Whether what failed is a commit that took effect all the same: only what DuckDB does after it, writing its log to the file,
/// failed.
pub(super) fn is_committed(error: &DuckError) -> bool {
    matches!(error, DuckError::DuckDBFailure(_, Some(text)) if text.contains("COMMIT succeeded and is durable"))
}

/// Whether the error of a commit says that nothing of the transaction was stored: it was rolled back, or the commit was not
/// begun.
pub(super) fn is_rolled_back(error: &DuckError) -> bool {
    const PROOFS: [&str; 3] = ["Failed to commit: ", "Current transaction is aborted", "because of a previous fatal error"];
    matches!(error, DuckError::DuckDBFailure(_, Some(text)) if PROOFS.iter().any(|proof| text.contains(proof)))
}

/// Whether the instance is of no more use, and has to be closed and opened again.
pub(super) fn is_fatal(error: &Error) -> bool {
    matches!(error.code(), Some(FATAL | INVALIDATED))
}

/// Whether there was nothing to roll back.
pub(super) fn is_none_open(error: &DuckError) -> bool {
    matches!(error, DuckError::DuckDBFailure(_, Some(text)) if text.contains("no transaction is active"))
}

/// The name of the error's type, and what follows it. The appender leaves the name out.
fn parts(text: &str) -> (&str, &str) {
    // Whatever the statement was, it was not begun.
    if text.contains("database has been invalidated because of a previous fatal error") {
        return (INVALIDATED, text);
    }
    match text.split_once(" Error: ") {
        Some((name, words)) if name.len() <= "Unsatisfiable Type Conversion".len() => (name, words),
        _ => {
            let words = text.strip_prefix("Failed to append: ").unwrap_or(text);
            (name_by(words), words)
        }
    }
}

/// The name of the type of an error of the appender, by how it begins: further on it may quote what was to be stored.
fn name_by(words: &str) -> &'static str {
    const BEGINNINGS: &[(&str, &str)] = &[
        ("Duplicate key", "Constraint"),
        ("PRIMARY KEY or UNIQUE constraint violation", "Constraint"),
        ("Violates foreign key constraint", "Constraint"),
        ("NOT NULL constraint failed", "Constraint"),
        ("CHECK constraint failed", "Constraint"),
        ("Transaction conflict", "TransactionContext"),
        ("Conflict on", "TransactionContext"),
        ("Cannot write to database", "TransactionContext"),
        ("Cannot append to a readonly database", "Invalid Input"),
        ("Could not convert", "Conversion"),
        ("type mismatch in AppendDataChunk", "Conversion"),
        ("could not allocate", "Out of Memory"),
        ("failed to allocate", "Out of Memory"),
        ("failed to pin", "Out of Memory"),
        ("Table ", "Catalog"),
        ("Interrupted", "INTERRUPT"),
        ("Failed to create checkpoint", FATAL),
        ("Failed to delete all rows from index", FATAL),
    ];
    BEGINNINGS.iter().find(|(beginning, _)| words.starts_with(beginning)).map_or("unknown", |(_, name)| name)
}

/// What became of a commit that was rolled back. The type of the error in it is lost.
fn kind_of_failed_commit(words: &str) -> ErrorKind {
    let says = |what: &str| words.contains(what);
    match () {
        () if says("could not allocate") || says("failed to allocate") || says("failed to pin") => ErrorKind::ResourceExhausted,
        () if OF_FILES.iter().any(|beginning| words.starts_with(beginning)) => kind_of_io(words),
        () if says("No space left on device") || says("Disk quota exceeded") => ErrorKind::ResourceExhausted,
        () => ErrorKind::Contention,
    }
}

/// How the errors of files begin.
const OF_FILES: [&str; 5] =
    ["Cannot open file", "Could not ", "Failed to get stats for ", "Failed to create directory", "Failed to remove "];

/// What the operating system refused or failed at, as it says at the end: `Cannot open file "a": Permission denied`.
fn kind_of_io(words: &str) -> ErrorKind {
    use ErrorKind as K;
    let reason = words.rsplit_once(r#"": "#).map_or(words, |(_, reason)| reason);
    let says = |what: &str| reason.contains(what);
    match () {
        () if says("No space left on device") || says("Disk quota exceeded") => K::ResourceExhausted,
        () if says("Too many open files") || says("Cannot allocate memory") => K::ResourceExhausted,
        () => K::Io,
    }
}

fn kind(name: &str, words: &str) -> ErrorKind {
    use ErrorKind as K;
    let says = |what: &str| words.contains(what);
    let begins = |what: &str| words.starts_with(what);
    if says("Failure while replaying") {
        return K::Corrupt;
    }
    if let Some(words) = words.strip_prefix("Failed to commit: ") {
        return kind_of_failed_commit(words);
    }
    match name {
        "Constraint" if begins("Duplicate key") || begins("PRIMARY KEY or UNIQUE") => K::Duplicate,
        "Constraint" if begins("Violates foreign key") => K::ForeignKey,
        "Constraint" if begins("NOT NULL") => K::NotNull,
        "Constraint" => K::Check,
        "TransactionContext" if begins("Current transaction is aborted") => K::TransactionAborted,
        "TransactionContext" if begins("Cannot write to database") => K::ReadOnly,
        "TransactionContext" if says("onflict") => K::Contention,
        "Invalid Input" if says("attached in read-only mode") || begins("Cannot append to a readonly database") => K::ReadOnly,
        "Resource In Use" => K::Contention,
        "Catalog" if says("Table with name") && says("does not exist") || says("could not be found") => K::TableMissing,
        "Parser" if says("FOREIGN KEY constraints cannot use") => K::Unsupported,
        "INTERRUPT" => K::Cancelled,
        "Out of Memory" => K::ResourceExhausted,
        "IO" if says("Could not set lock") => K::Connection,
        "IO" if says("not a valid DuckDB database file") => K::Corrupt,
        "IO" => kind_of_io(words),
        "Data Corruption" | "Serialization" => K::Corrupt,
        FATAL | "INTERNAL" | INVALIDATED => K::EngineDown,
        "Connection" | "HTTP" | "Network" => K::Connection,
        "Permission" => K::Auth,
        "Parser"
        | "Syntax"
        | "Binder"
        | "Catalog"
        | "Conversion"
        | "Out of Range"
        | "Invalid Input"
        | "Mismatch Type"
        | "Invalid type"
        | "Divide by Zero"
        | "Object Size"
        | "Decimal"
        | "Parameter Not Resolved"
        | "Parameter Not Allowed"
        | "Not implemented"
        | "Dependency"
        | "Missing Extension"
        | "Extension Autoloading"
        | "Sequence"
        | "Invalid Configuration"
        | "TransactionContext" => K::InvalidInput,
        _ => K::Internal,
    }
}

fn message(kind: ErrorKind, words: &str) -> Cow<'static, str> {
    match kind {
        ErrorKind::Connection => match holder(words) {
            Some(holder) => format!("another process has the file open: {holder}").into(),
            None => "".into(),
        },
        ErrorKind::Unsupported => "DuckDB's foreign keys have no actions".into(),
        ErrorKind::Corrupt if words.contains("Failure while replaying") => {
            "the log beside the file cannot be read; move it aside to open without it".into()
        }
        _ => "".into(),
    }
}

/// The process that holds the lock: `… held in /usr/bin/app (PID 4711) by user …`.
fn holder(words: &str) -> Option<String> {
    let (_, number) = words.split_once("PID ")?;
    let number: String = number.chars().take_while(char::is_ascii_digit).collect();
    (!number.is_empty()).then(|| format!("process {number}"))
}

/// The column, the first where there are several, or the expression that a constraint is about: DuckDB keeps no names of
/// constraints.
fn constraint(kind: ErrorKind, words: &str) -> Option<String> {
    match kind {
        // `Duplicate key "a: 1, b: 2" violates …`: what follows the first name may all be its value. In a batch there are only
        // values.
        ErrorKind::Duplicate => words.strip_prefix(r#"Duplicate key ""#)?.split_once(": ").map(|(column, _)| column.to_owned()),
        ErrorKind::NotNull => words.split_once("constraint failed: ").map(|(_, column)| column.replace('"', "")),
        ErrorKind::Check => words.split_once("with expression ").map(|(_, expression)| expression.to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_not_taken_for_names() {
        let named = |words| constraint(ErrorKind::Duplicate, words);
        assert_eq!(named(r#"Duplicate key "a: x, b: y" violates unique constraint."#).as_deref(), Some("a"));
        assert_eq!(named(r#"PRIMARY KEY or UNIQUE constraint violation: duplicate key "a: x""#), None);
    }

    /// Only what DuckDB says of its own rollback proves that a commit stored nothing.
    #[test]
    fn a_commit_is_unknown_unless_it_was_rolled_back() {
        let failure = |text: &str| DuckError::DuckDBFailure(duckdb::ffi::Error::new(1), Some(text.to_owned()));
        for (text, expected) in [
            ("TransactionContext Error: Failed to commit: PRIMARY KEY or UNIQUE constraint violation", true),
            ("TransactionContext Error: Current transaction is aborted (please ROLLBACK)", true),
            ("FATAL Error: Failed: database has been invalidated because of a previous fatal error", true),
            ("TransactionContext Error: cannot commit - no transaction is active", false),
            ("IO Error: Could not write all bytes to file", false),
            ("INTERNAL Error: Attempted to dereference unique_ptr that is NULL!", false),
        ] {
            assert_eq!(is_rolled_back(&failure(text)), expected, "{text}");
        }
        assert!(!is_rolled_back(&DuckError::InvalidQuery));
    }

    /// What the operating system says counts, not what a path says.
    #[test]
    fn what_fails_at_a_file_is_told_by_its_reason() {
        for (words, expected) in [
            (r#"Cannot open file "/a.wal": Permission denied"#, ErrorKind::Io),
            (r#"Cannot open file "/No space left on device": Is a directory"#, ErrorKind::Io),
            (r#"Cannot open file "/a.wal": Too many open files"#, ErrorKind::ResourceExhausted),
            (r#"Could not write file "/a.wal": No space left on device"#, ErrorKind::ResourceExhausted),
            ("Could not write all bytes to file", ErrorKind::Io),
        ] {
            assert_eq!(kind("IO", words), expected, "{words}");
            assert_eq!(kind("TransactionContext", &format!("Failed to commit: {words}")), expected, "{words}");
        }
        assert_eq!(kind("TransactionContext", "Failed to commit: write-write conflict on key"), ErrorKind::Contention);
    }

    #[test]
    fn the_holder_of_a_lock_is_named() {
        let words = r#"Could not set lock on file "/x": Conflicting lock is held in /usr/bin/app (PID 4711) by user me."#;
        assert_eq!(holder(words).as_deref(), Some("process 4711"));
        assert_eq!(kind("IO", words), ErrorKind::Connection);
    }
}
