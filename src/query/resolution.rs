//! [`Resolution`], an [`OnConflict`] that has been resolved against a table, and what it makes of the rows of a batch.

use std::collections::BTreeMap;

use sea_orm::Value;

use super::{
    change::{Change, changed_row},
    column::ColumnName,
    on_conflict::{Action, OnConflict, Upserted},
    tree::ResolvedFilter,
};
use crate::{
    error::{Error, ErrorKind, Result},
    table::Table,
    value::{Key, is_null, whole_number},
};

/// An [`OnConflict`] whose columns are positions.
#[derive(Clone, Debug)]
pub struct Resolution {
    /// The columns that tell which model is stored already.
    pub(crate) target: Vec<usize>,
    /// What becomes of it.
    pub(crate) action: StoredAction,
    /// What it has to fulfil for that. If it does not, it stays as it is.
    pub(crate) condition: ResolvedFilter,
}

/// What becomes of a row that is stored already.
#[derive(Clone, Debug)]
pub(crate) enum StoredAction {
    /// It stays as it is.
    Keep,
    /// These columns are replaced. There may be none.
    Replace(Vec<usize>),
    /// These changes are made.
    Change(Vec<Change>),
}

impl Table {
    pub(crate) fn resolution<M>(&self, on_conflict: &OnConflict<M>) -> Result<Resolution> {
        let positions = |names: &[ColumnName]| {
            let mut positions = names.iter().map(|name| self.position(name)).collect::<Result<Vec<_>>>()?;
            positions.sort_unstable();
            positions.dedup();
            Ok::<_, Error>(positions)
        };
        let mut target = positions(&on_conflict.target)?;
        if target.is_empty() {
            self.require_id()?;
            target.clone_from(&self.id);
        }
        if !self.is_unique(&target) {
            return Err(Error::new(ErrorKind::InvalidInput, "columns that the entity does not name unique"));
        }
        target.iter().try_for_each(|position| self.require_comparable(*position))?;
        let kept = |position: &usize| self.id.contains(position) || target.contains(position) || self.rules.is_stamped(*position);
        let refuse = |columns: &[usize]| {
            let message = "an id, a column of the conflict, or one that the repository keeps by itself, cannot be replaced";
            if columns.iter().any(kept) { Err(Error::new(ErrorKind::InvalidInput, message)) } else { Ok(()) }
        };
        let action = match &on_conflict.action {
            Action::Ignore => StoredAction::Keep,
            Action::Replace => StoredAction::Replace((0..self.columns.len()).filter(|position| !kept(position)).collect()),
            Action::Columns(names) => {
                let columns = positions(names)?;
                refuse(&columns)?;
                StoredAction::Replace(columns)
            }
            Action::Apply(changes) => {
                let changes = self.changes_of(changes)?;
                refuse(&changes.iter().map(Change::column).collect::<Vec<_>>())?;
                // What nothing is done with stays as it is.
                if changes.is_empty() { StoredAction::Keep } else { StoredAction::Change(changes) }
            }
        };
        let condition = on_conflict.only_if.as_ref().map_or(Ok(ResolvedFilter::TRUE), |filter| self.asked(filter))?;
        let resolution = Resolution { target, action, condition };
        self.require_replaced_within(&resolution)?;
        Ok(resolution)
    }

    /// Whether a row may be stored already: it has all values that tell.
    pub(crate) fn may_exist(&self, row: &[Value], resolution: &Resolution) -> bool {
        let is_new = |position: &usize, value: &Value| {
            let stands_for_none = !self.is_described() && whole_number(value) == Some(0);
            is_null(value) || (self.generated == Some(*position) && stands_for_none)
        };
        resolution.target.iter().all(|position| row.get(*position).is_some_and(|value| !is_new(position, value)))
    }
}

impl Resolution {
    /// Whether two rows of a batch with one key come to the same as one row made of both.
    fn merges(&self) -> bool {
        !matches!(self.action, StoredAction::Change(_)) && self.condition == ResolvedFilter::TRUE
    }

    /// Whether each row that is stored already is replaced or changed.
    #[cfg(feature = "_sql")]
    pub(crate) fn writes_all(&self) -> bool {
        !matches!(self.action, StoredAction::Keep) && self.condition == ResolvedFilter::TRUE
    }

    /// How many values a statement carries beside those of rows, at most.
    #[cfg(feature = "_sql")]
    pub(crate) fn values(&self) -> usize {
        let of_changes = if let StoredAction::Change(changes) = &self.action { 8 * changes.len() } else { 0 };
        self.condition.values() + of_changes
    }

    /// The values of a row that tell whether it is stored already.
    pub(crate) fn key_of(&self, row: &[Value]) -> Key {
        Key(self.target.iter().filter_map(|position| row.get(*position).cloned()).collect())
    }

    /// What a stored row becomes when another is given, if it fulfils the condition. Returns `None` if it stays as it is.
    pub(crate) fn resolved(&self, stored: &[Value], given: &[Value], table: &Table) -> Result<Option<Vec<Value>>> {
        if !self.condition.is_met_by(stored) {
            return Ok(None);
        }
        self.replaced(stored, given, table)
    }

    /// The same of a stored row that is known to fulfil it.
    pub(crate) fn replaced(&self, stored: &[Value], given: &[Value], table: &Table) -> Result<Option<Vec<Value>>> {
        match &self.action {
            StoredAction::Keep => Ok(None),
            StoredAction::Change(changes) => changed_row(changes, stored, table).map(Some),
            StoredAction::Replace(columns) => {
                let values = stored.iter().zip(given).enumerate();
                Ok(Some(values.map(|(at, (old, new))| if columns.contains(&at) { new } else { old }.clone()).collect()))
            }
        }
    }
}

/// The values of rows.
type RowList = Vec<Vec<Value>>;

/// The rows of a batch, as if one came after the other.
pub(crate) struct Merged<'a> {
    table: &'a Table,
    resolution: &'a Resolution,
    /// Rows by what tells them. Where rows of one key cannot be made one, the second of each key is in the second round, and so
    /// on.
    rounds: Vec<BTreeMap<Key, Vec<Value>>>,
    /// How often each key came, where that matters.
    seen: BTreeMap<Key, usize>,
    new: Vec<Vec<Value>>,
    upserted: Upserted,
}

impl<'a> Merged<'a> {
    pub(crate) fn new(table: &'a Table, resolution: &'a Resolution) -> Self {
        let (seen, upserted) = (BTreeMap::new(), Upserted::default());
        Self { table, resolution, rounds: Vec::new(), seen, new: Vec::new(), upserted }
    }

    pub(crate) fn push(&mut self, row: Vec<Value>) {
        if !self.table.may_exist(&row, self.resolution) {
            return self.new.push(row);
        }
        let key = self.resolution.key_of(&row);
        let round = match self.resolution.merges() {
            true => 0,
            false => {
                let seen = self.seen.entry(key.clone()).or_default();
                *seen += 1;
                *seen - 1
            }
        };
        if round == self.rounds.len() {
            self.rounds.push(BTreeMap::new());
        }
        let Some(known) = self.rounds.get_mut(round) else { return };
        match (known.get_mut(&key), &self.resolution.action) {
            (None, _) => drop(known.insert(key, row)),
            (Some(earlier), StoredAction::Replace(columns)) => {
                self.upserted.updated += 1;
                for (position, value) in row.into_iter().enumerate().filter(|(position, _)| columns.contains(position)) {
                    earlier.iter_mut().skip(position).take(1).for_each(|old| old.clone_from(&value));
                }
            }
            (Some(_), _) => self.upserted.ignored += 1,
        }
    }

    /// The rows that may be stored already, round by round, each in the order of what tells them, so that two batches meet in the
    /// same order; those that are new; and what became of the others.
    pub(crate) fn finish(self) -> (Vec<RowList>, RowList, Upserted) {
        let rounds = self.rounds.into_iter().map(|round| round.into_values().collect());
        (rounds.collect(), self.new, self.upserted)
    }
}
