//! What becomes of a new model that is there already.

use std::{collections::BTreeMap, fmt, iter::Sum, marker::PhantomData, ops::AddAssign};

use sea_orm::Value;

use super::column::TypedColumn;
use crate::{
    error::{Error, ErrorKind, Result},
    table::Table,
    value::{Key, is_null, whole_number},
};

/// What [`upsert_batch`](crate::Creator::upsert_batch) does with a model that is stored already: one with the same id, or, by
/// [`on`](Self::on), with the same values of unique columns.
///
/// Null is equal to nothing: a model with a null in the columns named by [`on`](Self::on) is always new.
pub struct OnConflict<M> {
    pub(crate) target: Vec<&'static str>,
    pub(crate) action: Action,
    model: PhantomData<fn() -> M>,
}

#[derive(Clone, Debug)]
pub(crate) enum Action {
    Ignore,
    Replace,
    Columns(Vec<&'static str>),
}

/// An [`OnConflict`] whose columns are positions.
#[derive(Clone, Debug)]
pub struct Resolution {
    /// The columns that tell which model is stored already.
    pub(crate) target: Vec<usize>,
    /// The columns that are replaced; none, not even an empty list, if the stored model stays as it is.
    pub(crate) replaced: Option<Vec<usize>>,
}

/// What became of the models of an [`upsert_batch`](crate::Creator::upsert_batch).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Upserted {
    /// How many were new.
    pub inserted: u64,
    /// How many were there, or came before in the same batch, and were replaced.
    pub updated: u64,
    /// How many were there, or came before in the same batch, and stay as they were.
    pub ignored: u64,
}

impl AddAssign for Upserted {
    fn add_assign(&mut self, other: Self) {
        self.inserted += other.inserted;
        self.updated += other.updated;
        self.ignored += other.ignored;
    }
}

impl Sum for Upserted {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |mut sum, each| {
            sum += each;
            sum
        })
    }
}

impl Table {
    pub(crate) fn resolution<M>(&self, on_conflict: &OnConflict<M>) -> Result<Resolution> {
        let positions = |names: &[&'static str]| {
            let mut positions = names.iter().map(|name| self.position(name)).collect::<Result<Vec<_>>>()?;
            positions.sort_unstable();
            positions.dedup();
            Ok::<_, Error>(positions)
        };
        let mut target = positions(&on_conflict.target)?;
        if target.is_empty() {
            target.clone_from(&self.id);
        }
        if !self.is_unique(&target) {
            return Err(Error::new(ErrorKind::InvalidInput, "columns that the entity does not name unique"));
        }
        target.iter().try_for_each(|position| self.require_comparable(*position))?;
        let kept = |position: &usize| self.id.contains(position) || target.contains(position) || self.rules.is_stamped(*position);
        let replaced = match &on_conflict.action {
            Action::Ignore => None,
            Action::Replace => Some((0..self.columns.len()).filter(|position| !kept(position)).collect()),
            Action::Columns(names) => {
                let columns = positions(names)?;
                if columns.iter().any(kept) {
                    let message =
                        "an id, a column of the conflict, or one that the repository keeps by itself, cannot be replaced";
                    return Err(Error::new(ErrorKind::InvalidInput, message));
                }
                Some(columns)
            }
        };
        let resolution = Resolution { target, replaced };
        self.require_replaced_within(&resolution)?;
        Ok(resolution)
    }

    /// Whether a row may be stored already: it has all values that tell.
    pub(crate) fn may_exist(&self, row: &[Value], resolution: &Resolution) -> bool {
        let is_new = |position: &usize, value: &Value| {
            is_null(value) || (self.generated == Some(*position) && whole_number(value) == Some(0))
        };
        resolution.target.iter().all(|position| row.get(*position).is_some_and(|value| !is_new(position, value)))
    }
}

/// Rows, with those that are told to be the same made one, as if one had come after the other; and what became of the others.
pub(crate) struct Merged<'a> {
    table: &'a Table,
    resolution: &'a Resolution,
    /// By what tells them.
    known: BTreeMap<Key, Vec<Value>>,
    new: Vec<Vec<Value>>,
    upserted: Upserted,
}

impl<'a> Merged<'a> {
    pub(crate) fn new(table: &'a Table, resolution: &'a Resolution) -> Self {
        Self { table, resolution, known: BTreeMap::new(), new: Vec::new(), upserted: Upserted::default() }
    }

    pub(crate) fn push(&mut self, row: Vec<Value>) {
        if !self.table.may_exist(&row, self.resolution) {
            return self.new.push(row);
        }
        let key = Key(self.resolution.target.iter().filter_map(|position| row.get(*position).cloned()).collect());
        match (self.known.get_mut(&key), &self.resolution.replaced) {
            (None, _) => drop(self.known.insert(key, row)),
            (Some(_), None) => self.upserted.ignored += 1,
            (Some(earlier), Some(columns)) => {
                self.upserted.updated += 1;
                for (position, value) in row.into_iter().enumerate().filter(|(position, _)| columns.contains(position)) {
                    earlier.iter_mut().skip(position).take(1).for_each(|old| old.clone_from(&value));
                }
            }
        }
    }

    /// The rows that may be stored already, in the order of what tells them, so that two batches meet in the same order; those
    /// that are new; and what became of the others.
    pub(crate) fn finish(self) -> (Vec<Vec<Value>>, Vec<Vec<Value>>, Upserted) {
        (self.known.into_values().collect(), self.new, self.upserted)
    }
}

impl<M> OnConflict<M> {
    fn of(action: Action) -> Self {
        Self { target: Vec::new(), action, model: PhantomData }
    }

    /// What is stored stays as it is.
    #[must_use]
    pub fn ignore() -> Self {
        Self::of(Action::Ignore)
    }

    /// All columns of what is stored are replaced, but the id, and those by which it was found.
    #[must_use]
    pub fn replace() -> Self {
        Self::of(Action::Replace)
    }

    /// This column of what is stored is replaced.
    #[must_use]
    pub fn replace_column<C: TypedColumn<Model = M>>(column: C) -> Self {
        Self::of(Action::Columns(vec![column.column().name]))
    }

    /// This column is replaced as well. After [`replace`](Self::replace) or [`ignore`](Self::ignore) it is the only one.
    #[must_use]
    pub fn and_column<C: TypedColumn<Model = M>>(mut self, column: C) -> Self {
        let name = column.column().name;
        match &mut self.action {
            Action::Columns(columns) => columns.push(name),
            other => *other = Action::Columns(vec![name]),
        }
        self
    }

    /// Models are the same if this column is, together with others named so: columns of a unique constraint, or the id's. It is
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if there is no such constraint, and
    /// [`Unsupported`](crate::ErrorKind::Unsupported) if a column is of a type that cannot be compared.
    #[must_use]
    pub fn on<C: TypedColumn<Model = M>>(mut self, column: C) -> Self {
        self.target.push(column.column().name);
        self
    }
}

impl<M> Clone for OnConflict<M> {
    fn clone(&self) -> Self {
        Self { target: self.target.clone(), action: self.action.clone(), model: PhantomData }
    }
}

impl<M> fmt::Debug for OnConflict<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnConflict").field("target", &self.target).field("action", &self.action).finish()
    }
}
