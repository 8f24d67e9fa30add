//! What a statement sets a column to. Numbers that leave the range of their type fail with the column's name.
//!
//! [`can_change`](Statements::can_change) says which changes the engine makes as exactly as the memory backend. The others are
//! made from the rows that are read: see `repository/computed.rs`.

use sea_orm::sea_query::{ArrayType, DynIden, Expr, Func};

use super::Statements;
use crate::{
    backend::sql::catalog::Form,
    dialect::Dialect,
    error::Result,
    query::{Change, Comparison, is_whole, range},
    table::TableColumn,
};

/// Begins the message of the error that a number raises which leaves the range of its column. The name of the column follows.
const OUT_OF_RANGE: &str = "larder: out of range in ";

/// The least number that an `f32` does not hold, not even rounded.
const ABOVE_SINGLE: f64 = 3.402_823_567_797_336_6e38;

/// The largest whole number that a [`Decimal`](sea_orm::prelude::Decimal) holds, whatever its scale.
const MOST_OF_DECIMAL: &str = "79228162514264337593543950335";

/// The column that the message of an engine's error is about, if a number left its range.
pub(in super::super) fn out_of_range_in(message: &str) -> Option<&str> {
    let (_, column) = message.split_once(OUT_OF_RANGE)?;
    let column = column.lines().next().unwrap_or_default();
    Some(column.strip_suffix(['\'', '"']).unwrap_or(column))
}

impl Statements<'_> {
    /// Whether the engine makes a change as exactly as memory does.
    pub(in super::super) fn can_change(&self, change: &Change) -> bool {
        let Some(column) = self.table.columns.get(change.column()) else { return false };
        let is_lossless = self.catalog.is_lossless(change.column());
        let is_kept = match &column.value_type {
            // There is no way to round to one in SQLite's SQL.
            ArrayType::Float => is_lossless && self.dialect != Dialect::Sqlite,
            ArrayType::Decimal => is_lossless && self.dialect == Dialect::Postgres,
            _ => is_lossless,
        };
        // An expression has one type. DuckDB takes one of fewer digits for two decimals than the column may have, and whether a
        // column of Postgres is of `json` or of `jsonb` is not known.
        let has_one_type = match &column.value_type {
            ArrayType::Decimal => self.dialect != Dialect::DuckDb,
            ArrayType::Json => self.dialect != Dialect::Postgres,
            _ => true,
        };
        match change {
            Change::Set(..) => true,
            Change::RaiseTo { .. } | Change::LowerTo { .. } | Change::SetIfNull { .. } => has_one_type,
            Change::Increase { .. } => is_lossless,
            // What is added has no more digits after the point than the column, or was refused.
            Change::Add { .. } if column.value_type == ArrayType::Decimal => self.dialect == Dialect::Postgres,
            Change::Add { .. } | Change::AddFrom { .. } => is_kept,
            Change::SetFrom { column: position, other } => {
                let forms = [*position, *other].map(|position| self.catalog.column(position).form);
                let takes_null = self.catalog.column(*position).is_nullable && self.table.is_nullable(*other);
                is_lossless && forms == [Form::Own; 2] && !takes_null && self.has_digits_for(column, *other)
            }
        }
    }

    /// Whether a column has room for the decimals of another.
    fn has_digits_for(&self, column: &TableColumn, other: usize) -> bool {
        let ((whole, scale), (others_whole, others_scale)) = (column.decimal_digits(), self.table.decimal_digits(other));
        column.value_type != ArrayType::Decimal || (others_whole <= whole && others_scale <= scale)
    }

    /// A column, and what a change sets it to.
    pub(super) fn changed(&self, change: &Change) -> Result<Option<(DynIden, Expr)>> {
        let Some(column) = self.table.columns.get(change.column()) else { return Ok(None) };
        let old = || self.column(column);
        let beside = |other: &usize| self.table.columns.get(*other);
        let replaced_if = |comparison, value| {
            let is_replaced = self.within_class(column, comparison, self.compared(column, comparison, value));
            self.written("CASE WHEN $ THEN $ ELSE $ END", [is_replaced, self.value(column, value), old()])
        };
        let new = match change {
            Change::Set(_, value) => self.value(column, value),
            Change::RaiseTo { value, .. } => replaced_if(Comparison::Less, value),
            Change::LowerTo { value, .. } => replaced_if(Comparison::Greater, value),
            Change::SetIfNull { value, .. } => Func::coalesce([old(), self.value(column, value)]).into(),
            Change::Increase { by, least, most, .. } => self.whole_increased(column, Expr::val(*by), (*least, *most)),
            Change::Add { by, .. } => self.sum(column, self.value(column, by))?,
            Change::AddFrom { other, .. } => match beside(other) {
                Some(other) => self.sum(column, self.column(other))?,
                None => return Ok(None),
            },
            Change::SetFrom { other, .. } => match beside(other) {
                Some(other) => column.save_as(self.fitted(column, other)?),
                None => return Ok(None),
            },
        };
        Ok(Some((column.iden(), new)))
    }

    /// The value of another column, if this one can hold it.
    fn fitted(&self, column: &TableColumn, other: &TableColumn) -> Result<Expr> {
        let value = || other.select_as(self.column(other));
        let ((least, most), (others_least, others_most)) = (range(&column.value_type), range(&other.value_type));
        if !is_whole(&column.value_type) || (least <= others_least && others_most <= most) {
            return Ok(value());
        }
        let sql = format!("CASE WHEN $ NOT BETWEEN {least} AND {most} THEN $ ELSE $ END");
        Ok(self.written(&sql, [value(), self.failing(column, "numeric"), value()]))
    }

    fn sum(&self, column: &TableColumn, by: Expr) -> Result<Expr> {
        Ok(match &column.value_type {
            ArrayType::Float | ArrayType::Double => self.real_sum(column, by),
            ArrayType::Decimal => self.decimal_increased(column, by),
            whole => self.whole_increased(column, by, range(whole)),
        })
    }

    /// A whole number and another, which has to stay within its type. They are added as numbers of a type that holds every sum.
    pub(super) fn whole_increased(&self, column: &TableColumn, by: Expr, (least, most): (i128, i128)) -> Expr {
        let sum = || match self.dialect {
            Dialect::Sqlite => self.written("$ + $", [self.column(column), by.clone()]),
            Dialect::Postgres => self.written("CAST($ AS numeric) + CAST($ AS numeric)", [self.column(column), by.clone()]),
            Dialect::DuckDb => self.written("CAST($ AS HUGEINT) + CAST($ AS HUGEINT)", [self.column(column), by.clone()]),
        };
        if self.dialect == Dialect::Sqlite {
            // It goes on with floating-point numbers.
            let (least, most) = (least.max(i64::MIN.into()), most.min(i64::MAX.into()));
            let sql = format!(
                "CASE WHEN $ IS NULL THEN NULL WHEN typeof($) = 'integer' AND $ BETWEEN {least} AND {most} THEN $ ELSE $ END"
            );
            return self.written(&sql, [sum(), sum(), sum(), sum(), self.failing(column, "numeric")]);
        }
        let sql = format!("CASE WHEN $ NOT BETWEEN {least} AND {most} THEN $ ELSE $ END");
        self.written(&sql, [sum(), self.failing(column, "numeric"), sum()])
    }

    /// A floating-point number and another, whose sum is finite.
    fn real_sum(&self, column: &TableColumn, by: Expr) -> Expr {
        let is_single = column.value_type == ArrayType::Float;
        let double = match self.dialect {
            Dialect::Sqlite => "REAL",
            Dialect::Postgres => "double precision",
            Dialect::DuckDb => "DOUBLE",
        };
        let numbers = || [self.column(column), by.clone()].map(|number| self.written(&format!("CAST($ AS {double})"), [number]));
        let sum = || self.written("$ + $", numbers());
        let failing = || self.failing(column, double);
        if is_single {
            let sql = "CASE WHEN NOT abs($) < $ THEN $ ELSE CAST($ AS real) END";
            return self.written(sql, [sum(), Expr::val(ABOVE_SINGLE), failing(), sum()]);
        }
        let [a, b] = numbers();
        match self.dialect {
            // Infinity and its opposite come to null.
            Dialect::Sqlite => {
                let sql = "CASE WHEN abs($) <= $ THEN $ WHEN $ IS NULL OR $ IS NULL THEN NULL ELSE $ END";
                self.written(sql, [sum(), Expr::val(f64::MAX), sum(), a, b, failing()])
            }
            Dialect::DuckDb => {
                let sql = "CASE WHEN NOT abs($) <= $ THEN $ ELSE $ END";
                self.written(sql, [sum(), Expr::val(f64::MAX), failing(), sum()])
            }
            // A sum that is too large fails by itself, without the name. Half of it does not, and what is less than 1 makes no
            // sum too large.
            Dialect::Postgres => {
                let half = |number: Expr| self.written("CASE WHEN abs($) < 1 THEN 0 ELSE $ / 2 END", [number.clone(), number]);
                let sql = "CASE WHEN NOT abs($ + $) <= $ THEN $ ELSE $ END";
                self.written(sql, [half(a), half(b), Expr::val(f64::MAX / 2.0), failing(), sum()])
            }
        }
    }

    /// A decimal and another, whose sum has no more digits than the column, and than a model's decimal can have. Postgres' way.
    fn decimal_increased(&self, column: &TableColumn, by: Expr) -> Expr {
        let (whole, scale) = column.decimal_digits();
        let sum = || self.written("trim_scale($ + $)", [self.column(column), by.clone()]);
        let sql = format!(
            "CASE WHEN NOT (abs($) < 1e{whole} AND scale($) <= {scale} AND scale($) <= 28 \
             AND abs($) * power(10::numeric, scale($)) <= {MOST_OF_DECIMAL}) THEN $ ELSE $ END"
        );
        self.written(&sql, [sum(), sum(), sum(), sum(), sum(), self.failing(column, "numeric"), sum()])
    }

    /// An expression of a type that fails with the column's name in the message. It depends on the column, so that it is not
    /// evaluated beforehand.
    fn failing(&self, column: &TableColumn, type_name: &str) -> Expr {
        let message = Expr::val(format!("{OUT_OF_RANGE}{}", column.name()));
        let own = self.column(column);
        match self.dialect {
            Dialect::Sqlite => self.written("json_extract('{}', $ || substr(typeof($), 1, 0))", [message, own]),
            Dialect::Postgres => self.written(&format!("CAST($ || left(CAST($ AS text), 0) AS {type_name})"), [message, own]),
            Dialect::DuckDb => self.written("error($ || left(CAST($ AS VARCHAR), 0))", [message, own]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::out_of_range_in;

    #[test]
    fn the_column_is_told_by_the_message() {
        for message in [
            "bad JSON path: 'larder: out of range in a b'",
            "invalid input syntax for type numeric: \"larder: out of range in a b\"",
            "Invalid Input Error: larder: out of range in a b\nLINE 1",
        ] {
            assert_eq!(out_of_range_in(message), Some("a b"));
        }
        assert_eq!(out_of_range_in("out of range"), None);
    }
}
