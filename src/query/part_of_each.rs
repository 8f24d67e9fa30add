//! [`PartOfEach`], some models of each group.

use std::collections::BTreeMap;

use sea_orm::Value;

use crate::value::Key;

/// Some models of each group: of those that a query's filter selects, a group has equal values of some columns, and is in the
/// query's order. The other models of the group are left out, before the query's limit and offset count.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartOfEach<C> {
    /// The columns whose values are equal in a group. Null is equal to null.
    pub columns: Vec<C>,
    /// How many models of each group are left out before.
    pub skip: u64,
    /// At most how many models of each group are selected.
    pub take: Option<u64>,
}

impl<C> PartOfEach<C> {
    pub(crate) fn new(columns: Vec<C>, skip: u64, take: Option<u64>) -> Self {
        Self { columns, skip, take }
    }

    /// The number of the last model of each group that is selected.
    pub(crate) fn end(&self) -> u64 {
        self.take.map_or(u64::MAX, |take| self.skip.saturating_add(take))
    }
}

impl PartOfEach<usize> {
    /// Keeps the rows that are selected, of all rows in their order.
    pub(super) fn retain<R>(&self, rows: &mut Vec<R>, values: impl Fn(&R) -> &[Value]) {
        let mut counts: BTreeMap<Key, u64> = BTreeMap::new();
        rows.retain(|row| {
            let values = values(row);
            let group = Key(self.columns.iter().filter_map(|column| values.get(*column).cloned()).collect());
            let nth = counts.entry(group).or_default();
            *nth += 1;
            *nth > self.skip && *nth <= self.end()
        });
    }
}
