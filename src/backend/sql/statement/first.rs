//! Writes of the first rows of a selection, and what they answer.

use sea_orm::{
    Statement, Value,
    sea_query::{
        Alias, CommonTableExpression, Cond, DynIden, Expr, ExprTrait, NullOrdering, Order, Query, SelectStatement,
        SubQueryStatement, WithClause,
    },
};

use super::{RowLock, Statements};
use crate::{
    dialect::Dialect,
    error::Result,
    query::{Change, ResolvedFilter, Selection},
};

/// The names of the rows that are picked, and of those that were written.
const PICKED: &str = "larder_picked";
const WRITTEN: &str = "larder_written";

/// Stands for a limit in the values of a statement, to be found there.
const LIMIT: u64 = i64::MAX as u64 - 4096;

/// The name of a column of the rows that are picked: one of the id, or a key of the order.
fn part(what: &str, nth: usize) -> DynIden {
    DynIden::from(format!("larder_{what}_{nth}"))
}

impl Statements<'_> {
    /// Changes the first rows of a selection that nobody has locked, and answers them in its order. Returns `None` if that takes
    /// several statements, or if nothing changes.
    pub(in super::super) fn update_first(&self, selection: &Selection, changes: &[Change]) -> Result<Option<Statement>> {
        if self.is_one(selection) {
            let update = self.update_returning(self.id_is_picked(selection), &ResolvedFilter::TRUE, changes)?;
            return Ok(update.map(|update| with_limit(update, 1)));
        }
        if self.dialect != Dialect::Postgres {
            return Ok(None);
        }
        let set = self.set(changes)?;
        if set.is_empty() {
            return Ok(None);
        }
        let mut update = Query::update();
        update.table(self.table.table_ref()).values(set).from(Alias::new(PICKED)).cond_where(self.is_picked());
        update.returning(self.returning());
        Ok(Some(self.in_order(selection, update.into())))
    }

    /// Deletes the first rows of a selection that nobody has locked, and answers them in its order. Returns `None` if that takes
    /// several statements.
    pub(in super::super) fn delete_first(&self, selection: &Selection) -> Option<Statement> {
        if self.is_one(selection) {
            return Some(with_limit(self.delete_returning(self.id_is_picked(selection), &ResolvedFilter::TRUE), 1));
        }
        if self.dialect != Dialect::Postgres {
            return None;
        }
        let mut picked = Query::select();
        picked.expr(Expr::val(1)).from(Alias::new(PICKED)).cond_where(self.is_picked());
        let mut delete = Query::delete();
        delete.from_table(self.table.table_ref()).and_where(Expr::exists(picked)).returning(self.returning());
        Some(self.in_order(selection, delete.into()))
    }

    /// Whether a selection is of one row, which needs no order, and which is picked once: on SQLite writers take turns, and
    /// Postgres looks up the only row of a subquery before it looks for rows with its id.
    fn is_one(&self, selection: &Selection) -> bool {
        let is_picked_once = match self.dialect {
            Dialect::Sqlite => true,
            Dialect::Postgres => self.table.id.len() == 1,
            Dialect::DuckDb => false,
        };
        is_picked_once && selection.limit == Some(1) && !self.finds_other_text(&self.table.id)
    }

    /// The condition that the id is that of a selected row.
    fn id_is_picked(&self, selection: &Selection) -> Cond {
        let mut picked = Query::select();
        for column in self.id_columns() {
            picked.expr(self.column(column));
        }
        let limit = if self.dialect == Dialect::Postgres { LIMIT } else { 1 };
        self.restrict(&mut picked, &Selection { limit: Some(limit), ..selection.clone() });
        self.order(&mut picked, &selection.order, false);
        self.lock(&mut picked, RowLock::Skips);
        let id = self.id_columns().into_iter().map(|column| self.column(column));
        let id: Vec<Expr> = id.collect();
        let id = match <[Expr; 1]>::try_from(id) {
            Ok([id]) => id,
            Err(several) => Expr::tuple(several),
        };
        if self.dialect == Dialect::Postgres {
            return Cond::all().add(id.eq(Expr::SubQuery(None, Box::new(picked.into()))));
        }
        Cond::all().add(id.in_subquery(picked))
    }

    /// The condition that a row has the id of one that is picked.
    fn is_picked(&self) -> Cond {
        let columns = self.id_columns().into_iter().enumerate();
        columns.fold(Cond::all(), |all, (nth, column)| {
            all.add(self.same_as(column, Expr::col((Alias::new(PICKED), part("id", nth)))))
        })
    }

    /// A write of the rows that are picked, whose answer is in the order of the selection. Postgres' way.
    fn in_order(&self, selection: &Selection, write: SubQueryStatement) -> Statement {
        let mut picked = CommonTableExpression::new();
        picked.table_name(Alias::new(PICKED)).query(self.picked(selection)).materialized(true);
        let mut written = CommonTableExpression::new();
        written.table_name(Alias::new(WRITTEN)).query(write);
        let mut answer = Query::select();
        for column in &self.table.columns {
            answer.column((Alias::new(WRITTEN), column.iden()));
        }
        answer.from(Alias::new(WRITTEN)).from(Alias::new(PICKED));
        for (nth, column) in self.id_columns().into_iter().enumerate() {
            let (own, id) = (self.column_of(WRITTEN, column), Expr::col((Alias::new(PICKED), part("id", nth))));
            answer.and_where(own.eq(column.select_as(id)));
        }
        for (nth, key) in selection.order.iter().enumerate() {
            let order = if key.descending { Order::Desc } else { Order::Asc };
            let by = Expr::col((Alias::new(PICKED), part("key", nth)));
            match key.nullable {
                true => answer.order_by_expr_with_nulls(by, order, NullOrdering::First),
                false => answer.order_by_expr(by, order),
            };
        }
        answer.with_cte(WithClause::new().cte(picked).cte(written).to_owned());
        with_limit(self.build(&answer), selection.limit.unwrap_or_default())
    }

    /// The ids of the first rows of a selection that nobody has locked, and the keys of its order.
    fn picked(&self, selection: &Selection) -> SelectStatement {
        let mut picked = Query::select();
        for (nth, column) in self.id_columns().into_iter().enumerate() {
            picked.expr_as(self.column(column), part("id", nth));
        }
        for (nth, key) in selection.order.iter().enumerate() {
            for column in self.columns(&[key.column]) {
                picked.expr_as(self.ordered(column), part("key", nth));
            }
        }
        self.restrict(&mut picked, &Selection { limit: Some(LIMIT), ..selection.clone() });
        self.order(&mut picked, &selection.order, false);
        self.lock(&mut picked, RowLock::Skips);
        picked
    }
}

/// Writes the limit into the text of a statement: Postgres plans anew each time for a limit that is a value, because the plan for
/// any limit would be a bad one.
fn with_limit(mut statement: Statement, limit: u64) -> Statement {
    let values = statement.values.iter_mut().flat_map(|values| &mut values.0);
    let is_limit = |value: &Value| *value == Value::BigUnsigned(Some(LIMIT));
    if let Some((nth, value)) = values.enumerate().find(|(_, value)| is_limit(value)) {
        // The value stays, so that the others keep their numbers.
        *value = Value::BigInt(Some(0));
        let limit = Ord::min(limit, i64::MAX.unsigned_abs());
        statement.sql =
            statement.sql.replacen(&format!(" LIMIT ${} FOR UPDATE", nth + 1), &format!(" LIMIT {limit} FOR UPDATE"), 1);
    }
    statement
}
