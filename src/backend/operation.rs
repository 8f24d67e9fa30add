//! [`Read`] and [`Write`], what is asked of a table, as values; [`SqlRequest`], what is asked in SQL; [`Answer`], what is
//! answered.

use std::{fmt, sync::Arc};

use sea_orm::Statement;

use super::{Decoder, Models, Parts, Rows};
use crate::{
    context::{Access, Cx},
    error::{Error, ErrorKind, Result},
    query::{Change, Grouping, Outcome, Resolution, ResolvedFilter, Selection, Upserted},
    row::Row,
    table::{Table, TableName},
    value::Key,
};

/// What is read of a table.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Read {
    /// The model with this id. Answers no model if it is not there.
    FindOne(Key),
    /// The model with this id, which no other transaction changes before this one has ended. Counts as a write. Answers no model
    /// if it is not there.
    FindLocked(Key),
    /// The models with these ids that are there, in the order of the ids.
    Find(Vec<Key>),
    /// The models of a selection, in its order.
    Select(Selection),
    /// How many models fulfil a condition.
    Count(ResolvedFilter),
    /// How many models a selection has.
    CountSelected(Selection),
    /// Some columns of the models of a selection.
    Project {
        /// Which models, in which order.
        selection: Selection,
        /// The columns, by their positions in the table.
        columns: Vec<usize>,
        /// Whether each combination of values is answered once.
        distinct: bool,
    },
    /// Values that are computed of groups of the models that fulfil a condition.
    Aggregate {
        /// Which models.
        condition: ResolvedFilter,
        /// Which groups, and what is computed of each.
        grouping: Grouping,
    },
}

impl Read {
    /// What it is called in spans and metrics.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::FindOne(_) | Self::Find(_) => "find",
            Self::FindLocked(_) => "find_locked",
            Self::Select(_) => "select",
            Self::Count(_) | Self::CountSelected(_) => "count",
            Self::Project { .. } => "project",
            Self::Aggregate { .. } => "aggregate",
        }
    }

    /// What it needs: one that locks is a write to those who tell reads from writes.
    #[must_use]
    pub fn access(&self) -> Access {
        if let Self::FindLocked(_) = self { Access::Write } else { Access::Read }
    }
}

/// What is written to a table. Each takes effect as a whole or not at all.
#[derive(Clone)]
#[non_exhaustive]
pub enum Write<'r> {
    /// Inserts rows.
    Insert {
        /// The rows.
        rows: &'r dyn Rows,
        /// Whether their models are answered, in the order given. If not, none is.
        returning: bool,
    },
    /// Inserts rows, or replaces those that are there; answers how many were which.
    Upsert {
        /// The rows.
        rows: &'r dyn Rows,
        /// What is a conflict, and what becomes of the row that is there.
        resolution: Resolution,
    },
    /// Inserts the one row that is given, or does with the one that is there what is to be done, and answers the model that is
    /// stored then, and what became of it.
    UpsertOne {
        /// The row.
        rows: &'r dyn Rows,
        /// What is a conflict, and what becomes of the row that is there.
        resolution: Resolution,
    },
    /// Replaces the one row that is given, and answers its model.
    Update(&'r dyn Rows),
    /// Replaces rows, and answers their models in the order given.
    UpdateMany(&'r dyn Rows),
    /// Changes the models that fulfil a condition, and answers how many there were.
    UpdateWhere {
        /// Which models.
        condition: ResolvedFilter,
        /// What becomes of them.
        changes: Vec<Change>,
    },
    /// Changes the models of a selection, and answers them as they are then, in its order.
    UpdateSelected {
        /// Which models.
        selection: Selection,
        /// What becomes of them.
        changes: Vec<Change>,
    },
    /// The same with the first models of a selection that no other transaction has locked. It waits for none.
    UpdateFirst {
        /// Which models.
        selection: Selection,
        /// What becomes of them.
        changes: Vec<Change>,
    },
    /// Deletes, or marks, the models with these ids, and answers how many there were.
    Delete(Vec<Key>),
    /// Deletes, or marks, the models that fulfil a condition, and answers how many there were.
    DeleteWhere(ResolvedFilter),
    /// Deletes, or marks, the models of a selection, and answers them as they were, or as they are marked, in its order.
    DeleteSelected(Selection),
    /// The same with the first models of a selection that no other transaction has locked. It waits for none.
    DeleteFirst(Selection),
}

impl Write<'_> {
    /// What it is called in spans and metrics.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Insert { .. } => "insert",
            Self::Upsert { .. } | Self::UpsertOne { .. } => "upsert",
            Self::Update(_) | Self::UpdateMany(_) => "update",
            Self::UpdateWhere { .. } | Self::UpdateSelected { .. } => "update_where",
            Self::UpdateFirst { .. } => "update_first",
            Self::Delete(_) => "delete",
            Self::DeleteWhere(_) | Self::DeleteSelected(_) => "delete_where",
            Self::DeleteFirst(_) => "delete_first",
        }
    }

    /// How many rows or ids are given. Returns `None` for what goes by a condition.
    #[must_use]
    pub fn given(&self) -> Option<usize> {
        match self {
            Self::Insert { rows, .. }
            | Self::Upsert { rows, .. }
            | Self::UpsertOne { rows, .. }
            | Self::Update(rows)
            | Self::UpdateMany(rows) => Some(rows.len()),
            Self::Delete(keys) => Some(keys.len()),
            Self::UpdateWhere { .. }
            | Self::UpdateSelected { .. }
            | Self::UpdateFirst { .. }
            | Self::DeleteWhere(_)
            | Self::DeleteSelected(_)
            | Self::DeleteFirst(_) => None,
        }
    }
}

impl fmt::Debug for Write<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Write").field("name", &self.name()).field("given", &self.given()).finish_non_exhaustive()
    }
}

/// A statement that a caller wrote.
#[derive(Clone)]
#[non_exhaustive]
pub struct SqlRequest {
    /// The statement. It neither ends a transaction nor changes its connection: that was looked at before.
    pub statement: Statement,
    /// Whether it may write.
    pub access: Access,
    /// What its connection keeps of it.
    pub leaves: Leaves,
    /// What it is to answer.
    pub wanted: Wanted,
}

impl fmt::Debug for SqlRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlRequest").field("access", &self.access).field("leaves", &self.leaves).finish_non_exhaustive()
    }
}

/// What a connection keeps of a statement after its transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Leaves {
    /// Nothing.
    Nothing,
    /// Something, such as a temporary table. The connection is not to be used by anybody else.
    Something,
}

/// What a statement that a caller wrote is to answer.
#[derive(Clone)]
#[non_exhaustive]
pub enum Wanted {
    /// How many rows it changed.
    Number,
    /// Rows, with the types that the engine says.
    Rows,
    /// Models, whose columns it names.
    Models(Arc<dyn Decoder>),
}

impl fmt::Debug for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Number => "Number",
            Self::Rows => "Rows",
            Self::Models(_) => "Models",
        })
    }
}

/// What an operation answers, in the form that it says.
#[non_exhaustive]
pub enum Answer {
    /// Models.
    Models(Box<dyn Models>),
    /// How many models there are, or were changed.
    Number(u64),
    /// Rows that are no models.
    Rows(Vec<Row>),
    /// How many models were inserted, and how many replaced.
    Upserted(Upserted),
    /// One model as it is stored, and what became of it.
    Stored(Box<dyn Models>, Outcome),
    /// The parts of a stream. `None` in a transaction of the store's, where each part is selected by itself.
    Parts(Option<Parts>),
    /// The context of a transaction that was begun.
    Begun(Cx),
    /// Whether a transaction has committed.
    HasCommitted(bool),
    /// The names of tables.
    Tables(Vec<TableName>),
    /// What the catalog says of a table.
    Described(Arc<Table>),
}

impl Answer {
    /// How many models or rows are answered. Returns `None` for what answers none.
    #[must_use]
    pub fn returned(&self) -> Option<usize> {
        match self {
            Self::Models(models) | Self::Stored(models, _) => Some(models.len()),
            Self::Rows(rows) => Some(rows.len()),
            _ => None,
        }
    }

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

    pub(crate) fn stored(self) -> Result<(Box<dyn Models>, Outcome)> {
        if let Self::Stored(models, outcome) = self { Ok((models, outcome)) } else { Err(unexpected()) }
    }

    pub(crate) fn parts(self) -> Result<Option<Parts>> {
        if let Self::Parts(parts) = self { Ok(parts) } else { Err(unexpected()) }
    }

    pub(crate) fn begun(self) -> Result<Cx> {
        if let Self::Begun(cx) = self { Ok(cx) } else { Err(unexpected()) }
    }

    pub(crate) fn has_committed(self) -> Result<bool> {
        if let Self::HasCommitted(answer) = self { Ok(answer) } else { Err(unexpected()) }
    }

    pub(crate) fn tables(self) -> Result<Vec<TableName>> {
        if let Self::Tables(tables) = self { Ok(tables) } else { Err(unexpected()) }
    }

    pub(crate) fn described(self) -> Result<Arc<Table>> {
        if let Self::Described(table) = self { Ok(table) } else { Err(unexpected()) }
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("returned", &self.returned()).finish_non_exhaustive()
    }
}

fn unexpected() -> Error {
    Error::new(ErrorKind::Internal, "the backend answered in another form than it was asked for")
}
