//! Columns that a repository keeps by itself.

use chrono::{DateTime, Local, Utc};
use sea_orm::{
    Value,
    sea_query::{ArrayType, Expr, Keyword},
};

use crate::{
    clock::to_microseconds,
    error::{Error, ErrorKind, Result},
    table::Table,
    value::{integer, integer_like, is_left_out},
};

/// Positions of the columns that a repository keeps by itself.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rules {
    pub(crate) version: Option<usize>,
    pub(crate) created_at: Option<usize>,
    pub(crate) updated_at: Option<usize>,
    pub(crate) deleted_at: Option<usize>,
}

impl Rules {
    /// Whether the repository writes this column whenever it changes or makes a model.
    pub(crate) fn is_stamped(&self, column: usize) -> bool {
        [self.version, self.created_at, self.updated_at].contains(&Some(column))
    }

    /// Refuses rules for columns of the wrong type.
    pub(crate) fn check(&self, table: &Table) -> Result<()> {
        use ArrayType as T;
        let invalid = |message| Err(Error::new(ErrorKind::InvalidInput, message));
        let value_type = |position: usize| table.columns.get(position).map(|column| &column.value_type);
        let is_time = |value_type: Option<&ArrayType>| {
            matches!(
                value_type,
                Some(T::ChronoDateTime | T::ChronoDateTimeUtc | T::ChronoDateTimeLocal | T::ChronoDateTimeWithTimeZone)
            )
        };
        let named = [self.version, self.created_at, self.updated_at, self.deleted_at];
        let named: Vec<usize> = named.into_iter().flatten().collect();
        if named.iter().any(|column| table.id.contains(column)) {
            return invalid("a column of the id cannot be kept by the repository");
        }
        if named.iter().enumerate().any(|(at, column)| named.iter().skip(at + 1).any(|other| other == column)) {
            return invalid("one column cannot be kept in two ways");
        }
        if let Some(version) = self.version {
            let is_number = matches!(value_type(version), Some(T::SmallInt | T::Int | T::BigInt | T::Unsigned | T::BigUnsigned));
            if !is_number || table.is_nullable(version) {
                return invalid("a version is a whole number, of 16 bits or more, that is not null");
            }
        }
        if [self.created_at, self.updated_at, self.deleted_at].into_iter().flatten().any(|column| !is_time(value_type(column))) {
            return invalid("what is to hold a time does not");
        }
        if self.deleted_at.is_some_and(|column| !table.is_nullable(column)) {
            return invalid("the time of deletion has to be null until then");
        }
        Ok(())
    }
}

impl Table {
    /// Fills in what a new model has by itself: the times of the repository, and the time of now where that is a default.
    pub(crate) fn stamp_new(&self, values: &mut [Value], now: DateTime<Utc>) {
        for (position, value) in values.iter_mut().enumerate() {
            if let Some(time) = self.time_of_new(position, value, now) {
                *value = time;
            }
        }
    }

    /// What a new model has in this column instead of what was given, if that is a time.
    pub(crate) fn time_of_new(&self, position: usize, given: &Value, now: DateTime<Utc>) -> Option<Value> {
        let is_now = |default: &Expr| matches!(default, Expr::Keyword(Keyword::CurrentTimestamp));
        let is_default =
            || self.defaults.iter().any(|(column, default)| *column == position && is_now(default)) && self.takes_default(given);
        let is_kept = [self.rules.created_at, self.rules.updated_at].contains(&Some(position));
        let column = self.columns.get(position).filter(|_| is_kept || is_default())?;
        Some(time_of(&column.value_type, now))
    }

    /// Fills in the time of a change.
    pub(crate) fn stamp_changed(&self, values: &mut [Value], now: DateTime<Utc>) {
        if let Some(position) = self.rules.updated_at {
            self.stamp(values, position, now);
        }
    }

    fn stamp(&self, values: &mut [Value], position: usize, now: DateTime<Utc>) {
        if let (Some(value), Some(column)) = (values.get_mut(position), self.columns.get(position)) {
            *value = time_of(&column.value_type, now);
        }
    }

    /// What a column of a new model has where there is nothing. Returns `None` if it has no default.
    pub(crate) fn default_of(&self, position: usize) -> Result<Option<Value>> {
        let default = self.defaults.iter().find(|(column, _)| *column == position);
        default.map(|(_, default)| default_value(default, &self.null(position)?)).transpose()
    }

    /// Puts defaults where there is nothing. [`stamp_new`](Self::stamp_new) has filled in times before.
    pub(crate) fn fill_defaults(&self, values: &mut [Value]) -> Result<()> {
        for (position, default) in &self.defaults {
            if let Some(value) = values.get_mut(*position).filter(|value| self.takes_default(value)) {
                if is_left_out(value) {
                    *value = self.null(*position)?;
                }
                *value = default_value(default, value)?;
            }
        }
        Ok(())
    }
}

/// What a column's default stands for, in the type of the column.
fn default_value(default: &Expr, like: &Value) -> Result<Value> {
    let value = match default {
        Expr::Value(value) => match integer(value) {
            Some(number) => integer_like(like, number),
            None => (value.as_null() == *like).then(|| value.clone()),
        },
        _ => None,
    };
    value.ok_or_else(|| Error::new(ErrorKind::Unsupported, "a default that is an SQL expression"))
}

/// `now` in a type of times.
pub(crate) fn time_of(value_type: &ArrayType, now: DateTime<Utc>) -> Value {
    let now = to_microseconds(now);
    match value_type {
        ArrayType::ChronoDateTime => now.naive_utc().into(),
        ArrayType::ChronoDateTimeWithTimeZone => now.fixed_offset().into(),
        ArrayType::ChronoDateTimeLocal => now.with_timezone(&Local).into(),
        _ => now.into(),
    }
}
