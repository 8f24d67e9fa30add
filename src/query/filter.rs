//! Conditions, and what they are made of.

use std::{fmt, marker::PhantomData, ops::Not};

use sea_orm::Value;

use super::{column::Scalar, semi_join::SemiJoin, text_pattern::TextPattern};
use crate::error::{Error, ErrorKind, Result};
#[cfg(feature = "_sql")]
use crate::table::{Table, TableColumn};

/// How deep conditions may be nested.
const MAX_DEPTH: usize = 100;

/// The most values of a list that are bound one by one. A filter has at most 500 lists, and SQLite takes 32 766 values.
#[cfg(feature = "_sql")]
pub(crate) const MAX_LISTED: usize = 60;

/// Which models: a condition on their columns, made by [`field`](crate::field) and joined by [`and`](Self::and), [`or`](Self::or)
/// and `!`.
///
/// Each condition is true or false of a model and nothing between: what compares with null is false, and its opposite is true.
///
/// A filter of more than 500 conditions, or nested more than 100 deep, is [`InvalidInput`](crate::ErrorKind::InvalidInput) on
/// every backend when it is used. A list of filters for [`all_of`](Self::all_of) and [`any_of`](Self::any_of) is one level, and
/// so is a chain of [`and`](Self::and) or of [`or`](Self::or). [`is_in`](crate::Field::is_in) is one condition, and takes any
/// number of values. Conditions on [other tables](crate::Field::exists_in) count as well.
pub struct Filter<M> {
    tree: Tree<&'static str>,
    /// How deep conditions are nested in it. A filter that is nested too deep has lost its tree, so that nothing that walks one
    /// runs out of stack.
    height: usize,
    model: PhantomData<fn() -> M>,
}

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

    fn or(self, other: Self) -> Self {
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

    fn all_parts(&self) -> Option<&[Self]> {
        if let Self::All(parts) = self { Some(parts) } else { None }
    }

    fn any_parts(&self) -> Option<&[Self]> {
        if let Self::Any(parts) = self { Some(parts) } else { None }
    }

    pub(crate) fn negated(self) -> Self {
        match self {
            Self::Not(inner) => *inner,
            other => Self::Not(Box::new(other)),
        }
    }
}

impl<M> Filter<M> {
    pub(super) fn of(tree: Tree<&'static str>, height: usize) -> Self {
        let tree = if height > MAX_DEPTH { Tree::FALSE } else { tree };
        Self { tree, height, model: PhantomData }
    }

    pub(crate) fn test(column: &'static str, test: Test) -> Self {
        Self::of(Tree::Test(column, test), 0)
    }

    /// The conditions, and how deep they are nested.
    pub(super) fn into_tree(self) -> (Tree<&'static str>, usize) {
        (self.tree, self.height)
    }

    /// The conditions.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput) if they are nested too deep.
    pub(super) fn tree(&self) -> Result<&Tree<&'static str>> {
        if self.height > MAX_DEPTH {
            return Err(Error::new(ErrorKind::InvalidInput, "a filter nested more than 100 deep"));
        }
        Ok(&self.tree)
    }

    /// Joins two filters. `parts` are those of a tree that the second can be added to.
    fn join(
        self,
        other: Self,
        parts: for<'t> fn(&'t Tree<&'static str>) -> Option<&'t [Tree<&'static str>]>,
        join: fn(Tree<&'static str>, Tree<&'static str>) -> Tree<&'static str>,
    ) -> Self {
        let is_empty = |filter: &Self| parts(&filter.tree).is_some_and(<[_]>::is_empty) && filter.height <= MAX_DEPTH;
        let height = match (is_empty(&self), is_empty(&other), parts(&self.tree)) {
            (true, ..) => other.height,
            (_, true, _) => self.height,
            (.., Some(_)) => self.height.max(other.height.saturating_add(1)),
            (.., None) => self.height.max(other.height).saturating_add(1),
        };
        Self::of(join(self.tree, other.tree), height)
    }

    fn of_all(filters: impl IntoIterator<Item = Self>, tree: impl FnOnce(Vec<Tree<&'static str>>) -> Tree<&'static str>) -> Self {
        let mut height = 0;
        let parts = filters.into_iter().map(|filter| {
            height = height.max(filter.height.saturating_add(1));
            filter.tree
        });
        let parts = parts.collect();
        Self::of(tree(parts), height)
    }

    /// Every model.
    #[must_use]
    pub fn all() -> Self {
        Self::of(Tree::TRUE, 0)
    }

    /// No model.
    #[must_use]
    pub fn none() -> Self {
        Self::of(Tree::FALSE, 0)
    }

    /// The models that fulfil all of these; every model, if there is none of them.
    #[must_use]
    pub fn all_of(filters: impl IntoIterator<Item = Self>) -> Self {
        Self::of_all(filters, Tree::All)
    }

    /// The models that fulfil any of these; no model, if there is none of them.
    #[must_use]
    pub fn any_of(filters: impl IntoIterator<Item = Self>) -> Self {
        Self::of_all(filters, Tree::Any)
    }

    /// The models that fulfil both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        self.join(other, Tree::all_parts, Tree::and)
    }

    /// The models that fulfil one or both.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        self.join(other, Tree::any_parts, Tree::or)
    }
}

impl<M> Not for Filter<M> {
    type Output = Self;

    fn not(self) -> Self {
        let height = match (&self.tree, self.height > MAX_DEPTH) {
            (Tree::Not(_), _) => self.height.saturating_sub(1),
            (_, true) => self.height,
            (_, false) => self.height + 1,
        };
        Self::of(self.tree.negated(), height)
    }
}

impl<M> Default for Filter<M> {
    fn default() -> Self {
        Self::all()
    }
}

impl<M> Clone for Filter<M> {
    fn clone(&self) -> Self {
        Self::of(self.tree.clone(), self.height)
    }
}

impl<M> fmt::Debug for Filter<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Filter").field(&self.tree).finish()
    }
}
