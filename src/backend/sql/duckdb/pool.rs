//! The connections of a store: a bounded number, made when they are needed and kept for the next who needs one.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use duckdb::Connection;
use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore},
};

use super::instance::Instance;
use crate::{
    clock::within,
    context::Patience,
    error::{Error, ErrorKind, Result},
};

pub(super) struct Pool {
    shared: Arc<Shared>,
    permits: Arc<Semaphore>,
    size: u32,
    is_closed: AtomicBool,
    acquire_timeout: Duration,
}

struct Shared {
    /// The connections that nobody uses, and the database. `None` once the store is closed.
    open: Mutex<Option<Open>>,
}

struct Open {
    // Before the instance: a database is closed when its last connection is.
    idle: Vec<Connection>,
    instance: Arc<Instance>,
}

/// A connection in use. Dropping it closes it.
pub(super) struct Pooled {
    // In this order: the connection, then the database, then the place in the pool.
    pub(super) connection: Connection,
    instance: Arc<Instance>,
    shared: Arc<Shared>,
    _permit: OwnedSemaphorePermit,
}

impl Pool {
    pub(super) fn new(instance: Arc<Instance>, size: u32, acquire_timeout: Duration) -> Self {
        let shared = Arc::new(Shared { open: Mutex::new(Some(Open { idle: Vec::new(), instance })) });
        let permits = Arc::new(Semaphore::new(size as usize));
        Self { shared, permits, size, is_closed: AtomicBool::new(false), acquire_timeout }
    }

    pub(super) async fn acquire(&self, patience: Patience) -> Result<Pooled> {
        self.check_open()?;
        let permits = self.permits.clone();
        let permit = match patience {
            Patience::None => permits.try_acquire_owned().map_err(|_| nested_acquire())?,
            Patience::Timeout => {
                let waiting = permits.acquire_owned();
                let permit = within(self.acquire_timeout, waiting, ErrorKind::PoolTimeout, "all connections were in use").await?;
                permit.map_err(|_| closed())?
            }
        };
        self.check_open()?;
        let (idle, instance) = self.shared.take()?;
        let connection = match idle {
            Some(connection) => connection,
            None => instance.connect()?,
        };
        Ok(Pooled { connection, instance, shared: self.shared.clone(), _permit: permit })
    }

    pub(super) fn size(&self) -> u32 {
        self.size
    }

    pub(super) fn instance(&self) -> Option<Arc<Instance>> {
        self.shared.lock().as_ref().map(|open| open.instance.clone())
    }

    fn check_open(&self) -> Result<()> {
        if self.is_closed.load(Ordering::Acquire) { Err(closed()) } else { Ok(()) }
    }

    /// Waits for the connections in use, and closes all.
    pub(super) async fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
        let Ok(_all) = self.permits.acquire_many(self.size).await else { return };
        self.permits.close();
        let open = self.shared.lock().take();
        if tokio::task::spawn_blocking(move || drop(open)).await.is_err() {
            tracing::warn!("the database could not be closed in order");
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        drop_elsewhere(self.shared.lock().take());
    }
}

/// Closing the last connection writes the log to the file, which a thread of the runtime must not wait for.
fn drop_elsewhere<T: Send + 'static>(what: T) {
    match Handle::try_current() {
        Ok(runtime) => drop(runtime.spawn_blocking(move || drop(what))),
        Err(_) => drop(what),
    }
}

fn closed() -> Error {
    Error::new(ErrorKind::Closed, "")
}

fn nested_acquire() -> Error {
    Error::new(ErrorKind::NestedAcquire, "the surrounding transaction may be what keeps a second connection from being free")
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Option<Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Result<(Option<Connection>, Arc<Instance>)> {
        let mut open = self.lock();
        let open = open.as_mut().ok_or_else(closed)?;
        Ok((open.idle.pop(), open.instance.clone()))
    }
}

impl Pooled {
    pub(super) fn give_back(self) {
        match self.shared.lock().as_mut() {
            Some(open) => open.idle.push(self.connection),
            None => drop_elsewhere((self.connection, self.instance)),
        }
    }
}
