//! [`Selection`], a query that has been resolved against a table.

use super::{
    column::ColumnName,
    filter::Filter,
    part_of_each::PartOfEach,
    query::{Position, Query},
    tree::ResolvedFilter,
};
use crate::{
    error::{Error, ErrorKind, Result},
    table::Table,
};

/// Which rows, in which order.
#[derive(Clone, Debug)]
pub struct Selection {
    pub(crate) condition: ResolvedFilter,
    /// Which of the rows that fulfil the condition, one part after the other.
    pub(crate) parts_of_each: Vec<PartOfEach<usize>>,
    /// The id's columns are the last.
    pub(crate) order: Vec<SortKey>,
    pub(crate) limit: Option<u64>,
    pub(crate) offset: u64,
    pub(crate) position: Option<Position>,
}

impl Selection {
    /// Whether all rows are selected that fulfil the condition.
    pub(crate) fn is_whole(&self) -> bool {
        self.parts_of_each.is_empty() && self.limit.is_none() && self.offset == 0 && self.position.is_none()
    }
}

#[cfg(feature = "_sql")]
impl Selection {
    /// The rows that fulfil a condition, in no order.
    pub(crate) fn of_all(condition: ResolvedFilter) -> Self {
        Self { condition, parts_of_each: Vec::new(), order: Vec::new(), limit: None, offset: 0, position: None }
    }

    /// Whether it filters, groups or sorts by values of a column for which `is_one` returns true.
    pub(crate) fn compares(&self, is_one: &impl Fn(usize) -> bool) -> bool {
        let mut grouped = self.parts_of_each.iter().flat_map(|part| &part.columns);
        self.condition.compares(is_one)
            || grouped.any(|column| is_one(*column))
            || self.order.iter().any(|key| is_one(key.column))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SortKey {
    pub(crate) column: usize,
    pub(crate) descending: bool,
    pub(crate) nullable: bool,
}

impl Table {
    pub(crate) fn selection<M>(&self, query: &Query<M>) -> Result<Selection> {
        let condition = match query.with_deleted {
            true => self.scope.filter.clone().and(self.asked(&query.filter)?),
            false => self.condition(&query.filter)?,
        };
        let parts_of_each = query.parts_of_each.iter().map(|part| {
            let columns = part.columns.iter().map(|name| {
                let column = self.position(name)?;
                self.require_distinct(column).map(|()| column)
            });
            Ok(PartOfEach::new(columns.collect::<Result<_>>()?, part.skip, part.take))
        });
        let parts_of_each = parts_of_each.collect::<Result<_>>()?;
        let order = self.order(query)?;
        Ok(Selection {
            condition,
            parts_of_each,
            order,
            limit: query.limit,
            offset: query.offset,
            position: query.position.clone(),
        })
    }

    /// The models that a filter selects, ordered by id.
    pub(crate) fn selection_by_id<M>(&self, filter: &Filter<M>) -> Result<Selection> {
        self.selection(&Query::from(filter.clone()))
    }

    /// The models that a query selects whose first ones are written.
    pub(crate) fn first_ones<M>(&self, query: &Query<M>) -> Result<Selection> {
        let refused = |message| Err(Error::new(ErrorKind::InvalidInput, message));
        if query.order.is_empty() || query.limit.is_none() {
            return refused("a query without an order, or without a limit");
        }
        if query.offset > 0 || query.position.is_some() || query.with_deleted || !query.parts_of_each.is_empty() {
            return refused("a query with an offset, of a page, of deleted models, or of the first of each group");
        }
        self.selection(query)
    }

    /// The keys a query is ordered by, the id's last.
    pub(crate) fn order<M>(&self, query: &Query<M>) -> Result<Vec<SortKey>> {
        self.order_of(&query.order)
    }

    fn order_of(&self, names: &[(ColumnName, bool)]) -> Result<Vec<SortKey>> {
        let mut order: Vec<SortKey> = Vec::new();
        for (name, descending) in names {
            let column = self.position(name)?;
            self.require_order(column)?;
            if order.iter().all(|key| key.column != column) {
                order.push(SortKey { column, descending: *descending, nullable: self.is_nullable(column) });
            }
        }
        for id in &self.id {
            if order.iter().all(|key| key.column != *id) {
                self.require_order(*id)?;
                order.push(SortKey { column: *id, descending: false, nullable: false });
            }
        }
        Ok(order)
    }

    /// Whether no two rows have the same place in an order, which ends in the id.
    pub(crate) fn has_places(&self, order: &[SortKey]) -> bool {
        let has = |column: &usize| order.iter().any(|key| key.column == *column) && !self.is_nullable(*column);
        !self.is_append_only || self.uniques.iter().chain(&self.told_apart_by).any(|columns| columns.iter().all(has))
    }
}
