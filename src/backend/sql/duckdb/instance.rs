//! Opened databases, each file at most once in a process: two instances on one file would destroy it, and DuckDB's own lock keeps
//! out other processes only.

use std::{
    collections::HashMap,
    fs::{self, File},
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak},
};

use duckdb::Connection;

use super::{error::classify, settings::Settings};
use crate::error::{Error, ErrorKind, Result};

/// An open database. It is closed, and its log written to the file, when the last holder lets go.
pub(super) struct Instance {
    /// What other connections are made from; `None` only while it is being closed.
    first: Mutex<Option<Connection>>,
    settings: Settings,
    /// By which name it is known to the process; a database in memory is not.
    path: Option<PathBuf>,
}

/// The open files. Locked while one is opened or closed, which keeps a file from being opened before it has been closed.
static OPEN: Mutex<Option<HashMap<PathBuf, Weak<Instance>>>> = Mutex::new(None);
static CLOSED: Condvar = Condvar::new();

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Instance {
    /// Opens a database, or finds it open. Blocks.
    pub(super) fn open(place: Option<&Path>, settings: Settings) -> Result<Arc<Self>> {
        let Some(place) = place else {
            let first = Connection::open_in_memory_with_flags(settings.config()?).map_err(classify)?;
            return Ok(Arc::new(Self { first: Mutex::new(Some(first)), settings, path: None }));
        };
        let path = real_path(place, &settings)?;
        let mut open = lock(&OPEN);
        loop {
            let files = open.get_or_insert_default();
            match files.get(&path).map(Weak::upgrade) {
                Some(Some(instance)) if instance.settings == settings => return Ok(instance),
                Some(Some(_)) => {
                    let message = "the file is open in this process with other settings";
                    return Err(Error::new(ErrorKind::InvalidInput, message));
                }
                // Its last holder has let go and is about to close it.
                Some(None) => open = CLOSED.wait(open).unwrap_or_else(PoisonError::into_inner),
                None => {
                    let first = open_file(&path, &settings)?;
                    let instance = Arc::new(Self { first: Mutex::new(Some(first)), settings, path: Some(path.clone()) });
                    files.insert(path, Arc::downgrade(&instance));
                    return Ok(instance);
                }
            }
        }
    }

    /// A further connection. Takes some ten microseconds.
    pub(super) fn connect(&self) -> Result<Connection> {
        match lock(&self.first).as_ref() {
            Some(first) => first.try_clone().map_err(classify),
            None => Err(Error::new(ErrorKind::Closed, "")),
        }
    }
}

impl Drop for Instance {
    /// Blocks: the log is written to the file.
    fn drop(&mut self) {
        let Some(path) = self.path.take() else { return };
        let mut open = lock(&OPEN);
        drop(lock(&self.first).take());
        open.get_or_insert_default().remove(&path);
        CLOSED.notify_all();
    }
}

/// The path that every name of the file leads to, whose folders exist from now on.
fn real_path(place: &Path, settings: &Settings) -> Result<PathBuf> {
    let failed = |error| Error::new(ErrorKind::Connection, "the file cannot be opened or made").with_source(error);
    if let Ok(path) = place.canonicalize() {
        return Ok(path);
    }
    let name =
        place.file_name().ok_or_else(|| Error::new(ErrorKind::InvalidInput, "a `duckdb:` URL whose path names no file"))?;
    if !settings.creates() {
        return Err(Error::new(ErrorKind::Connection, "the file does not exist"));
    }
    let folder = place.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(failed)?;
    Ok(folder.canonicalize().map_err(failed)?.join(name))
}

fn open_file(path: &Path, settings: &Settings) -> Result<Connection> {
    let is_new = !path.exists();
    let connection = Connection::open_with_flags(path, settings.config()?).map_err(classify)?;
    // DuckDB syncs the file, not the folder it is named in.
    if is_new && let Some(folder) = path.parent().filter(|_| cfg!(unix)) {
        let synced = File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(|error| Error::new(ErrorKind::Io, "the new file's folder").with_source(error))?;
    }
    Ok(connection)
}
