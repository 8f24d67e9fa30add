//! Opens a store by its URL. The only file that names every backend.

use std::sync::Arc;

#[cfg(feature = "disk")]
use crate::backend::disk;
#[cfg(feature = "file")]
use crate::backend::file;
#[cfg(feature = "duckdb-linked")]
use crate::backend::sql::duckdb;
#[cfg(feature = "postgres")]
use crate::backend::sql::postgres;
#[cfg(feature = "sqlite")]
use crate::backend::sql::sqlite;
use crate::{
    backend::{Backend, memory::MemoryStore},
    clock::this_runtime,
    error::{Error, ErrorKind, Result},
    open_options::OpenOptions,
    store::Store,
};

/// Opens a store with the default [`OpenOptions`]:
///
/// | URL | store |
/// |---|---|
/// | `memory:` | in this process's memory, gone with the last clone of the store |
/// | `file:DIR` | files that people can read, in a folder that is made if it is missing (feature `file`); see [`guide::files`](crate::guide::files) |
/// | `disk:DIR` | compressed segments that are only appended to (feature `disk`); see [`guide::segments`](crate::guide::segments) |
/// | `sqlite:PATH` | a SQLite file, made if it is missing (feature `sqlite`); `?mode=rw` makes none, `?mode=ro` only reads |
/// | `sqlite::memory:` | a SQLite database of this store alone, gone with it (feature `sqlite`) |
/// | `sqlite:file:NAME?mode=memory&cache=shared` | a SQLite database in memory that all stores of this process share by name |
/// | `duckdb:PATH` | a DuckDB file, made if it is missing (feature `duckdb` or `duckdb-linked`) |
/// | `duckdb::memory:` | a DuckDB database in memory, of this store alone, gone with it (the same features) |
/// | `postgres://USER:PASSWORD@HOST/DATABASE` | a Postgres database (feature `postgres`) |
///
/// A path is taken as it is, up to a `?`. After that, a `duckdb:` URL takes settings, several of them joined by `&`:
///
/// | setting | meaning | without it |
/// |---|---|---|
/// | `mode=ro`, `mode=rw` | only reads; makes no file. `read_only=true` is `mode=ro` | makes the file and its folders |
/// | `memory_limit=512MB` | the most memory DuckDB uses, or a share of the machine's: `10%` | a quarter of the machine's |
/// | `threads=2` | the most threads one statement uses | the machine's, at most 4 |
/// | `temp_directory=PATH` | where DuckDB puts what does not fit into its memory; nowhere if the path is empty | `PATH.tmp` beside the file; nowhere, in memory |
/// | `external_access=true` | SQL may read and write other files, load extensions and attach databases | it may not |
/// | `lock_configuration=false` | SQL may change DuckDB's settings | it may not |
///
/// A SQLite file is never made again by its store. If it is deleted, moved or replaced while it is open, that is noticed when a
/// connection is made, when the log is moved into the file, and by [`Store::health`]; from then on every operation is
/// [`Io`](ErrorKind::Io), until the file is back.
///
/// A DuckDB path with a backslash, or that of a folder, a pipe or a device, is refused. An attached database is there for all
/// stores on the file.
///
/// A new DuckDB file is its owner's alone (mode 0600), and so are the folders made for it (0700).
///
/// All stores on one DuckDB file in a process share one instance of it, and have to ask for the same settings. Another process
/// that has the file open for writing leaves this one out.
///
/// # Errors
/// [`InvalidInput`](ErrorKind::InvalidInput) for a URL that cannot be understood, for a path of a SQLite database that is not
/// that of a file, and outside of a tokio runtime; [`Unsupported`](ErrorKind::Unsupported) for a backend whose feature is off;
/// [`Connection`](ErrorKind::Connection), [`Auth`](ErrorKind::Auth) and the like if the engine cannot be reached, or if the file
/// is not there and is not to be made; [`Io`](ErrorKind::Io) for a file that cannot be read or made. None shows the URL.
///
/// # Panics
/// In a tokio runtime without timers: its builder needs `enable_time` or `enable_all`.
pub async fn open(url: &str) -> Result<Store> {
    OpenOptions::new().open(url).await
}

impl OpenOptions {
    /// Opens the store, with at least one working connection.
    ///
    /// # Errors
    /// As [`open`], and [`InvalidInput`](ErrorKind::InvalidInput) for settings that are out of bounds, contradict each other, or
    /// are none of the backend's.
    pub async fn open(&self, url: &str) -> Result<Store> {
        self.check()?;
        let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
        if scheme != "memory" {
            this_runtime()?;
        }
        let backend: Arc<dyn Backend> = match scheme {
            "memory" if url == "memory:" => {
                self.require(&[])?;
                Arc::new(MemoryStore::new(self.clock.clone(), self.acquire_timeout, self.long_transaction))
            }
            #[cfg(feature = "file")]
            "file" => Arc::new(file::open(url, self).await?),
            #[cfg(feature = "disk")]
            "disk" => Arc::new(disk::open(url, self).await?),
            #[cfg(feature = "sqlite")]
            "sqlite" => Arc::new(sqlite::open(url, self).await?),
            #[cfg(feature = "postgres")]
            "postgres" | "postgresql" => Arc::new(postgres::open(url, self).await?),
            #[cfg(feature = "duckdb-linked")]
            "duckdb" => Arc::new(duckdb::open(url, self).await?),
            #[cfg(not(feature = "disk"))]
            "disk" => return Err(Error::new(ErrorKind::Unsupported, "build with the feature `disk` for this store")),
            #[cfg(not(feature = "file"))]
            "file" => return Err(Error::new(ErrorKind::Unsupported, "build with the feature `file` for this store")),
            #[cfg(not(feature = "sqlite"))]
            "sqlite" => return Err(Error::new(ErrorKind::Unsupported, "build with the feature `sqlite` for this store")),
            #[cfg(not(feature = "postgres"))]
            "postgres" | "postgresql" => {
                return Err(Error::new(ErrorKind::Unsupported, "build with the feature `postgres` for this store"));
            }
            #[cfg(not(feature = "duckdb-linked"))]
            "duckdb" => return Err(Error::new(ErrorKind::Unsupported, "build with the feature `duckdb` for this store")),
            _ => {
                return Err(Error::new(
                    ErrorKind::InvalidInput,
                    "not the URL of a store; known are `memory:`, `file:FOLDER`, `disk:FOLDER`, `sqlite:PATH`, \
                     `sqlite::memory:`, `duckdb:PATH`, `duckdb::memory:` and `postgres://…`",
                ));
            }
        };
        Ok(Store::from_backend(backend).with_table_prefix(self.table_prefix.clone()))
    }
}
