//! How rows become models above the door, and models rows below it.

use std::{any::Any, pin::Pin, sync::Arc};

use futures_core::Stream;
use sea_orm::Value;

use crate::{
    error::Result,
    table::Table,
    value::{Key, ReadRow},
};

/// Makes models of the rows of a table.
pub trait Decoder: Send + Sync {
    /// The table that the models are of.
    fn table(&self) -> &Arc<Table>;

    /// A list of models that grows by the rows that are read.
    fn models(&self) -> Box<dyn Models>;
}

/// A list of models. Their type is known above the door only.
pub trait Models: Send {
    /// Adds the model of a row. `read` hands over the values, one for each column.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt), which names the column, if a value is not one of the model's.
    fn push(&mut self, read: ReadRow<'_>) -> Result<()>;

    /// The same for a row of SeaORM's, which knows more types.
    #[doc(hidden)]
    #[cfg(feature = "_sqlx")]
    fn push_by_sea_orm(&mut self, row: &sea_orm::QueryResult) -> Result<()>;

    /// How many there are.
    fn len(&self) -> usize;

    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The id of the model at a position, in its table.
    fn key(&self, at: usize, table: &Table) -> Key;

    /// Takes the models at these positions, in this order. One may be taken more than once.
    fn arrange(&mut self, order: &[usize]);

    /// Adds the models of another list.
    ///
    /// # Errors
    /// [`Internal`](crate::ErrorKind::Internal) if a decoder for another entity has made it.
    fn append(&mut self, other: Box<dyn Models>) -> Result<()>;

    /// The list itself, for whoever knows its type.
    fn as_any(&self) -> &dyn Any;

    /// The same, to take it apart.
    fn into_any(self: Box<Self>) -> Box<dyn Any + Send>;
}

/// Models in parts, of which none is empty.
pub type Parts = Pin<Box<dyn Stream<Item = Result<Box<dyn Models>>> + Send>>;

/// Rows that are to be stored.
pub trait Rows: Sync {
    /// How many there are.
    fn len(&self) -> usize;

    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The portable value of a row in a column, by its position in the table. Of a table that is known without an entity, a null
    /// of another type than the column's stands for a column that was left out.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput), which names the column, if the value is one that no store could hold.
    fn value(&self, row: usize, column: usize) -> Result<Value>;
}

#[cfg(feature = "duckdb-linked")]
impl Rows for &[Vec<Value>] {
    fn len(&self) -> usize {
        <[_]>::len(self)
    }

    fn value(&self, row: usize, column: usize) -> Result<Value> {
        use crate::error::{Error, ErrorKind};

        let missing = || Error::new(ErrorKind::Internal, "a row or a column that is not there");
        self.get(row).and_then(|row| row.get(column)).cloned().ok_or_else(missing)
    }
}

impl dyn Rows + '_ {
    /// All values of a row of so many columns.
    pub(crate) fn row(&self, row: usize, columns: usize) -> Result<Vec<Value>> {
        // Not collected: of results, nobody knows how many there will be.
        let mut values = Vec::with_capacity(columns);
        for column in 0..columns {
            values.push(self.value(row, column)?);
        }
        Ok(values)
    }
}

impl dyn Models + '_ {
    /// Adds the model of a row.
    pub(crate) fn push_row(&mut self, row: impl IntoIterator<Item = Value>) -> Result<()> {
        let mut values = row.into_iter();
        self.push(&mut |_, put| values.next().map_or(Ok(()), put))
    }
}
