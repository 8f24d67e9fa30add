//! The files of a database: which one a path means, and what is made of a new one.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use duckdb::Connection;

use super::{error::classify, settings::DuckDbSettings};
use crate::error::{Error, ErrorKind, Result};

/// What DuckDB adds to the name of a file for the names of its logs.
const LOGS: [&str; 3] = [".wal", ".wal.checkpoint", ".wal.recovery"];

/// The path that every name of the file leads to, whose folders exist from now on.
///
/// # Errors
/// [`InvalidInput`](ErrorKind::InvalidInput) if DuckDB would open another path, or if there is something that is no regular file:
/// reading a pipe or a device may never end.
pub(super) fn real_path(place: &Path, settings: &DuckDbSettings) -> Result<PathBuf> {
    check_separators(place)?;
    let path = match place.canonicalize() {
        Ok(path) => path,
        Err(error) if error.kind() == io::ErrorKind::NotFound => new_path(place, settings)?,
        Err(error) => return Err(failed(error, "the path of the file cannot be followed")),
    };
    check_separators(&path)?;
    check_regular(&path)?;
    LOGS.iter().try_for_each(|suffix| check_regular(&beside(&path, suffix)))?;
    Ok(path)
}

/// The path of a file that does not exist yet.
fn new_path(place: &Path, settings: &DuckDbSettings) -> Result<PathBuf> {
    if place.symlink_metadata().is_ok() {
        // DuckDB would make the file, and keep its log beside the link, where nobody finds it again.
        return Err(Error::new(ErrorKind::Connection, "the path is a link that leads to no file"));
    }
    let name =
        place.file_name().ok_or_else(|| Error::new(ErrorKind::InvalidInput, "a `duckdb:` URL whose path names no file"))?;
    if !settings.creates() {
        return Err(Error::new(ErrorKind::Connection, "the file does not exist"));
    }
    let folder = place.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let made = make_private_folders(folder).and_then(|()| folder.canonicalize());
    Ok(made.map_err(|error| failed(error, "the folder of the file cannot be made"))?.join(name))
}

fn failed(error: io::Error, message: &'static str) -> Error {
    Error::new(ErrorKind::Io, message).with_source(error)
}

/// Refuses a path with a backslash, which DuckDB takes for a separator on every system.
pub(super) fn check_separators(path: &Path) -> Result<()> {
    if cfg!(unix) && path.as_os_str().as_encoded_bytes().contains(&b'\\') {
        let message = "a path with a backslash, which DuckDB takes for the separator of folders";
        return Err(Error::new(ErrorKind::InvalidInput, message));
    }
    Ok(())
}

fn check_regular(path: &Path) -> Result<()> {
    match fs::metadata(path) {
        Ok(found) if found.is_file() => Ok(()),
        Ok(_) => {
            Err(Error::new(ErrorKind::InvalidInput, "the path, or that of its log, leads to something that is no regular file"))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(failed(error, "the file cannot be examined")),
    }
}

/// The path of a file whose name begins with that of another.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.to_owned().into_os_string();
    path.push(suffix);
    path.into()
}

/// Opens the file of a real path. Blocks.
pub(super) fn open(path: &Path, settings: &DuckDbSettings) -> Result<Connection> {
    let is_new = !path.exists();
    let connection = Connection::open_with_flags(path, settings.config()?).map_err(classify)?;
    settings.apply(&connection)?;
    if is_new {
        make_private(path).map_err(|error| failed(error, "the new file's permissions"))?;
    }
    // DuckDB syncs the file, not the folder it is named in.
    if is_new && let Some(folder) = path.parent().filter(|_| cfg!(unix)) {
        let synced = File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(|error| failed(error, "the new file's folder"))?;
    }
    Ok(connection)
}

/// Makes folders that only their owner may look into.
fn make_private_folders(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}

/// Lets only the owner read a new file. By its name: opening and closing it would release DuckDB's lock.
#[cfg(unix)]
fn make_private(path: &Path) -> io::Result<()> {
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600))
}

#[cfg(not(unix))]
fn make_private(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Gives the log the permissions of the file: DuckDB makes it anew after every checkpoint, with those of the process.
#[cfg(unix)]
pub(super) fn keep_log_private(path: &Path) {
    let log = beside(path, ".wal");
    let (Ok(file), Ok(of_log)) = (fs::metadata(path), fs::metadata(&log)) else { return };
    if file.permissions() != of_log.permissions()
        && let Err(error) = fs::set_permissions(&log, file.permissions())
    {
        tracing::warn!(%error, "the log keeps other permissions than the file");
    }
}

#[cfg(not(unix))]
pub(super) fn keep_log_private(_: &Path) {}

/// Whether two names are of one file. A link of that kind has a log of its own.
#[cfg(unix)]
pub(super) fn is_same(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;

    let id = |path: &Path| fs::metadata(path).ok().map(|file| (file.dev(), file.ino()));
    id(one).is_some_and(|one| Some(one) == id(other))
}

#[cfg(not(unix))]
pub(super) fn is_same(_: &Path, _: &Path) -> bool {
    false
}
