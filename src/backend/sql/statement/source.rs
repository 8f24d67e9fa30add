//! Statements that take rows from a source: a list of values, or a table made for them.

use sea_orm::{
    Statement, Value,
    sea_query::{
        Alias, Asterisk, CommonTableExpression, Cond, DynIden, Expr, InsertStatement, LockType, Query, SelectStatement,
        UpdateStatement, ValueTuple, WithClause,
    },
};

use super::{Statements, idens};
use crate::{
    dialect::Dialect,
    error::{Error, ErrorKind, Result},
    query::{Resolution, ResolvedFilter, StoredAction},
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
        self.set_from(source, columns, self.taken(&self.replaced(), columns), same, &self.table.visible())
    }

    /// Replaces or changes columns of the models that are told by a row of the source, and fulfil the condition.
    pub(in super::super) fn replace_from(
        &self,
        source: &Source<'_>,
        columns: &[usize],
        resolution: &Resolution,
    ) -> Result<Option<Statement>> {
        let set = match &resolution.action {
            StoredAction::Keep => return Ok(None),
            StoredAction::Replace(replaced) => self.taken(replaced, columns),
            StoredAction::Change(changes) => {
                changes.iter().filter_map(|change| self.changed(change).transpose()).collect::<Result<_>>()?
            }
        };
        let time = self.taken(self.table.rules.updated_at.as_slice(), columns);
        let condition = self.written_over(resolution);
        self.set_from(source, columns, [set, time].concat(), self.same(&resolution.target), &condition)
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

    /// Some columns of the models that are told by a row of the source, and fulfil the condition, locked.
    pub(in super::super) fn lock_told(
        &self,
        source: &Source<'_>,
        columns: &[usize],
        read: &[usize],
        resolution: &Resolution,
    ) -> Statement {
        let mut select = Query::select();
        for column in self.columns(read) {
            select.expr_as(column.select_as(self.column(column)), column.iden());
        }
        select.from(self.table.table_ref()).from(Alias::new(source_of(self.table))).cond_where(self.same(&resolution.target));
        self.restrict_to(&mut select, &self.written_over(resolution));
        if self.dialect == Dialect::Postgres {
            select.lock_with_tables(LockType::Update, [self.table.iden.clone()]);
        }
        if let Some(with) = self.with(source, columns) {
            select.with_cte(with);
        }
        self.build(&select)
    }

    /// Replaces some columns of the models that have the id of a row of the source.
    pub(in super::super) fn put_from(
        &self,
        source: &Source<'_>,
        columns: &[usize],
        replaced: &[usize],
    ) -> Result<Option<Statement>> {
        let set = self.taken(replaced, columns);
        self.set_from(source, columns, set, self.same(&self.table.id), &ResolvedFilter::TRUE)
    }

    /// Gives a column of the models that have the id of a row of the source the value that it has there, and changes nothing
    /// else.
    pub(in super::super) fn put_back(&self, source: &Source<'_>, columns: &[usize], column: usize) -> Statement {
        let set = self.taken(&[column], columns);
        self.assign_from(source, columns, set, self.same(&self.table.id), &ResolvedFilter::TRUE)
    }

    /// Columns, and the values that a row of a source has in them, as far as the source has these columns.
    fn taken(&self, replaced: &[usize], columns: &[usize]) -> Vec<(DynIden, Expr)> {
        let taken = |column: &TableColumn| (column.iden(), column.save_as(self.column_of(source_of(self.table), column)));
        let replaced: Vec<usize> = replaced.iter().copied().filter(|position| columns.contains(position)).collect();
        self.columns(&replaced).into_iter().map(taken).collect()
    }

    /// Sets columns of the models that a row of the source is the same as. Returns `None` if there is nothing to set.
    fn set_from(
        &self,
        source: &Source<'_>,
        columns: &[usize],
        mut set: Vec<(DynIden, Expr)>,
        same: Cond,
        condition: &ResolvedFilter,
    ) -> Result<Option<Statement>> {
        set.extend(self.raised_version()?);
        Ok((!set.is_empty()).then(|| self.assign_from(source, columns, set, same, condition)))
    }

    fn assign_from(
        &self,
        source: &Source<'_>,
        columns: &[usize],
        set: Vec<(DynIden, Expr)>,
        same: Cond,
        condition: &ResolvedFilter,
    ) -> Statement {
        let mut update: UpdateStatement = Query::update();
        update.table(self.table.table_ref()).values(set).from(Alias::new(source_of(self.table))).cond_where(same);
        self.restrict_to(&mut update, condition);
        if let Some(with) = self.with(source, columns) {
            update.with_cte(with);
        }
        self.build(&update)
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
