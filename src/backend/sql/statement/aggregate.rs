//! Values of groups.

#[cfg(test)]
pub(super) mod tests;

use sea_orm::{
    Statement,
    sea_query::{ArrayType, Expr, NullOrdering, Order, Query},
};

use super::{Statements, meaning, readout::Readout};
use crate::{
    dialect::Dialect,
    query::{GroupKey, Grouping, Measure, MeasureKind, ResolvedFilter},
    table::TableColumn,
    value::is_text,
};

/// A statement that answers groups, and what its columns are: those of the keys, and those of the measures.
#[derive(Debug)]
pub(in super::super) struct AggregateStatement {
    pub(in super::super) statement: Statement,
    pub(in super::super) keys: Vec<Readout>,
    pub(in super::super) measures: Vec<Readout>,
}

/// How whole numbers are added up in SQLite, whose sum has 64 bits and fails beyond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum SumWidth {
    Narrow,
    /// The high and the low halves of the numbers by themselves.
    Wide,
}

/// A key as it is selected and grouped by, and what it is ordered by.
pub(super) struct LoweredKey {
    pub(super) selected: Expr,
    pub(super) grouped: Expr,
    pub(super) ordered: Expr,
    pub(super) readout: Readout,
}

impl Statements<'_> {
    pub(in super::super) fn aggregate(
        &self,
        condition: &ResolvedFilter,
        grouping: &Grouping,
        width: SumWidth,
    ) -> AggregateStatement {
        let mut select = Query::select();
        select.from(self.table.table_ref());
        self.restrict_to(&mut select, condition);
        let (mut keys, mut measures) = (Vec::new(), Vec::new());
        let mut order = Vec::new();
        for key in &grouping.keys {
            let Some(column) = self.table.columns.get(key.column) else { continue };
            let lowered = self.key(key, column);
            select.expr_as(lowered.selected, column.iden()).add_group_by([lowered.grouped]);
            order.push((lowered.ordered, self.table.is_nullable(key.column)));
            keys.push(lowered.readout);
        }
        for measure in &grouping.measures {
            let (name, (columns, readout)) = match measure.kind.column().and_then(|column| self.table.columns.get(column)) {
                Some(column) => (column.iden(), self.measure(measure, column, width)),
                None => ("count".into(), (vec![self.filtered("COUNT(*)", [], &measure.condition)], counted())),
            };
            for column in columns {
                select.expr_as(column, name.clone());
            }
            measures.push(readout);
        }
        for (key, descending) in &grouping.order {
            let Some((expression, is_nullable)) = order.get(*key).cloned() else { continue };
            let direction = if *descending { Order::Desc } else { Order::Asc };
            match is_nullable {
                true => select.order_by_expr_with_nulls(expression, direction, NullOrdering::First),
                false => select.order_by_expr(expression, direction),
            };
        }
        if let Some(limit) = grouping.limit {
            select.limit(limit.min(i64::MAX.unsigned_abs()));
        }
        AggregateStatement { statement: self.build(&select), keys, measures }
    }

    fn key(&self, key: &GroupKey, column: &TableColumn) -> LoweredKey {
        if let Some(grid) = key.grid {
            return self.bucket(grid, column);
        }
        let (selected, grouped) = self.once(column);
        let selected = match self.dialect {
            // What is grouped by can be selected as it is.
            Dialect::Postgres if selected != column.select_as(self.column(column)) => grouped.clone(),
            _ => selected,
        };
        LoweredKey { selected, grouped, ordered: self.ordered(column), readout: Readout::Value(column.value_type.clone()) }
    }

    /// A call of an aggregate function for the rows that fulfil a condition.
    fn filtered(&self, call: &str, arguments: impl IntoIterator<Item = Expr>, condition: &ResolvedFilter) -> Expr {
        let call = self.written(call, arguments);
        if *condition == ResolvedFilter::TRUE {
            return call;
        }
        self.written("$ FILTER (WHERE $)", [call, Expr::from(self.lowered(condition, false))])
    }

    /// The columns of a measure, and what they are.
    fn measure(&self, measure: &Measure, column: &TableColumn, width: SumWidth) -> (Vec<Expr>, Readout) {
        let condition = &measure.condition;
        let one = |expression: Expr, readout| (vec![expression], readout);
        match measure.kind {
            MeasureKind::Rows => one(self.filtered("COUNT(*)", [], condition), counted()),
            MeasureKind::Values(_) => one(self.filtered("COUNT($)", [self.column(column)], condition), counted()),
            MeasureKind::Distinct(_) => one(self.filtered("COUNT(DISTINCT $)", [self.ordered(column)], condition), counted()),
            MeasureKind::Minimum(_) => self.extreme(column, ["MIN", "bool_and"], condition),
            MeasureKind::Maximum(_) => self.extreme(column, ["MAX", "bool_or"], condition),
            MeasureKind::Sum(_) => match &column.value_type {
                ArrayType::Float | ArrayType::Double => one(self.float_sum(column, condition), Readout::Float),
                ArrayType::Decimal => self.decimal_sum(column, condition),
                _ => self.whole_sum(column, condition, width),
            },
        }
    }

    /// The least or the greatest value: by a function, or by another where Postgres has none for truths.
    fn extreme(
        &self,
        column: &TableColumn,
        [function, of_truths]: [&str; 2],
        condition: &ResolvedFilter,
    ) -> (Vec<Expr>, Readout) {
        use ArrayType as T;
        let value = || column.select_as(self.column(column));
        let by = |call: String, argument| self.filtered(&call, [argument], condition);
        let plain = Readout::Value(column.value_type.clone());
        if let Some(meaning) = self.meaning(column) {
            let is_microseconds = meaning::is_microseconds(&column.value_type);
            let readout = if is_microseconds { Readout::Microseconds(column.value_type.clone()) } else { plain };
            return (vec![by(format!("{function}($)"), meaning)], readout);
        }
        let expression = match (self.dialect, &column.value_type) {
            (Dialect::Postgres, T::Bool) => by(format!("{of_truths}($)"), value()),
            // Before version 18 there is no function for these. Their digits have the same order.
            (Dialect::Postgres, T::Uuid) => {
                self.written("CAST($ AS uuid)", [by(format!(r#"{function}(CAST($ AS text) COLLATE "C")"#), value())])
            }
            (Dialect::Postgres, T::Bytes) => {
                self.written("decode($, 'hex')", [by(format!(r#"{function}(encode($, 'hex') COLLATE "C")"#), value())])
            }
            (Dialect::Postgres, text) if is_text(text) => by(format!("{function}($)"), self.ordered(column)),
            (_, text) if is_text(text) => column.select_as(by(format!("{function}($)"), self.ordered(column))),
            _ => by(format!("{function}($)"), value()),
        };
        (vec![expression], plain)
    }

    /// What of a column is added up.
    fn added(&self, column: &TableColumn, is_real: bool) -> Expr {
        match (self.dialect, self.meaning(column)) {
            (_, Some(meaning)) => meaning,
            (Dialect::Sqlite, None) if !column.is_cast() => meaning::number(self.column(column), is_real),
            _ => column.select_as(self.column(column)),
        }
    }

    fn whole_sum(&self, column: &TableColumn, condition: &ResolvedFilter, width: SumWidth) -> (Vec<Expr>, Readout) {
        let value = self.added(column, false);
        let sum = |call: &str, value| self.filtered(call, [value], condition);
        match (self.dialect, width) {
            (Dialect::Sqlite, SumWidth::Narrow) => (vec![sum("SUM($)", value)], Readout::Number),
            (Dialect::Sqlite, SumWidth::Wide) => {
                let [high, low] = meaning::halves(&self.column(column), value);
                (vec![sum("SUM($)", high), sum("SUM($)", low)], Readout::Halves)
            }
            (Dialect::Postgres, _) => (vec![self.written("CAST($ AS text)", [sum("SUM($)", value)])], Readout::Digits),
            (Dialect::DuckDb, _) => {
                let is_unsigned = column.value_type == ArrayType::BigUnsigned;
                let call = if is_unsigned { "SUM(CAST($ AS HUGEINT))" } else { "SUM($)" };
                (vec![self.written("CAST($ AS VARCHAR)", [sum(call, value)])], Readout::Digits)
            }
        }
    }

    /// SQLite makes null of a sum that is no number, which infinity stands for here.
    fn float_sum(&self, column: &TableColumn, condition: &ResolvedFilter) -> Expr {
        let value = self.added(column, true);
        match self.dialect {
            Dialect::Sqlite => {
                let sum = self.filtered("SUM($)", [value], condition);
                let count = self.filtered("COUNT($)", [self.column(column)], condition);
                self.written("COALESCE($, CASE WHEN $ > 0 THEN 9e999 END)", [sum, count])
            }
            Dialect::Postgres => self.filtered("SUM(CAST($ AS double precision))", [value], condition),
            Dialect::DuckDb => self.filtered("SUM(CAST($ AS DOUBLE))", [value], condition),
        }
    }

    /// DuckDB's decimals have 38 digits, and its sums of them no more.
    fn decimal_sum(&self, column: &TableColumn, condition: &ResolvedFilter) -> (Vec<Expr>, Readout) {
        let value = || column.select_as(self.column(column));
        match self.dialect {
            Dialect::DuckDb => {
                let whole = self.filtered("SUM(trunc($))", [value()], condition);
                let fraction = self.filtered("SUM($ - trunc($))", [value(), value()], condition);
                let text = |sum| self.written("CAST($ AS VARCHAR)", [sum]);
                (vec![text(whole), text(fraction)], Readout::DecimalParts)
            }
            _ => (vec![self.written("CAST($ AS text)", [self.filtered("SUM($)", [value()], condition)])], Readout::Decimal),
        }
    }
}

fn counted() -> Readout {
    Readout::Value(ArrayType::BigInt)
}
