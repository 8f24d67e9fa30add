//! Errors of sqlx that are the same for every database.

use std::io;

use sqlx::{Error as SqlxError, error::DatabaseError};

use crate::error::{Error, ErrorKind};

/// What the errors of one database mean.
pub(crate) trait DatabaseErrors {
    fn classify(error: &dyn DatabaseError) -> Error;

    /// Whether the server ends the connection with this error.
    fn ends_connection(_error: &dyn DatabaseError) -> bool {
        false
    }
}

/// What a statement came to. An error that ends the connection is no answer to the statement, whatever its code: a pooler or a
/// server that is shut down sends such a one, and the statement may have taken effect.
pub(crate) fn classify<E: DatabaseErrors>(error: SqlxError) -> Error {
    match &error {
        SqlxError::Database(database) if E::ends_connection(database.as_ref()) => {
            let ended = Error::new(ErrorKind::Connection, "the server, or a pooler in between, ended the connection");
            ended.with_code(database.code().unwrap_or_default()).with_source(error)
        }
        // Of a connection that was there.
        SqlxError::Io(_) | SqlxError::Tls(_) => lost().with_source(error),
        _ => refused::<E>(error),
    }
}

fn lost() -> Error {
    Error::new(ErrorKind::Connection, "the server cannot be reached, or the connection was lost")
}

/// Why there is no connection.
pub(crate) fn refused<E: DatabaseErrors>(error: SqlxError) -> Error {
    let known = |kind, message| Error::new(kind, message);
    let classified = match &error {
        SqlxError::Database(database) => E::classify(database.as_ref()),
        SqlxError::RowNotFound => known(ErrorKind::NotFound, ""),
        SqlxError::PoolTimedOut => {
            known(ErrorKind::PoolTimeout, "all connections of the store were in use, or none could be made")
        }
        SqlxError::PoolClosed => known(ErrorKind::Closed, ""),
        // What is said of a certificate, or by the other side about one.
        SqlxError::Io(reason) if reason.kind() == io::ErrorKind::InvalidData => known(
            ErrorKind::Auth,
            "no trust between client and server: a certificate was not accepted, or what answers does not speak TLS",
        ),
        SqlxError::Tls(_) => known(
            ErrorKind::InvalidInput,
            "the server does not offer TLS, or a certificate or key of the settings cannot be used",
        ),
        SqlxError::Io(_) | SqlxError::Protocol(_) => lost(),
        SqlxError::WorkerCrashed | SqlxError::BeginFailed => known(ErrorKind::Connection, "the connection cannot be used"),
        SqlxError::ColumnDecode { .. } | SqlxError::Decode(_) | SqlxError::ColumnIndexOutOfBounds { .. } => {
            known(ErrorKind::Corrupt, "a stored value does not fit the model")
        }
        SqlxError::ColumnNotFound(_) => known(ErrorKind::Corrupt, "what is stored lacks a column of the model"),
        // What larder found out about a new connection.
        SqlxError::Configuration(reason) if let Some(own) = reason.downcast_ref::<Error>() => return own.clone(),
        SqlxError::Configuration(_) | SqlxError::InvalidArgument(_) | SqlxError::Encode(_) | SqlxError::TypeNotFound { .. } => {
            known(ErrorKind::InvalidInput, "a value or setting the engine cannot take")
        }
        _ => known(ErrorKind::Internal, ""),
    };
    classified.with_source(error)
}
