//! Statements that are kept prepared, and which the server may have forgotten.

use sqlx::{Connection as _, Executor as _, PgConnection};

use crate::backend::sql::sqlx::STATEMENT_MISSING;

/// Runs a statement that is kept prepared, and once more if the server has forgotten it.
macro_rules! prepared {
    ($connection:ident, $run:expr) => {
        match $run.await {
            Err(error) => match $crate::backend::sql::postgres::prepared::prepare_anew($connection, error).await {
                Ok(()) => $run.await,
                Err(error) => Err(error),
            },
            answered => answered,
        }
    };
}
pub(super) use prepared;

/// Forgets what is prepared, if an error says that the server has: it was told to, by a function or by another user of the
/// connection. In a transaction, which the error has ended, and for any other error, returns the error.
pub(super) async fn prepare_anew(connection: &mut PgConnection, error: sqlx::Error) -> sqlx::Result<()> {
    let is_forgotten = error.as_database_error().is_some_and(|error| error.code().as_deref() == Some(STATEMENT_MISSING));
    let can_go_on =
        is_forgotten && connection.clear_cached_statements().await.is_ok() && connection.execute("SELECT 1").await.is_ok();
    if can_go_on { Ok(()) } else { Err(error) }
}
