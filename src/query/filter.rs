//! Conditions, and what they are made of.

use std::{fmt, marker::PhantomData, ops::Not};

use sea_orm::Value;

use super::column::Scalar;

/// Which models: a condition on their columns, made by [`field`](crate::field) and joined by [`and`](Self::and), [`or`](Self::or) and `!`.
///
/// Each condition is true or false of a model and nothing between: what compares with null is false, and its opposite is true.
///
/// A filter of more than 500 conditions, or 30 000 values, or nested more than 100 deep, is
/// [`InvalidInput`](crate::ErrorKind::InvalidInput) on every backend.
pub struct Filter<M> {
    pub(crate) tree: Tree<&'static str>,
    model: PhantomData<fn() -> M>,
}

/// A condition on columns, which are named by `C`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Tree<C> {
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
    Test(C, Test),
}

/// A condition whose columns are positions, and whose values are of the columns' types.
pub(crate) type Condition = Tree<usize>;

/// A condition on one column.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Test {
    Compare(Comparison, Value),
    In(Vec<Value>),
    Null,
    Contains(String),
    StartsWith(String),
    Path(Vec<String>, Scalar),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

#[cfg(feature = "_sql")]
impl Condition {
    /// Whether it compares values of a column for which `is_one` returns true. A test for null compares no values.
    pub(crate) fn compares(&self, is_one: &impl Fn(usize) -> bool) -> bool {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().any(|part| part.compares(is_one)),
            Self::Not(inner) => inner.compares(is_one),
            Self::Test(_, Test::Null) => false,
            Self::Test(column, _) => is_one(*column),
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

    pub(crate) fn negated(self) -> Self {
        match self {
            Self::Not(inner) => *inner,
            other => Self::Not(Box::new(other)),
        }
    }
}

impl<M> Filter<M> {
    fn of(tree: Tree<&'static str>) -> Self {
        Self { tree, model: PhantomData }
    }

    pub(super) fn test(column: &'static str, test: Test) -> Self {
        Self::of(Tree::Test(column, test))
    }

    /// Every model.
    #[must_use]
    pub fn all() -> Self {
        Self::of(Tree::TRUE)
    }

    /// No model.
    #[must_use]
    pub fn none() -> Self {
        Self::of(Tree::FALSE)
    }

    /// The models that fulfil all of these; every model, if there is none of them.
    #[must_use]
    pub fn all_of(filters: impl IntoIterator<Item = Self>) -> Self {
        Self::of(Tree::All(filters.into_iter().map(|filter| filter.tree).collect()))
    }

    /// The models that fulfil any of these; no model, if there is none of them.
    #[must_use]
    pub fn any_of(filters: impl IntoIterator<Item = Self>) -> Self {
        Self::of(Tree::Any(filters.into_iter().map(|filter| filter.tree).collect()))
    }

    /// The models that fulfil both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self::of(self.tree.and(other.tree))
    }

    /// The models that fulfil one or both.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self::of(self.tree.or(other.tree))
    }
}

impl<M> Not for Filter<M> {
    type Output = Self;

    fn not(self) -> Self {
        Self::of(self.tree.negated())
    }
}

impl<M> Default for Filter<M> {
    fn default() -> Self {
        Self::all()
    }
}

impl<M> Clone for Filter<M> {
    fn clone(&self) -> Self {
        Self::of(self.tree.clone())
    }
}

impl<M> fmt::Debug for Filter<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Filter").field(&self.tree).finish()
    }
}
