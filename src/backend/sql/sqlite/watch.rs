//! What is known of the tables of a store, and whether it still holds.
//!
//! Other programs change rows and the schema without a word. `PRAGMA data_version` tells, on a connection, that somebody else has committed since; so it is
//! asked on the connection that makes all writes of this store, whose own do not count. A period is a time in which only this store's own
//! statements have written, apart from those of the application: what is known of a table holds to the end of it.

use std::{
    any::TypeId,
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::facts::Facts;
use crate::{
    backend::sql::Catalog,
    clock::{Moment, this_moment},
};

/// How much more time passes between two checks of a table than a check takes.
const REST: u32 = 100;

#[derive(Debug, Default)]
pub(super) struct Watch(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    period: u64,
    /// The connection that writes, and the version of the data that it saw last.
    writer: Option<(u64, i64)>,
    /// Whether the writer holds the lock to write, so that nobody else commits.
    is_held: bool,
    /// How often the writer may have written.
    writes: u64,
    /// How much has been found out.
    found: u64,
    tables: BTreeMap<TypeId, Table>,
}

#[derive(Debug)]
struct Table {
    facts: Arc<Facts>,
    schema_version: i64,
    /// The last period in which the schema was as it is described here.
    period: u64,
    /// With no column in any other form than is written here, and with all.
    own: Arc<Catalog>,
    any: Arc<Catalog>,
    /// The last period in which all ids were in the form that is written here.
    has_own_ids: Option<u64>,
    checked: Option<Checked>,
    /// When the values may be checked again.
    next_check: Option<Moment>,
}

/// What a check of the values of a table found.
#[derive(Clone, Debug)]
struct Checked {
    catalog: Arc<Catalog>,
    is_own: bool,
    mark: Mark,
}

/// A state of the data, as far as it matters for what is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    period: u64,
    writes: u64,
    found: u64,
    /// Whether the store's own writer was idle.
    is_settled: bool,
}

impl Watch {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What has been found out by now, to be asked before a snapshot is taken.
    pub(super) fn before(&self) -> Mark {
        let state = self.lock();
        Mark { period: state.period, writes: state.writes, found: state.found, is_settled: false }
    }

    /// The state of a snapshot that was taken before the connection that writes was asked for its version of the data.
    pub(super) fn seen(&self, before: Mark, connection: u64, version: i64, is_idle: bool) -> Mark {
        let mut state = self.lock();
        state.see(connection, version);
        Mark { period: state.period, is_settled: is_idle && state.writes == before.writes, ..before }
    }

    /// The state of a snapshot while the writer is busy; none if it is not known.
    pub(super) fn seen_beside_writer(&self, before: Mark) -> Option<Mark> {
        let state = self.lock();
        (state.is_held && state.writer.is_some()).then_some(Mark { period: state.period, ..before })
    }

    /// Whether this connection is the one that writes.
    pub(super) fn is_writer(&self, connection: u64) -> bool {
        self.lock().writer.is_some_and(|(writer, _)| writer == connection)
    }

    /// Notes that a connection holds the lock to write until [`release`](Self::release).
    pub(super) fn hold(&self, connection: u64, version: i64) {
        let mut state = self.lock();
        state.see(connection, version);
        state.is_held = true;
    }

    /// Notes that the writer is about to commit or to roll back, or has done so.
    pub(super) fn release(&self) {
        let mut state = self.lock();
        state.is_held = false;
        state.writes += 1;
    }

    /// Notes that rows or the schema are about to be changed, or have been, in a way that is not known.
    pub(super) fn forget(&self) {
        let mut state = self.lock();
        state.period += 1;
        state.writer = None;
        state.is_held = false;
    }

    /// What the schema says of a table, if it still has this version. It has, in the period of the mark.
    pub(super) fn facts(&self, table: TypeId, schema_version: i64, mark: Option<Mark>) -> Option<Arc<Facts>> {
        let mut state = self.lock();
        let known = state.tables.get_mut(&table).filter(|known| known.schema_version == schema_version)?;
        if let Some(mark) = mark {
            known.period = mark.period;
        }
        Some(known.facts.clone())
    }

    /// The same inside a transaction that may write, on its connection, if nobody can have changed the schema since it was looked up. And whether the ids are known to be in
    /// the form that is written here.
    pub(super) fn facts_of(&self, table: TypeId, connection: u64, version: i64) -> Option<(Arc<Facts>, bool)> {
        let mut state = self.lock();
        state.see(connection, version);
        let period = state.period;
        let known = state.tables.get(&table).filter(|known| known.period == period)?;
        Some((known.facts.clone(), known.has_own_ids == Some(period) && !known.facts.is_volatile))
    }

    pub(super) fn learn(&self, table: TypeId, schema_version: i64, mark: Option<Mark>, facts: &Arc<Facts>) {
        let (own, any) = (facts.catalog(&[], false), facts.catalog(facts.with_forms(), false));
        let mut state = self.lock();
        // No period has this number.
        let period = mark.map_or(u64::MAX, |mark| mark.period);
        let facts = facts.clone();
        let known = Table { facts, schema_version, period, own, any, has_own_ids: None, checked: None, next_check: None };
        state.tables.insert(table, known);
    }

    /// Notes that all ids of a table are in the form that is written here.
    pub(super) fn learn_ids(&self, table: TypeId, connection: u64, version: i64) {
        let mut state = self.lock();
        state.see(connection, version);
        let period = state.period;
        if let Some(known) = state.tables.get_mut(&table) {
            known.has_own_ids = Some(period);
        }
    }

    /// The catalog of a table with no column in any other form than is written here; and with all.
    pub(super) fn catalogs(&self, table: TypeId, facts: &Arc<Facts>) -> (Arc<Catalog>, Arc<Catalog>) {
        let state = self.lock();
        match state.tables.get(&table).filter(|known| Arc::ptr_eq(&known.facts, facts)) {
            Some(known) => (known.own.clone(), known.any.clone()),
            None => (facts.catalog(&[], false), facts.catalog(facts.with_forms(), false)),
        }
    }

    /// The catalog of a table in a state of the data, as far as its values have been checked.
    pub(super) fn checked(&self, table: TypeId, facts: &Arc<Facts>, mark: Mark) -> Option<Arc<Catalog>> {
        let state = self.lock();
        let known = state.tables.get(&table).filter(|known| Arc::ptr_eq(&known.facts, facts))?;
        let checked = known.checked.as_ref()?;
        let is_later = checked.mark.period == mark.period && checked.mark.found <= mark.found;
        let is_unwritten = checked.mark.writes == mark.writes && mark.is_settled && checked.mark.is_settled;
        // What was in other forms may have been changed or deleted by now.
        let holds = is_later && (is_unwritten || (checked.is_own && !facts.is_volatile));
        holds.then(|| checked.catalog.clone())
    }

    /// Whether it is time to check a table's values. Then nobody else does so for a while.
    pub(super) fn begin_check(&self, table: TypeId, facts: &Arc<Facts>) -> bool {
        let mut state = self.lock();
        let Some(known) = state.tables.get_mut(&table).filter(|known| Arc::ptr_eq(&known.facts, facts)) else { return false };
        let now = this_moment();
        let is_time = known.next_check.is_none_or(|next| now >= next);
        if is_time {
            // Until the check has ended and says itself.
            known.next_check = Some(now + Duration::from_secs(60));
        }
        is_time
    }

    /// Notes that a check did not come to its end.
    pub(super) fn give_up_check(&self, table: TypeId) {
        if let Some(known) = self.lock().tables.get_mut(&table) {
            known.next_check = None;
        }
    }

    /// Notes what a check found in a state of the data, that began at a moment.
    pub(super) fn end_check(&self, table: TypeId, catalog: &Arc<Catalog>, is_own: bool, mark: Mark, began: Moment) -> Mark {
        let mut state = self.lock();
        state.found += 1;
        let mark = Mark { found: state.found, ..mark };
        if let Some(known) = state.tables.get_mut(&table) {
            let now = this_moment();
            known.next_check = Some(now + now.duration_since(began) * REST);
            known.checked = Some(Checked { catalog: catalog.clone(), is_own, mark });
        }
        mark
    }
}

impl State {
    /// Begins another period if somebody else has written.
    fn see(&mut self, connection: u64, version: i64) {
        if self.writer != Some((connection, version)) {
            self.period += 1;
            self.writer = Some((connection, version));
        }
    }
}
