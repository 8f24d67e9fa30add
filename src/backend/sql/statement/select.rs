//! Reading.

use sea_orm::{
    Statement, Value,
    sea_query::{Alias, Asterisk, Expr, Func, LockBehavior, LockType, NullOrdering, Order, Query, SelectStatement},
};

use super::{MAX_COMPOSITE_IDS, MAX_ROWS, Statements, statement_cache::StatementKey};
use crate::{
    dialect::Dialect,
    error::Result,
    query::{ResolvedFilter, Selection},
    value::Key,
};

/// What becomes of rows that another transaction has locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum RowLock {
    /// They are waited for.
    Waits,
    /// They are passed over.
    Skips,
}

/// The largest limit that all engines take.
const NO_LIMIT: u64 = i64::MAX as u64;

impl Statements<'_> {
    pub(in super::super) fn find(&self, id: &Key) -> Result<Statement> {
        let write = |id: &[Value]| {
            let mut select = self.select_all();
            self.restrict_to(select.cond_where(self.id_is(id)), &self.table.visible());
            Ok(self.build(&select))
        };
        match self.compares_ids_by_meaning() {
            true => write(&id.0),
            false => self.cache.statement(StatementKey::Find, self.dialect, &id.0, write),
        }
    }

    /// How many ids one statement can look up.
    pub(in super::super) fn ids_at_once(&self) -> usize {
        match self.table.id.len() {
            0 | 1 => self.bind_limit.min(MAX_ROWS * 8),
            parts => (self.bind_limit / parts).min(MAX_COMPOSITE_IDS),
        }
    }

    pub(in super::super) fn find_many(&self, ids: &[Key]) -> Statement {
        let mut select = self.select_all();
        self.restrict_to(select.cond_where(self.id_is_found_in(ids)), &self.table.visible());
        self.build(&select)
    }

    /// How many of these models there are.
    pub(in super::super) fn count_of(&self, ids: &[Key]) -> Statement {
        let mut select = self.select_count();
        self.restrict_to(select.cond_where(self.id_is_found_in(ids)), &self.table.visible());
        self.build(&select)
    }

    pub(in super::super) fn select(&self, selection: &Selection) -> Statement {
        let mut select = self.select_columns();
        self.restrict(&mut select, selection);
        let backward = selection.position.as_ref().is_some_and(|position| position.backward);
        self.order(&mut select, &selection.order, backward);
        self.build(&select)
    }

    /// How many rows are selected.
    pub(in super::super) fn count_selected(&self, selection: &Selection) -> Statement {
        let mut rows = Query::select();
        rows.expr_as(Expr::val(1), Alias::new("one"));
        self.restrict(&mut rows, selection);
        let mut count = Query::select();
        count.expr_as(Func::count(Expr::col(Asterisk)), Alias::new("number")).from_subquery(rows, Alias::new("selected"));
        self.build(&count)
    }

    pub(in super::super) fn count(&self, condition: &ResolvedFilter) -> Statement {
        let mut select = self.select_count();
        self.restrict_to(&mut select, condition);
        self.build(&select)
    }

    /// Some columns of the rows that are selected; or each combination of their values once, ordered by themselves.
    pub(in super::super) fn project(&self, selection: &Selection, columns: &[usize], distinct: bool) -> Statement {
        let mut select = Query::select();
        for column in self.columns(columns) {
            let selected = if distinct { self.once(column).0 } else { column.select_as(self.column(column)) };
            select.expr_as(selected, column.iden());
        }
        self.restrict(&mut select, selection);
        if distinct {
            // Not DISTINCT: Postgres would not let a column be sorted otherwise than it is selected.
            for column in self.columns(columns) {
                select.add_group_by([self.once(column).1]);
                select.order_by_expr_with_nulls(self.ordered(column), Order::Asc, NullOrdering::First);
            }
        } else {
            self.order(&mut select, &selection.order, false);
        }
        self.build(&select)
    }

    /// Some columns of the rows that are selected, which no other transaction changes before this one ends, where that has to be
    /// asked for.
    pub(in super::super) fn lock_columns(&self, selection: &Selection, columns: &[usize], lock: RowLock) -> Statement {
        let mut select = Query::select();
        for column in self.columns(columns) {
            select.expr_as(column.select_as(self.column(column)), column.iden());
        }
        self.locked(&mut select, selection, lock)
    }

    /// The models of a selection, locked in the same way.
    pub(in super::super) fn lock_models(&self, selection: &Selection, lock: RowLock) -> Statement {
        self.locked(&mut self.select_columns(), selection, lock)
    }

    /// The model with an id, locked until the transaction ends.
    pub(in super::super) fn lock_model(&self, id: &Key) -> Statement {
        let mut select = self.select_all();
        self.restrict_to(select.cond_where(self.id_is(&id.0)), &self.table.visible());
        self.lock(&mut select, RowLock::Waits);
        self.build(&select)
    }

    /// The statement that takes the turn to write, and changes nothing, where writers take turns.
    pub(in super::super) fn take_turn(&self) -> Option<Statement> {
        let mut delete = Query::delete();
        delete.from_table(self.table.table_ref()).and_where(Expr::cust("1 = 0"));
        (self.dialect == Dialect::Sqlite).then(|| self.build(&delete))
    }

    /// The model that has the same values as a row in these columns, marked as deleted or not.
    pub(in super::super) fn find_by(&self, columns: &[usize], row: &[Value]) -> Statement {
        let mut select = self.select_all();
        for (position, column) in columns.iter().zip(self.columns(columns)) {
            if let Some(value) = row.get(*position) {
                select.and_where(self.equal(column, value));
            }
        }
        self.build(&select)
    }

    /// The models with these ids, marked as deleted or not.
    pub(in super::super) fn read_back(&self, ids: &[Key]) -> Statement {
        let mut select = self.select_all();
        select.cond_where(self.id_is_found_in(ids));
        self.build(&select)
    }

    fn locked(&self, select: &mut SelectStatement, selection: &Selection, lock: RowLock) -> Statement {
        self.restrict(select, selection);
        self.order(select, &selection.order, false);
        self.lock(select, lock);
        self.build(select)
    }

    /// Locks the rows that are selected. Where writers take turns, or the second one is refused, nothing has to be said.
    pub(super) fn lock(&self, select: &mut SelectStatement, lock: RowLock) {
        if self.dialect == Dialect::Postgres {
            match lock {
                RowLock::Waits => select.lock(LockType::Update),
                RowLock::Skips => select.lock_with_behavior(LockType::Update, LockBehavior::SkipLocked),
            };
        }
    }

    pub(super) fn restrict(&self, select: &mut SelectStatement, selection: &Selection) {
        self.read_from(select, selection);
        if let Some(position) = &selection.position
            && let Some(keys) = &position.keys
        {
            select.cond_where(self.beyond(&selection.order, keys, position.backward));
        }
        match (selection.limit, selection.offset) {
            (None, 0) => {}
            // SQLite has no offset without a limit.
            (limit, offset) => {
                select.limit(limit.unwrap_or(NO_LIMIT).min(NO_LIMIT));
                if offset > 0 {
                    select.offset(offset.min(NO_LIMIT));
                }
            }
        }
    }

    pub(super) fn select_count(&self) -> SelectStatement {
        let mut select = Query::select();
        select.expr_as(Func::count(Expr::col(Asterisk)), Alias::new("number")).from(self.table.table_ref());
        select
    }

    fn select_all(&self) -> SelectStatement {
        self.select_columns().from(self.table.table_ref()).to_owned()
    }

    /// Every column, of what is yet to be said.
    fn select_columns(&self) -> SelectStatement {
        let mut select = Query::select();
        for column in &self.table.columns {
            select.expr_as(column.select_as(self.column(column)), column.iden());
        }
        select
    }
}
