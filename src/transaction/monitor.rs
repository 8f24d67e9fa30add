//! [`Monitor`], statistics of a store's transactions: how long they are open, and whether they commit.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};

use crate::clock::Clock;

/// For how long an ended transaction is remembered, at least; at most it is twice as long.
const STATS_WINDOW: TimeDelta = TimeDelta::seconds(30);

#[derive(Debug)]
pub(crate) struct Monitor {
    clock: Arc<dyn Clock>,
    /// How long a transaction may be open without being called long.
    long: Duration,
    state: Mutex<MonitorState>,
}

#[derive(Debug, Default)]
struct MonitorState {
    /// When each open transaction began.
    open: BTreeMap<u64, DateTime<Utc>>,
    next: u64,
    /// Since when `now` is counted, and what was counted before.
    since: DateTime<Utc>,
    now: Ended,
    before: Ended,
}

/// How transactions have ended.
#[derive(Clone, Copy, Debug, Default)]
struct Ended {
    committed: u64,
    in_the_way: u64,
}

/// Statistics of a store's transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TransactionStats {
    pub(crate) open: usize,
    pub(crate) longest: Option<Duration>,
    /// Whether one is open for long.
    pub(crate) is_long: bool,
    /// Whether more of those that have ended lately met contention than committed.
    pub(crate) is_contended: bool,
}

/// An open transaction, until it is dropped.
#[derive(Debug)]
pub(crate) struct OpenedTransaction {
    monitor: Arc<Monitor>,
    number: u64,
}

impl Monitor {
    pub(crate) fn new(clock: Arc<dyn Clock>, long: Duration) -> Arc<Self> {
        Arc::new(Self { clock, long, state: Mutex::default() })
    }

    fn state(&self) -> MutexGuard<'_, MonitorState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn opened(self: &Arc<Self>) -> OpenedTransaction {
        let now = self.clock.now();
        let mut state = self.state();
        let number = state.next;
        state.next += 1;
        state.open.insert(number, now);
        OpenedTransaction { monitor: self.clone(), number }
    }

    pub(crate) fn committed(&self) {
        self.ended(|ended| ended.committed += 1);
    }

    /// Notes that another transaction was in the way of one.
    pub(crate) fn in_the_way(&self) {
        self.ended(|ended| ended.in_the_way += 1);
    }

    fn ended(&self, count: impl FnOnce(&mut Ended)) {
        let now = self.clock.now();
        let mut state = self.state();
        state.move_on(now);
        count(&mut state.now);
    }

    pub(crate) fn look(&self) -> TransactionStats {
        let now = self.clock.now();
        let mut state = self.state();
        state.move_on(now);
        let first = state.open.values().min();
        let longest = first.map(|first| (now - *first).to_std().unwrap_or_default());
        TransactionStats {
            open: state.open.len(),
            longest,
            is_long: longest.is_some_and(|longest| longest > self.long),
            is_contended: state.now.in_the_way + state.before.in_the_way > state.now.committed + state.before.committed,
        }
    }
}

impl MonitorState {
    fn move_on(&mut self, now: DateTime<Utc>) {
        let passed = now - self.since;
        if passed >= STATS_WINDOW {
            self.before = if passed < STATS_WINDOW * 2 { self.now } else { Ended::default() };
            (self.now, self.since) = (Ended::default(), now);
        }
    }
}

impl Drop for OpenedTransaction {
    fn drop(&mut self) {
        self.monitor.state().open.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    fn monitor() -> (Arc<ManualClock>, Arc<Monitor>) {
        let clock = Arc::new(ManualClock::at(DateTime::UNIX_EPOCH + TimeDelta::days(9)));
        (clock.clone(), Monitor::new(clock, Duration::from_secs(60)))
    }

    #[test]
    fn a_long_one_is_seen_until_it_ends() {
        let (clock, monitor) = monitor();
        let long = monitor.opened();
        clock.advance(Duration::from_secs(50));
        let short = monitor.opened();
        assert!(!monitor.look().is_long);
        clock.advance(Duration::from_secs(11));
        let seeing = monitor.look();
        assert_eq!((seeing.open, seeing.longest, seeing.is_long), (2, Some(Duration::from_secs(61)), true));
        drop(long);
        let seeing = monitor.look();
        assert_eq!((seeing.open, seeing.longest, seeing.is_long), (1, Some(Duration::from_secs(11)), false));
        drop(short);
        assert_eq!(monitor.look().longest, None);
    }

    #[test]
    fn contention_is_seen_while_it_prevails() {
        let (clock, monitor) = monitor();
        assert!(!monitor.look().is_contended);
        monitor.in_the_way();
        assert!(monitor.look().is_contended);
        monitor.committed();
        assert!(!monitor.look().is_contended);
        monitor.in_the_way();
        clock.advance(Duration::from_secs(31));
        assert!(monitor.look().is_contended);
        clock.advance(Duration::from_secs(31));
        assert!(!monitor.look().is_contended);
    }
}
