//! [`GroupFinish`], what becomes of the groups that a backend answers: the same for all of them.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use sea_orm::{Value, prelude::Decimal, sea_query::ArrayType};

use super::{
    grouping::nulls_first,
    time_bucket::{TimeGrid, bucket_value, microseconds_of},
    tree::Comparison,
};
use crate::{
    error::{Error, ErrorKind, Result},
    row::Row,
    value::{Key, compare, is_null, text_of, whole_number},
};

/// How many groups are added at most where buckets are filled.
pub(super) const MAX_FILLED: usize = 100_000;

/// Up to how many groups are seen to on the thread of the runtime: about a millisecond's work.
const MAX_GROUPS_IN_PLACE: usize = 1000;

/// What becomes of the groups that a backend answers.
#[derive(Debug)]
pub(crate) struct GroupFinish {
    /// The names of what is answered.
    pub(super) names: Arc<[String]>,
    /// How many keys a group has.
    pub(super) keys: usize,
    /// What a measure is of a group without rows.
    pub(super) nothing: Vec<Value>,
    pub(super) fills: Vec<BucketFill>,
    /// The aggregates: those that are answered, and after them those of `having` and `order`.
    pub(super) values: Vec<GroupValue>,
    pub(super) having: Vec<GroupTest>,
    /// By which values, and whether it descends. None if the groups are in order already.
    pub(super) order: Vec<(GroupPlace, bool)>,
    pub(super) limit: Option<u64>,
}

/// How an aggregate is made of measures, by their positions.
#[derive(Clone, Copy, Debug)]
pub(super) enum GroupValue {
    /// A whole number, as a number or as its digits.
    Whole(usize),
    /// The measure as it is.
    Same(usize),
    Average {
        sum: usize,
        count: usize,
    },
}

/// A value that groups are ordered by, by its position.
#[derive(Clone, Copy, Debug)]
pub(super) enum GroupPlace {
    Key(usize),
    Value(usize),
}

/// A condition on an aggregate.
#[derive(Debug)]
pub(super) struct GroupTest {
    pub(super) value: usize,
    pub(super) comparison: Comparison,
    pub(super) operand: GroupOperand,
}

/// What an aggregate is compared with.
#[derive(Debug)]
pub(super) enum GroupOperand {
    Whole(i128),
    Value(Value),
    /// More than it can be.
    Above,
    /// Less than it can be.
    Below,
    Null,
}

/// Which buckets of a key are there although they have no rows.
#[derive(Debug)]
pub(super) struct BucketFill {
    pub(super) key: usize,
    pub(super) grid: TimeGrid,
    pub(super) value_type: ArrayType,
    pub(super) from: i64,
    pub(super) until: i64,
}

/// An aggregate of a group. Whole numbers may be larger than a `Value` holds.
#[derive(Clone, Debug)]
enum Computed {
    Whole(i128),
    Other(Value),
}

/// A group as a backend answers it: its keys and its measures.
type Answered = (Vec<Value>, Vec<Value>);

impl GroupFinish {
    /// Whether it takes longer than the thread of a runtime has time for, of so many groups.
    pub(crate) fn is_long(&self, groups: usize) -> bool {
        groups > MAX_GROUPS_IN_PLACE || !self.fills.is_empty()
    }

    /// The rows that are answered to the caller, of those that a backend has answered.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput) for too many buckets.
    pub(crate) fn finish(self, rows: Vec<Row>) -> Result<Vec<Row>> {
        let mut groups: Vec<Answered> = Vec::with_capacity(rows.len());
        for Row { mut values, .. } in rows {
            if values.len() != self.keys + self.nothing.len() {
                return Err(Error::new(ErrorKind::Internal, "the backend answered other values than it was asked for"));
            }
            let measures = values.split_off(self.keys);
            groups.push((values, measures));
        }
        for fill in &self.fills {
            fill.add_missing(&mut groups, &self.nothing)?;
        }
        let mut groups = groups.into_iter().map(|group| self.computed(group)).collect::<Result<Vec<_>>>()?;
        groups.retain(|(_, values)| self.having.iter().all(|test| test.is_met_by(values)));
        if !self.order.is_empty() {
            groups.sort_by(|a, b| self.compare(a, b));
        }
        let limit = self.limit.and_then(|limit| usize::try_from(limit).ok());
        groups.truncate(limit.unwrap_or(usize::MAX));
        Ok(groups.into_iter().map(|group| self.row(group)).collect())
    }

    fn computed(&self, (keys, measures): Answered) -> Result<(Vec<Value>, Vec<Computed>)> {
        let values = self.values.iter().map(|value| value.of(&measures)).collect::<Result<_>>()?;
        Ok((keys, values))
    }

    fn compare(&self, (keys, values): &(Vec<Value>, Vec<Computed>), other: &(Vec<Value>, Vec<Computed>)) -> Ordering {
        let each = self.order.iter().map(|(place, descending)| match place {
            GroupPlace::Key(key) => match (keys.get(*key), other.0.get(*key)) {
                (Some(a), Some(b)) => nulls_first(a, b, *descending),
                _ => Ordering::Equal,
            },
            GroupPlace::Value(value) => match (values.get(*value), other.1.get(*value)) {
                (Some(a), Some(b)) => a.nulls_first(b, *descending),
                _ => Ordering::Equal,
            },
        });
        each.fold(Ordering::Equal, Ordering::then)
    }

    fn row(&self, (keys, values): (Vec<Value>, Vec<Computed>)) -> Row {
        let values = keys.into_iter().chain(values.into_iter().map(Computed::into_value)).take(self.names.len());
        Row { names: self.names.clone(), values: values.collect() }
    }
}

impl BucketFill {
    /// Adds the groups of buckets that are not there, for each combination of the other keys.
    fn add_missing(&self, groups: &mut Vec<Answered>, nothing: &[Value]) -> Result<()> {
        let mut combinations: BTreeMap<Key, BTreeSet<i64>> = BTreeMap::new();
        for (keys, _) in groups.iter() {
            let mut others = keys.clone();
            let own = if self.key < others.len() { microseconds_of(&others.remove(self.key)) } else { None };
            combinations.entry(Key(others)).or_default().extend(own);
        }
        // Without other keys, there is one combination, of nothing.
        if groups.first().is_none_or(|(keys, _)| keys.len() == 1) {
            combinations.entry(Key(Vec::new())).or_default();
        }
        let mut left = MAX_FILLED;
        for (others, there) in combinations {
            for start in self.starts().filter(|start| !there.contains(start)) {
                left = left.checked_sub(1).ok_or_else(too_many)?;
                let mut keys = others.0.clone();
                keys.insert(self.key.min(keys.len()), bucket_value(start, &self.value_type)?);
                groups.push((keys, nothing.to_vec()));
            }
        }
        Ok(())
    }

    /// Where the buckets of the range begin.
    fn starts(&self) -> impl Iterator<Item = i64> + '_ {
        let first = (self.from < self.until).then(|| self.grid.start_of(self.from));
        std::iter::successors(first, |start| start.checked_add(self.grid.width)).take_while(|start| *start < self.until)
    }

    /// Refuses a range of too many buckets.
    pub(super) fn check(&self) -> Result<()> {
        match self.starts().nth(MAX_FILLED) {
            None => Ok(()),
            Some(_) => Err(too_many()),
        }
    }
}

fn too_many() -> Error {
    Error::new(ErrorKind::InvalidInput, "a range of time buckets that adds more than 100 000 groups")
}

impl GroupValue {
    fn of(&self, measures: &[Value]) -> Result<Computed> {
        let missing = || Error::new(ErrorKind::Internal, "a measure that was not asked for");
        let at = |position: usize| measures.get(position).ok_or_else(missing);
        match *self {
            Self::Same(position) => at(position).cloned().map(Computed::Other),
            Self::Whole(position) => {
                let value = at(position)?;
                Ok(whole_of(value)?.map_or_else(|| Computed::Other(Value::BigInt(None)), Computed::Whole))
            }
            Self::Average { sum, count } => average(at(sum)?, whole_of(at(count)?)?.unwrap_or_default()).map(Computed::Other),
        }
    }
}

/// A whole number, or one that is written as its digits. `None` if it is null.
fn whole_of(value: &Value) -> Result<Option<i128>> {
    if is_null(value) {
        return Ok(None);
    }
    let digits = || text_of(value)?.parse().ok();
    let number = whole_number(value).or_else(digits);
    number.map(Some).ok_or_else(|| Error::new(ErrorKind::Internal, "the backend answered no number"))
}

/// A sum divided by how many numbers it is of. The whole part of a quotient is exact as far as an `f64` is.
#[expect(clippy::cast_precision_loss, reason = "it is a floating-point number that is wanted")]
fn average(sum: &Value, count: i128) -> Result<Value> {
    Ok(match sum {
        Value::Double(sum) => Value::Double(sum.map(|sum| sum / count as f64)),
        Value::Decimal(sum) => {
            let quotient = sum.and_then(|sum| sum.checked_div(Decimal::from_i128_with_scale(count, 0)));
            Value::Decimal(quotient.map(|quotient| quotient.normalize()))
        }
        digits => {
            let quotient = |sum: i128| Some(sum.checked_div(count)? as f64 + sum.checked_rem(count)? as f64 / count as f64);
            Value::Double(whole_of(digits)?.and_then(quotient))
        }
    })
}

impl GroupTest {
    fn is_met_by(&self, values: &[Computed]) -> bool {
        use Comparison as C;
        let Some(value) = values.get(self.value).filter(|value| !value.is_null()) else { return false };
        match (&self.operand, value) {
            (GroupOperand::Whole(operand), Computed::Whole(number)) => self.comparison.holds(number.cmp(operand)),
            (GroupOperand::Value(operand), Computed::Other(value)) => self.comparison.holds(compare(value, operand)),
            (GroupOperand::Above, _) => matches!(self.comparison, C::Less | C::AtMost | C::NotEqual),
            (GroupOperand::Below, _) => matches!(self.comparison, C::Greater | C::AtLeast | C::NotEqual),
            _ => false,
        }
    }
}

impl Computed {
    fn is_null(&self) -> bool {
        matches!(self, Self::Other(value) if is_null(value))
    }

    fn nulls_first(&self, other: &Self, descending: bool) -> Ordering {
        match (self, other) {
            (Self::Whole(a), Self::Whole(b)) if descending => b.cmp(a),
            (Self::Whole(a), Self::Whole(b)) => a.cmp(b),
            (Self::Other(a), Self::Other(b)) => nulls_first(a, b, descending),
            // A whole number and null.
            (Self::Other(_), Self::Whole(_)) => Ordering::Less,
            (Self::Whole(_), Self::Other(_)) => Ordering::Greater,
        }
    }

    /// A whole number in the smallest of the forms that a row has for it.
    fn into_value(self) -> Value {
        match self {
            Self::Other(value) => value,
            Self::Whole(number) => match (i64::try_from(number), u64::try_from(number)) {
                (Ok(number), _) => number.into(),
                (_, Ok(number)) => number.into(),
                _ => match Decimal::try_from_i128_with_scale(number, 0) {
                    Ok(decimal) => decimal.into(),
                    Err(_) => number.to_string().into(),
                },
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_average_is_of_the_exact_sum() {
        let of = |digits: &str, count| average(&digits.into(), count);
        assert_eq!(of("7", 2).ok(), Some(3.5.into()));
        assert_eq!(of("-7", 2).ok(), Some((-3.5).into()));
        assert_eq!(of("27670116110564327421", 3).ok(), Some(9_223_372_036_854_775_807.0.into()));
        assert_eq!(of("0", 0).ok(), Some(Value::Double(None)));
        let third = average(&Decimal::ONE.into(), 3);
        assert_eq!(third.ok(), "0.3333333333333333333333333333".parse::<Decimal>().ok().map(Value::from));
    }

    #[test]
    fn a_whole_number_is_answered_whatever_its_size() {
        let value = |number: i128| Computed::Whole(number).into_value();
        assert_eq!(value(-1), (-1_i64).into());
        assert_eq!(value(u64::MAX.into()), u64::MAX.into());
        assert_eq!(value(i128::from(u64::MAX) + 1), Decimal::from_i128_with_scale(1 << 64, 0).into());
        assert_eq!(value(i128::MAX), i128::MAX.to_string().into());
        for number in [-1, 1 << 64, i128::MIN, i128::MAX] {
            let row = Row { names: ["sum".to_owned()].into(), values: vec![value(number)] };
            assert_eq!(row.read::<i128>().ok(), Some(number));
        }
    }
}
