//! [`TableWrite`], a write whose rows were made of models.

use std::{collections::BTreeMap, fmt, sync::Arc};

use sea_orm::Value;

use super::{
    super::{Answer, Decoder, Rows, Write},
    read::models,
    writer::Writer,
};
use crate::{
    coop::Budget,
    error::{Result, conflict},
    query::{Change, Resolution, ResolvedFilter, Selection},
    table::Table,
    value::Key,
};

/// A [`Write`] whose rows were made of models, so that it can go to another thread.
#[derive(Clone)]
pub struct TableWrite(Owned);

#[derive(Clone)]
enum Owned {
    Insert(Vec<Vec<Value>>, bool),
    Upsert(Vec<Vec<Value>>, Resolution),
    UpsertOne(Vec<Value>, Resolution),
    Update(Vec<Value>),
    UpdateMany(Vec<Vec<Value>>),
    UpdateWhere(ResolvedFilter, Vec<Change>),
    UpdateSelected(Selection, Vec<Change>),
    Delete(Vec<Key>),
    DeleteWhere(ResolvedFilter),
    DeleteSelected(Selection),
}

impl TableWrite {
    /// Makes the rows. Lets other tasks have their turns meanwhile.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput), which names the column, for a value that no store could hold. Nothing
    /// was written, so it is no reason for a transaction to fail.
    pub async fn of(table: &Table, write: Write<'_>) -> Result<Self> {
        let columns = table.columns.len();
        Ok(Self(match write {
            Write::Insert { rows, returning } => Owned::Insert(values(rows, columns).await?, returning),
            Write::Upsert { rows, resolution } => Owned::Upsert(values(rows, columns).await?, resolution),
            Write::UpsertOne { rows, resolution } => Owned::UpsertOne(rows.row(0, columns)?, resolution),
            Write::Update(rows) => Owned::Update(rows.row(0, columns)?),
            Write::UpdateMany(rows) => Owned::UpdateMany(values(rows, columns).await?),
            Write::UpdateWhere { condition, changes } => Owned::UpdateWhere(condition, changes),
            // Nobody has locked anything: those who write take turns.
            Write::UpdateSelected { selection, changes } | Write::UpdateFirst { selection, changes } => {
                Owned::UpdateSelected(selection, changes)
            }
            Write::Delete(ids) => Owned::Delete(ids),
            Write::DeleteWhere(condition) => Owned::DeleteWhere(condition),
            Write::DeleteSelected(selection) | Write::DeleteFirst(selection) => Owned::DeleteSelected(selection),
        }))
    }

    /// How many rows or ids are given. Returns `None` for what goes by a condition.
    pub(super) fn given(&self) -> Option<usize> {
        match &self.0 {
            Owned::Insert(rows, _) | Owned::Upsert(rows, _) | Owned::UpdateMany(rows) => Some(rows.len()),
            Owned::Update(_) | Owned::UpsertOne(..) => Some(1),
            Owned::Delete(ids) => Some(ids.len()),
            Owned::UpdateWhere(..) | Owned::UpdateSelected(..) | Owned::DeleteWhere(_) | Owned::DeleteSelected(_) => None,
        }
    }

    /// Which rows are written, or written over, for what goes by a condition.
    pub(super) fn condition(&self) -> Option<&ResolvedFilter> {
        match &self.0 {
            Owned::UpdateWhere(condition, _) | Owned::DeleteWhere(condition) => Some(condition),
            Owned::UpdateSelected(selection, _) | Owned::DeleteSelected(selection) => Some(&selection.condition),
            Owned::Upsert(_, resolution) | Owned::UpsertOne(_, resolution) => Some(&resolution.condition),
            _ => None,
        }
    }

    /// Whether it changes rows that others may refer to.
    pub(super) fn may_be_referred_to(&self) -> bool {
        !matches!(self.0, Owned::Insert(..))
    }

    /// An error inside says that nothing was changed.
    pub(super) fn apply(self, writer: &mut Writer<'_>, decoder: &Arc<dyn Decoder>) -> Result<Result<Answer>> {
        Ok(Ok(match self.0 {
            Owned::Insert(rows, returning) => {
                let stored = writer.insert(rows)?;
                Answer::Models(models(decoder, stored.iter().filter(|_| returning))?)
            }
            Owned::Upsert(rows, resolution) => Answer::Upserted(writer.upsert_all(rows, &resolution)?),
            Owned::UpsertOne(row, resolution) => {
                let (row, outcome) = writer.upsert_one(row, &resolution)?;
                Answer::Stored(models(decoder, [&row])?, outcome)
            }
            Owned::Update(row) => return Ok(writer.update(row)?.and_then(|row| models(decoder, [&row])).map(Answer::Models)),
            Owned::UpdateMany(rows) => {
                let ids: Vec<_> = rows.iter().map(|row| writer.table.key_of(row)).collect();
                // Of two with one id, the last.
                let latest: BTreeMap<_, _> = ids.iter().cloned().zip(rows).collect();
                if latest.len() < ids.len() && writer.table.rules.version.is_some() {
                    return Ok(Err(conflict()));
                }
                let updated = writer.update_all(latest)?;
                Answer::Models(models(decoder, ids.iter().filter_map(|id| updated.get(id)))?)
            }
            Owned::UpdateWhere(condition, changes) => Answer::Number(writer.update_where(condition, &changes)?),
            Owned::UpdateSelected(selection, changes) => {
                let rows = writer.update_selected(selection, &changes)?;
                Answer::Models(models(decoder, &rows)?)
            }
            Owned::Delete(ids) => Answer::Number(writer.delete(&ids)?),
            Owned::DeleteWhere(condition) => Answer::Number(writer.delete_where(condition)?),
            Owned::DeleteSelected(selection) => Answer::Models(models(decoder, &writer.delete_selected(selection)?)?),
        }))
    }
}

impl fmt::Debug for TableWrite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TableWrite").field("given", &self.given()).finish_non_exhaustive()
    }
}

async fn values(given: &dyn Rows, columns: usize) -> Result<Vec<Vec<Value>>> {
    let (mut rows, mut budget) = (Vec::with_capacity(given.len()), Budget::new());
    for nth in 0..given.len() {
        rows.push(given.row(nth, columns).map_err(|error| error.in_batch(nth, given.len()))?);
        budget.consume().await;
    }
    Ok(rows)
}
