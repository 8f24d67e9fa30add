//! [`FolderWatch`], which notices what others change in the folder of a store.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{
    events::{Events, FolderEvent, FolderEventKind},
    url::Noticing,
};
use crate::{
    clock::{Moment, this_moment},
    table::TableName,
};

/// How often the files are looked through, where the system does not tell what changes.
const SCAN: Duration = Duration::from_millis(500);

/// What may have changed since it was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stale {
    /// These files of a table, by their names without the extension.
    Files(BTreeSet<String>),
    /// Any file of a table. What is known of a file tells whether it changed.
    Any,
    /// Every file of a table has to be read again.
    Everything,
}

/// Where a table is in the folder of the store.
struct Place {
    table: TableName,
    /// Its folder, or its file.
    name: String,
    /// What is told of the folder.
    watch: Option<i32>,
}

/// Notices what others change.
pub(super) struct FolderWatch(Mutex<FolderWatchState>);

struct FolderWatchState {
    /// Returns `None` where the system does not tell what changes.
    events: Option<Events>,
    root: Option<i32>,
    extension: &'static str,
    places: Vec<Place>,
    /// What this process does itself, and will be told of.
    expected: BTreeMap<FolderEvent, usize>,
    stale: BTreeMap<TableName, Stale>,
    scanned: Moment,
}

impl FolderWatch {
    pub(super) fn new(root: &Path, extension: &'static str, noticing: Noticing) -> Self {
        let mut state = FolderWatchState {
            events: if noticing == Noticing::Events { Events::new() } else { None },
            root: None,
            extension,
            places: Vec::new(),
            expected: BTreeMap::new(),
            stale: BTreeMap::new(),
            scanned: this_moment(),
        };
        state.root = state.events.as_ref().and_then(|events| events.watch(root));
        if state.root.is_none() {
            state.events = None;
        }
        Self(Mutex::new(state))
    }

    fn state(&self) -> MutexGuard<'_, FolderWatchState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to look at a table, whose files are in a folder of this name, or in a file.
    pub(super) fn add(&self, table: &TableName, name: &str) {
        self.state().places.push(Place { table: table.clone(), name: name.to_owned(), watch: None });
    }

    /// Begins to look at the folder of a table, if it is there: before it is read, so that nothing is missed.
    pub(super) fn look_into(&self, table: &TableName, path: &Path) {
        let mut state = self.state();
        let watch = state.events.as_ref().and_then(|events| events.watch(path));
        if let Some(place) = state.places.iter_mut().find(|place| place.table == *table) {
            place.watch = watch;
        }
    }

    /// Whether something may have changed.
    pub(super) fn is_stale(&self) -> bool {
        let mut state = self.state();
        state.look();
        !state.stale.is_empty()
    }

    /// What may have changed.
    pub(super) fn take(&self) -> BTreeMap<TableName, Stale> {
        let mut state = self.state();
        state.look();
        mem::take(&mut state.stale)
    }

    /// Says that a table has to be looked through again.
    pub(super) fn set_stale(&self, table: &TableName, stale: Stale) {
        self.state().add(table.clone(), stale);
    }

    /// Says that this process is about to do something to a file, by its path in the folder of the store.
    pub(super) fn expect(&self, path: &str, kind: FolderEventKind) {
        let mut state = self.state();
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let place = state.places.iter().find(|place| place.name == folder).and_then(|place| place.watch);
        let watch = if folder.is_empty() { state.root } else { place };
        if let Some(watch) = watch {
            *state.expected.entry(FolderEvent { watch, name: name.to_owned(), kind }).or_default() += 1;
        }
    }

    /// Reads what the system tells, so that it does not forget.
    pub(super) fn keep_up(&self) {
        self.state().look();
    }

    /// What was expected may not have been done: what is told of it is looked at.
    pub(super) fn expect_nothing(&self) {
        self.state().expected.clear();
    }
}

impl FolderWatchState {
    fn look(&mut self) {
        let Some(told) = self.events.as_mut().map(Events::read) else {
            if self.scanned.elapsed() >= SCAN {
                self.scanned = this_moment();
                self.add_all(&Stale::Any);
            }
            return;
        };
        match told {
            Some(events) => events.into_iter().for_each(|event| self.told(event)),
            // Some were not told, whosever they were.
            None => {
                self.expected.clear();
                self.add_all(&Stale::Everything);
            }
        }
    }

    fn told(&mut self, event: FolderEvent) {
        if let Some(count) = self.expected.get_mut(&event) {
            *count -= 1;
            if *count == 0 {
                self.expected.remove(&event);
            }
            return;
        }
        let stem = event.name.strip_suffix(self.extension).and_then(|stem| stem.strip_suffix('.'));
        let stem = stem.filter(|stem| !stem.is_empty() && !stem.starts_with('.'));
        let is_root = self.root == Some(event.watch);
        let is_gone = event.kind == FolderEventKind::Gone;
        let found = self.places.iter_mut().find(|place| match place.watch {
            _ if is_root => place.name == event.name,
            watch => watch == Some(event.watch),
        });
        let Some(place) = found else { return };
        let stale = match stem {
            // The file that has the whole table was written to, maybe by this process.
            Some(_) if is_root && event.kind == FolderEventKind::Written => Stale::Any,
            // That file was replaced, or the folder came or went.
            _ if is_root || is_gone => {
                place.watch = place.watch.filter(|_| !is_gone);
                Stale::Everything
            }
            Some(stem) => Stale::Files(BTreeSet::from([stem.to_owned()])),
            None => return,
        };
        let table = place.table.clone();
        self.add(table, stale);
    }

    fn add_all(&mut self, stale: &Stale) {
        let tables: Vec<_> = self.places.iter().map(|place| place.table.clone()).collect();
        tables.into_iter().for_each(|table| self.add(table, stale.clone()));
    }

    fn add(&mut self, table: TableName, new: Stale) {
        let both = match (self.stale.remove(&table), new) {
            (Some(Stale::Everything), _) | (_, Stale::Everything) => Stale::Everything,
            (Some(Stale::Any), _) | (_, Stale::Any) => Stale::Any,
            (Some(Stale::Files(mut files)), Stale::Files(others)) => {
                files.extend(others);
                Stale::Files(files)
            }
            (None, Stale::Files(files)) => Stale::Files(files),
        };
        self.stale.insert(table, both);
    }
}
