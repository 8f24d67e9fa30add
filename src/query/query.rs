//! [`Query`], a filter with an order and limits.

use std::fmt;

use sea_orm::Value;

use super::{
    column::{ColumnName, Comparable, Ordered, TypedColumn},
    filter::Filter,
    part_of_each::PartOfEach,
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
    pub(crate) parts_of_each: Vec<PartOfEach<ColumnName>>,
    pub(crate) order: Vec<(ColumnName, bool)>,
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
        Self {
            filter: Filter::all(),
            parts_of_each: Vec::new(),
            order: Vec::new(),
            limit: None,
            offset: 0,
            with_deleted: false,
            position: None,
        }
    }

    /// Only the models that fulfil this as well.
    #[must_use]
    pub fn filter(self, filter: Filter<M>) -> Self {
        Self { filter: self.filter.and(filter), ..self }
    }

    /// Ordered by this column, ascending, where the columns named before are equal.
    #[must_use]
    pub fn order_by<C: TypedColumn<Model = M, Kind: Ordered>>(self, column: C) -> Self {
        self.ordered(column.column().name.into(), false)
    }

    /// Ordered by this column, descending, where the columns named before are equal.
    #[must_use]
    pub fn order_by_desc<C: TypedColumn<Model = M, Kind: Ordered>>(self, column: C) -> Self {
        self.ordered(column.column().name.into(), true)
    }

    fn ordered(mut self, column: ColumnName, descending: bool) -> Self {
        self.order.push((column, descending));
        self
    }

    /// Of the models that the filter selects, only the first of each group with equal values of this column, in the query's
    /// order: the latest of each device, the cheapest of each shop. Called again, a group has equal values of both columns.
    ///
    /// Null is equal to null, so the models without a value are one group. Text is equal by its bytes, an instant by the moment
    /// it means. The result is in the query's order; limit, offset and pages apply to it, and a stream and a projection read it.
    /// A filter by itself has no groups: [`count`](crate::Reader::count) takes no notice of them,
    /// [`count_of`](crate::Reader::count_of) does.
    ///
    /// The engine looks at all models that the filter selects, for every page and for every part of a stream inside a
    /// transaction. An index on the column and the query's order, in this order, spares it the sorting.
    ///
    /// ```
    /// # mod reading {
    /// #     use sea_orm::entity::prelude::*;
    /// #     #[sea_orm::compact_model]
    /// #     #[derive(Clone, Debug, PartialEq, DeriveEntityModel, serde::Serialize, serde::Deserialize)]
    /// #     #[sea_orm(table_name = "reading")]
    /// #     pub struct Model { #[sea_orm(primary_key)] pub id: i64, pub device: String, pub at: i64 }
    /// #     #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    /// #     pub enum Relation {}
    /// #     impl ActiveModelBehavior for ActiveModel {}
    /// # }
    /// use larder::{Creator, Cx, Query, Reader};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> larder::Result<()> {
    /// let (readings, cx) = (larder::open("memory:").await?.repository::<reading::Entity>(), Cx::new());
    /// let reading = |device: &str, at| reading::Model { id: 0, device: device.into(), at };
    /// readings.create_batch(&cx, &[reading("a", 1), reading("b", 2), reading("a", 3)]).await?;
    ///
    /// let latest = Query::new().order_by_desc(reading::COLUMN.at).first_of_each(reading::COLUMN.device);
    /// let latest = readings.query(&cx, &latest).await?;
    /// assert_eq!(latest.iter().map(|reading| reading.at).collect::<Vec<_>>(), [3, 2]);
    /// # Ok(()) }
    /// ```
    ///
    /// A query with it is [`InvalidInput`](crate::ErrorKind::InvalidInput) for a column of JSON documents, and
    /// [`Unsupported`](crate::ErrorKind::Unsupported) for any other column whose values cannot be compared.
    #[must_use]
    pub fn first_of_each<C: TypedColumn<Model = M, Kind: Comparable>>(mut self, column: C) -> Self {
        let name = column.column().name.into();
        match self.parts_of_each.last_mut() {
            Some(part) => part.columns.push(name),
            None => self.parts_of_each.push(PartOfEach::new(vec![name], 0, Some(1))),
        }
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
            parts_of_each: self.parts_of_each.clone(),
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
        debug
            .field("parts_of_each", &self.parts_of_each)
            .field("offset", &self.offset)
            .field("with_deleted", &self.with_deleted)
            .finish_non_exhaustive()
    }
}
