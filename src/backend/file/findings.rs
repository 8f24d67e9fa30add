//! [`Findings`], what cannot be read in the folder of a store.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{
    error::Error,
    recovery::{Recovery, Unreadable},
};

/// What cannot be read, by its place, and what was done about a crash when the store was opened.
#[derive(Default)]
pub(in crate::backend) struct Findings(Mutex<FindingsState>);

#[derive(Default)]
struct FindingsState {
    completed: usize,
    removed: usize,
    unreadable: BTreeMap<String, Error>,
}

impl Findings {
    fn state(&self) -> MutexGuard<'_, FindingsState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A commit that a crash had interrupted was done to its end.
    pub(in crate::backend) fn add_completed(&self) {
        self.state().completed += 1;
    }

    /// Files of commits that did not come to be were removed.
    pub(in crate::backend) fn add_removed(&self, count: usize) {
        self.state().removed += count;
    }

    pub(in crate::backend) fn add(&self, place: String, error: Error) {
        let known = self.state().unreadable.insert(place.clone(), error.clone());
        if known.is_none_or(|known| known.kind() != error.kind()) {
            tracing::warn!(place, %error, "a file of the store is left as it is");
        }
    }

    /// What is at a place can be read, or is gone.
    pub(in crate::backend) fn remove(&self, place: &str) {
        self.state().unreadable.remove(place);
    }

    /// Nothing in the lines of a file is known any more.
    pub(super) fn remove_lines(&self, file: &str) {
        self.state().unreadable.retain(|place, _| place.strip_prefix(file).is_none_or(|rest| !rest.starts_with(':')));
    }

    pub(super) fn get(&self, place: &str) -> Option<Error> {
        self.state().unreadable.get(place).cloned()
    }

    pub(in crate::backend) fn report(&self) -> Recovery {
        let state = self.state();
        let unreadable = state.unreadable.iter().map(|(place, error)| Unreadable::new(place.clone(), error.clone()));
        Recovery::new(state.completed, state.removed, unreadable.collect())
    }
}
