//! Where the dialects differ.

use sea_orm::{
    DbBackend,
    sea_query::{Expr, SimpleExpr},
};

/// The engine's current time, in the form larder stores times in.
pub(super) fn now(dialect: DbBackend) -> SimpleExpr {
    match dialect {
        // `CURRENT_TIMESTAMP` has no fractions of a second there, and another form than the times it is compared with.
        DbBackend::Sqlite => Expr::cust("(strftime('%Y-%m-%dT%H:%M:%f000+00:00', 'now'))"),
        _ => Expr::current_timestamp(),
    }
}
