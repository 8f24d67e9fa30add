//! [`Scope`], which models are there for a repository.

use std::collections::BTreeSet;

use super::{
    column::ColumnName,
    filter::Filter,
    tree::{ResolvedFilter, Scope, Tree},
};
use crate::error::{Error, ErrorKind, Result};

/// The most conditions that a scope has. They count as the query's own, and every statement carries them.
const MAX_TESTS: usize = 100;

impl Scope {
    /// The models that fulfil a filter, which has so many conditions.
    pub(super) fn new(filter: ResolvedFilter, named: (Tree<ColumnName>, usize), tests: usize) -> Result<Self> {
        if tests > MAX_TESTS {
            return Err(Error::new(ErrorKind::InvalidInput, "the filter of a repository has more than 100 conditions"));
        }
        if !filter.joined_tables().is_empty() {
            return Err(Error::new(ErrorKind::InvalidInput, "the filter of a repository looks into another table"));
        }
        let mut columns = BTreeSet::new();
        add_columns(&filter, &mut columns);
        Ok(Self { filter, named, columns, tests })
    }

    /// Whether all models of the table are there.
    pub(crate) fn is_all(&self) -> bool {
        self.filter == ResolvedFilter::TRUE
    }

    /// The filter by the names of columns.
    pub(crate) fn named<M>(&self) -> Filter<M> {
        let (tree, height) = self.named.clone();
        Filter::of(tree, height)
    }

    /// The conditions that all have to hold, each with the columns that it looks at.
    pub(super) fn conditions(&self) -> impl Iterator<Item = (&ResolvedFilter, BTreeSet<usize>)> {
        let all = match &self.filter {
            Tree::All(all) => all.as_slice(),
            one => std::slice::from_ref(one),
        };
        all.iter().map(|condition| {
            let mut columns = BTreeSet::new();
            add_columns(condition, &mut columns);
            (condition, columns)
        })
    }
}

/// Adds the columns that a condition looks at.
fn add_columns(condition: &ResolvedFilter, columns: &mut BTreeSet<usize>) {
    match condition {
        Tree::All(parts) | Tree::Any(parts) => parts.iter().for_each(|part| add_columns(part, columns)),
        Tree::Not(inner) => add_columns(inner, columns),
        Tree::Test(column, _) | Tree::Exists(column, _) => drop(columns.insert(*column)),
        Tree::Columns(one, _, other) => columns.extend([*one, *other]),
    }
}
