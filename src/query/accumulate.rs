//! Groups of rows in memory.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

use sea_orm::{Value, prelude::Decimal, sea_query::ArrayType};

use super::{
    grouping::{GroupKey, Grouping, Measure, MeasureKind, decimal_sum, float_sum, normalized, whole_sum},
    operand::is_whole,
    time_bucket::{bucket_value, microseconds_of},
};
use crate::{
    error::{Error, ErrorKind, Result},
    row::Row,
    table::Table,
    value::{DecimalSum, Key, compare, is_null, whole_number},
};

/// What has been seen of a group, for one measure.
#[derive(Clone)]
enum Accumulator {
    Number(i64),
    Different(BTreeSet<Key>),
    Whole(Option<i128>),
    Float(Option<f64>),
    Decimal(Option<DecimalSum>),
    /// Values that compare so with it take its place.
    Extreme(Option<Value>, Ordering),
}

impl Grouping {
    /// The groups of rows, as a backend answers them.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput), which names the column, for a sum that cannot be answered, and a bucket that
    /// begins before the year 1.
    pub(crate) fn of<R: AsRef<[Value]>>(&self, table: &Table, rows: impl Iterator<Item = R>) -> Result<Vec<Row>> {
        let fresh = self.measures.iter().map(|measure| Accumulator::of(measure.kind, table)).collect::<Result<Vec<_>>>()?;
        let mut groups: BTreeMap<Key, Vec<Accumulator>> = BTreeMap::new();
        if self.keys.is_empty() {
            groups.insert(Key(Vec::new()), fresh.clone());
        }
        for row in rows {
            let row = row.as_ref();
            let key = self.keys.iter().map(|key| key.of(table, row)).collect::<Result<_>>()?;
            let accumulators = groups.entry(Key(key)).or_insert_with(|| fresh.clone());
            for (measure, accumulator) in self.measures.iter().zip(accumulators) {
                accumulator.see(measure, row).map_err(|error| measure.named(table, error))?;
            }
        }
        let names = self.names(table);
        let row = |(key, accumulators): (Key, Vec<Accumulator>)| {
            let mut values = key.0;
            for (measure, accumulator) in self.measures.iter().zip(accumulators) {
                let nothing = measure.kind.of_nothing(table)?;
                values.push(accumulator.value(nothing).map_err(|error| measure.named(table, error))?);
            }
            Ok(Row { names: names.clone(), values })
        };
        let mut rows = groups.into_iter().map(row).collect::<Result<Vec<_>>>()?;
        rows.sort_by(|a, b| self.compare(&a.values, &b.values));
        let limit = self.limit.and_then(|limit| usize::try_from(limit).ok());
        rows.truncate(limit.unwrap_or(usize::MAX));
        Ok(rows)
    }
}

impl GroupKey {
    /// The key of a row.
    fn of(&self, table: &Table, row: &[Value]) -> Result<Value> {
        let value = row.get(self.column).cloned().map_or_else(|| table.null(self.column), Ok)?;
        match self.grid {
            None => Ok(normalized(value)),
            Some(grid) => match microseconds_of(&value) {
                None => table.null(self.column),
                Some(microseconds) => bucket_value(grid.start_of(microseconds), table.value_type(self.column)?)
                    .map_err(|error| table.in_column(self.column, error)),
            },
        }
    }
}

impl Measure {
    /// Names the column in an error about it.
    pub(crate) fn named(&self, table: &Table, error: Error) -> Error {
        self.kind.column().map_or(error.clone(), |column| table.in_column(column, error))
    }
}

impl Accumulator {
    fn of(kind: MeasureKind, table: &Table) -> Result<Self> {
        Ok(match kind {
            MeasureKind::Rows | MeasureKind::Values(_) => Self::Number(0),
            MeasureKind::Distinct(_) => Self::Different(BTreeSet::new()),
            MeasureKind::Minimum(_) => Self::Extreme(None, Ordering::Less),
            MeasureKind::Maximum(_) => Self::Extreme(None, Ordering::Greater),
            MeasureKind::Sum(column) => match table.value_type(column)? {
                ArrayType::Float | ArrayType::Double => Self::Float(None),
                ArrayType::Decimal => Self::Decimal(None),
                whole if is_whole(whole) => Self::Whole(None),
                _ => return Err(Error::new(ErrorKind::Internal, "a sum of what are no numbers")),
            },
        })
    }

    fn see(&mut self, measure: &Measure, row: &[Value]) -> Result<()> {
        if !measure.condition.is_met_by(row) {
            return Ok(());
        }
        let value = match measure.kind.column().map(|column| row.get(column)) {
            // A row by itself.
            None => &Value::Bool(Some(true)),
            Some(Some(value)) if !is_null(value) => value,
            Some(_) => return Ok(()),
        };
        match self {
            Self::Number(number) => *number += 1,
            Self::Different(values) => drop(values.insert(Key(vec![value.clone()]))),
            Self::Whole(sum) => *sum = Some(added(*sum, value)?),
            Self::Float(sum) => *sum = Some(sum.unwrap_or_default() + float(value)),
            Self::Decimal(sum) => {
                let number = if let Value::Decimal(Some(number)) = value { *number } else { Decimal::ZERO };
                if sum.get_or_insert_default().add(number).is_none() {
                    return decimal_sum(None).map(drop);
                }
            }
            Self::Extreme(extreme, wanted) => {
                if extreme.as_ref().is_none_or(|extreme| compare(value, extreme) == *wanted) {
                    *extreme = Some(value.clone());
                }
            }
        }
        Ok(())
    }

    /// What it comes to; `nothing` if it has seen no value.
    fn value(self, nothing: Value) -> Result<Value> {
        Ok(match self {
            Self::Number(number) => number.into(),
            Self::Different(values) => i64::try_from(values.len()).unwrap_or(i64::MAX).into(),
            Self::Whole(sum) => sum.map_or(nothing, whole_sum),
            Self::Float(Some(sum)) => float_sum(sum)?,
            Self::Decimal(Some(sum)) => decimal_sum(sum.total())?,
            Self::Float(None) | Self::Decimal(None) => nothing,
            Self::Extreme(extreme, _) => extreme.map_or(nothing, normalized),
        })
    }
}

fn added(sum: Option<i128>, value: &Value) -> Result<i128> {
    let sum = sum.unwrap_or_default().checked_add(whole_number(value).unwrap_or_default());
    sum.ok_or_else(|| Error::new(ErrorKind::InvalidInput, "a sum of more than 128 bits"))
}

fn float(value: &Value) -> f64 {
    match value {
        Value::Float(number) => number.map(f64::from),
        Value::Double(number) => *number,
        _ => None,
    }
    .unwrap_or_default()
}
