//! Errors of Postgres by SQLSTATE (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).

use sqlx::{error::DatabaseError, postgres::PgDatabaseError};

use crate::error::{Error, ErrorKind};

pub(super) fn classify(error: &dyn DatabaseError) -> Error {
    let code = error.code().unwrap_or_default();
    let postgres = error.try_downcast_ref::<PgDatabaseError>();
    let is_outdated_plan = code == "0A000" && postgres.and_then(PgDatabaseError::routine) == Some("RevalidateCachedQuery");
    // A change of the schema outdated a prepared statement; prepared again, it may work.
    let kind = if is_outdated_plan { ErrorKind::Contention } else { kind(&code) };
    // A missing value violates no constraint of its own, only a column.
    let column = postgres.and_then(|error| Some(format!("{}.{}", error.table()?, error.column()?)));
    let constraint = error.constraint().map(str::to_owned).or(column);
    Error::new(kind, "").with_constraint(constraint).with_code(code)
}

fn kind(code: &str) -> ErrorKind {
    use ErrorKind as K;
    match code {
        "02000" | "P0002" => K::NotFound,
        "23505" | "23P01" => K::Duplicate,
        "23503" | "23001" => K::ForeignKey,
        "23514" | "44000" | "P0001" => K::Check,
        "23502" => K::NotNull,
        "40001" | "40P01" | "40000" | "55P03" | "55006" => K::Contention,
        "08007" | "40003" => K::CommitUnknown,
        // A statement with too few values, or too many.
        "08P01" => K::InvalidInput,
        "25P01" | "25P02" => K::TransactionAborted,
        "57014" => K::Cancelled,
        "25P04" => K::DeadlineExceeded,
        "42P01" => K::TableMissing,
        "42501" | "0LP01" | "0P000" | "08004" => K::Auth,
        "25006" => K::ReadOnly,
        "57P01" | "57P02" | "57P03" | "57P05" | "25P03" => K::Connection,
        "XX001" | "XX002" => K::Corrupt,
        "XX000" => K::EngineDown,
        _ => match code.get(..2).unwrap_or_default() {
            "08" => K::Connection,
            "28" => K::Auth,
            "53" => K::ResourceExhausted,
            "58" => K::Io,
            "0A" | "21" | "22" | "42" | "54" | "3D" | "3F" => K::InvalidInput,
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
            ("22021", ErrorKind::InvalidInput),
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
