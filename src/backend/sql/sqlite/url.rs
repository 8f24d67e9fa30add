//! [`SqliteUrl`], what a `sqlite:` URL says.

use std::path::{self, PathBuf};

use rusqlite::OpenFlags;

use crate::{
    error::{Error, ErrorKind, Result},
    id::new_id,
    parameter::{unfit, unknown},
};

/// The parameters of a URL.
const PARAMETERS: [&str; 2] = ["mode", "cache"];

/// Where a database is, and how it is to be opened.
#[derive(Clone, Debug)]
pub(super) struct SqliteUrl {
    pub(super) name: PathBuf,
    pub(super) flags: OpenFlags,
    pub(super) in_memory: bool,
    /// Whether connections lock the cache that they share with others of the process, or of the store.
    pub(super) shares_cache: bool,
    /// Whether only the store knows the name.
    pub(super) is_private: bool,
    pub(super) read_only: bool,
}

impl SqliteUrl {
    pub(super) fn parse(url: &str) -> Result<Self> {
        let place = url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:")).unwrap_or_default();
        let (path, parameters) = place.split_once('?').unwrap_or((place, ""));
        let (mut in_memory, mut read_only, mut create, mut shared) = (false, false, true, false);
        for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
            match parameter {
                "mode=memory" => (in_memory, shared) = (true, true),
                "mode=ro" => (read_only, create) = (true, false),
                "mode=rw" => create = false,
                "mode=rwc" | "cache=private" => {}
                "cache=shared" => shared = true,
                other => {
                    let (name, _) = other.split_once('=').unwrap_or_default();
                    let is_known = PARAMETERS.contains(&name);
                    return Err(if is_known { unfit("sqlite", name) } else { unknown("sqlite", name, &PARAMETERS) });
                }
            }
        }
        let name = match path {
            "" => {
                let message = "a `sqlite:` URL without a path; `sqlite::memory:` is a database in memory";
                return Err(Error::new(ErrorKind::InvalidInput, message));
            }
            // A name of its own lets a second connection reach the database, and no other store.
            ":memory:" => {
                (in_memory, shared) = (true, true);
                format!("file:larder-{}", new_id())
            }
            path if path.starts_with("file::memory:") => {
                let message =
                    "a database in memory is `sqlite::memory:`, or `sqlite:file:NAME?mode=memory&cache=shared` to share it";
                return Err(Error::new(ErrorKind::InvalidInput, message));
            }
            // Only such a name reaches the same database from every connection.
            path if in_memory && !path.starts_with("file:") => format!("file:{path}"),
            path if path.starts_with("file:") && !in_memory => {
                let message = "a `sqlite:` URL with `file:` in front of its path; a file is `sqlite:PATH`";
                return Err(Error::new(ErrorKind::InvalidInput, message));
            }
            path => path.to_owned(),
        };
        if shared && !in_memory {
            return Err(Error::new(ErrorKind::InvalidInput, "only a database in memory has a cache to share"));
        }
        let mut flags = OpenFlags::SQLITE_OPEN_NO_MUTEX;
        flags |= match (read_only, create) {
            (true, _) => OpenFlags::SQLITE_OPEN_READ_ONLY,
            (false, true) => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
            (false, false) => OpenFlags::SQLITE_OPEN_READ_WRITE,
        };
        if in_memory {
            flags |= OpenFlags::SQLITE_OPEN_MEMORY | OpenFlags::SQLITE_OPEN_URI;
        }
        flags |= if shared { OpenFlags::SQLITE_OPEN_SHARED_CACHE } else { OpenFlags::SQLITE_OPEN_PRIVATE_CACHE };
        let is_private = path == ":memory:";
        let name = if in_memory { name.into() } else { absolute(&name)? };
        Ok(Self { name, flags, in_memory, shares_cache: shared, is_private, read_only })
    }
}

/// The path of a file, which stays the same if the process goes to another folder.
fn absolute(path: &str) -> Result<PathBuf> {
    path::absolute(path).map_err(|error| Error::new(ErrorKind::Io, "the folder of this process is not known").with_source(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_does_not_depend_on_where_the_process_goes() -> Result<()> {
        let here = absolute("x.db")?;
        assert!(here.is_absolute());
        for url in ["sqlite:x.db", "sqlite://x.db", "sqlite:./x.db?mode=rw"] {
            assert_eq!(SqliteUrl::parse(url)?.name, here, "{url}");
        }
        assert_eq!(SqliteUrl::parse("sqlite:///tmp/x.db")?.name, PathBuf::from("/tmp/x.db"));
        assert_eq!(SqliteUrl::parse("sqlite:file:x?mode=memory")?.name, PathBuf::from("file:x"));
        Ok(())
    }
}
