//! Opened databases, each file at most once in a process: two instances on one file would destroy it, and DuckDB's own lock keeps
//! out other processes only.

use std::{
    collections::{BTreeMap, HashMap},
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
    catalog::DuckDbCatalogCache,
    error::{classify, is_fatal},
    file,
    settings::DuckDbSettings,
};
use crate::{
    backend::sql::Catalog,
    error::{Error, ErrorKind, Result},
    table::TableIdentity,
};

/// An open database. It is closed, and its log written to the file, when the last holder lets go.
pub(super) struct Instance {
    /// What other connections are made from; `None` only while it is being closed.
    first: Mutex<Option<Connection>>,
    settings: DuckDbSettings,
    /// By which name it is known to the process; a database in memory is not.
    path: Option<PathBuf>,
    /// Whether the engine has given the instance up.
    is_broken: AtomicBool,
    /// Who keeps connections to it, and has to let go of them before it can be opened again.
    holders: Mutex<Vec<Weak<dyn Holder>>>,
    /// The keys of transactions, each locked by the one that has it.
    keys: Mutex<HashMap<Arc<str>, Arc<Turn<()>>>>,
    /// What the database says of the tables of entities.
    catalogs: DuckDbCatalogCache,
    /// How often the schema may have changed.
    changes_of_schema: AtomicU64,
}

/// Keeps connections to an instance that nobody uses.
pub(super) trait Holder: Send + Sync {
    /// Lets go of them, if the instance is of no more use. Blocks.
    fn let_go(&self);
}

/// The files that are open, or about to be opened or closed. One that is here is opened by nobody else.
static FILES: Mutex<BTreeMap<PathBuf, FileState>> = Mutex::new(BTreeMap::new());
static CHANGED: Condvar = Condvar::new();

/// What is known of a file.
#[derive(Clone)]
enum FileState {
    /// Somebody opens it.
    Opening,
    /// It is open, or being closed if nobody holds it any more.
    Open(Weak<Instance>),
}

impl FileState {
    fn is(&self, instance: &Weak<Instance>) -> bool {
        matches!(self, Self::Open(known) if Weak::ptr_eq(known, instance))
    }
}

/// The right to open a file, which ends when this is dropped.
struct Claim {
    path: PathBuf,
    is_open: bool,
}

/// How long the last calls of an instance that the engine gave up are waited for.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Instance {
    /// Opens a database, or finds it open. Blocks.
    pub(super) fn open(place: Option<&Path>, settings: DuckDbSettings) -> Result<Arc<Self>> {
        let Some(place) = place else {
            let first = Connection::open_in_memory_with_flags(settings.config()?).map_err(classify)?;
            settings.apply(&first)?;
            return Ok(Arc::new(Self::new(first, settings, None)));
        };
        let path = file::real_path(place, &settings)?;
        let claim = match find_or_claim(path, &settings)? {
            FileLookup::Open(instance) => return Ok(instance),
            FileLookup::Nothing(claim) => claim,
        };
        // Without the lock: this may take long, and concerns nobody who opens another file.
        let first = file::open(&claim.path, &settings)?;
        let instance = Arc::new(Self::new(first, settings, Some(claim.path.clone())));
        claim.opened_as(&instance);
        Ok(instance)
    }

    fn new(first: Connection, settings: DuckDbSettings, path: Option<PathBuf>) -> Self {
        Self {
            first: Mutex::new(Some(first)),
            settings,
            path,
            is_broken: AtomicBool::new(false),
            holders: Mutex::default(),
            keys: Mutex::default(),
            catalogs: DuckDbCatalogCache::default(),
            changes_of_schema: AtomicU64::new(0),
        }
    }

    pub(super) fn catalog(&self, table: TableIdentity) -> Option<Arc<Catalog>> {
        self.catalogs.get(table)
    }

    /// How often the schema may have changed.
    pub(super) fn changes_of_schema(&self) -> u64 {
        self.changes_of_schema.load(Ordering::Acquire)
    }

    /// Remembers a catalog, if the schema has not changed since it was this often.
    pub(super) fn remember(&self, table: TableIdentity, catalog: Arc<Catalog>, changes_of_schema: u64) {
        self.catalogs.put(table, catalog);
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

    /// Gives the log the permissions of the file.
    pub(super) fn keep_log_private(&self) {
        self.path.iter().for_each(|path| file::keep_log_private(path));
    }

    /// What the instance can be opened again by. What is in memory is gone.
    pub(super) fn place(&self) -> Option<(PathBuf, DuckDbSettings)> {
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
    /// Blocks: the log is written to the file. Until then, nobody else opens it.
    fn drop(&mut self) {
        let Some(path) = self.path.take() else { return };
        drop(lock(&self.first).take());
        forget(&path);
    }
}

impl Claim {
    fn opened_as(mut self, instance: &Arc<Instance>) {
        self.is_open = true;
        lock(&FILES).insert(self.path.clone(), FileState::Open(Arc::downgrade(instance)));
        CHANGED.notify_all();
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if !self.is_open {
            forget(&self.path);
        }
    }
}

fn forget(path: &Path) {
    lock(&FILES).remove(path);
    CHANGED.notify_all();
}

enum FileLookup {
    Open(Arc<Instance>),
    Nothing(Claim),
}

/// Finds a file open, or claims it. Blocks while others open or close it.
fn find_or_claim(path: PathBuf, settings: &DuckDbSettings) -> Result<FileLookup> {
    let mut files = lock(&FILES);
    loop {
        let known = match files.get(&path).cloned() {
            Some(FileState::Open(known)) => known,
            Some(FileState::Opening) => {
                files = CHANGED.wait(files).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            None if files.keys().any(|other| file::is_same(other, &path)) => {
                let message = "the file is open in this process by another name";
                return Err(Error::new(ErrorKind::InvalidInput, message));
            }
            None => {
                files.insert(path.clone(), FileState::Opening);
                return Ok(FileLookup::Nothing(Claim { path, is_open: false }));
            }
        };
        // An instance that nobody holds is about to be closed.
        let instance = known.upgrade();
        let is_held = instance.is_some();
        if let Some(instance) = instance {
            // Never let go of under the lock: who is the last to do so closes it, and takes the lock for that.
            drop(files);
            if !instance.is_broken() {
                return if instance.settings == *settings { Ok(FileLookup::Open(instance)) } else { Err(other_settings()) };
            }
            drop(instance);
            files = lock(&FILES);
        }
        let is_there = |files: &mut BTreeMap<_, FileState>| files.get(&path).is_some_and(|there| there.is(&known));
        let waited = CHANGED.wait_timeout_while(files, CLOSE_TIMEOUT, is_there).unwrap_or_else(PoisonError::into_inner);
        if is_held && waited.1.timed_out() {
            let message = "the engine gave the database up, and a call that still holds it keeps it from being opened again";
            return Err(Error::new(ErrorKind::EngineDown, message));
        }
        files = waited.0;
    }
}

fn other_settings() -> Error {
    Error::new(ErrorKind::InvalidInput, "the file is open in this process with other settings")
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, thread};

    use super::*;

    /// While one file takes long to be opened or closed, others are opened and closed, and the same file waits.
    #[test]
    fn a_file_keeps_nobody_from_another() -> std::result::Result<(), Box<dyn std::error::Error>> {
        let directory = tempfile::tempdir()?;
        let settings = |path: &Path| DuckDbSettings::parse(&format!("duckdb:{}?threads=1", path.display()));
        let (slow, other) = (directory.path().canonicalize()?.join("slow"), directory.path().join("other"));
        let FileLookup::Nothing(claim) = find_or_claim(slow.clone(), &settings(&slow)?.1)? else { unreachable!() };
        let (sender, opened) = mpsc::channel();
        let waiting = settings(&slow)?.1;
        let same = thread::spawn(move || sender.send(Instance::open(Some(&slow), waiting)));
        for _ in 0..2 {
            drop(Instance::open(Some(&other), settings(&other)?.1)?);
        }
        assert!(opened.try_recv().is_err());
        drop(claim);
        drop(opened.recv()??);
        same.join().map_err(|_| "a panic")??;
        Ok(())
    }
}
