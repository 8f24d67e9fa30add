//! [`Aggregate`], a value that is computed of many models.

use std::{fmt, marker::PhantomData};

use sea_orm::Value;

use super::{
    column::{ColumnName, Numeric, Operand, Ordered, TypedColumn, kind},
    filter::Filter,
    tree::Comparison,
};

/// A value that is computed of all models of a group: for an [`Aggregation`](crate::Aggregation).
///
/// Nulls are left out. Of no values, a count is 0, and everything else is null.
///
/// `K` is the [kind](crate::kind) of the value, which the compiler compares with what it is [compared](Self::at_least) with.
///
/// ```
/// # mod order {
/// #     use sea_orm::entity::prelude::*;
/// #     #[sea_orm::compact_model]
/// #     #[derive(Clone, Debug, PartialEq, DeriveEntityModel, serde::Serialize, serde::Deserialize)]
/// #     #[sea_orm(table_name = "order")]
/// #     pub struct Model { #[sea_orm(primary_key)] pub id: i64, pub customer: String, pub cents: i64, pub paid: bool }
/// #     #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
/// #     pub enum Relation {}
/// #     impl ActiveModelBehavior for ActiveModel {}
/// # }
/// use larder::{Aggregate, Aggregation, Creator, Cx, Filter, ReaderExt, field};
/// use order::COLUMN;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> larder::Result<()> {
/// let orders = larder::open("memory:").await?.repository::<order::Entity>();
/// # let cx = Cx::new();
/// # for (customer, cents, paid) in [("ann", 250, true), ("bob", 100, false), ("ann", 50, false)] {
/// #     orders.create(&cx, &order::Model { id: 0, customer: customer.into(), cents, paid }).await?;
/// # }
/// let totals = Aggregation::new()
///     .and(Aggregate::count())
///     .and(Aggregate::sum(COLUMN.cents))
///     .and(Aggregate::sum(COLUMN.cents).only(field(COLUMN.paid).equals(true)))
///     .and(Aggregate::average(COLUMN.cents))
///     .and(Aggregate::maximum(COLUMN.customer));
/// let (orders, cents, paid, average, last): (u64, Option<i64>, Option<i64>, Option<f64>, Option<String>) =
///     orders.aggregate_one(&cx, &Filter::all(), &totals).await?;
/// assert_eq!((orders, cents, paid), (3, Some(400), Some(250)));
/// assert_eq!((average, last.as_deref()), (Some(400.0 / 3.0), Some("bob")));
/// # Ok(()) }
/// ```
pub struct Aggregate<M, K> {
    pub(super) term: AggregateTerm<M>,
    kind: PhantomData<fn() -> K>,
}

/// An aggregate, whatever the kind of its value.
pub(super) struct AggregateTerm<M> {
    pub(super) function: AggregateFunction,
    pub(super) filter: Option<Filter<M>>,
    pub(super) name: Option<String>,
}

/// What is computed, of a column by its name.
#[derive(Clone, Debug)]
pub(super) enum AggregateFunction {
    Count,
    CountOf(ColumnName),
    CountDistinct(ColumnName),
    Sum(ColumnName),
    Average(ColumnName),
    Minimum(ColumnName),
    Maximum(ColumnName),
}

impl<M, K> Aggregate<M, K> {
    fn new(function: AggregateFunction) -> Self {
        Self { term: AggregateTerm { function, filter: None, name: None }, kind: PhantomData }
    }

    /// Only of the models that fulfil this as well.
    #[must_use]
    pub fn only(mut self, filter: Filter<M>) -> Self {
        self.term.filter = Some(match self.term.filter.take() {
            Some(earlier) => earlier.and(filter),
            None => filter,
        });
        self
    }

    /// Under this name, which a struct has for its field. Default: what is computed and the column's name in the database, such
    /// as `sum_cents`; `count` for a [`count`](Aggregate::count).
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.term.name = Some(name.into());
        self
    }
}

impl<M> Aggregate<M, kind::Number> {
    /// How many models there are.
    #[must_use]
    pub fn count() -> Self {
        Self::new(AggregateFunction::Count)
    }

    /// How many models have a value in this column. Its default name is `count_` and that of the column.
    #[must_use]
    pub fn count_of<C: TypedColumn<Model = M>>(column: C) -> Self {
        Self::new(AggregateFunction::CountOf(column.column().name.into()))
    }

    /// How many different values there are in this column. Values are the same that a filter takes for equal: text of the same
    /// bytes, times of the same instant. Its default name is `count_distinct_` and that of the column.
    #[must_use]
    pub fn count_distinct<C: TypedColumn<Model = M, Kind: Ordered>>(column: C) -> Self {
        Self::new(AggregateFunction::CountDistinct(column.column().name.into()))
    }

    /// The sum of the values in this column.
    ///
    /// A sum of whole numbers is exact to 128 bits, whatever the type of the column: what the type that it is read into cannot
    /// hold is [`InvalidInput`](crate::ErrorKind::InvalidInput). One of decimals is exact, and `InvalidInput` if a `Decimal`
    /// cannot hold it. One of floating-point numbers is an `f64`. It depends on the order in which they are added, which is the
    /// engine's choice, and is `InvalidInput` if it is not finite. Its default name is `sum_` and that of the column.
    #[must_use]
    pub fn sum<C: TypedColumn<Model = M, Kind: Numeric>>(column: C) -> Self {
        Self::new(AggregateFunction::Sum(column.column().name.into()))
    }

    /// The [sum](Self::sum) of the values in this column, divided by their number: a `Decimal` of decimals, rounded to its 28
    /// digits, and an `f64` of all other numbers. The division is made in Rust, of the exact sum, so that its outcome is the same
    /// on every backend. It is `InvalidInput` where the sum is. Its default name is `average_` and that of the column.
    #[must_use]
    pub fn average<C: TypedColumn<Model = M, Kind: Numeric>>(column: C) -> Self {
        Self::new(AggregateFunction::Average(column.column().name.into()))
    }
}

impl<M, K: Ordered> Aggregate<M, K> {
    /// The first of the values in this column, in the order that a query has: text by its bytes, times by their instants, `false`
    /// before `true`. Its default name is `minimum_` and that of the column.
    #[must_use]
    pub fn minimum<C: TypedColumn<Model = M, Kind = K>>(column: C) -> Self {
        Self::new(AggregateFunction::Minimum(column.column().name.into()))
    }

    /// The last of the values in this column, in the order that a query has. Its default name is `maximum_` and that of the
    /// column.
    #[must_use]
    pub fn maximum<C: TypedColumn<Model = M, Kind = K>>(column: C) -> Self {
        Self::new(AggregateFunction::Maximum(column.column().name.into()))
    }

    fn compare(self, comparison: Comparison, value: impl Operand<K>) -> Having<M> {
        Having { term: self.term, comparison, value: value.into_value() }
    }

    /// The value is this one.
    #[must_use]
    pub fn equals(self, value: impl Operand<K>) -> Having<M> {
        self.compare(Comparison::Equal, value)
    }

    /// There is a value, and it is not this one.
    #[must_use]
    pub fn not_equals(self, value: impl Operand<K>) -> Having<M> {
        self.compare(Comparison::NotEqual, value)
    }

    /// The value is less than this one.
    #[must_use]
    pub fn less_than(self, value: impl Operand<K>) -> Having<M> {
        self.compare(Comparison::Less, value)
    }

    /// The value is this one or less.
    #[must_use]
    pub fn at_most(self, value: impl Operand<K>) -> Having<M> {
        self.compare(Comparison::AtMost, value)
    }

    /// The value is greater than this one.
    #[must_use]
    pub fn greater_than(self, value: impl Operand<K>) -> Having<M> {
        self.compare(Comparison::Greater, value)
    }

    /// The value is this one or greater.
    #[must_use]
    pub fn at_least(self, value: impl Operand<K>) -> Having<M> {
        self.compare(Comparison::AtLeast, value)
    }
}

/// A condition on an aggregate, which groups have to fulfil: for [`having`](crate::Aggregation::having). A comparison with null
/// is false.
///
/// A sum of whole numbers is compared with whole numbers of any size, an average with what an `f64` holds exactly, or, of
/// decimals, with decimals. Any other value is [`InvalidInput`](crate::ErrorKind::InvalidInput).
///
/// ```
/// # mod user {
/// #     use sea_orm::entity::prelude::*;
/// #     #[sea_orm::compact_model]
/// #     #[derive(Clone, Debug, PartialEq, DeriveEntityModel, serde::Serialize, serde::Deserialize)]
/// #     #[sea_orm(table_name = "user")]
/// #     pub struct Model { #[sea_orm(primary_key)] pub id: i64, pub name: String }
/// #     #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
/// #     pub enum Relation {}
/// #     impl ActiveModelBehavior for ActiveModel {}
/// # }
/// use larder::{Aggregate, Aggregation, Having};
///
/// let is_shared: Having<user::Model> = Aggregate::count().at_least(2);
/// let shared_names = Aggregation::new().group_by(user::COLUMN.name).having(is_shared);
/// ```
pub struct Having<M> {
    pub(super) term: AggregateTerm<M>,
    pub(super) comparison: Comparison,
    pub(super) value: Value,
}

impl<M> Clone for AggregateTerm<M> {
    fn clone(&self) -> Self {
        Self { function: self.function.clone(), filter: self.filter.clone(), name: self.name.clone() }
    }
}

impl<M, K> Clone for Aggregate<M, K> {
    fn clone(&self) -> Self {
        Self { term: self.term.clone(), kind: PhantomData }
    }
}

impl<M> Clone for Having<M> {
    fn clone(&self) -> Self {
        Self { term: self.term.clone(), comparison: self.comparison, value: self.value.clone() }
    }
}

impl<M> fmt::Debug for AggregateTerm<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Aggregate");
        debug.field("function", &self.function).field("filter", &self.filter).field("name", &self.name).finish()
    }
}

impl<M, K> fmt::Debug for Aggregate<M, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.term.fmt(f)
    }
}

impl<M> fmt::Debug for Having<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Having");
        debug.field("aggregate", &self.term).field("comparison", &self.comparison).field("value", &self.value).finish()
    }
}
