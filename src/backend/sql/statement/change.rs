//! Updating and deleting.

use sea_orm::{
    Statement, Value,
    sea_query::{Cond, DeleteStatement, DynIden, Expr, Query, UpdateStatement},
};

use super::{Statements, statement_cache::StatementKey};
use crate::{
    error::{Error, ErrorKind, Result},
    query::{Change, Comparison, ResolvedFilter, range},
    value::Key,
};

impl Statements<'_> {
    /// Positions of the columns that an update of a whole model sets by the model's values.
    pub(super) fn replaced(&self) -> Vec<usize> {
        let rules = self.table.rules;
        let is_replaced = |position: &usize| {
            !self.table.id.contains(position)
                && !self.is_computed(*position)
                && ![rules.version, rules.created_at, rules.deleted_at].contains(&Some(*position))
        };
        (0..self.table.columns.len()).filter(is_replaced).collect()
    }

    /// Replaces all columns but the id, if the version is that of the row. Returns `None` if there are no other columns.
    pub(in super::super) fn update(&self, row: &[Value], returning: bool) -> Result<Option<Statement>> {
        let replaced = self.replaced();
        let raised = self.raised_version()?;
        if replaced.is_empty() && raised.is_none() {
            return Ok(None);
        }
        let write = |row: &[Value]| {
            let values = replaced.iter().filter_map(|position| row.get(*position));
            let columns = self.columns(&replaced).into_iter().zip(values);
            let mut changed: Vec<_> = columns.map(|(column, value)| (column.iden(), self.value(column, value))).collect();
            changed.extend(raised.clone());
            let mut update = Query::update();
            update.table(self.table.table_ref()).values(changed).cond_where(self.id_is(&self.table.key_of(row).0));
            self.restrict_to(&mut update, &self.table.visible());
            if let Some((version, value)) = self.table.rules.version.and_then(|version| Some((version, row.get(version)?))) {
                for column in self.columns(&[version]) {
                    update.and_where(self.compared(column, Comparison::Equal, value));
                }
            }
            if returning {
                update.returning(self.returning());
            }
            Ok(self.build(&update))
        };
        match self.compares_ids_by_meaning() {
            true => write(row).map(Some),
            false => self.cache.statement(StatementKey::Update { returning }, self.dialect, row, write).map(Some),
        }
    }

    pub(in super::super) fn update_where(&self, condition: &ResolvedFilter, changes: &[Change]) -> Result<Option<Statement>> {
        self.update_all(Cond::all(), condition, changes)
    }

    /// Deletes, or marks, the models that fulfil a condition.
    pub(in super::super) fn delete_where(&self, condition: &ResolvedFilter, mark: Option<&[Change]>) -> Result<Statement> {
        self.delete_all(Cond::all(), condition, mark)
    }

    /// Deletes, or marks, the models with these ids.
    pub(in super::super) fn delete_ids(&self, ids: &[Key], mark: Option<&[Change]>) -> Result<Statement> {
        self.delete_all(self.id_is_in(ids), &self.table.visible(), mark)
    }

    /// Changes the rows that fulfil both conditions, and answers their models. Returns `None` if there is nothing to change.
    pub(in super::super) fn update_returning(
        &self,
        key: Cond,
        condition: &ResolvedFilter,
        changes: &[Change],
    ) -> Result<Option<Statement>> {
        let update = self.update_of(key, condition, changes)?;
        Ok(update.map(|mut update| self.build(update.returning(self.returning()))))
    }

    /// Changes the models with these ids, and answers them if that is wanted. Returns `None` if there is nothing to change.
    pub(in super::super) fn update_ids(&self, ids: &[Key], changes: &[Change], returning: bool) -> Result<Option<Statement>> {
        let (key, condition) = (self.id_is_in(ids), ResolvedFilter::TRUE);
        match returning {
            true => self.update_returning(key, &condition, changes),
            false => self.update_all(key, &condition, changes),
        }
    }

    /// Deletes the rows that fulfil both conditions, and answers their models.
    pub(in super::super) fn delete_returning(&self, key: Cond, condition: &ResolvedFilter) -> Statement {
        self.build(self.delete_of(key, condition).returning(self.returning()))
    }

    fn delete_of(&self, key: Cond, condition: &ResolvedFilter) -> DeleteStatement {
        let mut delete = Query::delete();
        delete.from_table(self.table.table_ref());
        if !key.is_empty() {
            delete.cond_where(key);
        }
        self.restrict_to(&mut delete, condition);
        delete
    }

    fn delete_all(&self, key: Cond, condition: &ResolvedFilter, mark: Option<&[Change]>) -> Result<Statement> {
        if let Some(mark) = mark {
            let missing = || Error::new(ErrorKind::Internal, "a mark that changes nothing");
            return self.update_all(key, condition, mark)?.ok_or_else(missing);
        }
        Ok(self.build(&self.delete_of(key, condition)))
    }

    /// Updates all rows that fulfil both conditions. Returns `None` if there is nothing to change.
    fn update_all(&self, key: Cond, condition: &ResolvedFilter, changes: &[Change]) -> Result<Option<Statement>> {
        Ok(self.update_of(key, condition, changes)?.map(|update| self.build(&update)))
    }

    fn update_of(&self, key: Cond, condition: &ResolvedFilter, changes: &[Change]) -> Result<Option<UpdateStatement>> {
        let set = self.set(changes)?;
        if set.is_empty() {
            return Ok(None);
        }
        let mut update = Query::update();
        update.table(self.table.table_ref()).values(set);
        if !key.is_empty() {
            update.cond_where(key);
        }
        self.restrict_to(&mut update, condition);
        Ok(Some(update))
    }

    /// What changes set, and the version with them. Empty if there is nothing to change.
    pub(super) fn set(&self, changes: &[Change]) -> Result<Vec<(DynIden, Expr)>> {
        let mut set = Vec::new();
        for change in changes {
            set.extend(self.changed(change)?);
        }
        if !set.is_empty() {
            set.extend(self.raised_version()?);
        }
        Ok(set)
    }

    /// The version's column, and what it is raised to.
    pub(super) fn raised_version(&self) -> Result<Option<(DynIden, Expr)>> {
        let Some(version) = self.table.rules.version else { return Ok(None) };
        let range = range(self.table.value_type(version)?);
        Ok(self.columns(&[version]).pop().map(|column| (column.iden(), self.whole_increased(column, Expr::val(1_i64), range))))
    }
}
