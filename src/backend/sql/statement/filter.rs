//! Resolved filters in SQL.
//!
//! A condition is true or false and nothing between. SQL's null serves as false as long as nothing negates it; so negations go
//! down to the tests, where null is made false first.

use sea_orm::{
    Value,
    sea_query::{ArrayType, Cond, ConditionalStatement, Expr, ExprTrait},
};

use super::{Statements, meaning::is_number};
use crate::{
    dialect::Dialect,
    query::{Comparison, MAX_LISTED, Resolution, ResolvedFilter, Test, Tree},
    table::TableColumn,
    value::{Key, is_text},
};

impl Statements<'_> {
    /// Restricts a statement to what fulfils a condition.
    pub(super) fn restrict_to<S: ConditionalStatement>(&self, statement: &mut S, condition: &ResolvedFilter) {
        // What everything fulfils is not said.
        if *condition != ResolvedFilter::TRUE {
            statement.cond_where(self.lowered(condition, false));
        }
    }

    /// What a stored model has to fulfil to be replaced or changed when another is given.
    pub(super) fn written_over(&self, resolution: &Resolution) -> ResolvedFilter {
        self.table.scope.filter.clone().and(resolution.condition.clone())
    }

    pub(super) fn lowered(&self, condition: &ResolvedFilter, negated: bool) -> Cond {
        let parts =
            |cond: Cond, parts: &[ResolvedFilter]| parts.iter().fold(cond, |cond, part| cond.add(self.lowered(part, negated)));
        match condition {
            Tree::All(all) if all.is_empty() => self.constant(!negated),
            Tree::Any(any) if any.is_empty() => self.constant(negated),
            Tree::All(all) => parts(if negated { Cond::any() } else { Cond::all() }, all),
            Tree::Any(any) => parts(if negated { Cond::all() } else { Cond::any() }, any),
            Tree::Not(inner) => self.lowered(inner, !negated),
            Tree::Test(position, test) => match self.table.columns.get(*position) {
                Some(column) => Cond::all().add(self.tested(column, test, *position, negated)),
                None => self.constant(false),
            },
            Tree::Columns(one, comparison, other) => Cond::all().add(self.columns_tested(*one, *comparison, *other, negated)),
            Tree::Exists(position, join) => match self.table.columns.get(*position) {
                Some(column) => Cond::all().add(self.exists(column, join, negated)),
                None => self.constant(false),
            },
        }
    }

    pub(super) fn constant(&self, holds: bool) -> Cond {
        if holds { Cond::all() } else { Cond::all().add(Expr::cust("1 = 0")) }
    }

    fn tested(&self, column: &TableColumn, test: &Test, position: usize, negated: bool) -> Expr {
        if *test == Test::Null {
            let column = self.column(column);
            return if negated { column.is_not_null() } else { column.is_null() };
        }
        let may_be_null =
            self.table.is_nullable(position) || matches!(test, Test::Path(..) | Test::Matches(_) | Test::Has { .. });
        let test = self.test(column, test);
        match (negated, may_be_null) {
            (false, _) => test,
            (true, false) => self.written("NOT ($)", [test]),
            (true, true) => self.written("NOT COALESCE($, FALSE)", [test]),
        }
    }

    fn test(&self, column: &TableColumn, test: &Test) -> Expr {
        match test {
            Test::Null => self.column(column).is_null(),
            Test::Compare(comparison, value) => self.within_class(column, *comparison, self.compared(column, *comparison, value)),
            Test::In(values) if values.len() > MAX_LISTED => self.is_one_of_many(column, values),
            Test::In(values) => self.is_one_of(column, filled_up(values, MAX_LISTED)),
            Test::Contains(text) => self.contains(column, text),
            Test::StartsWith(text) => self.starts_with(column, text),
            Test::EqualsIgnoreAsciiCase(text) => self.equals_ignore_ascii_case(column, text),
            Test::Matches(pattern) => self.matches(column, pattern),
            Test::Path(path, scalar) => self.path_equals(column, path, scalar),
            Test::Has { path, quantifier, elements } => self.has_elements(column, path, *quantifier, elements),
            Test::HasValues(quantifier, values) => self.has_values(column, *quantifier, values),
        }
    }

    pub(super) fn compared(&self, column: &TableColumn, comparison: Comparison, value: &Value) -> Expr {
        use Comparison as C;
        match comparison {
            C::Equal => return self.equal(column, value),
            C::NotEqual => return self.not_equal(column, value),
            _ => {}
        }
        let (column, value) = (self.ordered(column), self.operand(column, value));
        match comparison {
            C::Less => column.lt(value),
            C::AtMost => column.lte(value),
            C::Greater => column.gt(value),
            _ => column.gte(value),
        }
    }

    /// A comparison that values of other storage classes do not fulfil. SQLite takes every number for less than every text, and
    /// every text for less than all bytes.
    pub(super) fn within_class(&self, column: &TableColumn, comparison: Comparison, test: Expr) -> Expr {
        use Comparison as C;
        let Some((first, end)) = self.class_bounds(column) else { return test };
        let bound = match comparison {
            C::Less | C::AtMost => first.map(|first| (">=", first)),
            C::Greater | C::AtLeast => end.map(|end| ("<", end)),
            C::Equal | C::NotEqual => None,
        };
        match bound {
            // With the plus sign, it has no influence on the choice of an index.
            Some((operator, bound)) => test.and(self.written(&format!("+$ {operator} {bound}"), [self.column(column)])),
            None => test,
        }
    }

    /// The first value of the storage class that a column's values are of, and the first value after it.
    pub(super) fn class_bounds(&self, column: &TableColumn) -> Option<(Option<&'static str>, Option<&'static str>)> {
        if self.dialect != Dialect::Sqlite || column.is_cast() || self.has_meaning(column) {
            return None;
        }
        match &column.value_type {
            number if is_number(number) => Some((None, Some("''"))),
            text if is_text(text) => Some((Some("''"), Some("x''"))),
            ArrayType::Bytes => Some((Some("x''"), None)),
            _ => None,
        }
    }

    pub(super) fn id_is(&self, id: &[Value]) -> Cond {
        self.id_has(id, |column, value| self.equal(column, value))
    }

    /// The condition that the columns of the id fulfil a condition on each of their values.
    fn id_has(&self, id: &[Value], has: impl Fn(&TableColumn, &Value) -> Expr) -> Cond {
        let parts = self.id_columns().into_iter().zip(id);
        parts.fold(Cond::all(), |all, (column, value)| all.add(has(column, value)))
    }

    pub(super) fn id_is_in(&self, ids: &[Key]) -> Cond {
        let ids = filled_up(ids, self.ids_at_once());
        match self.id_columns().as_slice() {
            [column] => Cond::all().add(self.is_one_of(column, ids.flat_map(|id| &id.0))),
            _ => ids.fold(Cond::any(), |any, id| any.add(self.id_is(&id.0))),
        }
    }

    /// The same for a statement that only reads: where the engine looks for ids in other forms when some were missed, none of
    /// those fulfils the condition.
    pub(super) fn id_is_found_in(&self, ids: &[Key]) -> Cond {
        match self.id_columns().as_slice() {
            [column] if self.described(column).is_probed => {
                let values = filled_up(ids, self.ids_at_once()).flat_map(|id| &id.0).map(|value| self.value(column, value));
                Cond::all().add(self.column(column).is_in(values))
            }
            [_] => self.id_is_in(ids),
            _ => {
                let found = |id: &Key| self.id_has(&id.0, |column, value| self.found_by(column, value));
                filled_up(ids, self.ids_at_once()).fold(Cond::any(), |any, id| any.add(found(id)))
            }
        }
    }
}

/// A list whose length is one of few, with at most `most` elements: the last one is repeated as often as it takes. Statements
/// that differ in the length of a list are prepared each by itself, and an engine keeps what it has prepared.
fn filled_up<T>(list: &[T], most: usize) -> impl Iterator<Item = &T> {
    let length = rounded(list.len()).min(most).max(list.len());
    list.iter().chain(list.last().into_iter().cycle()).take(length)
}

/// A length that is at most a sixteenth longer. There are sixteen of them from each power of two to the next.
fn rounded(length: usize) -> usize {
    let step = 1 << length.saturating_sub(1).checked_ilog2().unwrap_or_default().saturating_sub(4);
    length.next_multiple_of(step)
}

#[cfg(test)]
mod tests {
    use super::{filled_up, rounded};

    #[test]
    fn lists_are_of_few_lengths() {
        for (length, expected) in [(0, 0), (1, 1), (2, 2), (31, 31), (32, 32), (33, 34), (100, 100), (1000, 1024), (1200, 1216)] {
            assert_eq!(rounded(length), expected, "{length}");
        }
        assert!((0..10_000).all(|length| rounded(length) >= length && rounded(length) <= length + length / 16));
        let lengths: std::collections::BTreeSet<_> = (1..=8_192).map(rounded).collect();
        assert_eq!(lengths.len(), 32 + 8 * 16);
        let list: Vec<_> = (0..65).collect();
        assert!(filled_up(&list, 100).eq(list.iter().chain([&64; 3])));
        assert!(filled_up(&list, 66).eq(list.iter().chain([&64])));
        assert!(filled_up(&list, 10).eq(&list) && filled_up::<u8>(&[], 10).next().is_none());
    }
}
