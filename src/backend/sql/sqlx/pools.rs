//! Which pool a caller takes its connections from.
//!
//! A socket belongs to the runtime in which it was opened: nothing arrives on it while nobody drives that runtime, and it breaks
//! when the runtime ends. So the first pool of a store serves one runtime only. As soon as a caller comes from another runtime,
//! every caller takes connections of a second pool instead. Its sockets belong to a runtime of the store's own, which a thread of
//! the store drives. That costs a switch between threads for each answer, and the thread is not there as long as the store is
//! used in one runtime.

use std::{io, sync::OnceLock, thread};

use sqlx::Pool;
use tokio::{
    runtime::{Builder, Handle, Id},
    sync::oneshot,
};

use super::{flavor::Flavor, guard::CLEANUP_TIMEOUT};
use crate::{
    clock::{this_runtime, within},
    error::{Error, ErrorKind, Result},
};

pub(crate) struct Pools<F: Flavor> {
    first: Pool<F::Db>,
    /// Whether nobody but the store uses the first pool.
    is_own: bool,
    /// The runtime that the first pool serves.
    home: OnceLock<Id>,
    shared: OnceLock<SharedPool<F>>,
}

/// The pool that serves callers in any runtime.
struct SharedPool<F: Flavor> {
    pool: Pool<F::Db>,
    runtime: Handle,
    /// The thread that drives the runtime ends when this is dropped.
    _driven_until: oneshot::Sender<()>,
}

impl<F: Flavor> Pools<F> {
    /// The pool serves the first runtime in which it is used; or the one in which the store is made, if there may be connections
    /// of it already.
    pub(crate) fn new(first: Pool<F::Db>, is_own: bool) -> Self {
        let has_some = !is_own || first.options().get_min_connections() > 0;
        let home = Handle::try_current().ok().filter(|_| has_some).map(|here| OnceLock::from(here.id()));
        Self { first, is_own, home: home.unwrap_or_default(), shared: OnceLock::new() }
    }

    /// The first pool. All pools have the same options.
    pub(super) fn first(&self) -> &Pool<F::Db> {
        &self.first
    }

    /// The pool for a caller in this runtime, and the runtime that its connections belong to.
    pub(super) fn current(&self) -> Result<(&Pool<F::Db>, Handle)> {
        let here = this_runtime()?;
        if let Some(shared) = self.shared.get() {
            return Ok((&shared.pool, shared.runtime.clone()));
        }
        if !F::BELONGS_TO_RUNTIME || *self.home.get_or_init(|| here.id()) == here.id() {
            return Ok((&self.first, here));
        }
        let shared = self.share()?;
        Ok((&shared.pool, shared.runtime.clone()))
    }

    /// Whether callers have been given another pool than this since it was asked for.
    pub(super) fn has_replaced(&self, pool: &Pool<F::Db>) -> bool {
        !self.is_closed() && pool.is_closed()
    }

    fn share(&self) -> Result<&SharedPool<F>> {
        if self.first.is_closed() {
            return Err(Error::new(ErrorKind::Closed, ""));
        }
        let made = SharedPool::new(&self.first).map_err(|error| {
            Error::new(ErrorKind::ResourceExhausted, "the thread for connections that several runtimes share").with_source(error)
        })?;
        let shared = self.shared.get_or_init(|| made);
        if self.is_own {
            tracing::debug!(
                "the store is used in a second runtime, and its connections belong to a thread of its own from now on"
            );
            let first = self.first.clone();
            shared.runtime.spawn(async move { first.close().await });
        }
        Ok(shared)
    }

    pub(super) fn is_closed(&self) -> bool {
        match self.shared.get() {
            Some(shared) => shared.pool.is_closed() || (!self.is_own && self.first.is_closed()),
            None => self.first.is_closed(),
        }
    }

    pub(super) async fn close(&self) {
        if let Some(shared) = self.shared.get() {
            shared.pool.close().await;
        }
        let is_home = Handle::try_current().is_ok_and(|here| self.home.get().is_none_or(|home| *home == here.id()));
        if is_home || !F::BELONGS_TO_RUNTIME {
            return self.first.close().await;
        }
        // What is in use in a runtime that nobody drives does not come back.
        if within(CLEANUP_TIMEOUT, self.first.close(), ErrorKind::Connection, "").await.is_err() {
            tracing::debug!("connections that another runtime has are closed when they are given back");
        }
    }
}

impl<F: Flavor> SharedPool<F> {
    fn new(first: &Pool<F::Db>) -> io::Result<Self> {
        let driven = Builder::new_current_thread().enable_all().build()?;
        let runtime = driven.handle().clone();
        let (_driven_until, ends) = oneshot::channel::<()>();
        thread::Builder::new().name("larder-connections".to_owned()).spawn(move || drop(driven.block_on(ends)))?;
        let inside = runtime.enter();
        let pool = first.options().clone().connect_lazy_with(first.connect_options().as_ref().clone());
        drop(inside);
        Ok(Self { pool, runtime, _driven_until })
    }
}
