//! Conditions, and what they are made of.

use std::{fmt, marker::PhantomData, ops::Not};

use super::{
    column::ColumnName,
    tree::{Test, Tree},
};
use crate::error::{Error, ErrorKind, Result};

/// How deep conditions may be nested.
const MAX_DEPTH: usize = 100;

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
    tree: Tree<ColumnName>,
    /// How deep conditions are nested in it. A filter that is nested too deep has lost its tree, so that nothing that walks one
    /// runs out of stack.
    height: usize,
    model: PhantomData<fn() -> M>,
}

impl<M> Filter<M> {
    pub(super) fn of(tree: Tree<ColumnName>, height: usize) -> Self {
        let tree = if height > MAX_DEPTH { Tree::FALSE } else { tree };
        Self { tree, height, model: PhantomData }
    }

    pub(crate) fn test(column: ColumnName, test: Test) -> Self {
        Self::of(Tree::Test(column, test), 0)
    }

    /// The conditions, and how deep they are nested.
    pub(super) fn into_tree(self) -> (Tree<ColumnName>, usize) {
        (self.tree, self.height)
    }

    /// The conditions.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput) if they are nested too deep.
    pub(super) fn tree(&self) -> Result<&Tree<ColumnName>> {
        if self.height > MAX_DEPTH {
            return Err(Error::new(ErrorKind::InvalidInput, "a filter nested more than 100 deep"));
        }
        Ok(&self.tree)
    }

    /// Joins two filters. `parts` are those of a tree that the second can be added to.
    fn join(
        self,
        other: Self,
        parts: for<'t> fn(&'t Tree<ColumnName>) -> Option<&'t [Tree<ColumnName>]>,
        join: fn(Tree<ColumnName>, Tree<ColumnName>) -> Tree<ColumnName>,
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

    fn of_all(filters: impl IntoIterator<Item = Self>, tree: impl FnOnce(Vec<Tree<ColumnName>>) -> Tree<ColumnName>) -> Self {
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
