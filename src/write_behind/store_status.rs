//! [`StoreStatus`], whether a queue can write to its store.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{
    clock::{Moment, this_moment},
    error::{Error, ErrorKind},
    health::{HealthCheck, HealthStatus},
};

/// How many attempts in a row have to fail before the store counts as down.
const FAILURES_UNTIL_DOWN: u32 = 3;

/// The least time between two warnings that there is no room.
const WARNING_INTERVAL: Duration = Duration::from_secs(10);

/// Whether a queue can write to its store.
#[derive(Debug, Default)]
pub(super) struct StoreStatus(Mutex<StoreStatusInner>);

#[derive(Debug, Default)]
struct StoreStatusInner {
    /// Attempts in a row that failed for the store's fault, and the last of those faults.
    failures: u32,
    fault: Option<Error>,
    /// How many models were not accepted since the last warning, and when that was.
    rejected: usize,
    warned: Option<Moment>,
}

impl StoreStatus {
    fn inner(&self) -> MutexGuard<'_, StoreStatusInner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An attempt failed for the store's fault. Tells how many in a row have.
    pub(super) fn failed(&self, error: &Error) -> u32 {
        let mut inner = self.inner();
        inner.failures = inner.failures.saturating_add(1);
        inner.fault = Some(error.clone());
        match inner.failures {
            FAILURES_UNTIL_DOWN => tracing::error!(%error, "a queue cannot write: it holds what it has, and goes on trying"),
            _ => tracing::debug!(%error, failures = inner.failures, "a queue could not write"),
        }
        inner.failures
    }

    /// The store has answered for itself.
    pub(super) fn answered(&self) {
        let mut inner = self.inner();
        if inner.failures >= FAILURES_UNTIL_DOWN {
            tracing::info!(failures = inner.failures, "a queue can write again");
        }
        (inner.failures, inner.fault) = (0, None);
    }

    /// Warns of models that were not accepted, once in a while.
    pub(super) fn rejected(&self, count: usize) {
        let mut inner = self.inner();
        inner.rejected += count;
        let now = this_moment();
        if inner.warned.is_none_or(|warned| now - warned >= WARNING_INTERVAL) {
            tracing::warn!(rejected = inner.rejected, "a queue is full");
            (inner.rejected, inner.warned) = (0, Some(now));
        }
    }

    /// `fullness`: how much of the capacity is taken.
    pub(super) fn health(&self, fullness: f64) -> HealthCheck {
        let inner = self.inner();
        match &inner.fault {
            Some(error) if inner.failures >= FAILURES_UNTIL_DOWN => HealthCheck::not_up(HealthStatus::Down, error.clone()),
            Some(error) => HealthCheck::not_up(HealthStatus::Degraded, error.clone()),
            None if fullness > 0.8 => {
                let nearly = Error::new(ErrorKind::QueueFull, "more than four fifths of the room are taken");
                HealthCheck::not_up(HealthStatus::Degraded, nearly)
            }
            None => HealthCheck::up(),
        }
    }
}
