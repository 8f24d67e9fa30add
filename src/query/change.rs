//! [`Change`], what becomes of a column: as it is written, and what it comes to for a row.

use sea_orm::{Value, sea_query::ArrayType};

use super::{
    arithmetic::{increased, sum, within},
    changes::ColumnChange,
    operand::{Fitted, is_whole, misfit, range},
};
use crate::{
    error::{Error, ErrorKind, Result},
    table::Table,
    value::{compare, is_null, portable, whole_number},
};

/// A change of a column, by its position, with values of its type. What it reads of a row is what that was before all changes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Change {
    /// It gets this value, which may be null.
    Set(usize, Value),
    /// Adds to a whole number, which has to stay within its type. Null stays null.
    Increase {
        /// The column.
        column: usize,
        /// What is added.
        by: i64,
        /// The least number that it may become.
        least: i128,
        /// The greatest number that it may become.
        most: i128,
    },
    /// Adds to a decimal or a floating-point number. Null stays null.
    Add {
        /// The column.
        column: usize,
        /// What is added.
        by: Value,
    },
    /// It gets the value of another column, which is of the same type, or a whole number as it is.
    SetFrom {
        /// The column.
        column: usize,
        /// The other one.
        other: usize,
    },
    /// Adds the number of another column, which is of the same type, or a whole number as it is. Null if one of them is null.
    AddFrom {
        /// The column.
        column: usize,
        /// The other one.
        other: usize,
    },
    /// It gets this value if it is less. Null stays null.
    RaiseTo {
        /// The column.
        column: usize,
        /// The value.
        value: Value,
    },
    /// It gets this value if it is greater. Null stays null.
    LowerTo {
        /// The column.
        column: usize,
        /// The value.
        value: Value,
    },
    /// It gets this value if it is null.
    SetIfNull {
        /// The column.
        column: usize,
        /// The value.
        value: Value,
    },
}

impl Change {
    /// The column that changes.
    #[must_use]
    pub fn column(&self) -> usize {
        match self {
            Self::Set(column, _)
            | Self::Increase { column, .. }
            | Self::Add { column, .. }
            | Self::SetFrom { column, .. }
            | Self::AddFrom { column, .. }
            | Self::RaiseTo { column, .. }
            | Self::LowerTo { column, .. }
            | Self::SetIfNull { column, .. } => *column,
        }
    }

    /// The columns whose values decide what it comes to.
    #[cfg(feature = "_sql")]
    pub(crate) fn reads(&self) -> impl Iterator<Item = usize> {
        let (own, other) = match self {
            Self::Set(..) => (None, None),
            Self::SetFrom { other, .. } => (None, Some(*other)),
            Self::AddFrom { column, other } => (Some(*column), Some(*other)),
            other => (Some(other.column()), None),
        };
        own.into_iter().chain(other)
    }

    /// Whether it compares values, or moves them to another column, so that their forms matter, in a column for which `is_one`
    /// returns true.
    #[cfg(feature = "_sql")]
    pub(crate) fn compares(&self, is_one: &impl Fn(usize) -> bool) -> bool {
        match self {
            Self::RaiseTo { column, .. } | Self::LowerTo { column, .. } => is_one(*column),
            Self::SetFrom { column, other } => is_one(*column) || is_one(*other),
            _ => false,
        }
    }

    /// A value that it may store, whatever the row.
    #[cfg(feature = "_sql")]
    pub(crate) fn constant(&self) -> Option<&Value> {
        match self {
            Self::Set(_, value)
            | Self::RaiseTo { value, .. }
            | Self::LowerTo { value, .. }
            | Self::SetIfNull { value, .. }
            | Self::Add { by: value, .. } => Some(value),
            Self::Increase { .. } | Self::SetFrom { .. } | Self::AddFrom { .. } => None,
        }
    }

    /// What it makes of the column's value in a row of the table.
    fn value_in(&self, row: &[Value], table: &Table) -> Result<Value> {
        let value = |column: usize| row.get(column).cloned().map_or_else(|| table.null(column), Ok);
        let old = value(self.column())?;
        Ok(match self {
            Self::Set(_, new) => new.clone(),
            Self::RaiseTo { value, .. } if !is_null(&old) && compare(&old, value).is_lt() => value.clone(),
            Self::LowerTo { value, .. } if !is_null(&old) && compare(&old, value).is_gt() => value.clone(),
            Self::SetIfNull { value, .. } if is_null(&old) => value.clone(),
            Self::RaiseTo { .. } | Self::LowerTo { .. } | Self::SetIfNull { .. } => old,
            Self::Increase { by, least, most, .. } => increased(&old, i128::from(*by), (*least, *most))?,
            Self::Add { column, by } => sum(&old, by, *column, table)?,
            Self::AddFrom { column, other } => sum(&old, &value(*other)?, *column, table)?,
            Self::SetFrom { column, other } => within(value(*other)?, *column, table)?,
        })
    }
}

/// The row that changes make of another. An error names the column.
pub(crate) fn changed_row(changes: &[Change], row: &[Value], table: &Table) -> Result<Vec<Value>> {
    let mut new = row.to_vec();
    for change in changes {
        let column = change.column();
        let value = change.value_in(row, table).map_err(|error| table.in_column(column, error))?;
        new.iter_mut().skip(column).take(1).for_each(|old| old.clone_from(&value));
    }
    Ok(new)
}

fn invalid(message: &'static str) -> Error {
    Error::new(ErrorKind::InvalidInput, message)
}

impl Table {
    pub(crate) fn decimal_digits(&self, column: usize) -> (u32, u32) {
        self.columns.get(column).map_or((0, 0), |column| column.decimal_digits())
    }

    /// What a change of a column comes to.
    pub(super) fn change(&self, column: usize, written: &ColumnChange) -> Result<Change> {
        Ok(match written {
            ColumnChange::Null => Change::Set(column, self.null(column)?),
            ColumnChange::Value(value) if is_null(value) => Change::Set(column, self.null(column)?),
            ColumnChange::Value(value) if self.column(column)?.is_of_any_type => Change::Set(column, self.held(column, value)?),
            ColumnChange::Value(value) => Change::Set(column, self.fitting(column, value)?),
            ColumnChange::IfNull(value) => Change::SetIfNull { column, value: self.fitting(column, value)? },
            ColumnChange::RaiseTo(value) => {
                self.require_order(column)?;
                Change::RaiseTo { column, value: self.fitting(column, value)? }
            }
            ColumnChange::LowerTo(value) => {
                self.require_order(column)?;
                Change::LowerTo { column, value: self.fitting(column, value)? }
            }
            ColumnChange::Increase(by) => return self.addition(column, &Value::from(*by)),
            ColumnChange::Add(by) => return self.addition(column, by),
            ColumnChange::From(other) => {
                let other = self.position(other)?;
                self.require_same_type(column, other)?;
                Change::SetFrom { column, other }
            }
            ColumnChange::AddFrom(other) => {
                let other = self.position(other)?;
                self.require_number(column)?;
                self.require_same_type(column, other)?;
                Change::AddFrom { column, other }
            }
        })
    }

    /// A value in the type of the column, which can hold it.
    fn fitting(&self, column: usize, value: &Value) -> Result<Value> {
        if is_null(value) {
            return Err(invalid("a change by nothing"));
        }
        match self.fit(column, value)? {
            Fitted::Value(value) => Ok(value),
            _ => Err(invalid("a number that its column cannot hold")),
        }
    }

    fn addition(&self, column: usize, by: &Value) -> Result<Change> {
        self.require_number(column)?;
        let value_type = self.value_type(column)?;
        if !is_whole(value_type) {
            return Ok(Change::Add { column, by: self.fitting(column, by)? });
        }
        let (least, most) = range(value_type);
        let by = whole_number(&portable(by.clone())?).ok_or_else(misfit)?;
        let by = i64::try_from(by).map_err(|_| invalid("an increase of more than 64 bits with a sign"))?;
        Ok(Change::Increase { column, by, least, most })
    }

    fn require_number(&self, column: usize) -> Result<()> {
        let value_type = self.value_type(column)?;
        let is_number = is_whole(value_type) || matches!(value_type, ArrayType::Float | ArrayType::Double | ArrayType::Decimal);
        if is_number && self.column(column)?.is_comparable { Ok(()) } else { Err(invalid("only numbers can be increased")) }
    }

    /// Refuses two columns of which one cannot have the values of the other.
    fn require_same_type(&self, column: usize, other: usize) -> Result<()> {
        let (own, other) = (self.column(column)?, self.column(other)?);
        let are_whole = is_whole(&own.value_type) && is_whole(&other.value_type) && own.is_comparable && other.is_comparable;
        if are_whole || own.null == other.null { Ok(()) } else { Err(invalid("two columns of different types")) }
    }
}
