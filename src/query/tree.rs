//! [`Tree`], conditions on columns as they are given and as they are resolved; and what of them a table keeps, its [`Scope`].

use std::{collections::BTreeSet, fmt, sync::Arc};

use sea_orm::Value;

use super::{
    column::{ColumnName, Scalar},
    text_pattern::TextPattern,
};
use crate::table::Table;
#[cfg(feature = "_sql")]
use crate::table::TableColumn;

/// The most values of a list that are bound one by one. A filter has at most 500 lists, and SQLite takes 32 766 values.
#[cfg(feature = "_sql")]
pub(crate) const MAX_LISTED: usize = 60;

/// A condition on columns, which are named by `C`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Tree<C> {
    /// All of these, which is true if there is none.
    All(Vec<Self>),
    /// Any of these, which is false if there is none.
    Any(Vec<Self>),
    /// Not this one.
    Not(Box<Self>),
    /// A condition on one column.
    Test(C, Test),
    /// The values of two columns of the same row compare so. Null compares with nothing.
    Columns(C, Comparison, C),
    /// The column's value is also in a row of another table. Null is in none.
    Exists(C, Box<SemiJoin<C>>),
}

/// A filter that has been resolved against a table: its columns are positions, and its values are of the columns' types.
pub type ResolvedFilter = Tree<usize>;

/// A condition on one column.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Test {
    /// It compares so with this value, which is not null.
    Compare(Comparison, Value),
    /// It is one of these, which are sorted.
    In(Vec<Value>),
    /// It is null.
    Null,
    /// It is text with this part.
    Contains(String),
    /// It is text with this beginning.
    StartsWith(String),
    /// It is this text, where A to Z are equal to a to z.
    EqualsIgnoreAsciiCase(String),
    /// It is text that matches this pattern.
    Matches(TextPattern),
    /// It is a document in which these keys lead to this value.
    Path(Vec<String>, Scalar),
    /// It is a list that has any or all of these elements, or a document in which these keys lead to one.
    Has {
        /// The keys. None: the column itself is the list.
        path: Vec<String>,
        /// Whether one of the elements is enough.
        quantifier: Quantifier,
        /// The elements.
        elements: Vec<Scalar>,
    },
    /// The same for a column of lists, once the filter has been resolved: with elements of the list's type.
    HasValues(Quantifier, Vec<Value>),
}

/// How many of some elements a list has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantifier {
    /// At least one of them.
    Any,
    /// All of them.
    All,
}

/// How a value compares with another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// It is equal.
    Equal,
    /// It is not null, and not equal.
    NotEqual,
    /// It is less.
    Less,
    /// It is less or equal.
    AtMost,
    /// It is greater.
    Greater,
    /// It is greater or equal.
    AtLeast,
}

#[cfg(feature = "_sql")]
impl ResolvedFilter {
    /// Whether it compares values of a column for which `is_one` returns true. A test for null compares no values.
    pub(crate) fn compares(&self, is_one: &impl Fn(usize) -> bool) -> bool {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().any(|part| part.compares(is_one)),
            Self::Not(inner) => inner.compares(is_one),
            Self::Test(_, Test::Null) => false,
            Self::Test(column, _) | Self::Exists(column, _) => is_one(*column),
            Self::Columns(one, _, other) => is_one(*one) || is_one(*other),
        }
    }

    /// How many values a statement with it binds, at most.
    pub(crate) fn values(&self) -> usize {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().map(Self::values).sum(),
            Self::Not(inner) => inner.values(),
            // A longer list is bound as one value.
            Self::Test(_, Test::In(values)) => 4 * values.len().min(MAX_LISTED) + 8,
            Self::Test(_, Test::Path(path, _)) => 4 * path.len() + 8,
            Self::Test(_, Test::Has { path, elements, .. }) => 4 * (path.len() + elements.len()) + 8,
            Self::Test(_, Test::HasValues(_, values)) => 4 * values.len() + 8,
            Self::Test(_, Test::Matches(pattern)) => 4 * pattern.literals().count() + 8,
            Self::Test(..) => 4,
            Self::Exists(_, join) => join.condition.values() + 8,
            Self::Columns(..) => 0,
        }
    }

    /// The name of the first column whose documents it looks into, in this table or another.
    pub(crate) fn document<'t>(&'t self, table: &'t Table) -> Option<&'t str> {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().find_map(|part| part.document(table)),
            Self::Not(inner) => inner.document(table),
            Self::Test(column, Test::Path(..) | Test::Has { .. }) => table.columns.get(*column).map(TableColumn::name),
            Self::Exists(_, join) => join.condition.document(&join.table),
            Self::Test(..) | Self::Columns(..) => None,
        }
    }
}

impl<C> Tree<C> {
    pub(crate) const TRUE: Self = Self::All(Vec::new());
    pub(crate) const FALSE: Self = Self::Any(Vec::new());

    pub(crate) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::All(all), other) if all.is_empty() => other,
            (one, Self::All(all)) if all.is_empty() => one,
            (Self::All(mut all), other) => {
                all.push(other);
                Self::All(all)
            }
            (one, other) => Self::All(vec![one, other]),
        }
    }

    pub(super) fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Any(any), other) if any.is_empty() => other,
            (one, Self::Any(any)) if any.is_empty() => one,
            (Self::Any(mut any), other) => {
                any.push(other);
                Self::Any(any)
            }
            (one, other) => Self::Any(vec![one, other]),
        }
    }

    pub(super) fn all_parts(&self) -> Option<&[Self]> {
        if let Self::All(parts) = self { Some(parts) } else { None }
    }

    pub(super) fn any_parts(&self) -> Option<&[Self]> {
        if let Self::Any(parts) = self { Some(parts) } else { None }
    }

    pub(crate) fn negated(self) -> Self {
        match self {
            Self::Not(inner) => *inner,
            other => Self::Not(Box::new(other)),
        }
    }
}

/// The rows of a table of which one has to be there: those with a value in a column that fulfil a condition.
///
/// They are the rows as they are stored: no rule of a repository, such as soft deletion, leaves any of them out.
#[derive(Clone)]
pub struct SemiJoin<C> {
    pub(crate) table: Arc<Table>,
    /// The column whose value is that of the outer row.
    pub(crate) column: C,
    pub(crate) condition: Tree<C>,
}

impl<C> SemiJoin<C> {
    /// The table that is looked into.
    #[must_use]
    pub fn table(&self) -> &Arc<Table> {
        &self.table
    }

    /// Its column whose value is that of the outer row's column.
    #[must_use]
    pub fn column(&self) -> &C {
        &self.column
    }

    /// What a row of it has to fulfil.
    #[must_use]
    pub fn condition(&self) -> &Tree<C> {
        &self.condition
    }
}

impl<C: fmt::Debug> fmt::Debug for SemiJoin<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("SemiJoin");
        debug.field("table", &self.table.full_name()).field("column", &self.column).field("condition", &self.condition).finish()
    }
}

impl<C: PartialEq> PartialEq for SemiJoin<C> {
    fn eq(&self, other: &Self) -> bool {
        self.table.identity == other.table.identity && self.column == other.column && self.condition == other.condition
    }
}

/// Which models are there for a repository: those that fulfil a filter. It can be evaluated for a model that is about to be
/// stored.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    pub(crate) filter: ResolvedFilter,
    /// The same by the names of columns, and how deep it is nested.
    pub(super) named: (Tree<ColumnName>, usize),
    /// The columns that it looks at.
    pub(crate) columns: BTreeSet<usize>,
    /// How many conditions it has.
    pub(super) tests: usize,
}

impl Default for Scope {
    fn default() -> Self {
        Self { filter: ResolvedFilter::TRUE, named: (Tree::TRUE, 0), columns: BTreeSet::new(), tests: 0 }
    }
}
