//! What to change of many models at once.

use std::{fmt, marker::PhantomData};

use sea_orm::{Value, sea_query::ArrayType};

use super::{
    column::{Numeric, Operand, TypedColumn},
    operand::{Fitted, range},
};
use crate::{
    error::{Error, ErrorKind, Result},
    table::Table,
    value::is_null,
};

/// New values for columns of every model that a filter selects: for [`update_where`](crate::Updater::update_where).
///
/// A column that is named twice gets what was said last. The id cannot be changed, nor a column that the repository keeps by
/// itself ([`RepositoryBuilder`](crate::RepositoryBuilder)): [`InvalidInput`](crate::ErrorKind::InvalidInput).
pub struct Changes<M> {
    pub(crate) columns: Vec<(&'static str, ColumnChange)>,
    model: PhantomData<fn() -> M>,
}

/// How a column changes; from [`Changes::columns`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ColumnChange {
    /// It gets this value.
    Value(Value),
    /// It becomes null.
    Null,
    /// This is added to it, which is a whole number.
    Increase(i64),
}

/// A change of a column, by its position, with values of its type.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Change {
    /// It gets this value, which may be null.
    Set(usize, Value),
    /// Adds to a whole number, which has to stay within its type.
    Increase {
        /// The column.
        column: usize,
        /// What is added.
        by: i64,
        /// The least number that it may become.
        least: i128,
        /// The greatest number that it may become.
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

    fn with(mut self, column: &'static str, written: ColumnChange) -> Self {
        self.columns.push((column, written));
        self
    }

    /// The column gets this value.
    #[must_use]
    pub fn set<C: TypedColumn<Model = M>>(self, column: C, value: impl Operand<C::Kind>) -> Self {
        self.with(column.column().name, ColumnChange::Value(value.into_value()))
    }

    /// The column gets no value.
    #[must_use]
    pub fn set_null<C: TypedColumn<Model = M>>(self, column: C) -> Self {
        self.with(column.column().name, ColumnChange::Null)
    }

    /// The column's number grows by this one, or shrinks, if it is below zero. It is added in the store, so that no increase of
    /// another caller's is lost. What is null stays so. A number that would leave the range of its type is
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput), and nothing is changed.
    #[must_use]
    pub fn increase<C: TypedColumn<Model = M, Kind: Numeric>>(self, column: C, by: i64) -> Self {
        self.with(column.column().name, ColumnChange::Increase(by))
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

impl Table {
    /// The changes of columns, with those that the repository makes by itself left out.
    pub(crate) fn changes<M>(&self, changes: &Changes<M>) -> Result<Vec<Change>> {
        let mut resolved: Vec<Change> = Vec::new();
        for (name, written) in &changes.columns {
            let column = self.position(name)?;
            if self.id.contains(&column) {
                return Err(Error::new(ErrorKind::InvalidInput, "an id cannot be changed").in_column(name));
            }
            if self.rules.is_stamped(column) || self.rules.deleted_at == Some(column) {
                return Err(Error::new(ErrorKind::InvalidInput, "a column that the repository keeps by itself").in_column(name));
            }
            let change = self.change(column, written).map_err(|error| self.in_column(column, error))?;
            match resolved.iter_mut().find(|earlier| earlier.column() == column) {
                Some(earlier) => *earlier = change,
                None => resolved.push(change),
            }
        }
        Ok(resolved)
    }

    fn change(&self, column: usize, written: &ColumnChange) -> Result<Change> {
        let value_type = self.value_type(column)?;
        match written {
            ColumnChange::Value(value) if is_null(value) => Ok(Change::Set(column, self.null(column)?)),
            ColumnChange::Null => Ok(Change::Set(column, self.null(column)?)),
            ColumnChange::Value(value) => match self.fit(column, value)? {
                Fitted::Value(value) => Ok(Change::Set(column, value)),
                _ => Err(Error::new(ErrorKind::InvalidInput, "a number that its column cannot hold")),
            },
            ColumnChange::Increase(by) => {
                use ArrayType as T;
                match value_type {
                    T::TinyInt
                    | T::SmallInt
                    | T::Int
                    | T::BigInt
                    | T::TinyUnsigned
                    | T::SmallUnsigned
                    | T::Unsigned
                    | T::BigUnsigned => {
                        let (least, most) = range(value_type);
                        Ok(Change::Increase { column, by: *by, least, most })
                    }
                    _ => Err(Error::new(ErrorKind::InvalidInput, "only whole numbers can be increased")),
                }
            }
        }
    }
}
