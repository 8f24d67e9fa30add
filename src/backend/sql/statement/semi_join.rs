//! Conditions on two columns: of one row, or of a row and one of another table.

use sea_orm::sea_query::{ArrayType, Expr, ExprTrait, Query};

use super::Statements;
use crate::{
    backend::sql::{Catalog, catalog::TextOrder},
    dialect::Dialect,
    query::{Comparison, SemiJoin},
    table::TableColumn,
    value::is_text,
};

impl Statements<'_> {
    /// The condition that a row of another table has the value of a column, or that none has.
    pub(super) fn exists(&self, column: &TableColumn, join: &SemiJoin<usize>, negated: bool) -> Expr {
        let plain = Catalog::plain();
        let catalog = join.table.identity.find(self.joined).unwrap_or(&plain);
        let inner = Statements { table: &join.table, catalog, depth: self.depth + 1, ..*self };
        let mut rows = Query::select();
        rows.from_as(join.table.table_ref(), inner.iden());
        let other = join.table.columns.get(join.column);
        if let Some(other) = other.filter(|_| self.is_compared_outside(column)) {
            let (left, right) = self.ordered_alike(column, &inner, other);
            inner.restrict_to(rows.expr(right.clone()).and_where(right.is_not_null()), &join.condition);
            let found = left.in_subquery(rows);
            return if negated { self.written("NOT COALESCE($, FALSE)", [found]) } else { found };
        }
        rows.expr(Expr::cust("1"));
        if let Some(other) = other {
            rows.and_where(inner.compared_with(other, Comparison::Equal, self, column));
        }
        inner.restrict_to(&mut rows, &join.condition);
        if self.dialect == Dialect::Sqlite {
            // Without a limit, SQLite 3.51 makes a join of it, and then skips no rows for an OFFSET.
            rows.limit(1);
        }
        if negated { Expr::not_exists(rows) } else { Expr::exists(rows) }
    }

    /// Whether a subquery must not name a column. DuckDB groups by a column that a subquery names, in the column's own collation,
    /// which may be one that needs an extension. The values of the subquery are compared with those of the column outside of it.
    fn is_compared_outside(&self, column: &TableColumn) -> bool {
        self.dialect == Dialect::DuckDb && is_text(&column.value_type) && self.text_order(column) != TextOrder::Bytes
    }

    /// The condition that two columns of a row compare so, or that they do not.
    pub(super) fn columns_tested(&self, one: usize, comparison: Comparison, other: usize, negated: bool) -> Expr {
        let columns = self.table.columns.get(one).zip(self.table.columns.get(other));
        let Some((column, compared)) = columns else { return Expr::cust("1 = 0") };
        let test = self.compared_with(column, comparison, self, compared);
        match (negated, self.table.is_nullable(one) || self.table.is_nullable(other)) {
            (false, _) => test,
            (true, false) => self.written("NOT ($)", [test]),
            (true, true) => self.written("NOT COALESCE($, FALSE)", [test]),
        }
    }

    /// How a column compares with one of another statement. An index on this column can answer whether they are equal.
    fn compared_with(&self, own: &TableColumn, comparison: Comparison, others: &Statements<'_>, other: &TableColumn) -> Expr {
        match comparison {
            Comparison::Equal => return self.equal_columns(own, others, other),
            Comparison::NotEqual => return self.written("NOT ($)", [self.equal_columns(own, others, other)]),
            _ => {}
        }
        let (left, right) = self.ordered_alike(own, others, other);
        let test = match comparison {
            Comparison::Less => left.lt(right),
            Comparison::AtMost => left.lte(right),
            Comparison::Greater => left.gt(right),
            _ => left.gte(right),
        };
        others.within_own_class(other, self.within_own_class(own, test))
    }

    fn equal_columns(&self, own: &TableColumn, others: &Statements<'_>, other: &TableColumn) -> Expr {
        if self.has_meaning(own) || others.has_meaning(other) {
            let (left, right) = self.ordered_alike(own, others, other);
            return left.eq(right);
        }
        if !is_text(&own.value_type) {
            return self.column(own).eq(others.column(other));
        }
        let bytes = |statements: &Statements<'_>, column| statements.text_order(column) == TextOrder::Bytes;
        // Of two columns of enums, one may be of a type of the database's and the other of text.
        let are_strings = own.value_type == ArrayType::String && other.value_type == ArrayType::String;
        match self.dialect {
            Dialect::Sqlite | Dialect::DuckDb if bytes(self, own) && bytes(others, other) => {
                self.column(own).eq(others.column(other))
            }
            // By the column's own collation too, which an index answers: text of the same bytes is equal by each.
            Dialect::Sqlite => {
                let (left, right) = self.ordered_alike(own, others, other);
                self.column(own).eq(others.column(other)).and(left.eq(right))
            }
            Dialect::Postgres if are_strings && !self.folds(own) && !others.folds(other) => self.equal_text(own, others, other),
            Dialect::Postgres | Dialect::DuckDb => {
                let (left, right) = self.ordered_alike(own, others, other);
                left.eq(right)
            }
        }
    }

    /// Text of two columns that compares by its bytes. Postgres does not compare text of two collations, so the other column gets
    /// this one's.
    fn equal_text(&self, own: &TableColumn, others: &Statements<'_>, other: &TableColumn) -> Expr {
        let (own_text, other_text) = (self.column(own), others.column(other));
        match &self.described(own).collation {
            Some(collation) => own_text.eq(self.written(&format!("$ COLLATE {collation}"), [other_text])),
            None => own_text.eq(other_text),
        }
    }

    /// Expressions of two columns that compare with each other as their values do.
    fn ordered_alike(&self, own: &TableColumn, others: &Statements<'_>, other: &TableColumn) -> (Expr, Expr) {
        if let (Some(left), Some(right)) = (self.any_meaning(own), others.any_meaning(other))
            && (self.has_meaning(own) || others.has_meaning(other))
        {
            return (left, right);
        }
        let (left, right) = (self.ordered(own), others.ordered(other));
        match self.dialect {
            // One of them has to say the collation: those of two columns may differ.
            Dialect::Postgres if is_text(&own.value_type) && self.text_order(own) == TextOrder::Bytes => {
                (self.written(r#"$ COLLATE "C""#, [left]), right)
            }
            Dialect::Sqlite if is_text(&own.value_type) => {
                (self.written("$ COLLATE BINARY", [self.column(own)]), others.written("$ COLLATE BINARY", [others.column(other)]))
            }
            _ => (left, right),
        }
    }

    /// A test that only values of a column's own storage class pass. The plus sign keeps it from choosing an index.
    fn within_own_class(&self, column: &TableColumn, test: Expr) -> Expr {
        let Some((first, end)) = self.class_bounds(column) else { return test };
        let bounds = [first.map(|first| (">=", first)), end.map(|end| ("<", end))];
        bounds.into_iter().flatten().fold(test, |test, (operator, bound)| {
            test.and(self.written(&format!("+$ {operator} {bound}"), [self.column(column)]))
        })
    }
}
