//! Errors of sqlx that are the same for every database.

use sqlx::Error as SqlxError;

use super::flavor::Flavor;
use crate::error::{Error, ErrorKind};

pub(crate) fn classify<F: Flavor>(error: SqlxError) -> Error {
    let known = |kind, message| Error::new(kind, message);
    let classified = match &error {
        SqlxError::Database(database) => F::classify(database.as_ref()),
        SqlxError::RowNotFound => known(ErrorKind::NotFound, ""),
        SqlxError::PoolTimedOut => {
            known(ErrorKind::PoolTimeout, "all connections of the store were in use, or none could be made")
        }
        SqlxError::PoolClosed => known(ErrorKind::Closed, ""),
        SqlxError::Io(_) | SqlxError::Tls(_) | SqlxError::Protocol(_) => {
            known(ErrorKind::Connection, "the server cannot be reached, or the connection was lost")
        }
        SqlxError::WorkerCrashed | SqlxError::BeginFailed => known(ErrorKind::Connection, "the connection cannot be used"),
        SqlxError::ColumnDecode { .. } | SqlxError::Decode(_) | SqlxError::ColumnIndexOutOfBounds { .. } => {
            known(ErrorKind::Corrupt, "a stored value does not fit the model")
        }
        SqlxError::ColumnNotFound(_) => known(ErrorKind::Corrupt, "what is stored lacks a column of the model"),
        SqlxError::Configuration(_) | SqlxError::InvalidArgument(_) | SqlxError::Encode(_) | SqlxError::TypeNotFound { .. } => {
            known(ErrorKind::InvalidInput, "a value or setting the engine cannot take")
        }
        _ => known(ErrorKind::Internal, ""),
    };
    classified.with_source(error)
}
