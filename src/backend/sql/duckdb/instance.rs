//! Opened databases, each file at most once in a process: two instances on one file would destroy it, and DuckDB's own lock keeps
//! out other processes only.

use std::{
    collections::HashMap,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use duckdb::Connection;
use tokio::sync::{Mutex as Turn, OwnedMutexGuard};

use super::{
    error::{classify, is_fatal},
    settings::Settings,
};
use crate::{
    backend::sql::{Catalog, catalog::Catalogs},
    entity::Storable,
    error::{Error, ErrorKind, Result},
};

/// An open database. It is closed, and its log written to the file, when the last holder lets go.
pub(super) struct Instance {
    /// What other connections are made from; `None` only while it is being closed.
    first: Mutex<Option<Connection>>,
    settings: Settings,
    /// By which name it is known to the process; a database in memory is not.
    path: Option<PathBuf>,
    /// Whether the engine has given the instance up.
    is_broken: AtomicBool,
    /// Who keeps connections to it, and has to let go of them before it can be opened again.
    holders: Mutex<Vec<Weak<dyn Holder>>>,
    /// The keys of transactions, each locked by the one that has it.
    keys: Mutex<HashMap<Arc<str>, Arc<Turn<()>>>>,
    /// What the database says of the tables of entities.
    catalogs: Catalogs,
    /// How often the schema may have changed.
    changes_of_schema: AtomicU64,
}

/// Keeps connections to an instance that nobody uses.
pub(super) trait Holder: Send + Sync {
    /// Lets go of them, if the instance is of no more use. Blocks.
    fn let_go(&self);
}

/// The open files. Locked while one is opened or closed, which keeps a file from being opened before it has been closed.
static OPEN: Mutex<Option<HashMap<PathBuf, Weak<Instance>>>> = Mutex::new(None);
static CLOSED: Condvar = Condvar::new();

/// How long the last calls of an instance that the engine gave up are waited for.
const GIVEN_UP: Duration = Duration::from_secs(1);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Instance {
    /// Opens a database, or finds it open. Blocks.
    pub(super) fn open(place: Option<&Path>, settings: Settings) -> Result<Arc<Self>> {
        let Some(place) = place else {
            let first = Connection::open_in_memory_with_flags(settings.config()?).map_err(classify)?;
            settings.apply(&first)?;
            return Ok(Arc::new(Self::new(first, settings, None)));
        };
        let path = real_path(place, &settings)?;
        let mut open = lock(&OPEN);
        loop {
            let files = open.get_or_insert_default();
            let Some(known) = files.get(&path).cloned() else {
                if files.keys().any(|other| is_same_file(other, &path)) {
                    let message = "the file is open in this process by another name";
                    return Err(Error::new(ErrorKind::InvalidInput, message));
                }
                let first = open_file(&path, &settings)?;
                let instance = Arc::new(Self::new(first, settings, Some(path.clone())));
                open.get_or_insert_default().insert(path, Arc::downgrade(&instance));
                return Ok(instance);
            };
            // An instance that nobody holds is about to be closed.
            let instance = known.upgrade();
            let is_held = instance.is_some();
            if let Some(instance) = instance {
                // Never let go of under the lock: who is the last to do so closes it, and takes the lock for that.
                drop(open);
                if !instance.is_broken() {
                    return if instance.settings == settings { Ok(instance) } else { Err(other_settings()) };
                }
                drop(instance);
                open = lock(&OPEN);
            }
            let is_there = |open: &mut Option<HashMap<_, Weak<Self>>>| {
                let files = open.as_ref();
                files.and_then(|files| files.get(&path)).is_some_and(|there| Weak::ptr_eq(there, &known))
            };
            let waited = CLOSED.wait_timeout_while(open, GIVEN_UP, is_there).unwrap_or_else(PoisonError::into_inner);
            if is_held && waited.1.timed_out() {
                let message = "the engine gave the database up, and a call that still holds it keeps it from being opened again";
                return Err(Error::new(ErrorKind::EngineDown, message));
            }
            open = waited.0;
        }
    }

    fn new(first: Connection, settings: Settings, path: Option<PathBuf>) -> Self {
        Self {
            first: Mutex::new(Some(first)),
            settings,
            path,
            is_broken: AtomicBool::new(false),
            holders: Mutex::default(),
            keys: Mutex::default(),
            catalogs: Catalogs::default(),
            changes_of_schema: AtomicU64::new(0),
        }
    }

    pub(super) fn catalog<E: Storable>(&self) -> Option<Arc<Catalog>> {
        self.catalogs.get::<E>()
    }

    /// How often the schema may have changed.
    pub(super) fn changes_of_schema(&self) -> u64 {
        self.changes_of_schema.load(Ordering::Acquire)
    }

    /// Remembers a catalog, if the schema has not changed since it was this often.
    pub(super) fn remember<E: Storable>(&self, catalog: Arc<Catalog>, changes_of_schema: u64) {
        self.catalogs.put::<E>(catalog);
        if self.changes_of_schema() != changes_of_schema {
            self.catalogs.forget();
        }
    }

    pub(super) fn forget_catalogs(&self) {
        self.changes_of_schema.fetch_add(1, Ordering::AcqRel);
        self.catalogs.forget();
    }

    /// Waits until nobody has a key.
    pub(super) async fn claim(&self, key: &str) -> OwnedMutexGuard<()> {
        let turn = {
            let mut keys = lock(&self.keys);
            keys.retain(|_, turn| Arc::strong_count(turn) > 1);
            keys.entry(key.into()).or_default().clone()
        };
        turn.lock_owned().await
    }

    pub(super) fn add_holder(&self, holder: Weak<dyn Holder>) {
        let mut holders = lock(&self.holders);
        holders.retain(|holder| holder.strong_count() > 0);
        holders.push(holder);
    }

    /// Makes all who keep connections that nobody uses let go of them. Blocks.
    pub(super) fn release(&self) {
        let holders = std::mem::take(&mut *lock(&self.holders));
        holders.iter().filter_map(Weak::upgrade).for_each(|holder| holder.let_go());
    }

    pub(super) fn is_broken(&self) -> bool {
        self.is_broken.load(Ordering::Acquire)
    }

    /// Notes what an error tells of the instance.
    pub(super) fn note(&self, error: &Error) {
        if matches!(error.code(), Some("Binder" | "Catalog")) {
            self.forget_catalogs();
        }
        if is_fatal(error) && !self.is_broken.swap(true, Ordering::AcqRel) {
            tracing::error!(%error, "the engine gave the database up");
        }
    }

    /// Gives the log the permissions of the file: DuckDB makes it anew after every checkpoint, with those of the process.
    #[cfg(unix)]
    pub(super) fn keep_log_private(&self) {
        let Some(path) = &self.path else { return };
        let mut log = path.clone().into_os_string();
        log.push(".wal");
        let (Ok(file), Ok(of_log)) = (fs::metadata(path), fs::metadata(&log)) else { return };
        if file.permissions() != of_log.permissions()
            && let Err(error) = fs::set_permissions(&log, file.permissions())
        {
            tracing::warn!(%error, "the log keeps other permissions than the file");
        }
    }

    #[cfg(not(unix))]
    pub(super) fn keep_log_private(&self) {}

    /// What the instance can be opened again by. What is in memory is gone.
    pub(super) fn place(&self) -> Option<(PathBuf, Settings)> {
        Some((self.path.clone()?, self.settings.clone()))
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

fn other_settings() -> Error {
    Error::new(ErrorKind::InvalidInput, "the file is open in this process with other settings")
}

/// The path that every name of the file leads to, whose folders exist from now on.
fn real_path(place: &Path, settings: &Settings) -> Result<PathBuf> {
    let failed = |error| Error::new(ErrorKind::Connection, "the file cannot be opened or made").with_source(error);
    if let Ok(path) = place.canonicalize() {
        return Ok(path);
    }
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
    make_private_folders(folder).map_err(failed)?;
    Ok(folder.canonicalize().map_err(failed)?.join(name))
}

fn open_file(path: &Path, settings: &Settings) -> Result<Connection> {
    let is_new = !path.exists();
    let connection = Connection::open_with_flags(path, settings.config()?).map_err(classify)?;
    settings.apply(&connection)?;
    if is_new {
        make_private(path).map_err(|error| Error::new(ErrorKind::Io, "the new file's permissions").with_source(error))?;
    }
    // DuckDB syncs the file, not the folder it is named in.
    if is_new && let Some(folder) = path.parent().filter(|_| cfg!(unix)) {
        let synced = File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(|error| Error::new(ErrorKind::Io, "the new file's folder").with_source(error))?;
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

/// Whether two names are of one file. A link of that kind has a log of its own.
#[cfg(unix)]
fn is_same_file(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;

    let id = |path: &Path| fs::metadata(path).ok().map(|file| (file.dev(), file.ino()));
    id(one).is_some_and(|one| Some(one) == id(other))
}

#[cfg(not(unix))]
fn is_same_file(_: &Path, _: &Path) -> bool {
    false
}
