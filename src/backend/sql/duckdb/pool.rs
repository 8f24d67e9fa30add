//! [`DuckDbPool`], the connections of a store: opened when they are needed, up to a limit, and reused.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use duckdb::Connection;

use super::{
    instance::{Holder, Instance},
    settings::DuckDbSettings,
};
use crate::{
    backend::{
        admission::{Admission, closed},
        sql::blocking::drop_elsewhere,
        turns::Turn,
    },
    context::Access,
    error::{Error, ErrorKind, Result},
    transaction::AcquireMode,
};

pub(super) struct DuckDbPool {
    shared: Arc<DuckDbPoolInner>,
    admission: Admission,
}

struct DuckDbPoolInner {
    /// The idle connections, and the database. `None` once the store is closed.
    open: Mutex<Option<DuckDbPoolState>>,
}

struct DuckDbPoolState {
    // Before the instance: a database is closed when its last connection is.
    idle: Vec<Connection>,
    /// `None` while it is being reopened.
    instance: Option<Arc<Instance>>,
    /// Where to reopen it.
    place: Option<(PathBuf, DuckDbSettings)>,
}

/// What is left of a broken instance.
struct Broken {
    // Before the instance.
    _idle: Vec<Connection>,
    instance: Option<Arc<Instance>>,
}

impl Holder for DuckDbPoolInner {
    fn let_go(&self) {
        let broken = self.take_broken();
        drop(broken);
    }
}

/// A connection in use. Dropping it closes it.
pub(super) struct DuckDbPooledConnection {
    // In this order: the connection, then the database, then the place in the pool.
    pub(super) connection: Connection,
    instance: Arc<Instance>,
    shared: Arc<DuckDbPoolInner>,
    _turn: Turn,
}

impl DuckDbPool {
    pub(super) fn new(instance: Arc<Instance>, size: u32, acquire_timeout: Duration) -> Self {
        let place = instance.place();
        let open = DuckDbPoolState { idle: Vec::new(), instance: Some(instance.clone()), place };
        let shared = Arc::new(DuckDbPoolInner { open: Mutex::new(Some(open)) });
        instance.add_holder(Arc::<DuckDbPoolInner>::downgrade(&shared));
        Self { shared, admission: Admission::new(size, acquire_timeout) }
    }

    pub(super) async fn acquire(&self, mode: AcquireMode) -> Result<DuckDbPooledConnection> {
        // To DuckDB, several may write at a time.
        let turn = self.admission.enter(Access::Read, mode).await?;
        self.mend().await?;
        let (idle, instance) = self.shared.take()?;
        let connection = match idle {
            Some(connection) => connection,
            None => instance.connect()?,
        };
        Ok(DuckDbPooledConnection { connection, instance, shared: self.shared.clone(), _turn: turn })
    }

    /// Reopens a file whose instance is broken, once nothing holds the old instance.
    async fn mend(&self) -> Result<()> {
        let Some((broken, (path, settings))) = self.shared.take_broken() else { return Ok(()) };
        let shared = self.shared.clone();
        let reopen = move || {
            if let Some(instance) = &broken.instance {
                instance.release();
            }
            drop(broken);
            let instance = Instance::open(Some(&path), settings)?;
            instance.add_holder(Arc::<DuckDbPoolInner>::downgrade(&shared));
            if let Some(open) = shared.lock().as_mut() {
                open.instance = Some(instance);
            }
            tracing::info!("the database is open again");
            Ok(())
        };
        let reopened = tokio::task::spawn_blocking(reopen).await;
        reopened.map_err(|error| Error::new(ErrorKind::Internal, "opening panicked").with_source(error))?
    }

    pub(super) fn admission(&self) -> &Admission {
        &self.admission
    }

    #[cfg(test)]
    pub(super) fn instance(&self) -> Option<Arc<Instance>> {
        self.shared.lock().as_ref()?.instance.clone()
    }

    /// Waits until all connections have been given back, and closes them.
    pub(super) async fn close(&self) {
        self.admission.close().await;
        let open = self.shared.lock().take();
        if tokio::task::spawn_blocking(move || drop(open)).await.is_err() {
            tracing::warn!("the database could not be closed in order");
        }
    }
}

impl Drop for DuckDbPool {
    fn drop(&mut self) {
        drop_elsewhere(self.shared.lock().take());
    }
}

impl DuckDbPoolInner {
    fn lock(&self) -> MutexGuard<'_, Option<DuckDbPoolState>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Result<(Option<Connection>, Arc<Instance>)> {
        let mut open = self.lock();
        let open = open.as_mut().ok_or_else(closed)?;
        let instance =
            open.instance.clone().ok_or_else(|| Error::new(ErrorKind::EngineDown, "the database is being opened again"))?;
        Ok((open.idle.pop(), instance))
    }

    /// Takes out a broken instance, and where to reopen it. Returns `None` if the instance works, or cannot be reopened.
    fn take_broken(&self) -> Option<(Broken, (PathBuf, DuckDbSettings))> {
        let mut open = self.lock();
        let open = open.as_mut()?;
        if open.instance.as_ref().is_some_and(|instance| !instance.is_broken()) {
            return None;
        }
        let place = open.place.clone()?;
        Some((Broken { _idle: std::mem::take(&mut open.idle), instance: open.instance.take() }, place))
    }
}

impl DuckDbPooledConnection {
    pub(super) fn give_back(self) {
        match self.shared.lock().as_mut() {
            Some(open) if !self.instance.is_broken() => open.idle.push(self.connection),
            _ => drop_elsewhere((self.connection, self.instance)),
        }
    }

    /// Closes the connection.
    pub(super) fn close(self) {
        drop_elsewhere((self.connection, self.instance));
    }

    pub(super) fn instance(&self) -> &Arc<Instance> {
        &self.instance
    }

    pub(super) fn keep_log_private(&self) {
        self.instance.keep_log_private();
    }

    pub(super) fn note(&self, error: &Error) {
        self.instance.note(error);
    }
}
