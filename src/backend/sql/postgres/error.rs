//! Errors of Postgres by SQLSTATE (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).
//!
//! Who sends an error tells what it proves. An error of severity ERROR is a server's answer: the statement, and the transaction
//! that it is in, have not taken effect; only 08007 and 40003 say that this is not known. An error of severity FATAL or PANIC
//! ends the connection. A server sends it (57P01, 57P02, 57P05, 53100 and others) and so does a pooler (08P01 of pgbouncer for
//! all it has to say, 57P01 and 53300 of others), at any time: it is no answer to a statement that was sent before, which may
//! have taken effect. 25P03 is the exception: a server sends it to a transaction that is given nothing to do. Before the
//! connection is ready, it says why there is none, and nothing was sent. The driver itself sends no codes.

use sqlx::{
    error::DatabaseError,
    postgres::{PgDatabaseError, PgSeverity},
};

use crate::{
    backend::sql::{sqlx::DatabaseErrors, statement::changed::out_of_range_in},
    error::{Error, ErrorKind},
    query::out_of_range,
};

/// The code of text that cannot be converted: to an encoding, or, in a document, to text at all.
pub(super) const UNTRANSLATABLE: &str = "22P05";

/// What reports that code about an encoding.
const OF_ENCODINGS: &str = "report_untranslatable_char";

pub(crate) struct PostgresErrors;

impl DatabaseErrors for PostgresErrors {
    fn classify(error: &dyn DatabaseError) -> Error {
        classify(error)
    }

    fn ends_connection(error: &dyn DatabaseError) -> bool {
        ends_connection(error)
    }
}

/// Whether the connection ends with an error.
fn ends_connection(error: &dyn DatabaseError) -> bool {
    let severity = error.try_downcast_ref::<PgDatabaseError>().map(PgDatabaseError::severity);
    matches!(severity, Some(PgSeverity::Fatal | PgSeverity::Panic))
}

fn classify(error: &dyn DatabaseError) -> Error {
    let code = error.code().unwrap_or_default();
    if let Some(column) = out_of_range_in(error.message()).filter(|_| code == "22P02") {
        return out_of_range().with_code(code).in_column(column);
    }
    let postgres = error.try_downcast_ref::<PgDatabaseError>();
    let is_outdated_plan = code == "0A000" && postgres.and_then(PgDatabaseError::routine) == Some("RevalidateCachedQuery");
    let kind = match code.as_ref() {
        // A change of the schema outdated a prepared statement; prepared again, it may work.
        _ if is_outdated_plan => ErrorKind::Contention,
        // A pooler, which has no other code.
        "08P01" if ends_connection(error) => ErrorKind::Connection,
        // A document with the NUL character, in a column of the type `json`, which keeps it. Models with one are refused before.
        UNTRANSLATABLE if postgres.and_then(PgDatabaseError::routine).is_some_and(|routine| routine != OF_ENCODINGS) => {
            ErrorKind::Corrupt
        }
        code => kind(code),
    };
    // A missing value violates no constraint of its own, only a column.
    let column = postgres.and_then(|error| Some(format!("{}.{}", error.table()?, error.column()?)));
    let constraint = error.constraint().map(str::to_owned).or(column);
    Error::new(kind, "").with_constraint(constraint).with_code(code)
}

fn kind(code: &str) -> ErrorKind {
    use ErrorKind as K;
    match code {
        // From here to `Contention`: the server alone, as ERROR. Nothing was stored.
        "02000" | "P0002" => K::NotFound,
        "23505" | "23P01" => K::Duplicate,
        "23503" | "23001" => K::ForeignKey,
        "23514" | "44000" | "P0001" => K::Check,
        "23502" => K::NotNull,
        // 26000: a prepared statement was forgotten; run again, the transaction prepares anew.
        "40001" | "40P01" | "40000" | "55P03" | "55006" | "26000" => K::Contention,
        // The server, for a commit in two phases or on another server. Proves nothing.
        "08007" | "40003" => K::CommitUnknown,
        // The server, as ERROR: a statement with too few values, or too many. Nothing was stored.
        "08P01" => K::InvalidInput,
        // The server, as ERROR. Nothing was stored.
        "25P01" | "25P02" => K::TransactionAborted,
        "57014" => K::Cancelled,
        // The server, as FATAL.
        "25P04" => K::DeadlineExceeded,
        // The server, as ERROR. Nothing was stored.
        "42P01" => K::TableMissing,
        // The server: as ERROR of a statement, which stored nothing; as FATAL while it connects. 08004 from a pooler as well.
        "42501" | "0LP01" | "0P000" | "08004" => K::Auth,
        "25006" => K::ReadOnly,
        // The server or a pooler, as FATAL. Prove nothing, but for 25P03.
        "57P01" | "57P02" | "57P03" | "57P05" | "25P03" => K::Connection,
        // The server, as ERROR: nothing was stored. As PANIC they prove nothing. 22021: bytes that are no text; what is sent is,
        // without the NUL character.
        "XX001" | "XX002" | "22021" => K::Corrupt,
        "XX000" => K::EngineDown,
        _ => match code.get(..2).unwrap_or_default() {
            // The server as ERROR, of a connection of its own to another server, which may have stored something; a pooler as
            // FATAL. Prove nothing.
            "08" => K::Connection,
            // The server or a pooler, while it connects.
            "28" => K::Auth,
            // The server as ERROR: nothing was stored. 53300 from a pooler, while it connects.
            "53" => K::ResourceExhausted,
            "58" => K::Io,
            // The server, as ERROR; 3D also from a pooler, while it connects. Nothing was stored.
            // 55 without those above: the table, the view or the key is not one for such a statement.
            "0A" | "21" | "22" | "42" | "54" | "55" | "3D" | "3F" => K::InvalidInput,
            _ => K::Internal,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unlisted_code_falls_back_to_its_class() {
        for (code, expected) in [
            ("23505", ErrorKind::Duplicate),
            ("40P01", ErrorKind::Contention),
            ("22021", ErrorKind::Corrupt),
            ("22P02", ErrorKind::InvalidInput),
            ("42601", ErrorKind::InvalidInput),
            ("42P01", ErrorKind::TableMissing),
            ("53100", ErrorKind::ResourceExhausted),
            ("28P01", ErrorKind::Auth),
            ("08006", ErrorKind::Connection),
            ("58030", ErrorKind::Io),
            ("99999", ErrorKind::Internal),
            ("", ErrorKind::Internal),
        ] {
            assert_eq!(kind(code), expected, "{code}");
        }
    }
}
