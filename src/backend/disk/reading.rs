//! [`Reading`], one read of the rows of a table.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::AtomicU64},
};

use sea_orm::Value;

use super::{
    merge::Sorter,
    open_table::OpenTable,
    scan::{GoesOn, row_of},
};
use crate::{
    backend::{Answer, Decoder, Models, Read, StoredRow, file::Findings, projected},
    error::{Error, ErrorKind, Result},
    query::{ResolvedFilter, Selection, compare_keys, key_of},
    stream::CHUNK,
    value::Key,
};

/// Refuses filters that look into other tables.
pub(super) fn require_own(condition: &ResolvedFilter) -> Result<()> {
    match condition.joined_tables().is_empty() {
        true => Ok(()),
        false => Err(Error::new(ErrorKind::Unsupported, "an append-only store filters by no other table")),
    }
}

/// One read, on a thread that may block.
pub(super) struct Reading<'r> {
    pub(super) open: &'r OpenTable,
    pub(super) findings: &'r Findings,
    /// How many segments were opened to read them.
    pub(super) opened: &'r AtomicU64,
    pub(super) decoder: &'r Arc<dyn Decoder>,
}

impl Reading<'_> {
    fn scan(&self, condition: &ResolvedFilter, visit: impl FnMut(&str, Vec<Value>) -> Result<GoesOn>) -> Result<()> {
        require_own(condition)?;
        self.open.scan(self.findings, self.opened, condition, visit)
    }

    fn models<'m>(&self, rows: impl IntoIterator<Item = &'m StoredRow>) -> Result<Answer> {
        let mut models = self.decoder.models();
        rows.into_iter().try_for_each(|row| models.push_row(row.iter().cloned()))?;
        Ok(Answer::Models(models))
    }

    pub(super) fn answer(&self, read: Read) -> Result<Answer> {
        match read {
            Read::FindOne(id) | Read::FindLocked(id) => self.find(&[id]),
            Read::Find(ids) => self.find(&ids),
            Read::Select(selection) => self.selected(selection).and_then(|rows| self.models(&rows)),
            Read::Count(condition) => {
                let mut count = 0;
                self.scan(&condition, |_, _| {
                    count += 1;
                    Ok(true)
                })?;
                Ok(Answer::Number(count))
            }
            Read::CountSelected(selection) => self.selected(selection).map(|rows| Answer::Number(rows.len() as u64)),
            Read::Project { mut selection, columns, distinct } => {
                let (offset, limit) = (selection.offset, selection.limit);
                if distinct {
                    (selection.offset, selection.limit) = (0, None);
                }
                let rows = self.selected(selection)?;
                Ok(Answer::Rows(projected(&self.open.table, &rows, &columns, distinct.then_some((offset, limit)))))
            }
            Read::Aggregate { condition, grouping } => {
                grouping.measures.iter().try_for_each(|measure| require_own(&measure.condition))?;
                let rows = self.matching(&condition)?;
                grouping.of(&self.open.table, rows.iter()).map(Answer::Rows)
            }
        }
    }

    /// The rows that fulfil a condition, in the order of their ids.
    fn matching(&self, condition: &ResolvedFilter) -> Result<Vec<StoredRow>> {
        let (table, mut rows) = (&self.open.table, Vec::new());
        self.scan(condition, |_, row| {
            rows.push((table.key_of(&row), StoredRow::from(row)));
            Ok(true)
        })?;
        rows.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(rows.into_iter().map(|(_, row)| row).collect())
    }

    fn selected(&self, selection: Selection) -> Result<Vec<StoredRow>> {
        let table = &self.open.table;
        let mut rows = self.matching(&selection.condition)?;
        if let Some(after) = selection.after_id(&table.id) {
            rows.retain(|row| table.key_of(row) > after);
        }
        Ok(selection.of(rows.iter(), &table.id).into_iter().cloned().collect())
    }

    fn find(&self, ids: &[Key]) -> Result<Answer> {
        let table = &self.open.table;
        let mut found: BTreeMap<&Key, Option<StoredRow>> = ids.iter().map(|id| (id, None)).collect();
        let mut missing = found.len();
        self.scan(&ResolvedFilter::TRUE, |_, row| {
            if table.is_visible(&row)
                && let Some(place @ None) = found.get_mut(&table.key_of(&row))
            {
                *place = Some(row.into());
                missing -= 1;
            }
            Ok(missing > 0)
        })?;
        self.models(ids.iter().filter_map(|id| found.get(id)?.as_ref()))
    }

    /// Gives the models of a selection away in parts, in its order. However many they are, only some are in memory.
    pub(super) fn stream(&self, selection: &Selection, send: impl Fn(Box<dyn Models>) -> bool) -> Result<()> {
        let (table, order) = (&self.open.table, &selection.order);
        let compare = |one: &Vec<Value>, other: &Vec<Value>| compare_keys(order, one, other);
        let mut sorter = Sorter::new(|line: &str| row_of(table, line).map(|row| key_of(order, &row)));
        self.scan(&selection.condition, |line, row| {
            let key = key_of(order, &row);
            let is_passed = selection.position.as_ref().is_none_or(|position| position.is_passed_by(order, &key));
            if is_passed {
                sorter.push(key, line.to_owned(), &compare)?;
            }
            Ok(true)
        })?;
        let (mut skipped, mut left) = (selection.offset, selection.limit.unwrap_or(u64::MAX));
        let mut models = self.decoder.models();
        sorter.finish(&compare, |line| {
            if skipped > 0 {
                skipped -= 1;
                return Ok(true);
            }
            if left == 0 {
                return Ok(false);
            }
            left -= 1;
            models.push_row(row_of(table, line)?)?;
            if models.len() < CHUNK {
                return Ok(true);
            }
            Ok(send(std::mem::replace(&mut models, self.decoder.models())))
        })?;
        if !models.is_empty() {
            send(models);
        }
        Ok(())
    }
}
