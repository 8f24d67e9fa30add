//! How values of a column compare: text by its bytes, times by their instants, whatever the column's own collation or form.

use sea_orm::{
    Value,
    sea_query::{Expr, ExprTrait, Func, SimpleExpr},
};

use super::{Statements, meaning};
use crate::{
    backend::sql::catalog::{Form, TextOrder},
    dialect::Dialect,
    table::TableColumn,
    value::{is_text, text_of},
};

impl Statements<'_> {
    /// The expression that the values of a column are ordered by.
    pub(super) fn ordered(&self, column: &TableColumn) -> SimpleExpr {
        let key = self.column(column);
        if let Some(meaning) = self.meaning(column) {
            return meaning;
        }
        let order = self.text_order(column);
        match self.dialect {
            Dialect::Postgres if is_text(&column.value_type) => {
                let text = column.select_as(key);
                match order {
                    TextOrder::Bytes => text,
                    TextOrder::Sorted => self.written(r#"$ COLLATE "C""#, [text]),
                    order => self.by_bytes(text, order),
                }
            }
            _ => self.by_bytes(key, order),
        }
    }

    /// Text of a column in the order of its bytes.
    pub(super) fn by_bytes(&self, text: Expr, order: TextOrder) -> Expr {
        match (order, self.dialect) {
            (TextOrder::Bytes, _) => text,
            // The plus sign takes away the column's affinity, which would convert text to numbers.
            (TextOrder::Sorted, Dialect::Sqlite) => self.written("+$ COLLATE BINARY", [text]),
            (_, Dialect::Sqlite) => self.written("$ COLLATE BINARY", [text]),
            (TextOrder::Padded, Dialect::Postgres) => self.written(r#"textin(bpcharout($)) COLLATE "C""#, [text]),
            (_, Dialect::Postgres) => self.written(r#"CAST($ AS text) COLLATE "C""#, [text]),
            (_, Dialect::DuckDb) => self.written(r#"CAST($ AS VARCHAR) COLLATE "C""#, [text]),
        }
    }

    /// A value to compare with [`ordered`](Self::ordered).
    pub(super) fn operand(&self, column: &TableColumn, value: &Value) -> Expr {
        Expr::val(self.operand_value(column, value))
    }

    pub(super) fn operand_value(&self, column: &TableColumn, value: &Value) -> Value {
        let meaning = self.meaning(column).and_then(|_| meaning::meaning_of(value));
        match (meaning, text_of(value)) {
            (Some(meaning), _) => meaning,
            (None, Some(text)) => text.into(),
            (None, None) => value.clone(),
        }
    }

    /// The condition that a column has a value.
    pub(super) fn equal(&self, column: &TableColumn, value: &Value) -> Expr {
        if self.meaning(column).is_some() {
            return self.ordered(column).eq(self.operand(column, value));
        }
        let equal = || self.column(column).eq(self.value(column, value));
        if !self.folds(column) {
            return equal();
        }
        let order = self.text_order(column);
        let by_bytes = self.by_bytes(self.column(column), order).eq(self.operand(column, value));
        match self.dialect {
            // The type may have no equality, or another one.
            _ if column.is_text_form => by_bytes,
            Dialect::Postgres if order == TextOrder::Padded => {
                self.column(column).eq(self.written("CAST($ AS bpchar)", [self.operand(column, value)])).and(by_bytes)
            }
            // What is no value of a type such as JSON cannot be compared with one.
            Dialect::DuckDb => by_bytes,
            // By the column's own collation too, which an index answers.
            Dialect::Sqlite | Dialect::Postgres => equal().and(by_bytes),
        }
    }

    /// The condition that a column has another value.
    pub(super) fn not_equal(&self, column: &TableColumn, value: &Value) -> Expr {
        match self.meaning(column).is_some() || self.folds(column) {
            true => self.written("NOT ($)", [self.equal(column, value)]),
            false => self.column(column).ne(self.value(column, value)),
        }
    }

    /// The condition that a column has one of some values.
    pub(super) fn is_one_of<'v>(&self, column: &TableColumn, values: impl IntoIterator<Item = &'v Value>) -> Expr {
        let values = values.into_iter();
        match self.compared_in_list(column) {
            (compared, true) => compared.is_in(values.map(|value| self.value(column, value))),
            (compared, false) => compared.is_in(values.map(|value| self.operand(column, value))),
        }
    }

    /// What is compared with the values of a list, and whether these are compared as they are stored. If not, each is an
    /// [`operand`](Self::operand).
    pub(super) fn compared_in_list(&self, column: &TableColumn) -> (Expr, bool) {
        if self.folds(column) {
            return (self.by_bytes(self.column(column), self.text_order(column)), false);
        }
        match self.meaning(column) {
            Some(meaning) => (meaning, false),
            None => (self.column(column), true),
        }
    }

    /// The condition that a column has the same value as an expression of the same type.
    pub(super) fn same_as(&self, column: &TableColumn, other: Expr) -> Expr {
        let own = self.column(column);
        if !self.folds(column) {
            return own.eq(other);
        }
        let order = self.text_order(column);
        let by_bytes = |text| self.by_bytes(text, order);
        match self.dialect {
            // Two columns of different collations do not compare, nor two types of text as either would.
            _ if order == TextOrder::Padded || column.is_text_form || self.dialect == Dialect::DuckDb => {
                by_bytes(own).eq(by_bytes(other))
            }
            _ => own.clone().eq(other.clone()).and(by_bytes(own).eq(by_bytes(other))),
        }
    }

    /// A column of which each value is selected once, and what it is grouped by.
    pub(super) fn once(&self, column: &TableColumn) -> (Expr, Expr) {
        let selected = column.select_as(self.column(column));
        if self.meaning(column).is_none() && self.text_order(column) == TextOrder::Bytes {
            return (selected, self.column(column));
        }
        let grouped = self.ordered(column);
        match self.dialect {
            // All of a group have the same bytes.
            Dialect::Postgres => (Func::min(grouped.clone()).into(), grouped),
            Dialect::DuckDb => (Func::cust("any_value").arg(selected).into(), grouped),
            Dialect::Sqlite => (selected, grouped),
        }
    }

    /// What rows with equal values of a column are grouped by, in a statement that selects the column by itself. An index answers
    /// it where text is equal by its bytes, whatever its order.
    pub(super) fn grouped(&self, column: &TableColumn) -> Expr {
        if self.meaning(column).is_none() && self.text_order(column) == TextOrder::Sorted {
            return self.column(column);
        }
        self.once(column).1
    }

    /// The condition that a column of the id has a value. Ids in another form do not fulfil it where the engine looks for them
    /// when some were missed.
    pub(super) fn found_by(&self, column: &TableColumn, value: &Value) -> Expr {
        match self.described(column).is_probed {
            true => self.column(column).eq(self.value(column, value)),
            false => self.equal(column, value),
        }
    }

    /// What stored values of a column mean, where some may be in forms that do not compare as they are.
    pub(super) fn meaning(&self, column: &TableColumn) -> Option<Expr> {
        match self.described(column).form {
            Form::Own => None,
            Form::Any => meaning::meaning(self.column(column), &column.value_type),
        }
    }

    /// What stored values of a column mean, whether or not some are in other forms.
    pub(super) fn any_meaning(&self, column: &TableColumn) -> Option<Expr> {
        if self.dialect == Dialect::Sqlite { meaning::meaning(self.column(column), &column.value_type) } else { None }
    }

    /// Whether the values of a column are compared by what they mean.
    pub(super) fn has_meaning(&self, column: &TableColumn) -> bool {
        self.meaning(column).is_some()
    }

    /// Whether the text of a statement on an id depends on the id: a value that is compared by its meaning is sent as that.
    pub(super) fn compares_ids_by_meaning(&self) -> bool {
        self.table.id.iter().any(|position| self.catalog.column(*position).form == Form::Any)
    }

    /// Whether the column's own collation may take text of different bytes for equal.
    pub(super) fn folds(&self, column: &TableColumn) -> bool {
        matches!(self.text_order(column), TextOrder::Folded | TextOrder::Padded)
    }

    /// Whether a unique index on these columns may treat text with different bytes as equal. Blanks at the end of `char(n)` do
    /// not count.
    pub(in super::super) fn finds_other_text(&self, columns: &[usize]) -> bool {
        self.columns(columns).into_iter().any(|column| self.text_order(column) == TextOrder::Folded)
    }

    /// How text of a column is compared by itself. What is not known is taken for the worst that is usual.
    pub(super) fn text_order(&self, column: &TableColumn) -> TextOrder {
        match self.dialect {
            _ if !is_text(&column.value_type) => TextOrder::Bytes,
            _ if column.is_text_form => TextOrder::Folded,
            _ if self.catalog.is_known() => self.described(column).text,
            Dialect::Postgres => TextOrder::Sorted,
            Dialect::Sqlite => TextOrder::Folded,
            Dialect::DuckDb => TextOrder::Bytes,
        }
    }
}
