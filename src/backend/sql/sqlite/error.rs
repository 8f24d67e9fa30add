//! Errors of SQLite by their extended result code (<https://www.sqlite.org/rescode.html>).

use rusqlite::{Error as SqliteError, ffi};
#[cfg(feature = "sea-orm")]
use sqlx::error::DatabaseError;

#[cfg(feature = "sea-orm")]
use crate::backend::sql::sqlx::DatabaseErrors;
use crate::{
    backend::sql::statement::{changed::out_of_range_in, meaning::UNREADABLE},
    error::{Error, ErrorKind},
    query::out_of_range,
};

/// SQLite's code of an error.
pub(super) fn code(error: &Error) -> i32 {
    error.code().and_then(|code| code.parse().ok()).unwrap_or_default()
}

/// Whether another connection is in the way, and may not be for long.
pub(super) fn is_busy(error: &Error) -> bool {
    match code(error) {
        // What the transaction has read is outdated: waiting does not help.
        ffi::SQLITE_BUSY_SNAPSHOT => false,
        code => matches!(code & 0xff, ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED),
    }
}

/// An error that the library tells by its code.
pub(super) fn classify(error: SqliteError) -> Error {
    let error = match error {
        // Without the statement, which may have values in it.
        SqliteError::SqlInputError { error, msg, .. } => SqliteError::SqliteFailure(error, Some(msg)),
        other => other,
    };
    let known = |kind, message| Error::new(kind, message);
    let classified = match &error {
        SqliteError::SqliteFailure(failure, message) => {
            classify_code(failure.extended_code, message.as_deref().unwrap_or_default())
        }
        SqliteError::MultipleStatement => known(ErrorKind::InvalidInput, "more than one statement"),
        SqliteError::InvalidParameterCount(..) => {
            known(ErrorKind::InvalidInput, "other values than the statement has places for")
        }
        SqliteError::ToSqlConversionFailure(_) | SqliteError::NulError(_) | SqliteError::Utf8Error(..) => {
            known(ErrorKind::InvalidInput, "a value or setting the engine cannot take")
        }
        _ => known(ErrorKind::Internal, ""),
    };
    classified.with_source(error)
}

/// The same of errors of sqlx's.
#[cfg(feature = "sea-orm")]
pub(crate) struct SqlxSqliteErrors;

#[cfg(feature = "sea-orm")]
impl DatabaseErrors for SqlxSqliteErrors {
    fn classify(error: &dyn DatabaseError) -> Error {
        let code = error.code().and_then(|code| code.parse().ok()).unwrap_or_default();
        classify_code(code, error.message())
    }
}

fn classify_code(code: i32, message: &str) -> Error {
    if let Some(column) = unreadable_in(message) {
        return Error::new(ErrorKind::Corrupt, "a stored value does not fit the model")
            .with_code(code.to_string())
            .in_column(column);
    }
    if let Some(column) = out_of_range_in(message) {
        return out_of_range().with_code(code.to_string()).in_column(column);
    }
    let kind = kind(code, message);
    Error::new(kind, "").with_code(code.to_string()).with_constraint(constraint(kind, message))
}

/// The column in which a statement of this library came to a value that cannot be compared: `bad JSON path: 'larder: unreadable
/// value in column'`.
fn unreadable_in(message: &str) -> Option<&str> {
    let (_, column) = message.split_once(UNREADABLE)?;
    Some(column.strip_suffix('\'').unwrap_or(column))
}

fn kind(code: i32, message: &str) -> ErrorKind {
    use ErrorKind as K;
    match code {
        2067 | 1555 | 2579 => K::Duplicate,
        787 => K::ForeignKey,
        // A foreign key that restricts is a trigger to SQLite, and has the trigger's code.
        1811 if message.starts_with("FOREIGN KEY constraint failed") => K::ForeignKey,
        275 | 1811 | 531 => K::Check,
        1299 => K::NotNull,
        3082 => K::ResourceExhausted,
        3091 => K::InvalidInput,
        8202 | 8458 => K::Corrupt,
        // The file was moved or deleted, which has nothing to do with rights.
        1032 => K::Io,
        // Of the other codes the low byte says enough.
        _ => match code & 0xff {
            // A fault without a code of its own.
            1 if message.starts_with("no such table") => K::TableMissing,
            1 if message.starts_with("malformed JSON") => K::Corrupt,
            1 | 17 | 18 | 20 | 21 | 25 => K::InvalidInput,
            2 => K::EngineDown,
            3 | 23 => K::Auth,
            4 | 5 | 6 | 15 => K::Contention,
            7 | 13 | 22 => K::ResourceExhausted,
            8 => K::ReadOnly,
            9 => K::Cancelled,
            10 => K::Io,
            11 | 24 | 26 => K::Corrupt,
            14 => K::Connection,
            19 => K::Check,
            _ => K::Internal,
        },
    }
}

/// The constraint's name, which SQLite tells only in its message: `UNIQUE constraint failed: table.column`.
fn constraint(kind: ErrorKind, message: &str) -> Option<String> {
    matches!(kind, ErrorKind::Duplicate | ErrorKind::NotNull | ErrorKind::Check)
        .then(|| message.split_once("constraint failed: "))
        .flatten()
        .map(|(_, name)| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unreadable_value_is_told_by_its_column() {
        let error = classify_code(1, "bad JSON path: 'larder: unreadable value in created_at'");
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.to_string().contains("created_at"), "{error}");
        assert_eq!(kind(1, "malformed JSON"), ErrorKind::Corrupt);
        assert_eq!(kind(1, "bad JSON path: 'x'"), ErrorKind::InvalidInput);
    }

    #[test]
    fn an_unlisted_extended_code_falls_back_to_its_low_byte() {
        for (code, expected) in [
            (517, ErrorKind::Contention),
            (262, ErrorKind::Contention),
            (1032, ErrorKind::Io),
            (1034, ErrorKind::Io),
            (522, ErrorKind::Io),
            (3082, ErrorKind::ResourceExhausted),
            (267, ErrorKind::Corrupt),
            (1550, ErrorKind::Connection),
            (13, ErrorKind::ResourceExhausted),
            (1, ErrorKind::InvalidInput),
            (99, ErrorKind::Internal),
        ] {
            assert_eq!(kind(code, ""), expected, "{code}");
        }
    }
}
