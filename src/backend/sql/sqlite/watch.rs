//! What a store knows about its tables, and how long that stays valid.
//!
//! Other programs can change rows and the schema at any time. `PRAGMA data_version` changes on a connection when another
//! connection has committed. It is read on the one connection that makes all writes of this store, so the store's own commits do
//! not change it.
//!
//! A period is a time without commits by others and without writes by statements of the application (`sql()`). What is known
//! about a table is valid until its period ends.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::facts::Facts;
use crate::{
    backend::sql::Catalog,
    clock::{Moment, this_moment},
    table::TableIdentity,
};

/// The pause after a check of a table's values, as a multiple of the time that the check took.
const CHECK_PAUSE_FACTOR: u32 = 100;

#[derive(Debug, Default)]
pub(super) struct Watch(Mutex<WatchState>);

#[derive(Debug, Default)]
struct WatchState {
    period: u64,
    /// The connection that writes, and the `data_version` that it saw last.
    writer: Option<(u64, i64)>,
    /// Whether the writer holds SQLite's write lock, so that nobody else can commit.
    is_held: bool,
    /// The number of write transactions that have ended.
    writes: u64,
    /// The number of checks that have ended.
    found: u64,
    tables: BTreeMap<TableIdentity, WatchedTable>,
}

#[derive(Debug)]
struct WatchedTable {
    facts: Arc<Facts>,
    schema_version: i64,
    /// The last period in which the schema was as it is described here.
    period: u64,
    /// The catalog if all values are in the forms that larder writes, and the catalog if any value may be in another form.
    own: Arc<Catalog>,
    any: Arc<Catalog>,
    /// The last period in which all ids were in the form that larder writes.
    has_own_ids: Option<u64>,
    checked: Option<Checked>,
    /// The earliest time of the next check of the values.
    next_check: Option<Moment>,
}

/// What a check of the values of a table found.
#[derive(Clone, Debug)]
struct Checked {
    catalog: Arc<Catalog>,
    is_own: bool,
    mark: Mark,
}

/// Identifies a snapshot of the data, to compare it with the snapshot that a check has read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    period: u64,
    writes: u64,
    found: u64,
    /// Whether the store's own writer was idle.
    is_settled: bool,
}

impl Watch {
    fn lock(&self) -> MutexGuard<'_, WatchState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The mark before a snapshot is taken.
    pub(super) fn before(&self) -> Mark {
        let state = self.lock();
        Mark { period: state.period, writes: state.writes, found: state.found, is_settled: false }
    }

    /// The mark of a snapshot, if the `data_version` of the writing connection was read after the snapshot was taken.
    pub(super) fn seen(&self, before: Mark, connection: u64, version: i64, is_idle: bool) -> Mark {
        let mut state = self.lock();
        state.see(connection, version);
        Mark { period: state.period, is_settled: is_idle && state.writes == before.writes, ..before }
    }

    /// The mark of a snapshot that was taken while the writer is busy. Returns `None` if it is not known.
    pub(super) fn seen_beside_writer(&self, before: Mark) -> Option<Mark> {
        let state = self.lock();
        (state.is_held && state.writer.is_some()).then_some(Mark { period: state.period, ..before })
    }

    /// Whether this connection is the one that writes.
    pub(super) fn is_writer(&self, connection: u64) -> bool {
        self.lock().writer.is_some_and(|(writer, _)| writer == connection)
    }

    /// Records that a connection holds the write lock until [`release`](Self::release).
    pub(super) fn hold(&self, connection: u64, version: i64) {
        let mut state = self.lock();
        state.see(connection, version);
        state.is_held = true;
    }

    /// Records that the writer is about to commit or roll back, or has done so.
    pub(super) fn release(&self) {
        let mut state = self.lock();
        state.is_held = false;
        state.writes += 1;
    }

    /// Records that a statement of the application is about to change rows or the schema, or has done so.
    pub(super) fn forget(&self) {
        let mut state = self.lock();
        state.period += 1;
        state.writer = None;
        state.is_held = false;
    }

    /// What the schema says about a table, if that was read at this version of the schema. It is then also valid in the period of
    /// the mark.
    pub(super) fn facts(&self, table: TableIdentity, schema_version: i64, mark: Option<Mark>) -> Option<Arc<Facts>> {
        let mut state = self.lock();
        let known = state.tables.get_mut(&table).filter(|known| known.schema_version == schema_version)?;
        if let Some(mark) = mark {
            known.period = mark.period;
        }
        Some(known.facts.clone())
    }

    /// What the schema says about a table, inside a transaction that holds the write lock, if nobody can have changed the schema
    /// since it was read. And whether all ids are known to be in the form that larder writes.
    pub(super) fn facts_of(&self, table: TableIdentity, connection: u64, version: i64) -> Option<(Arc<Facts>, bool)> {
        let mut state = self.lock();
        state.see(connection, version);
        let period = state.period;
        let known = state.tables.get(&table).filter(|known| known.period == period)?;
        Some((known.facts.clone(), known.has_own_ids == Some(period) && !known.facts.is_volatile))
    }

    pub(super) fn learn(&self, table: TableIdentity, schema_version: i64, mark: Option<Mark>, facts: &Arc<Facts>) {
        let (own, any) = facts.usual_catalogs();
        let mut state = self.lock();
        // No period has this number.
        let period = mark.map_or(u64::MAX, |mark| mark.period);
        let facts = facts.clone();
        let known = WatchedTable { facts, schema_version, period, own, any, has_own_ids: None, checked: None, next_check: None };
        table.remember(&mut state.tables, known);
    }

    /// Records that all ids of a table are in the form that larder writes.
    pub(super) fn learn_ids(&self, table: TableIdentity, connection: u64, version: i64) {
        let mut state = self.lock();
        state.see(connection, version);
        let period = state.period;
        if let Some(known) = state.tables.get_mut(&table) {
            known.has_own_ids = Some(period);
        }
    }

    /// The catalog of a table if all values are in the forms that larder writes, and the catalog if any value may be in another
    /// form.
    pub(super) fn catalogs(&self, table: TableIdentity, facts: &Arc<Facts>) -> (Arc<Catalog>, Arc<Catalog>) {
        let state = self.lock();
        match state.tables.get(&table).filter(|known| Arc::ptr_eq(&known.facts, facts)) {
            Some(known) => (known.own.clone(), known.any.clone()),
            None => facts.usual_catalogs(),
        }
    }

    /// The catalog of a table in a snapshot, if a check of its values is valid there.
    pub(super) fn checked(&self, table: TableIdentity, facts: &Arc<Facts>, mark: Mark) -> Option<Arc<Catalog>> {
        let state = self.lock();
        let known = state.tables.get(&table).filter(|known| Arc::ptr_eq(&known.facts, facts))?;
        let checked = known.checked.as_ref()?;
        let is_later = checked.mark.period == mark.period && checked.mark.found <= mark.found;
        let is_unwritten = checked.mark.writes == mark.writes && mark.is_settled && checked.mark.is_settled;
        // Rows in other forms may have been changed or deleted since the check.
        let holds = is_later && (is_unwritten || (checked.is_own && !facts.is_volatile));
        holds.then(|| checked.catalog.clone())
    }

    /// Whether it is time to check a table's values. If so, no other caller checks them until this check ends.
    pub(super) fn begin_check(&self, table: TableIdentity, facts: &Arc<Facts>) -> bool {
        let mut state = self.lock();
        let Some(known) = state.tables.get_mut(&table).filter(|known| Arc::ptr_eq(&known.facts, facts)) else { return false };
        let now = this_moment();
        let is_time = known.next_check.is_none_or(|next| now >= next);
        if is_time {
            // The end of the check sets the real time.
            known.next_check = Some(now + Duration::from_secs(60));
        }
        is_time
    }

    /// Records that a check was given up.
    pub(super) fn give_up_check(&self, table: TableIdentity) {
        if let Some(known) = self.lock().tables.get_mut(&table) {
            known.next_check = None;
        }
    }

    /// Records the result of a check in a snapshot, and when the check began.
    pub(super) fn end_check(
        &self,
        table: TableIdentity,
        catalog: &Arc<Catalog>,
        is_own: bool,
        mark: Mark,
        began: Moment,
    ) -> Mark {
        let mut state = self.lock();
        state.found += 1;
        let mark = Mark { found: state.found, ..mark };
        if let Some(known) = state.tables.get_mut(&table) {
            let now = this_moment();
            known.next_check = Some(now + now.duration_since(began) * CHECK_PAUSE_FACTOR);
            known.checked = Some(Checked { catalog: catalog.clone(), is_own, mark });
        }
        mark
    }
}

impl WatchState {
    /// Begins a new period if another connection has committed.
    fn see(&mut self, connection: u64, version: i64) {
        if self.writer != Some((connection, version)) {
            self.period += 1;
            self.writer = Some((connection, version));
        }
    }
}
