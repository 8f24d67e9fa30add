//! What a repository sees of its table, and what it may store there.

use sea_orm::Value;

use super::{
    change::Change,
    filter::Filter,
    resolution::{Resolution, StoredAction},
    resolve::Size,
    tree::Scope,
    tree::{ResolvedFilter, Test},
};
use crate::{
    error::{Error, ErrorKind, Result},
    table::Table,
};

fn outside() -> Error {
    Error::new(ErrorKind::InvalidInput, "a model outside of the repository's filter")
}

impl Table {
    /// Lets only the models be there that fulfil a filter.
    pub(crate) fn set_scope<M>(&mut self, filter: &Filter<M>) -> Result<()> {
        let mut size = Size::default();
        let resolved = self.resolve(filter.tree()?, &mut size)?;
        let scope = Scope::new(resolved, filter.clone().into_tree(), size.tests)?;
        scope
            .columns
            .iter()
            .try_for_each(|column| self.require_known_value(*column).map_err(|error| self.in_column(*column, error)))?;
        self.scope = scope;
        Ok(())
    }

    /// Refuses a column whose value in a new model is not known before it is stored.
    fn require_known_value(&self, column: usize) -> Result<()> {
        let invalid = |message| Err(Error::new(ErrorKind::InvalidInput, message));
        if self.rules.is_stamped(column) || self.rules.deleted_at == Some(column) {
            return invalid("a column that the repository keeps by itself is in its filter");
        }
        if self.generated == Some(column) || self.computed.contains(&column) || self.defaulted.contains(&column) {
            return invalid("a column whose values the database makes is in the repository's filter");
        }
        if !self.column(column)?.is_saved_as_it_is() {
            return Err(Error::new(ErrorKind::Unsupported, "a column with a cast of its own is in the repository's filter"));
        }
        match self.default_of(column) {
            Ok(_) => Ok(()),
            Err(_) => invalid("a column whose default is an SQL expression is in the repository's filter"),
        }
    }

    /// The condition that a model is there for the repository: it fulfils the repository's filter and is not marked as deleted.
    pub(crate) fn visible(&self) -> ResolvedFilter {
        self.not_deleted().and(self.scope.filter.clone())
    }

    /// Whether a row is there for the repository.
    pub(crate) fn is_visible(&self, row: &[Value]) -> bool {
        self.not_deleted().is_met_by(row) && self.scope.filter.is_met_by(row)
    }

    /// The condition that a model is not marked as deleted.
    fn not_deleted(&self) -> ResolvedFilter {
        self.rules.deleted_at.map_or(ResolvedFilter::TRUE, |column| ResolvedFilter::Test(column, Test::Null))
    }

    /// Refuses a model that is to be stored and would not be there for the repository. `value` returns its value in a column.
    pub(crate) fn require_within(&self, value: impl Fn(usize) -> Result<Value>) -> Result<()> {
        if self.scope.is_all() {
            return Ok(());
        }
        let mut row: Vec<Value> = self.columns.iter().map(|column| column.null.clone()).collect();
        for column in &self.scope.columns {
            if let Some(place) = row.get_mut(*column) {
                let given = value(*column)?;
                *place = match self.default_of(*column)?.filter(|_| given == place.as_null()) {
                    Some(default) => default,
                    None => given,
                };
            }
        }
        if self.scope.filter.is_met_by(&row) { Ok(()) } else { Err(outside()) }
    }

    /// Refuses changes after which a model of the repository might not be there any more. One condition after the other, they
    /// have to leave all of its columns alone, or set all of them to values that fulfil it.
    pub(super) fn require_kept_within(&self, changes: &[Change]) -> Result<()> {
        let mut row: Vec<Value> = self.columns.iter().map(|column| column.null.clone()).collect();
        let mut set = Vec::new();
        for change in changes {
            if let Change::Set(column, value) = change
                && let Some(place) = row.get_mut(*column)
            {
                place.clone_from(value);
                set.push(*column);
            }
        }
        for (condition, columns) in self.scope.conditions() {
            let Some(changed) = changes.iter().map(Change::column).find(|column| columns.contains(column)) else { continue };
            if !columns.iter().all(|column| set.contains(column)) || !condition.is_met_by(&row) {
                return Err(self.in_column(changed, outside()));
            }
        }
        Ok(())
    }

    /// Refuses to replace columns so that a stored model of the repository might not be there any more, although the model that
    /// is given is: a condition has to look at replaced columns alone, or at none.
    pub(super) fn require_replaced_within(&self, resolution: &Resolution) -> Result<()> {
        let StoredAction::Replace(replaced) = &resolution.action else { return Ok(()) };
        for (_, columns) in self.scope.conditions() {
            let is_same = |column: &&usize| resolution.target.contains(column);
            let mut others = columns.iter().filter(|column| !is_same(column));
            if let Some(first) = others.next()
                && others.any(|column| replaced.contains(column) != replaced.contains(first))
            {
                let message = "some, and not all, columns of a condition of the repository's filter are replaced";
                return Err(self.in_column(*first, Error::new(ErrorKind::InvalidInput, message)));
            }
        }
        Ok(())
    }

    /// A row is stored already that is not there for the repository: as any other duplicate.
    pub(crate) fn taken(&self, resolution: &Resolution) -> Error {
        Error::new(ErrorKind::Duplicate, "").with_constraint(Some(self.full_names(&resolution.target)))
    }
}
