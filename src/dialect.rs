//! The dialects of SQL that statements are written in.

use sea_orm::DbBackend;

use crate::error::{Error, ErrorKind};

/// The SQL of an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dialect {
    /// SQLite's.
    Sqlite,
    /// Postgres'.
    Postgres,
    /// DuckDB's, which is close to Postgres'.
    DuckDb,
}

impl Dialect {
    /// The dialect SeaORM knows that is nearest: for DuckDB, Postgres'. What larder runs is corrected where the two differ.
    #[must_use]
    pub fn sea_orm(self) -> DbBackend {
        match self {
            Self::Sqlite => DbBackend::Sqlite,
            Self::Postgres | Self::DuckDb => DbBackend::Postgres,
        }
    }
}

impl TryFrom<DbBackend> for Dialect {
    type Error = Error;

    /// # Errors
    /// [`Unsupported`](ErrorKind::Unsupported) for a database that larder has no backend for.
    fn try_from(backend: DbBackend) -> Result<Self, Error> {
        match backend {
            DbBackend::Sqlite => Ok(Self::Sqlite),
            DbBackend::Postgres => Ok(Self::Postgres),
            _ => Err(Error::new(ErrorKind::Unsupported, "larder has no backend for this database")),
        }
    }
}
