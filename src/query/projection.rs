//! Which columns to read.

use std::{fmt, marker::PhantomData};

use super::column::{ColumnName, TypedColumn};
use crate::{
    error::{Error, ErrorKind, Result},
    table::Table,
};

/// The columns to read of each model, in this order: for [`query_as`](crate::ReaderExt::query_as).
pub struct Projection<M> {
    pub(crate) columns: Vec<ColumnName>,
    pub(crate) distinct: bool,
    model: PhantomData<fn() -> M>,
}

impl<M> Projection<M> {
    /// This column.
    #[must_use]
    pub fn of<C: TypedColumn<Model = M>>(column: C) -> Self {
        Self { columns: vec![column.column().name.into()], distinct: false, model: PhantomData }
    }

    /// This column as well.
    #[must_use]
    pub fn and<C: TypedColumn<Model = M>>(mut self, column: C) -> Self {
        self.columns.push(column.column().name.into());
        self
    }

    /// Each combination of values once. They are then ordered by themselves, the first column first, and the query's order has no
    /// say.
    #[must_use]
    pub fn distinct(self) -> Self {
        Self { distinct: true, ..self }
    }
}

impl<M> Clone for Projection<M> {
    fn clone(&self) -> Self {
        Self { columns: self.columns.clone(), distinct: self.distinct, model: PhantomData }
    }
}

impl<M> fmt::Debug for Projection<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Projection").field("columns", &self.columns).field("distinct", &self.distinct).finish()
    }
}

impl Table {
    /// The positions of the columns that a projection names.
    pub(crate) fn projected<M>(&self, projection: &Projection<M>) -> Result<Vec<usize>> {
        if projection.columns.is_empty() {
            return Err(Error::new(ErrorKind::InvalidInput, "a projection of no columns"));
        }
        let positions = projection.columns.iter().map(|name| self.position(name)).collect::<Result<Vec<_>>>()?;
        if let Some(position) = positions.iter().find(|position| self.columns.get(**position).is_some_and(|c| c.is_of_any_type)) {
            let message = "a column whose values have types of their own is read with its whole row";
            return Err(self.in_column(*position, Error::new(ErrorKind::Unsupported, message)));
        }
        for position in positions.iter().filter(|_| projection.distinct) {
            self.require_distinct(*position)?;
        }
        Ok(positions)
    }
}
