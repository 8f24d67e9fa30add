//! Statements that take rows from a source: a list of values, or a table made for them.

use sea_orm::{
    Statement, Value,
    sea_query::{
        Alias, Asterisk, CommonTableExpression, Cond, Expr, InsertStatement, Query, SelectStatement, UpdateStatement, ValueTuple,
        WithClause,
    },
};

use super::{Statements, idens};
use crate::{
    error::{Error, ErrorKind, Result},
    query::{Resolution, ResolvedFilter},
    table::{Table, TableColumn},
};

/// The name that rows of a source for an entity go by, which is not that of the entity's table.
pub(in super::super) fn source_of(table: &Table) -> &'static str {
    const NAME: &str = "larder_rows";
    if table.name().eq_ignore_ascii_case(NAME) { "larder_given_rows" } else { NAME }
}

/// Rows to take values from.
pub(in super::super) enum Source<'a> {
    /// In the statement itself.
    Values(&'a [Vec<Value>]),
    /// In a table of the connection's own, under the name that [`source_of`] returns.
    Staged,
}

impl Statements<'_> {
    /// Replaces all columns but the id of the models that have the id, and, where there is one, the version, of a row of the
    /// source.
    pub(in super::super) fn update_from(&self, source: &Source<'_>, columns: &[usize]) -> Result<Option<Statement>> {
        let mut same = self.same(&self.table.id);
        if let Some(version) = self.table.rules.version {
            same = same.add(self.same(&[version]));
        }
        self.set_from(source, columns, &self.replaced(), same, &self.table.visible())
    }

    /// Replaces columns of the models that are told by a row of the source.
    pub(in super::super) fn replace_from(
        &self,
        source: &Source<'_>,
        columns: &[usize],
        resolution: &Resolution,
    ) -> Result<Option<Statement>> {
        let Some(replaced) = &resolution.replaced else { return Ok(None) };
        let replaced = [replaced.as_slice(), self.table.rules.updated_at.as_slice()].concat();
        self.set_from(source, columns, &replaced, self.same(&resolution.target), &self.table.scope.filter)
    }

    /// How many rows of the source are stored already in models that are not there for the repository.
    pub(in super::super) fn count_taken(&self, source: &Source<'_>, columns: &[usize], resolution: &Resolution) -> Statement {
        let mut count = self.select_count();
        count.from(Alias::new(source_of(self.table))).cond_where(self.same(&resolution.target));
        self.restrict_to(&mut count, &self.table.scope.filter.clone().negated());
        if let Some(with) = self.with(source, columns) {
            count.with_cte(with);
        }
        self.build(&count)
    }

    /// Replaces some columns of the models that have the id of a row of the source.
    pub(in super::super) fn put_from(
        &self,
        source: &Source<'_>,
        columns: &[usize],
        replaced: &[usize],
    ) -> Result<Option<Statement>> {
        self.set_from(source, columns, replaced, self.same(&self.table.id), &ResolvedFilter::TRUE)
    }

    fn set_from(
        &self,
        source: &Source<'_>,
        columns: &[usize],
        replaced: &[usize],
        same: Cond,
        condition: &ResolvedFilter,
    ) -> Result<Option<Statement>> {
        let mut replaced = replaced.to_vec();
        replaced.retain(|position| columns.contains(position));
        let taken = |column: &TableColumn| (column.iden(), column.save_as(self.column_of(source_of(self.table), column)));
        let mut set: Vec<_> = self.columns(&replaced).into_iter().map(taken).collect();
        set.extend(self.raised_version()?);
        if set.is_empty() {
            return Ok(None);
        }
        let mut update: UpdateStatement = Query::update();
        update.table(self.table.table_ref()).values(set).from(Alias::new(source_of(self.table))).cond_where(same);
        self.restrict_to(&mut update, condition);
        if let Some(with) = self.with(source, columns) {
            update.with_cte(with);
        }
        Ok(Some(self.build(&update)))
    }

    /// Inserts the rows of the source that no model is told by.
    pub(in super::super) fn insert_missing(
        &self,
        source: &Source<'_>,
        columns: &[usize],
        resolution: &Resolution,
    ) -> Result<Statement> {
        let mut there = Query::select();
        there.expr(Expr::val(1)).from(self.table.table_ref()).cond_where(self.same(&resolution.target));
        let mut rows: SelectStatement = Query::select();
        rows.from(Alias::new(source_of(self.table))).and_where(Expr::not_exists(there));
        for column in self.columns(columns) {
            rows.expr(column.save_as(self.column_of(source_of(self.table), column)));
        }
        let mut insert: InsertStatement = Query::insert();
        insert.into_table(self.table.table_ref()).columns(idens(&self.columns(columns)));
        let insert = insert.select_from(rows).map_err(|error| Error::new(ErrorKind::Internal, "").with_source(error))?;
        if let Some(with) = self.with(source, columns) {
            insert.with_cte(with);
        }
        Ok(self.build(insert))
    }

    /// The condition that a model has the same values as a row of the source.
    fn same(&self, columns: &[usize]) -> Cond {
        let columns = self.columns(columns).into_iter();
        columns.fold(Cond::all(), |all, column| {
            let given = column.save_as(self.column_of(source_of(self.table), column));
            all.add(self.same_as(column, given))
        })
    }

    fn with(&self, source: &Source<'_>, columns: &[usize]) -> Option<WithClause> {
        let Source::Values(rows) = source else { return None };
        let tuples = rows.iter().map(|row| ValueTuple::Many(columns.iter().filter_map(|at| row.get(*at).cloned()).collect()));
        let mut values = Query::select();
        values.column(Asterisk).from_values(tuples, Alias::new("given"));
        let mut rows = CommonTableExpression::new();
        rows.table_name(Alias::new(source_of(self.table))).query(values);
        for column in self.columns(columns) {
            rows.column(column.iden());
        }
        Some(WithClause::new().cte(rows).to_owned())
    }
}
