//! What to change of many models at once.

use std::{fmt, marker::PhantomData};

use sea_orm::Value;

use super::column::{Numeric, Operand, TypedColumn};

/// New values for columns of every model that a filter selects: for [`update_where`](crate::Updater::update_where).
///
/// A column that is named twice gets what was said last. The id cannot be changed, nor a column that the repository keeps by itself
/// ([`RepositoryBuilder`](crate::RepositoryBuilder)): [`InvalidInput`](crate::ErrorKind::InvalidInput).
pub struct Changes<M> {
    pub(crate) columns: Vec<(&'static str, Written)>,
    model: PhantomData<fn() -> M>,
}

/// What becomes of a column.
#[derive(Clone, Debug)]
pub(crate) enum Written {
    Value(Value),
    Null,
    Increase(i64),
}

/// A change of a column, by its position, with values of its type.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Set(usize, Value),
    /// Adds to a whole number, which has to stay within its type.
    Increase {
        column: usize,
        by: i64,
        least: i128,
        most: i128,
    },
}

impl Change {
    pub(crate) fn column(&self) -> usize {
        match self {
            Self::Set(column, _) | Self::Increase { column, .. } => *column,
        }
    }
}

impl<M> Changes<M> {
    /// No change yet.
    #[must_use]
    pub fn new() -> Self {
        Self { columns: Vec::new(), model: PhantomData }
    }

    fn with(mut self, column: &'static str, written: Written) -> Self {
        self.columns.push((column, written));
        self
    }

    /// The column gets this value.
    #[must_use]
    pub fn set<C: TypedColumn<Model = M>>(self, column: C, value: impl Operand<C::Kind>) -> Self {
        self.with(column.column().name, Written::Value(value.into_value()))
    }

    /// The column gets no value.
    #[must_use]
    pub fn set_null<C: TypedColumn<Model = M>>(self, column: C) -> Self {
        self.with(column.column().name, Written::Null)
    }

    /// The column's number grows by this one, or shrinks, if it is below zero. It is added in the store, so that no increase of another
    /// caller's is lost. What is null stays so. A number that would leave the range of its type is
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput), and nothing is changed.
    #[must_use]
    pub fn increase<C: TypedColumn<Model = M, Kind: Numeric>>(self, column: C, by: i64) -> Self {
        self.with(column.column().name, Written::Increase(by))
    }
}

impl<M> Default for Changes<M> {
    fn default() -> Self {
        Self::new()
    }
}

impl<M> Clone for Changes<M> {
    fn clone(&self) -> Self {
        Self { columns: self.columns.clone(), model: PhantomData }
    }
}

impl<M> fmt::Debug for Changes<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Changes").field(&self.columns).finish()
    }
}
