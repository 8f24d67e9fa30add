//! What statements of the application do to a connection beyond rows and the schema, as SQLite tells while it prepares them.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use rusqlite::{
    Connection as Library, ffi,
    hooks::{AuthAction, AuthContext, Authorization},
};

use super::error::{classify, code};
use crate::{
    error::{Error, ErrorKind, Result},
    sql::session::{is_kept_by_connection, is_met_by_all},
};

/// Looks at the statements of the application on one connection.
#[derive(Debug, Default)]
pub(super) struct Fence {
    /// Whether the statement that is prepared next is one of the application's.
    is_up: Arc<AtomicBool>,
    /// Whether one may have changed how the connection works, so that nobody else may use it.
    is_altered: Arc<AtomicBool>,
}

impl Fence {
    pub(super) fn build(&self, library: &Library) -> Result<()> {
        let (is_up, is_altered) = (self.is_up.clone(), self.is_altered.clone());
        let authorize = move |context: AuthContext<'_>| {
            if !is_up.load(Ordering::Relaxed) {
                return Authorization::Allow;
            }
            match context.action {
                AuthAction::Transaction { .. } | AuthAction::Savepoint { .. } => return Authorization::Deny,
                AuthAction::Pragma { pragma_value: Some(_), pragma_name } if is_met_by_all(pragma_name) => {
                    return Authorization::Deny;
                }
                // A setting, another database, or what is there on this connection alone.
                AuthAction::Pragma { pragma_value: Some(_), pragma_name } if is_kept_by_connection(pragma_name) => {
                    is_altered.store(true, Ordering::Relaxed);
                }
                AuthAction::Attach { .. }
                | AuthAction::Detach { .. }
                | AuthAction::CreateTempIndex { .. }
                | AuthAction::CreateTempTable { .. }
                | AuthAction::CreateTempTrigger { .. }
                | AuthAction::CreateTempView { .. } => is_altered.store(true, Ordering::Relaxed),
                _ => {}
            }
            Authorization::Allow
        };
        library.authorizer(Some(authorize)).map_err(classify)
    }

    /// Notes that the statement that is prepared next is one of the application's.
    pub(super) fn raise(&self) {
        self.is_up.store(true, Ordering::Relaxed);
    }

    /// Says whether what was prepared was one of the application's, and that the next is not.
    pub(super) fn lower(&self) -> bool {
        self.is_up.swap(false, Ordering::Relaxed)
    }

    pub(super) fn is_altered(&self) -> bool {
        self.is_altered.load(Ordering::Relaxed)
    }
}

const MESSAGE: &str =
    "a statement that begins or ends a transaction, for which there is `tx`, or a pragma that changes more than its connection";

/// The error of a statement of the application's.
pub(super) fn refused(error: Error) -> Error {
    if code(&error) & 0xff != ffi::SQLITE_AUTH {
        return error;
    }
    Error::new(ErrorKind::InvalidInput, MESSAGE).with_source(error)
}
