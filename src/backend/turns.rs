//! Turns to use something of which there are only so many, such as the connections of a store, and to write, which only one may
//! at a time.
//!
//! Waiter is fair: whoever waited longest is asked first. A turn is taken when the waiting future is polled, and not before. A
//! future that is not polled, such as one in a `buffer_unordered` whose loop is busy, or one of a runtime that is blocked, would
//! otherwise keep a turn that it cannot use. So a waiter that is told that it may go, and does not, is passed over after
//! `INVITATION_TIMEOUT`.

use std::{
    collections::BTreeMap,
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

use crate::{
    clock::{Moment, asked_again, this_moment},
    context::Access,
};

/// How long a turn is kept for a waiter that was told that it may go.
pub(crate) const INVITATION_TIMEOUT: Duration = Duration::from_millis(10);

pub(crate) struct Turns {
    places: usize,
    state: Mutex<TurnsState>,
}

#[derive(Default)]
struct TurnsState {
    taken: usize,
    is_writing: bool,
    /// The number of the next waiter. Those with lower numbers go first.
    next: u64,
    readers: BTreeMap<u64, Waker>,
    writers: BTreeMap<u64, Waker>,
    /// Those who were told that they may go.
    invited: Vec<Invited>,
    /// Those who wait until no turn is taken.
    closing: Vec<Waker>,
}

struct Invited {
    number: u64,
    access: Access,
    until: Moment,
}

/// A turn, until it is dropped.
pub(crate) struct Turn {
    turns: Arc<Turns>,
    access: Access,
}

impl Turns {
    /// So many turns at a time, of which one may be for writing.
    pub(crate) fn new(places: usize) -> Arc<Self> {
        Arc::new(Self { places, state: Mutex::default() })
    }

    fn lock(&self) -> MutexGuard<'_, TurnsState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A turn, if one is free and nobody else waits for it.
    pub(crate) fn try_take(self: &Arc<Self>, access: Access) -> Option<Turn> {
        let mut state = self.lock();
        let (is_taken, wakers) = state.take(access, None, self.places);
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
        is_taken.then(|| Turn { turns: self.clone(), access })
    }

    /// Waits for a turn.
    pub(crate) async fn take(self: &Arc<Self>, access: Access) -> Turn {
        let mut waiting = self.wait(access);
        asked_again(INVITATION_TIMEOUT, |context| waiting.poll(context)).await
    }

    /// A place among those who wait.
    pub(crate) fn wait(self: &Arc<Self>, access: Access) -> Waiter {
        Waiter { turns: self.clone(), access, number: None }
    }

    /// Waits until no turn is taken.
    pub(crate) async fn all_back(&self) {
        poll_fn(|context| {
            let mut state = self.lock();
            if state.taken == 0 {
                return Poll::Ready(());
            }
            state.closing.push(context.waker().clone());
            Poll::Pending
        })
        .await;
    }

    #[cfg(any(feature = "sqlite", feature = "duckdb-linked"))]
    pub(crate) fn places(&self) -> usize {
        self.places
    }

    /// Whether somebody has the turn to write.
    pub(crate) fn is_writing(&self) -> bool {
        self.lock().is_writing
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut state = self.turns.lock();
        state.taken = state.taken.saturating_sub(1);
        state.is_writing &= self.access == Access::Read;
        let mut wakers = state.invite(self.turns.places);
        if state.taken == 0 {
            wakers.append(&mut state.closing);
        }
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }
}

/// A place among those who wait, until it is dropped.
pub(crate) struct Waiter {
    turns: Arc<Turns>,
    access: Access,
    number: Option<u64>,
}

impl Waiter {
    pub(crate) fn poll(&mut self, context: &Context<'_>) -> Poll<Turn> {
        let mut state = self.turns.lock();
        let (is_taken, wakers) = state.take(self.access, self.number, self.turns.places);
        if !is_taken {
            let number = *self.number.get_or_insert_with(|| {
                state.next += 1;
                state.next
            });
            state.queue(self.access).insert(number, context.waker().clone());
        }
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
        if !is_taken {
            return Poll::Pending;
        }
        self.number = None;
        Poll::Ready(Turn { turns: self.turns.clone(), access: self.access })
    }

    fn leave(&mut self) {
        let Some(number) = self.number.take() else { return };
        let mut state = self.turns.lock();
        state.queue(self.access).remove(&number);
        state.invited.retain(|invited| invited.number != number);
        let wakers = state.invite(self.turns.places);
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.leave();
    }
}

impl TurnsState {
    fn queue(&mut self, access: Access) -> &mut BTreeMap<u64, Waker> {
        match access {
            Access::Read => &mut self.readers,
            Access::Write => &mut self.writers,
        }
    }

    /// Takes a turn for whoever asks, if it is free and not kept for others. Says whether it did, and whom to wake.
    fn take(&mut self, access: Access, number: Option<u64>, places: usize) -> (bool, Vec<Waker>) {
        let mut has_lapsed = false;
        if !self.invited.is_empty() {
            let now = this_moment();
            self.invited.retain(|invited| {
                let is_late = Some(invited.number) != number && now >= invited.until;
                has_lapsed |= is_late;
                !is_late && Some(invited.number) != number
            });
        }
        if let Some(number) = number {
            self.queue(access).remove(&number);
        }
        let is_free = self.is_free(access, places);
        if is_free {
            self.taken += 1;
            self.is_writing |= access == Access::Write;
        }
        (is_free, if has_lapsed { self.invite(places) } else { Vec::new() })
    }

    /// Whether a turn is free that is kept for nobody.
    fn is_free(&self, access: Access, places: usize) -> bool {
        let may_write = || !self.is_writing && self.invited.iter().all(|invited| invited.access == Access::Read);
        self.taken + self.invited.len() < places && (access == Access::Read || may_write())
    }

    /// Keeps the turns that are free for those who waited longest. Says whom to wake.
    fn invite(&mut self, places: usize) -> Vec<Waker> {
        let mut wakers = Vec::new();
        loop {
            let first = |queue: &BTreeMap<u64, Waker>| queue.first_key_value().map(|(number, _)| *number);
            let reader = first(&self.readers).filter(|_| self.is_free(Access::Read, places));
            let writer = first(&self.writers).filter(|_| self.is_free(Access::Write, places));
            let (number, access) = match (reader, writer) {
                (Some(reader), Some(writer)) if writer < reader => (writer, Access::Write),
                (Some(reader), _) => (reader, Access::Read),
                (None, Some(writer)) => (writer, Access::Write),
                (None, None) => return wakers,
            };
            wakers.extend(self.queue(access).remove(&number));
            self.invited.push(Invited { number, access, until: this_moment() + INVITATION_TIMEOUT });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures::poll;

    use super::*;
    use crate::clock::pause;

    #[tokio::test(start_paused = true)]
    async fn whoever_waited_longest_goes_first() {
        let turns = Turns::new(2);
        let first = turns.try_take(Access::Write);
        assert!(first.is_some() && turns.try_take(Access::Write).is_none());
        let (mut second, mut third) = (pin!(turns.take(Access::Write)), pin!(turns.take(Access::Write)));
        assert!(poll!(&mut second).is_pending() && poll!(&mut third).is_pending());
        // Who reads needs only a place.
        let reader = turns.try_take(Access::Read);
        assert!(reader.is_some() && turns.try_take(Access::Read).is_none());
        drop(first);
        assert!(turns.try_take(Access::Write).is_none() && turns.try_take(Access::Read).is_none());
        assert!(poll!(&mut third).is_pending());
        let Poll::Ready(turn) = poll!(&mut second) else { unreachable!("its turn has come") };
        drop((turn, reader));
        assert!(poll!(&mut third).is_ready());
        turns.all_back().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_waiter_that_is_not_polled_is_passed_over() {
        let turns = Turns::new(1);
        let first = turns.try_take(Access::Write);
        let mut waiting = pin!(turns.take(Access::Write));
        assert!(poll!(&mut waiting).is_pending());
        drop(first);
        assert!(turns.try_take(Access::Write).is_none());
        // One that is polled, and came later, has it as soon as the other is late.
        let second = turns.take(Access::Write).await;
        assert!(poll!(&mut waiting).is_pending());
        drop(second);
        pause(INVITATION_TIMEOUT).await;
        assert!(poll!(&mut waiting).is_ready());
    }

    #[tokio::test(start_paused = true)]
    async fn a_waiter_that_is_dropped_leaves_its_turn_to_the_next() {
        let turns = Turns::new(1);
        let first = turns.try_take(Access::Write);
        let mut second = Box::pin(turns.take(Access::Write));
        let mut third = pin!(turns.take(Access::Read));
        assert!(poll!(&mut second).is_pending() && poll!(&mut third).is_pending());
        drop(first);
        drop(second);
        assert!(poll!(&mut third).is_ready());
        assert!(turns.try_take(Access::Write).is_some());
    }
}
