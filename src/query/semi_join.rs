//! [`SemiJoin`], the part of a filter that looks into another table.

use std::{collections::BTreeSet, sync::Arc};

use sea_orm::{Value, sea_query::ArrayType};

use super::{
    column::{ColumnName, Comparable},
    field::Field,
    filter::Filter,
    operand::{Fitted, fit, is_whole},
    tree::{Comparison, ResolvedFilter, SemiJoin, Test, Tree},
};
use crate::{
    error::{Error, ErrorKind, Result},
    table::{Table, TableIdentity},
    value::{Key, is_null, is_text},
};

impl<M, K: Comparable, Name: Into<ColumnName>> Field<M, K, Name> {
    /// A row of a table has this column's value in a column of its own, and fulfils a filter.
    pub(crate) fn exists<N>(self, table: Arc<Table>, column: ColumnName, filter: Filter<N>) -> Filter<M> {
        let (tree, height) = filter.into_tree();
        let join = SemiJoin { table, column, condition: tree };
        Filter::of(Tree::Exists(self.column.name.into(), Box::new(join)), height.saturating_add(1))
    }
}

impl ResolvedFilter {
    /// The other tables that it looks into. One may be there more than once.
    #[must_use]
    pub fn joined_tables(&self) -> Vec<&Arc<Table>> {
        self.joins().into_iter().map(|join| &join.table).collect()
    }

    /// What it looks into in other tables, the outer before the inner.
    pub(crate) fn joins(&self) -> Vec<&SemiJoin<usize>> {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().flat_map(Self::joins).collect(),
            Self::Not(inner) => inner.joins(),
            Self::Exists(_, join) => [&**join].into_iter().chain(join.condition.joins()).collect(),
            Self::Test(..) | Self::Columns(..) => Vec::new(),
        }
    }

    /// The same filter, in which the rows of other tables have been looked up: it evaluates a row by itself. `rows` answers the
    /// rows of a table that fulfil a condition of this form.
    pub(crate) fn looked_up<'r, R>(self, own: &Table, rows: &impl Fn(&Table, &Self) -> R) -> Result<Self>
    where
        R: Iterator<Item = &'r [Value]>,
    {
        let each = |parts: Vec<Self>| parts.into_iter().map(|part| part.looked_up(own, rows)).collect::<Result<Vec<_>>>();
        Ok(match self {
            Self::All(parts) => Self::All(each(parts)?),
            Self::Any(parts) => Self::Any(each(parts)?),
            Self::Not(inner) => inner.looked_up(own, rows)?.negated(),
            Self::Exists(column, join) => {
                let SemiJoin { table, column: other, condition } = *join;
                let condition = condition.looked_up(&table, rows)?;
                let value_type = own.value_type(column)?;
                let values = rows(&table, &condition).filter_map(|row| row.get(other)).filter(|value| !is_null(value));
                let fitted = values.filter_map(|value| match fit(value.clone(), value_type) {
                    Ok(Fitted::Value(value)) => Some(Key(vec![value])),
                    _ => None,
                });
                let values: BTreeSet<Key> = fitted.collect();
                Self::Test(column, Test::In(values.into_iter().flat_map(|key| key.0).collect()))
            }
            other @ (Self::Test(..) | Self::Columns(..)) => other,
        })
    }
}

impl Table {
    /// The table of another entity in the same store as this one, which has the same prefix.
    fn beside(&self, other: &Arc<Self>) -> Arc<Self> {
        if self.prefix.is_empty() { other.clone() } else { Arc::new(Self::clone(other).with_prefix(&self.prefix)) }
    }

    /// Resolves what a filter on a column of this table looks into.
    pub(super) fn semi_join(
        &self,
        column: usize,
        join: &SemiJoin<ColumnName>,
        resolve: impl FnOnce(&Self, &Tree<ColumnName>) -> Result<ResolvedFilter>,
    ) -> Result<SemiJoin<usize>> {
        let table = self.beside(&join.table);
        let other = table.position(&join.column)?;
        self.require_alike(column, &table, other)?;
        let condition = resolve(&table, &join.condition)?;
        Ok(SemiJoin { table, column: other, condition })
    }

    /// Resolves a comparison of two columns.
    pub(super) fn columns_compared(&self, one: usize, comparison: Comparison, other: usize) -> Result<ResolvedFilter> {
        self.require_alike(one, self, other)?;
        Ok(Tree::Columns(one, comparison, other))
    }

    /// Refuses to compare two columns whose values are not of one type: whole numbers of any width, text and enums, instants, or
    /// the same type.
    fn require_alike(&self, column: usize, table: &Self, other: usize) -> Result<()> {
        self.require_order(column)?;
        table.require_order(other)?;
        let (one, two) = (self.value_type(column)?, table.value_type(other)?);
        let both = |is_one: fn(&ArrayType) -> bool| is_one(one) && is_one(two);
        if one == two || both(is_whole) || both(is_text_or_enum) || both(is_instant) {
            return Ok(());
        }
        let error = Error::new(ErrorKind::InvalidInput, "two columns whose values are of different types are compared");
        Err(self.in_column(column, error))
    }
}

fn is_text_or_enum(value_type: &ArrayType) -> bool {
    is_text(value_type) && *value_type != ArrayType::Char
}

fn is_instant(value_type: &ArrayType) -> bool {
    use ArrayType as T;
    matches!(value_type, T::ChronoDateTimeUtc | T::ChronoDateTimeLocal | T::ChronoDateTimeWithTimeZone)
}

impl TableIdentity {
    /// Finds what belongs to a table in a list.
    #[cfg(feature = "_sql")]
    pub(crate) fn find<T>(self, list: &[(Self, T)]) -> Option<&T> {
        list.iter().find(|(identity, _)| *identity == self).map(|(_, found)| found)
    }
}
