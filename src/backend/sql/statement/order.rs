//! Orders, and places in them.

use sea_orm::{
    Value,
    sea_query::{Cond, Expr, ExprTrait, NullOrdering, Order, OrderedStatement},
};

use super::Statements;
use crate::{
    dialect::Dialect,
    query::{Comparison, SortKey},
    table::TableColumn,
    value::is_null,
};

impl Statements<'_> {
    /// Orders a statement, or the rows of a group; backward, last first.
    pub(super) fn order(&self, select: &mut impl OrderedStatement, order: &[SortKey], backward: bool) {
        for key in order {
            let Some(column) = self.table.columns.get(key.column) else { continue };
            let direction = if key.descending == backward { Order::Asc } else { Order::Desc };
            let column = self.ordered(column);
            if key.nullable {
                let nulls = if backward { NullOrdering::Last } else { NullOrdering::First };
                select.order_by_expr_with_nulls(column, direction, nulls);
            } else {
                // Said of columns that have no nulls, it would keep Postgres from using an index.
                select.order_by_expr(column, direction);
            }
        }
    }

    /// The condition that a row comes after a place, or before it.
    pub(super) fn beyond(&self, order: &[SortKey], values: &[Value], backward: bool) -> Cond {
        let keys: Vec<_> = order.iter().zip(values).collect();
        let uniform = order.iter().all(|key| {
            !key.nullable
                && !self.may_come_to_unreadable_nulls(key, backward)
                && Some(key.descending) == order.first().map(|first| first.descending)
        });
        if uniform && order.len() > 1 && self.dialect != Dialect::DuckDb {
            // One comparison of rows, which an index on the same columns answers at once.
            let columns = order.iter().filter_map(|key| self.table.columns.get(key.column));
            let columns = Expr::tuple(columns.map(|column| self.ordered(column)));
            let operands = order.iter().zip(values).filter_map(|(key, value)| Some((self.table.columns.get(key.column)?, value)));
            let values = Expr::tuple(operands.map(|(column, value)| self.operand(column, value)));
            let descending = order.first().is_some_and(|key| key.descending) != backward;
            return Cond::all().add(if descending { columns.lt(values) } else { columns.gt(values) });
        }
        let beyond = self.beyond_keys(&keys, backward);
        match keys.first().and_then(|(key, value)| Some((key, value, self.table.columns.get(key.column)?))) {
            // What an index on the first key can answer stands by itself.
            Some((key, value, column))
                if !key.nullable && !self.may_come_to_unreadable_nulls(key, backward) && keys.len() > 1 =>
            {
                let comparison = if key.descending == backward { Comparison::AtLeast } else { Comparison::AtMost };
                Cond::all().add(self.compared(column, comparison, value)).add(beyond)
            }
            _ => beyond,
        }
    }

    /// Beyond the first key's value; or at it, and beyond the others'.
    fn beyond_keys(&self, keys: &[(&SortKey, &Value)], backward: bool) -> Cond {
        let Some(((key, value), others)) = keys.split_first() else { return never() };
        let Some(column) = self.table.columns.get(key.column) else { return never() };
        let is_beyond = self.is_beyond(key, column, value, backward);
        if others.is_empty() {
            return is_beyond;
        }
        let equal = if is_null(value) { self.column(column).is_null() } else { self.compared(column, Comparison::Equal, value) };
        let tied = Cond::all().add(equal).add(self.beyond_keys(others, backward));
        Cond::any().add(is_beyond).add(tied)
    }

    /// Nulls come first.
    fn is_beyond(&self, key: &SortKey, column: &TableColumn, value: &Value, backward: bool) -> Cond {
        match (is_null(value), backward) {
            (true, true) => never(),
            (true, false) => Cond::all().add(self.column(column).is_not_null()),
            (false, _) => {
                let comparison = if key.descending == backward { Comparison::Greater } else { Comparison::Less };
                let beyond = Cond::any().add(self.compared(column, comparison, value));
                match (backward && key.nullable) || self.may_come_to_unreadable_nulls(key, backward) {
                    true => beyond.add(self.column(column).is_null()),
                    false => beyond,
                }
            }
        }
    }

    /// Whether beyond a place there may be rows with a null in a column whose field is no `Option`. Such a row cannot be read.
    /// The conditions select it in every page, so that the page fails instead of leaving the row out.
    fn may_come_to_unreadable_nulls(&self, key: &SortKey, backward: bool) -> bool {
        // Where SQLite orders nulls first, they are before every place.
        let come_first = self.dialect == Dialect::Sqlite && key.descending == backward;
        !key.nullable && !come_first && self.catalog.column(key.column).is_nullable
    }
}

fn never() -> Cond {
    Cond::all().add(Expr::cust("1 = 0"))
}
