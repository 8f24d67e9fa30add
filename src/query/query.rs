//! [`Query`], a filter with an order and limits.

use std::fmt;

use sea_orm::Value;

use super::{
    column::{Ordered, TypedColumn},
    filter::Filter,
};

/// Which models to read, and in which order.
///
/// # What is the order?
/// That of [`order_by`](Self::order_by), key by key, and finally the id, ascending: without any `order_by`, that of the ids
/// alone. So the order is total: two models never change places between one reading and the next. Text is ordered by its bytes,
/// an instant by the moment it means, `false` before `true`, a composite id column by column. JSON documents have no order, which
/// is [`InvalidInput`](crate::ErrorKind::InvalidInput); neither have lists and types that not every backend knows, which is
/// [`Unsupported`](crate::ErrorKind::Unsupported).
///
/// # What about nulls?
/// They come first, whether the order ascends or descends. In a filter a comparison with null is false; ask for them by
/// [`is_null`](crate::Field::is_null).
///
/// # What if models change while I page?
/// [`page`](crate::ReaderExt::page) reads on from the last model's place in the order, and not from a number of models: what is
/// stored or deleted meanwhile shifts nothing. A model that was there from the first page to the last, and was not changed, is
/// read exactly once. One that is stored meanwhile is read if its place was still to come; one whose order changes may be read
/// twice, or not at all. With [`offset`](Self::offset) none of this holds. A query or stream that is one statement (a
/// [`query`](crate::Reader::query), or a [`stream`](crate::Reader::stream) outside a transaction) sees one moment.
pub struct Query<M> {
    pub(crate) filter: Filter<M>,
    pub(crate) order: Vec<(&'static str, bool)>,
    pub(crate) limit: Option<u64>,
    pub(crate) offset: u64,
    pub(crate) with_deleted: bool,
    pub(crate) position: Option<Position>,
}

/// A place in the order of a query, between two models.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Position {
    /// A value for each key of the order: those of the model beside the place. `None` at the very beginning or end.
    pub(crate) keys: Option<Vec<Value>>,
    /// Whether to read what comes before, last first.
    pub(crate) backward: bool,
}

impl<M> Query<M> {
    /// Every model, ordered by id.
    #[must_use]
    pub fn new() -> Self {
        Self { filter: Filter::all(), order: Vec::new(), limit: None, offset: 0, with_deleted: false, position: None }
    }

    /// Only the models that fulfil this as well.
    #[must_use]
    pub fn filter(self, filter: Filter<M>) -> Self {
        Self { filter: self.filter.and(filter), ..self }
    }

    /// Ordered by this column, ascending, where the columns named before are equal.
    #[must_use]
    pub fn order_by<C: TypedColumn<Model = M, Kind: Ordered>>(self, column: C) -> Self {
        self.ordered(column.column().name, false)
    }

    /// Ordered by this column, descending, where the columns named before are equal.
    #[must_use]
    pub fn order_by_desc<C: TypedColumn<Model = M, Kind: Ordered>>(self, column: C) -> Self {
        self.ordered(column.column().name, true)
    }

    fn ordered(mut self, column: &'static str, descending: bool) -> Self {
        self.order.push((column, descending));
        self
    }

    /// At most this many models.
    #[must_use]
    pub fn limit(self, limit: u64) -> Self {
        Self { limit: Some(limit), ..self }
    }

    /// Without the first of them, this many. The engine counts them out each time: to read a long list in parts,
    /// [`page`](crate::ReaderExt::page) is faster, and sure.
    #[must_use]
    pub fn offset(self, offset: u64) -> Self {
        Self { offset, ..self }
    }

    /// Also the models that are marked as deleted, where the repository
    /// [marks](crate::RepositoryBuilder::deleted_at) them.
    #[must_use]
    pub fn with_deleted(self) -> Self {
        Self { with_deleted: true, ..self }
    }
}

impl<M> Default for Query<M> {
    fn default() -> Self {
        Self::new()
    }
}

impl<M> From<Filter<M>> for Query<M> {
    fn from(filter: Filter<M>) -> Self {
        Self::new().filter(filter)
    }
}

impl<M> Clone for Query<M> {
    fn clone(&self) -> Self {
        Self {
            filter: self.filter.clone(),
            order: self.order.clone(),
            limit: self.limit,
            offset: self.offset,
            with_deleted: self.with_deleted,
            position: self.position.clone(),
        }
    }
}

impl<M> fmt::Debug for Query<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Query");
        debug.field("filter", &self.filter).field("order", &self.order).field("limit", &self.limit);
        debug.field("offset", &self.offset).field("with_deleted", &self.with_deleted).finish_non_exhaustive()
    }
}
