//! [`Grouping`], what is computed of which groups of rows, as it crosses the door.

use std::{cmp::Ordering, sync::Arc};

use sea_orm::{Value, prelude::Decimal, sea_query::ArrayType};

use super::{time_bucket::TimeGrid, tree::ResolvedFilter};
use crate::{
    error::{Error, ErrorKind, Result},
    table::Table,
    value::{compare, is_null, null_of},
};

/// What is computed of which groups of rows. Each group is answered as a row: the values of its keys, and then its measures.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Grouping {
    /// What rows are grouped by. Without keys, all rows are one group, which is there even if there are none.
    pub keys: Vec<GroupKey>,
    /// What is computed of each group.
    pub measures: Vec<Measure>,
    /// By which keys the groups are ordered, by their positions among the keys, and whether each descends. Every key is there
    /// once. Nulls come first, whether the order ascends or descends.
    pub order: Vec<(usize, bool)>,
    /// At most how many groups are answered: the first of their order.
    pub limit: Option<u64>,
}

/// What rows are grouped by.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct GroupKey {
    /// A column, by its position in the table.
    pub column: usize,
    /// Where the buckets of time begin that its values are grouped by. The key is then the beginning of a bucket, in the type of
    /// the column; one before the year 1 is [`InvalidInput`](ErrorKind::InvalidInput). `None` to group by the values.
    pub grid: Option<TimeGrid>,
}

/// Something that is computed of the rows of a group.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Measure {
    /// What it is.
    pub kind: MeasureKind,
    /// Only of the rows that fulfil this.
    pub condition: ResolvedFilter,
}

/// What is computed of rows, of a column by its position in the table. Nulls are left out. A `Decimal` that is answered has no
/// zeros at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MeasureKind {
    /// How many there are, as a number of 64 bits.
    Rows,
    /// How many values there are, as a number of 64 bits.
    Values(usize),
    /// How many different values there are, as a number of 64 bits.
    Distinct(usize),
    /// The sum of the values. Null if there are none.
    ///
    /// That of whole numbers is answered as its digits, as text, exact to 128 bits. That of floating-point numbers is an `f64`,
    /// and [`InvalidInput`](ErrorKind::InvalidInput) if it is not finite. That of decimals is an exact `Decimal`, and
    /// `InvalidInput` if there is none.
    Sum(usize),
    /// The least value, in the type of the column. Null if there are none.
    Minimum(usize),
    /// The greatest value, in the type of the column. Null if there are none.
    Maximum(usize),
}

impl MeasureKind {
    pub(crate) fn column(self) -> Option<usize> {
        match self {
            Self::Rows => None,
            Self::Values(column) | Self::Distinct(column) | Self::Sum(column) | Self::Minimum(column) | Self::Maximum(column) => {
                Some(column)
            }
        }
    }

    /// What it is of no rows.
    pub(super) fn of_nothing(self, table: &Table) -> Result<Value> {
        Ok(match self {
            Self::Rows | Self::Values(_) | Self::Distinct(_) => 0_i64.into(),
            Self::Sum(column) => match table.value_type(column)? {
                ArrayType::Float | ArrayType::Double => Value::Double(None),
                ArrayType::Decimal => Value::Decimal(None),
                _ => Value::String(None),
            },
            Self::Minimum(column) | Self::Maximum(column) => null_of(table.value_type(column)?),
        })
    }
}

impl Grouping {
    /// The names of the values in a row that is answered: those of the columns.
    pub(crate) fn names(&self, table: &Table) -> Arc<[String]> {
        let keys = self.keys.iter().map(|key| Some(key.column));
        let columns = keys.chain(self.measures.iter().map(|measure| measure.kind.column()));
        let name =
            |column: Option<usize>| column.and_then(|column| table.columns.get(column)).map_or("count", |column| column.name());
        columns.map(|column| name(column).to_owned()).collect()
    }

    /// Which of two groups comes first, by their keys.
    pub(crate) fn compare(&self, a: &[Value], b: &[Value]) -> Ordering {
        let each = self.order.iter().map(|(key, descending)| match (a.get(*key), b.get(*key)) {
            (Some(a), Some(b)) => nulls_first(a, b, *descending),
            _ => Ordering::Equal,
        });
        each.fold(Ordering::Equal, Ordering::then)
    }
}

#[cfg(feature = "_sql")]
impl Grouping {
    /// Whether it compares values of a column for which `is_one` returns true.
    pub(crate) fn compares(&self, is_one: &impl Fn(usize) -> bool) -> bool {
        let measured = |measure: &Measure| {
            let compared = match measure.kind {
                MeasureKind::Distinct(column) | MeasureKind::Minimum(column) | MeasureKind::Maximum(column) => is_one(column),
                MeasureKind::Rows | MeasureKind::Values(_) | MeasureKind::Sum(_) => false,
            };
            compared || measure.condition.compares(is_one)
        };
        self.keys.iter().any(|key| is_one(key.column)) || self.measures.iter().any(measured)
    }

    /// The name of the first column whose documents its conditions look into.
    pub(crate) fn document<'t>(&'t self, table: &'t Table) -> Option<&'t str> {
        self.measures.iter().find_map(|measure| measure.condition.document(table))
    }
}

/// The order of two values of one type, of which nulls come first either way. It is total, also of floating-point numbers that
/// are none.
pub(super) fn nulls_first(a: &Value, b: &Value, descending: bool) -> Ordering {
    let ascending = match (a, b) {
        (Value::Float(Some(a)), Value::Float(Some(b))) => a.total_cmp(b),
        (Value::Double(Some(a)), Value::Double(Some(b))) => a.total_cmp(b),
        _ => match (is_null(a), is_null(b)) {
            (true, true) => return Ordering::Equal,
            (true, false) => return Ordering::Less,
            (false, true) => return Ordering::Greater,
            (false, false) => compare(a, b),
        },
    };
    if descending { ascending.reverse() } else { ascending }
}

/// A sum of floating-point numbers as it is answered.
pub(crate) fn float_sum(sum: f64) -> Result<Value> {
    match sum.is_finite() {
        true => Ok((sum + 0.0).into()),
        false => Err(Error::new(ErrorKind::InvalidInput, "a sum of floating-point numbers that is not finite")),
    }
}

/// A sum of decimals as it is answered. `sum` is `None` if a decimal does not hold it.
pub(crate) fn decimal_sum(sum: Option<Decimal>) -> Result<Value> {
    let too_long = || Error::new(ErrorKind::InvalidInput, "a sum of more digits than a decimal has");
    sum.map(Value::from).ok_or_else(too_long)
}

/// A sum of whole numbers as it is answered.
pub(crate) fn whole_sum(sum: i128) -> Value {
    sum.to_string().into()
}

/// A value without what does not count: the sign of zero, and zeros at the end of a decimal.
pub(crate) fn normalized(value: Value) -> Value {
    match value {
        Value::Float(Some(number)) => (number + 0.0).into(),
        Value::Double(Some(number)) => (number + 0.0).into(),
        Value::Decimal(Some(number)) => number.normalize().into(),
        other => other,
    }
}
