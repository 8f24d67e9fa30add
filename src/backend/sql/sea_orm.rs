//! A store on a connection that the application has already.

use std::sync::Arc;

use sea_orm::{DatabaseConnection, DatabaseConnectionType};

use crate::{
    backend::Backend,
    clock::{Clock, SystemClock},
    error::{Error, ErrorKind, Result},
    open_options::LONG_TRANSACTION,
    store::Store,
};

impl Store {
    /// A store on the pool of a SeaORM connection to SQLite or Postgres, for an application that moves to larder one repository
    /// at a time. SeaORM goes on using the pool beside it; neither joins the other's transactions.
    ///
    /// The pool keeps the settings it was made with. On SQLite that is one connection by default, and whether foreign keys are
    /// enforced, how long a busy database is waited for and whether there is a write-ahead log is up to whoever made it.
    ///
    /// A store on Postgres that is used in a second tokio runtime takes its connections from then on from a second pool, with the
    /// options of the first.
    ///
    /// A database of SQLite in memory ends with its last connection. The pool should have one connection, without an idle timeout
    /// and a maximum lifetime (SeaORM's defaults have both); a warning is logged if it has them.
    ///
    /// # Errors
    /// [`Unsupported`](ErrorKind::Unsupported) for a connection to anything else, and for a pool of several connections to SQLite
    /// in memory that do not share a cache: each would be a database of its own.
    pub fn from_sea_orm(connection: DatabaseConnection) -> Result<Self> {
        Self::from_sea_orm_with_clock(connection, Arc::new(SystemClock))
    }

    /// Like [`from_sea_orm`](Self::from_sea_orm), with a clock of the application's.
    ///
    /// # Errors
    /// As [`from_sea_orm`](Self::from_sea_orm).
    pub fn from_sea_orm_with_clock(connection: DatabaseConnection, clock: Arc<dyn Clock>) -> Result<Self> {
        let backend: Arc<dyn Backend> = match &connection.inner {
            DatabaseConnectionType::SqlxSqlitePoolConnection(_) => {
                let pool = connection.get_sqlite_connection_pool().clone();
                Arc::new(super::sqlite::from_pool(pool, clock, LONG_TRANSACTION)?)
            }
            #[cfg(feature = "postgres")]
            DatabaseConnectionType::SqlxPostgresPoolConnection(_) => {
                let pool = connection.get_postgres_connection_pool().clone();
                Arc::new(super::postgres::from_pool(pool, clock, LONG_TRANSACTION))
            }
            _ => return Err(Error::new(ErrorKind::Unsupported, "neither a pool of SQLite nor of Postgres connections")),
        };
        Ok(Self::from_backend(backend))
    }
}
