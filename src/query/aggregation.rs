//! [`Aggregation`], which values to compute of which groups of models.

use std::fmt;

use super::{
    aggregate::{Aggregate, AggregateTerm, Having},
    column::{ColumnName, Ordered, TypedColumn},
    time_bucket::{DateTimeKind, TimeBucket},
};

/// Which values to compute of which groups of models: for [`aggregate_as`](crate::ReaderExt::aggregate_as) and
/// [`aggregate_one`](crate::ReaderExt::aggregate_one). Each group is answered as one row: the values of the columns that it is
/// grouped by, and then the aggregates, in the order in which they were named.
///
/// ```
/// # mod event {
/// #     use sea_orm::entity::prelude::*;
/// #     #[sea_orm::compact_model]
/// #     #[derive(Clone, Debug, PartialEq, DeriveEntityModel, serde::Serialize, serde::Deserialize)]
/// #     #[sea_orm(table_name = "event")]
/// #     pub struct Model { #[sea_orm(primary_key)] pub id: i64, pub source: String, pub at: DateTimeUtc, pub bytes: i64 }
/// #     #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
/// #     pub enum Relation {}
/// #     impl ActiveModelBehavior for ActiveModel {}
/// # }
/// use chrono::{DateTime, Utc};
/// use event::COLUMN;
/// use larder::{Aggregate, Aggregation, Creator, Cx, Filter, ReaderExt, TimeBucket};
///
/// #[derive(serde::Deserialize)]
/// struct Hour {
///     source: String,
///     at: DateTime<Utc>,
///     events: u64,
///     bytes: Option<i64>,
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let events = larder::open("memory:").await?.repository::<event::Entity>();
/// # let cx = Cx::new();
/// # for (source, at, bytes) in [("a", "2026-01-01T10:05:00Z", 5), ("a", "2026-01-01T10:55:00Z", 7), ("b",
/// "2026-01-01T11:00:00Z", 1)] {
/// #     events.create(&cx, &event::Model { id: 0, source: source.into(), at: at.parse()?, bytes }).await?;
/// # }
/// let busiest = Aggregation::new()
///     .group_by(COLUMN.source)
///     .group_by_time(COLUMN.at, TimeBucket::hours(1))
///     .and(Aggregate::count().named("events"))
///     .and(Aggregate::sum(COLUMN.bytes).named("bytes"))
///     .having(Aggregate::count().at_least(2))
///     .order_by_aggregate_desc(Aggregate::sum(COLUMN.bytes))
///     .limit(10);
/// let hours: Vec<Hour> = events.aggregate_as(&cx, &Filter::all(), &busiest).await?;
/// assert_eq!(hours.len(), 1);
/// assert_eq!((hours[0].source.as_str(), hours[0].at.to_rfc3339().as_str()), ("a", "2026-01-01T10:00:00+00:00"));
/// assert_eq!((hours[0].events, hours[0].bytes), (2, Some(12)));
/// # Ok(()) }
/// ```
///
/// # Which groups are there?
/// Those that some selected model belongs to. Nulls in a column to group by are one group. Values are the same that a filter
/// takes for equal: text of the same bytes, times of the same instant. Without a column to group by, all selected models are one
/// group, which is there even if there are none.
///
/// # What is the order?
/// That of [`order_by`](Self::order_by) and the like, key by key; and where these are equal, or if there are none, the values of
/// the columns to group by, ascending. Values are ordered as in a [`Query`](crate::Query), and null comes first, whether the
/// order ascends or descends.
///
/// # What takes effect when?
/// The filter of the call and those of the aggregates; the groups; the buckets that are [filled](TimeBucket::filled);
/// [`having`](Self::having); the order; the [limit](Self::limit).
///
/// The engine makes the groups. `having`, orders by aggregates and filled buckets are seen to in Rust, so that they mean the same
/// on every backend: all groups are read for them, and for sums of floating-point numbers and decimals, although a limit leaves
/// out some.
pub struct Aggregation<M> {
    pub(super) keys: Vec<(ColumnName, Option<TimeBucket>)>,
    pub(super) aggregates: Vec<AggregateTerm<M>>,
    pub(super) having: Vec<Having<M>>,
    /// What the groups are ordered by, and whether it descends.
    pub(super) order: Vec<(GroupOrder<M>, bool)>,
    pub(super) limit: Option<u64>,
    pub(super) with_deleted: bool,
}

/// What groups are ordered by.
pub(super) enum GroupOrder<M> {
    Column(ColumnName),
    Aggregate(AggregateTerm<M>),
}

impl<M> Aggregation<M> {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        let (keys, aggregates) = (Vec::new(), Vec::new());
        Self { keys, aggregates, having: Vec::new(), order: Vec::new(), limit: None, with_deleted: false }
    }

    /// A group for each value of this column, or, with the columns named before, for each combination of their values.
    #[must_use]
    pub fn group_by<C: TypedColumn<Model = M, Kind: Ordered>>(mut self, column: C) -> Self {
        self.keys.push((column.column().name.into(), None));
        self
    }

    /// A group for each stretch of time that values of this column fall into. It is answered as its beginning, in the type of the
    /// column and under the column's name.
    ///
    /// On Postgres it needs version 14 or later.
    #[must_use]
    pub fn group_by_time<C: TypedColumn<Model = M, Kind: DateTimeKind>>(mut self, column: C, bucket: TimeBucket) -> Self {
        self.keys.push((column.column().name.into(), Some(bucket)));
        self
    }

    /// This value of each group as well.
    #[must_use]
    pub fn and<K>(mut self, aggregate: Aggregate<M, K>) -> Self {
        self.aggregates.push(aggregate.term);
        self
    }

    /// Only the groups of which this is true, and what was asked for before. The aggregate need not be one that is answered.
    #[must_use]
    pub fn having(mut self, condition: Having<M>) -> Self {
        self.having.push(condition);
        self
    }

    /// Ordered by this column to group by, ascending, where what was named before is equal. If it is there several times, such as
    /// by hours and by days, the first of them is meant.
    #[must_use]
    pub fn order_by<C: TypedColumn<Model = M>>(self, column: C) -> Self {
        self.ordered(GroupOrder::Column(column.column().name.into()), false)
    }

    /// The same, descending.
    #[must_use]
    pub fn order_by_desc<C: TypedColumn<Model = M>>(self, column: C) -> Self {
        self.ordered(GroupOrder::Column(column.column().name.into()), true)
    }

    /// Ordered by this value of each group, ascending, where what was named before is equal. It need not be one that is answered.
    #[must_use]
    pub fn order_by_aggregate<K>(self, aggregate: Aggregate<M, K>) -> Self {
        self.ordered(GroupOrder::Aggregate(aggregate.term), false)
    }

    /// The same, descending.
    #[must_use]
    pub fn order_by_aggregate_desc<K>(self, aggregate: Aggregate<M, K>) -> Self {
        self.ordered(GroupOrder::Aggregate(aggregate.term), true)
    }

    fn ordered(mut self, by: GroupOrder<M>, descending: bool) -> Self {
        self.order.push((by, descending));
        self
    }

    /// At most this many groups.
    #[must_use]
    pub fn limit(self, limit: u64) -> Self {
        Self { limit: Some(limit), ..self }
    }

    /// Also of the models that are marked as deleted, where the repository
    /// [marks](crate::RepositoryBuilder::deleted_at) them.
    #[must_use]
    pub fn with_deleted(self) -> Self {
        Self { with_deleted: true, ..self }
    }

    /// Whether exactly one row is answered, whatever is stored.
    pub(crate) fn is_of_one_row(&self) -> bool {
        self.keys.is_empty() && self.having.is_empty() && self.limit.is_none()
    }
}

impl<M> Default for Aggregation<M> {
    fn default() -> Self {
        Self::new()
    }
}

impl<M> Clone for GroupOrder<M> {
    fn clone(&self) -> Self {
        match self {
            Self::Column(column) => Self::Column(column.clone()),
            Self::Aggregate(term) => Self::Aggregate(term.clone()),
        }
    }
}

impl<M> Clone for Aggregation<M> {
    fn clone(&self) -> Self {
        Self {
            keys: self.keys.clone(),
            aggregates: self.aggregates.clone(),
            having: self.having.clone(),
            order: self.order.clone(),
            limit: self.limit,
            with_deleted: self.with_deleted,
        }
    }
}

impl<M> fmt::Debug for GroupOrder<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Column(column) => f.debug_tuple("Column").field(column).finish(),
            Self::Aggregate(term) => term.fmt(f),
        }
    }
}

impl<M> fmt::Debug for Aggregation<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Aggregation");
        debug.field("keys", &self.keys).field("aggregates", &self.aggregates).field("having", &self.having);
        debug.field("order", &self.order).field("limit", &self.limit).field("with_deleted", &self.with_deleted).finish()
    }
}
