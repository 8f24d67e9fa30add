//! [`SqlitePool`], the connections of a store: opened when they are needed, up to a limit, and reused.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::task::coop::consume_budget;

use super::{
    checkpoint::{self, Checkpoints},
    connection::SqliteConnection,
    settings::SqliteSettings,
    watch::Mark,
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

pub(super) struct SqlitePool {
    settings: SqliteSettings,
    /// The idle connections. `None` once the store is closed.
    idle: Mutex<Option<Idle>>,
    admission: Admission,
    checkpoints: Checkpoints,
    /// Whether the log begins anew with the next commit, which then waits for the disk.
    begins_log: AtomicBool,
}

/// Connections are boxed because each use of one moves it several times.
#[derive(Default)]
struct Idle {
    /// The connection that wrote last. What it writes does not outdate its own page cache.
    writer: Option<Box<SqliteConnection>>,
    #[expect(clippy::vec_box, reason = "a connection is moved out and in as a pointer")]
    readers: Vec<Box<SqliteConnection>>,
    /// How many connections are open, including those in use.
    open: usize,
    /// Keeps a database in memory alive.
    _anchor: Option<Box<SqliteConnection>>,
}

/// A connection in use. Dropping it closes it.
pub(super) struct SqlitePooledConnection {
    connection: Option<Box<SqliteConnection>>,
    access: Access,
    /// Whether the connection was given back.
    is_given_back: bool,
    pool: Arc<SqlitePool>,
    // Dropped after the connection was given back, so that the next caller finds it.
    _turn: Turn,
}

impl SqlitePool {
    pub(super) fn new(settings: SqliteSettings, first: Vec<SqliteConnection>, size: u32, acquire_timeout: Duration) -> Self {
        let mut idle = Idle::default();
        let mut first = first.into_iter().map(Box::new);
        if settings.url.in_memory {
            idle._anchor = first.next();
        }
        idle.writer = first.next();
        idle.readers = first.collect();
        idle.open = idle.readers.len() + usize::from(idle.writer.is_some());
        Self {
            settings,
            idle: Mutex::new(Some(idle)),
            admission: Admission::new(size, acquire_timeout),
            checkpoints: Checkpoints::default(),
            begins_log: AtomicBool::new(true),
        }
    }

    pub(super) fn settings(&self) -> &SqliteSettings {
        &self.settings
    }

    pub(super) fn checkpoints(&self) -> &Checkpoints {
        &self.checkpoints
    }

    /// Notes that all of the log has been moved. Checks that the file is still the store's.
    pub(super) fn log_was_moved(&self) {
        self.begins_log.store(true, Ordering::Release);
        if let Err(error) = self.settings.look_at_file() {
            tracing::error!(%error, "the log was moved into a file that is not the store's any more");
        }
    }

    pub(super) fn admission(&self) -> &Admission {
        &self.admission
    }

    pub(super) async fn acquire(self: &Arc<Self>, access: Access, mode: AcquireMode) -> Result<SqlitePooledConnection> {
        // What follows may never have to wait, and a task that never waits leaves no turn to others.
        consume_budget().await;
        loop {
            self.settings.check_file()?;
            let turn = self.admission.enter(access, mode).await?;
            self.settings.check_file()?;
            let mut pooled = self.pooled(access, turn)?;
            if pooled.connection.is_some() {
                return Ok(pooled);
            }
            // It is given to the pool by the thread that opens it, and not to this future, which may not be polled when it is
            // open.
            let opening = tokio::task::spawn_blocking(move || pooled.open().map(|()| pooled.give_back()));
            opening.await.map_err(|error| Error::new(ErrorKind::Internal, "opening panicked").with_source(error))??;
        }
    }

    /// The connection for a turn to write. Opens one if none is idle. Blocks.
    pub(super) fn writer(self: &Arc<Self>, turn: Turn) -> Result<SqlitePooledConnection> {
        let mut pooled = self.pooled(Access::Write, turn)?;
        if pooled.connection.is_none() {
            pooled.open()?;
        }
        Ok(pooled)
    }

    /// A connection for a turn. It has no connection yet if one has to be opened.
    fn pooled(self: &Arc<Self>, access: Access, turn: Turn) -> Result<SqlitePooledConnection> {
        let connection = self.lock().as_mut().ok_or_else(closed)?.take(access, self.admission.size());
        Ok(SqlitePooledConnection { connection, access, is_given_back: false, pool: self.clone(), _turn: turn })
    }

    fn lock(&self) -> MutexGuard<'_, Option<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn check_open(&self) -> Result<()> {
        self.admission.check_open()?;
        self.settings.check_file()
    }

    /// The state of the data that a connection's snapshot shows, which it must have taken. Returns `None` if it is not known.
    pub(super) fn seen(&self, connection: &SqliteConnection, before: Mark) -> Result<Option<Mark>> {
        let watch = &self.settings.watch;
        if watch.is_writer(connection.id()) || connection.may_write(None) {
            return Ok(Some(watch.seen(before, connection.id(), connection.data_version()?, false)));
        }
        let mut idle = self.lock();
        let Some(idle) = idle.as_mut() else { return Ok(None) };
        if idle.writer.is_none() {
            // A writer that begins now waits for this lock.
            if self.admission.is_writing() {
                return Ok(watch.seen_beside_writer(before));
            }
            // The connection that wrote last is closed, or reads.
            idle.writer = idle.readers.pop();
        }
        let Some(writer) = &mut idle.writer else { return Ok(None) };
        match writer.briefly(false, &mut SqliteConnection::data_version) {
            Some(version) => Ok(Some(watch.seen(before, writer.id(), version?, true))),
            None => Ok(None),
        }
    }

    /// Waits until all connections have been given back, and closes them.
    pub(super) async fn close(&self) {
        self.admission.close().await;
        let idle = self.lock().take();
        if tokio::task::spawn_blocking(move || drop(idle)).await.is_err() {
            tracing::warn!("the database could not be closed in order");
        }
    }
}

impl Drop for SqlitePool {
    fn drop(&mut self) {
        let idle = self.lock().take();
        drop_elsewhere(idle);
    }
}

impl Idle {
    /// Takes an idle connection. Returns `None` if the caller has to open one, which is counted as open already.
    fn take(&mut self, access: Access, size: usize) -> Option<Box<SqliteConnection>> {
        let kept = match access {
            Access::Read => self.readers.pop(),
            Access::Write => self.writer.take(),
        };
        if kept.is_some() || self.open < size {
            self.open += usize::from(kept.is_none());
            return kept;
        }
        self.readers.pop().or_else(|| self.writer.take())
    }
}

impl SqlitePooledConnection {
    /// Opens the connection. Blocks.
    fn open(&mut self) -> Result<()> {
        self.connection = Some(Box::new(SqliteConnection::open(&self.pool.settings)?));
        Ok(())
    }

    /// Whether the next commit waits for the disk although commits usually do not. Returns `true` once.
    pub(super) fn waits_for_the_next_commit(&self) -> bool {
        !self.pool.settings.url.in_memory && self.pool.begins_log.swap(false, Ordering::AcqRel)
    }

    pub(super) fn connection(&mut self) -> Option<&mut SqliteConnection> {
        self.connection.as_deref_mut()
    }

    pub(super) fn give_back(mut self) {
        let Some(mut connection) = self.connection.take_if(|connection| connection.is_clean()) else { return };
        if connection.take_log_pages() >= checkpoint::CHECKPOINT_PAGES {
            Checkpoints::begin(&self.pool);
        }
        let writes = self.access == Access::Write;
        let is_writer = writes || self.pool.settings.watch.is_writer(connection.id());
        let mut idle = self.pool.lock();
        if writes {
            connection.wrote();
        }
        match idle.as_mut() {
            Some(idle) if is_writer && idle.writer.is_none() => idle.writer = Some(connection),
            Some(idle) => idle.readers.push(connection),
            None => drop_elsewhere(connection),
        }
        drop(idle);
        self.is_given_back = true;
    }
}

impl Drop for SqlitePooledConnection {
    fn drop(&mut self) {
        if self.is_given_back {
            return;
        }
        if let Some(idle) = self.pool.lock().as_mut() {
            idle.open = idle.open.saturating_sub(1);
        }
        if let Some(connection) = self.connection.take() {
            if self.access == Access::Write {
                connection.wrote();
            }
            drop_elsewhere(connection);
        }
    }
}
