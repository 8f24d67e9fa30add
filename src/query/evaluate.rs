//! Conditions and orders of rows in memory.

use std::cmp::Ordering;

use sea_orm::Value;
use serde_json::Value as Json;

use super::{
    column::{EXACT, Scalar},
    filter::{Comparison, Condition, Test},
    query::Position,
    resolve::{Selection, SortKey},
};
use crate::value::{compare, is_null, text_of};

impl Condition {
    /// Whether a row, one value for each column, fulfils the condition.
    pub(crate) fn is_met_by(&self, row: &[Value]) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.is_met_by(row)),
            Self::Any(parts) => parts.iter().any(|part| part.is_met_by(row)),
            Self::Not(inner) => !inner.is_met_by(row),
            Self::Test(column, test) => row.get(*column).is_some_and(|value| test.is_met_by(value)),
        }
    }
}

impl Test {
    fn is_met_by(&self, value: &Value) -> bool {
        if let Self::Null = self {
            return is_null(value);
        }
        if is_null(value) {
            return false;
        }
        match self {
            Self::Null => false,
            Self::Compare(comparison, other) => comparison.holds(compare(value, other)),
            Self::In(others) => others.binary_search_by(|other| compare(other, value)).is_ok(),
            Self::Contains(text) => in_text(value, |whole| whole.contains(text)),
            Self::StartsWith(text) => in_text(value, |whole| whole.starts_with(text)),
            Self::Path(path, scalar) => match value {
                Value::Json(Some(document)) => end_of(document, path).is_some_and(|end| equals(end, scalar)),
                _ => false,
            },
        }
    }
}

fn in_text(value: &Value, test: impl Fn(&str) -> bool) -> bool {
    match value {
        Value::Char(Some(c)) => test(c.encode_utf8(&mut [0; 4])),
        other => text_of(other).is_some_and(test),
    }
}

fn end_of<'a>(document: &'a Json, path: &[String]) -> Option<&'a Json> {
    path.iter().try_fold(document, |value, key| value.as_object()?.get(key))
}

#[expect(clippy::cast_precision_loss, reason = "it is small enough")]
fn equals(json: &Json, scalar: &Scalar) -> bool {
    match (json, scalar) {
        (Json::String(text), Scalar::Text(other)) => text == other,
        (Json::Bool(value), Scalar::Bool(other)) => value == other,
        (Json::Number(number), Scalar::Integer(other)) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(number), ..) => number == *other,
            (None, Some(_), _) => false,
            (None, None, Some(number)) => other.unsigned_abs() <= EXACT && *other as f64 == number,
            (None, None, None) => false,
        },
        _ => false,
    }
}

impl Comparison {
    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::NotEqual => ordering.is_ne(),
            Self::Less => ordering.is_lt(),
            Self::AtMost => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::AtLeast => ordering.is_ge(),
        }
    }
}

/// The values of a row that an order looks at.
pub(crate) fn key_of(order: &[SortKey], row: &[Value]) -> Vec<Value> {
    order.iter().filter_map(|key| row.get(key.column).cloned()).collect()
}

/// Which of two rows' keys comes first.
pub(crate) fn compare_keys(order: &[SortKey], a: &[Value], b: &[Value]) -> Ordering {
    let each = order.iter().zip(a.iter().zip(b)).map(|(key, (a, b))| match (is_null(a), is_null(b)) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) if key.descending => compare(b, a),
        (false, false) => compare(a, b),
    });
    each.fold(Ordering::Equal, Ordering::then)
}

impl Position {
    fn is_before(&self, order: &[SortKey], key: &[Value]) -> bool {
        let Some(keys) = &self.keys else { return true };
        let ordering = compare_keys(order, key, keys);
        if self.backward { ordering.is_lt() } else { ordering.is_gt() }
    }
}

impl Selection {
    /// The rows that are selected, in their order, of all rows, which are in the order of their ids.
    pub(crate) fn of<'a, R: AsRef<[Value]> + 'a>(&self, rows: impl Iterator<Item = &'a R>, id: &[usize]) -> Vec<&'a R> {
        let is_wanted = |key: &[Value]| self.position.as_ref().is_none_or(|position| position.is_before(&self.order, key));
        let matching = rows.filter(|row| self.condition.is_met_by(row.as_ref()));
        let backward = self.position.as_ref().is_some_and(|position| position.backward);
        let by_id =
            self.order.iter().all(|key| !key.descending) && self.order.iter().map(|key| key.column).eq(id.iter().copied());
        let mut keyed: Vec<(Vec<Value>, &R)> = Vec::new();
        if by_id && self.position.is_none() {
            return self.part(matching);
        }
        for row in matching {
            let key = key_of(&self.order, row.as_ref());
            if is_wanted(&key) {
                keyed.push((key, row));
            }
        }
        keyed.sort_by(|(a, _), (b, _)| {
            let ordering = compare_keys(&self.order, a, b);
            if backward { ordering.reverse() } else { ordering }
        });
        self.part(keyed.into_iter().map(|(_, row)| row))
    }

    fn part<T>(&self, items: impl Iterator<Item = T>) -> Vec<T> {
        let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        items.skip(size(self.offset)).take(self.limit.map_or(usize::MAX, size)).collect()
    }
}
