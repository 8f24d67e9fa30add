//! Wall clock and waiting, in one place, so that tests can move time.

use std::{
    fmt::Debug,
    future::{Future, poll_fn},
    sync::{Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use tokio::runtime::Handle;

use crate::error::{Error, ErrorKind, Result};

/// Where a store takes the current time from.
pub trait Clock: Debug + Send + Sync {
    /// The current time.
    fn now(&self) -> DateTime<Utc>;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}

/// A clock that stands still until it is told to move.
///
/// ```
/// use std::{sync::Arc, time::Duration};
/// use larder::{Clock, ManualClock};
///
/// let clock = Arc::new(ManualClock::at("2026-01-01T12:00:00Z".parse()?));
/// clock.advance(Duration::from_secs(90));
/// assert_eq!(clock.now().to_rfc3339(), "2026-01-01T12:01:30+00:00");
/// # Ok::<(), chrono::ParseError>(())
/// ```
#[derive(Debug)]
pub struct ManualClock(Mutex<DateTime<Utc>>);

impl ManualClock {
    /// A clock that stands at `now`.
    #[must_use]
    pub fn at(now: DateTime<Utc>) -> Self {
        Self(Mutex::new(now))
    }

    /// Moves the clock forward. Beyond the last representable time it stays where it is.
    pub fn advance(&self, by: Duration) {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let moved = TimeDelta::from_std(by).ok().and_then(|by| now.checked_add_signed(by));
        *now = moved.unwrap_or(*now);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `time` cut, never rounded up, to the microseconds every backend stores.
#[must_use]
pub fn to_microseconds(time: DateTime<Utc>) -> DateTime<Utc> {
    time.trunc_subsecs(6)
}

/// Waits for `future`, at most for `limit`; `kind` and `message` say what an overrun means.
pub(crate) async fn within<T>(
    limit: Duration,
    future: impl Future<Output = T> + Send,
    kind: ErrorKind,
    message: &'static str,
) -> Result<T> {
    tokio::time::timeout(limit, future).await.map_err(|_| Error::new(kind, message))
}

/// The tokio runtime of the caller. Without one, waiting would panic.
pub(crate) fn this_runtime() -> Result<Handle> {
    let outside = |error| Error::new(ErrorKind::InvalidInput, "a call outside of a tokio runtime").with_source(error);
    Handle::try_current().map_err(outside)
}

/// The longest time after which something is asked for again.
const MAX_REST: Duration = Duration::from_millis(250);

/// Asks for something until it is there: whenever the asker is woken, and by itself after a while, and then each time after twice
/// as long.
pub(crate) async fn asked_again<T>(first_rest: Duration, mut ask: impl FnMut(&mut Context<'_>) -> Poll<T>) -> T {
    let mut rest = first_rest;
    loop {
        match tokio::time::timeout(rest, poll_fn(&mut ask)).await {
            Ok(there) => return there,
            Err(_) => rest = (2 * rest).min(MAX_REST),
        }
    }
}

/// A point in time on the clock that only goes forward.
pub(crate) type Moment = tokio::time::Instant;

pub(crate) fn this_moment() -> Moment {
    Moment::now()
}

/// A point in time on the same clock by which something has to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Deadline(Moment);

impl Deadline {
    /// So much later than now; a year is forever.
    pub(crate) fn after(duration: Duration) -> Self {
        const FOREVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);
        Self(this_moment() + duration.min(FOREVER))
    }

    /// How long it is until then, or nothing if that has passed.
    pub(crate) fn remaining(self) -> Duration {
        self.0.saturating_duration_since(this_moment())
    }

    pub(crate) async fn passed(self) {
        tokio::time::sleep_until(self.0).await;
    }
}

/// Waits until then, or for ever if that is never.
pub(crate) async fn until(moment: Option<Moment>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// Waits for a while.
pub(crate) async fn pause(duration: Duration) {
    tokio::time::sleep(duration).await;
}

/// Waits for a while on a thread that may block.
pub(crate) fn wait_here(duration: Duration) {
    std::thread::sleep(duration);
}
