//! [`Read`] and [`Write`], what is asked of a table, as values.

use super::{Models, Rows};
use crate::{
    error::{Error, ErrorKind, Result},
    query::{Change, Condition, Resolution, Selection, Upserted},
    row::Row,
    value::Key,
};

/// What is read of a table.
#[derive(Clone, Debug)]
pub(crate) enum Read {
    /// The model with this id, if it is there.
    FindOne(Key),
    /// The models with these ids that are there, in the order of the ids.
    Find(Vec<Key>),
    /// The models of a selection, in its order.
    Select(Selection),
    /// How many models fulfil a condition.
    Count(Condition),
    /// The values of these columns, by their positions; each combination once, if they are to be distinct.
    Project { selection: Selection, columns: Vec<usize>, distinct: bool },
}

/// What is written to a table. Each takes effect as a whole or not at all.
#[derive(Clone)]
pub(crate) enum Write<'r> {
    /// Inserts rows, and answers their models in the order given; none unless `returning`.
    Insert { rows: &'r dyn Rows, returning: bool },
    /// Inserts rows, or replaces those that are there; answers how many were which.
    Upsert { rows: &'r dyn Rows, resolution: Resolution },
    /// Replaces the one row that is given, and answers its model.
    Update(&'r dyn Rows),
    /// Replaces rows, and answers their models in the order given.
    UpdateMany(&'r dyn Rows),
    /// Changes the models that fulfil a condition, and answers how many there were.
    UpdateWhere { condition: Condition, changes: Vec<Change> },
    /// Deletes, or marks, the models with these ids, and answers how many there were.
    Delete(Vec<Key>),
    /// Deletes, or marks, the models that fulfil a condition, and answers how many there were.
    DeleteWhere(Condition),
}

/// What an operation answers, in the form that it says.
pub(crate) enum Answer {
    Models(Box<dyn Models>),
    Number(u64),
    Rows(Vec<Row>),
    Upserted(Upserted),
}

impl Answer {
    pub(crate) fn models(self) -> Result<Box<dyn Models>> {
        if let Self::Models(models) = self { Ok(models) } else { Err(unexpected()) }
    }

    pub(crate) fn number(self) -> Result<u64> {
        if let Self::Number(number) = self { Ok(number) } else { Err(unexpected()) }
    }

    pub(crate) fn rows(self) -> Result<Vec<Row>> {
        if let Self::Rows(rows) = self { Ok(rows) } else { Err(unexpected()) }
    }

    pub(crate) fn upserted(self) -> Result<Upserted> {
        if let Self::Upserted(upserted) = self { Ok(upserted) } else { Err(unexpected()) }
    }
}

fn unexpected() -> Error {
    Error::new(ErrorKind::Internal, "the backend answered in another form than it was asked for")
}
