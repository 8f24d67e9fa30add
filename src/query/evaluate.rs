//! Conditions and orders of rows in memory.

use std::cmp::Ordering;

use sea_orm::Value;
use serde_json::Value as Json;

use super::{
    column::{EXACT, Scalar},
    query::Position,
    selection::{Selection, SortKey},
    tree::{Comparison, Quantifier, ResolvedFilter, Test},
};
use crate::value::{Key, compare, is_null, text_of};

impl ResolvedFilter {
    /// Whether a row, one value for each column, fulfils the condition.
    pub(crate) fn is_met_by(&self, row: &[Value]) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.is_met_by(row)),
            Self::Any(parts) => parts.iter().any(|part| part.is_met_by(row)),
            Self::Not(inner) => !inner.is_met_by(row),
            Self::Test(column, test) => row.get(*column).is_some_and(|value| test.is_met_by(value)),
            Self::Columns(one, comparison, other) => match (row.get(*one), row.get(*other)) {
                (Some(one), Some(other)) => !is_null(one) && !is_null(other) && comparison.holds(compare(one, other)),
                _ => false,
            },
            // A filter is looked up before it evaluates rows.
            Self::Exists(..) => false,
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
            Self::EqualsIgnoreAsciiCase(text) => in_text(value, |whole| whole.eq_ignore_ascii_case(text)),
            Self::Matches(pattern) => in_text(value, |whole| pattern.matches(whole)),
            Self::Path(path, scalar) => match value {
                Value::Json(Some(document)) => end_of(document, path).is_some_and(|end| equals(end, scalar)),
                _ => false,
            },
            Self::Has { path, quantifier, elements } => {
                let end = if let Value::Json(Some(document)) = value { end_of(document, path) } else { None };
                let list = end.and_then(Json::as_array);
                list.is_some_and(|list| quantifier.holds(elements, |element| list.iter().any(|item| equals(item, element))))
            }
            Self::HasValues(quantifier, values) => match value {
                Value::Array(_, Some(list)) => {
                    quantifier.holds(values, |value| list.iter().any(|item| compare(item, value).is_eq()))
                }
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

impl Quantifier {
    fn holds<T>(self, elements: &[T], has: impl Fn(&T) -> bool) -> bool {
        match self {
            Self::Any => elements.iter().any(has),
            Self::All => elements.iter().all(has),
        }
    }
}

impl Comparison {
    pub(super) fn holds(self, ordering: Ordering) -> bool {
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
    /// Whether a row with this key is beyond the place.
    pub(crate) fn is_passed_by(&self, order: &[SortKey], key: &[Value]) -> bool {
        let Some(keys) = &self.keys else { return true };
        let ordering = compare_keys(order, key, keys);
        if self.backward { ordering.is_lt() } else { ordering.is_gt() }
    }
}

impl Selection {
    fn is_by_id(&self, id: &[usize]) -> bool {
        let ascending = self.order.iter().all(|key| !key.descending);
        ascending && self.order.iter().map(|key| key.column).eq(id.iter().copied())
    }

    /// The id after which the rows begin that are selected, where they are in the order of their ids.
    pub(crate) fn after_id(&self, id: &[usize]) -> Option<Key> {
        let has_all = self.parts_of_each.is_empty();
        let position = self.position.as_ref().filter(|position| has_all && !position.backward && self.is_by_id(id))?;
        position.keys.clone().map(Key)
    }

    /// How many rows are looked at, at most, if they are the first of all rows in the order of their ids. Returns `None` if
    /// others are.
    pub(crate) fn first_of_all(&self, id: &[usize]) -> Option<usize> {
        let is_first = matches!(&self.condition, ResolvedFilter::All(parts) if parts.is_empty())
            && self.parts_of_each.is_empty()
            && self.position.is_none()
            && self.is_by_id(id);
        let limit = self.limit.filter(|_| is_first)?;
        usize::try_from(limit.saturating_add(self.offset)).ok()
    }

    /// The rows that are selected, in their order, of all rows after [`after_id`](Self::after_id), which are in the order of
    /// their ids.
    pub(crate) fn of<'a, R: AsRef<[Value]> + 'a>(&self, rows: impl Iterator<Item = &'a R>, id: &[usize]) -> Vec<&'a R> {
        let matching = rows.filter(|row| self.condition.is_met_by(row.as_ref()));
        let backward = self.position.as_ref().is_some_and(|position| position.backward);
        if !self.parts_of_each.is_empty() {
            return self.of_groups(matching, backward);
        }
        if self.is_by_id(id) && !backward {
            return self.part(matching);
        }
        let mut keyed: Vec<(Vec<Value>, &R)> = Vec::new();
        for row in matching {
            let key = key_of(&self.order, row.as_ref());
            if self.position.as_ref().is_none_or(|position| position.is_passed_by(&self.order, &key)) {
                keyed.push((key, row));
            }
        }
        let compare = |(a, _): &(Vec<Value>, &R), (b, _): &(Vec<Value>, &R)| {
            let ordering = compare_keys(&self.order, a, b);
            if backward { ordering.reverse() } else { ordering }
        };
        // Of many, only the first are put in order.
        let wanted = self.limit.and_then(|limit| usize::try_from(limit.saturating_add(self.offset)).ok());
        if let Some(wanted) = wanted.filter(|wanted| *wanted < keyed.len()) {
            keyed.select_nth_unstable_by(wanted, compare);
            keyed.truncate(wanted);
        }
        keyed.sort_unstable_by(compare);
        self.part(keyed.into_iter().map(|(_, row)| row))
    }

    /// The same, of rows that fulfil the condition, where only some of each group are selected.
    fn of_groups<'a, R: AsRef<[Value]> + 'a>(&self, matching: impl Iterator<Item = &'a R>, backward: bool) -> Vec<&'a R> {
        let mut keyed: Vec<(Vec<Value>, &R)> = matching.map(|row| (key_of(&self.order, row.as_ref()), row)).collect();
        keyed.sort_unstable_by(|(a, _), (b, _)| compare_keys(&self.order, a, b));
        self.parts_of_each.iter().for_each(|part| part.retain(&mut keyed, |(_, row)| row.as_ref()));
        keyed.retain(|(key, _)| self.position.as_ref().is_none_or(|position| position.is_passed_by(&self.order, key)));
        if backward {
            keyed.reverse();
        }
        self.part(keyed.into_iter().map(|(_, row)| row))
    }

    fn part<T>(&self, items: impl Iterator<Item = T>) -> Vec<T> {
        let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        items.skip(size(self.offset)).take(self.limit.map_or(usize::MAX, size)).collect()
    }
}
