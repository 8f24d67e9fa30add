//! Conditions on one column.

use std::{fmt, marker::PhantomData};

use sea_orm::{ColumnTrait, EntityTrait, Value};

use super::{
    column::{Column, ColumnName, Comparable, JsonKind, Operand, Ordered, Scalar, TypedColumn, kind},
    filter::Filter,
    tree::{Comparison, Test, Tree},
};

/// A column to make conditions of: see [`field`], [`field_of`] and [`field_named`].
///
/// A comparison with null is false, whatever it compares: ask for null by [`is_null`](Self::is_null). Text is compared by its
/// bytes, instants by the moment they mean, numbers by value.
pub struct Field<M, K, N = &'static str> {
    pub(crate) column: Column<M, N>,
    kind: PhantomData<fn() -> K>,
}

/// A condition on a column, whose values are checked by the compiler:
///
/// ```
/// # mod user {
/// #     use sea_orm::entity::prelude::*;
/// #     #[sea_orm::compact_model]
/// #     #[derive(Clone, Debug, PartialEq, DeriveEntityModel, serde::Serialize, serde::Deserialize)]
/// #     #[sea_orm(table_name = "user")]
/// #     pub struct Model { #[sea_orm(primary_key)] pub id: i64, pub name: String, pub age: Option<i32> }
/// #     #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
/// #     pub enum Relation {}
/// #     impl ActiveModelBehavior for ActiveModel {}
/// # }
/// use larder::{Query, field};
///
/// let grown_up = field(user::COLUMN.age).at_least(18);
/// let query = Query::new().filter(grown_up.and(field(user::COLUMN.name).starts_with("A"))).order_by(user::COLUMN.name);
/// ```
///
/// The columns are those of `user::COLUMN`, which SeaORM makes for an entity with `#[sea_orm::model]` or
/// `#[sea_orm::compact_model]`. A value of another type than the column's does not compile:
///
/// ```compile_fail,E0277
/// # mod user {
/// #     use sea_orm::entity::prelude::*;
/// #     #[sea_orm::compact_model]
/// #     #[derive(Clone, Debug, PartialEq, DeriveEntityModel, serde::Serialize, serde::Deserialize)]
/// #     #[sea_orm(table_name = "user")]
/// #     pub struct Model { #[sea_orm(primary_key)] pub id: i64, pub name: String, pub age: Option<i32> }
/// #     #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
/// #     pub enum Relation {}
/// #     impl ActiveModelBehavior for ActiveModel {}
/// # }
/// larder::field(user::COLUMN.age).at_least("18");
/// ```
///
/// SeaORM tells numbers from text and times, not one type of numbers from another. A number is compared by its value with a
/// column of whole numbers, even if it is too large for the column; a fraction with such a column is
/// [`InvalidInput`](crate::ErrorKind::InvalidInput), and so is a number that a column of floating-point numbers does not hold
/// exactly.
pub fn field<C: TypedColumn>(column: C) -> Field<C::Model, C::Kind, C::Name> {
    Field { column: column.column(), kind: PhantomData }
}

/// A condition on a column that SeaORM has no type for, such as one of enums or newtypes. What it is compared with is checked
/// when the query runs: a value of another type is [`InvalidInput`](crate::ErrorKind::InvalidInput).
pub fn field_of<C>(column: C) -> Field<<C::EntityName as EntityTrait>::Model, kind::Any>
where
    C: ColumnTrait<EntityName: EntityTrait>,
{
    Field { column: Column::new(column.as_str()), kind: PhantomData }
}

/// A condition on the column of this name, for names that are known when the program runs: of the rows of
/// [`Store::dynamic`](crate::Store::dynamic), or of any models. Whether there is such a column, and what it is compared with, is
/// checked when the query runs: it is [`InvalidInput`](crate::ErrorKind::InvalidInput), which names the column.
///
/// ```
/// use larder::{Filter, Query, Row, field_named};
///
/// fn named(column: &str, text: &str) -> Query<Row> {
///     Query::new().filter(field_named(column).starts_with(text)).order_by_desc(field_named(column)).limit(10)
/// }
///
/// let filter: Filter<Row> = field_named("age").at_least(18).and(field_named("name").is_not_null());
/// ```
pub fn field_named<M>(name: impl Into<String>) -> Field<M, kind::Any, String> {
    Field { column: Column::new(name.into()), kind: PhantomData }
}

impl<M, K, N: Into<ColumnName>> Field<M, K, N> {
    pub(super) fn test(self, test: Test) -> Filter<M> {
        Filter::test(self.column.name.into(), test)
    }

    fn compare(self, comparison: Comparison, value: Value) -> Filter<M> {
        self.test(Test::Compare(comparison, value))
    }

    fn compare_column(self, comparison: Comparison, other: &impl TypedColumn<Model = M>) -> Filter<M> {
        Filter::of(Tree::Columns(self.column.name.into(), comparison, other.column().name.into()), 0)
    }

    /// There is no value.
    #[must_use]
    pub fn is_null(self) -> Filter<M> {
        self.test(Test::Null)
    }

    /// There is a value.
    #[must_use]
    pub fn is_not_null(self) -> Filter<M> {
        !self.is_null()
    }
}

impl<M, K: Comparable, N: Into<ColumnName>> Field<M, K, N> {
    /// The value is this one.
    #[must_use]
    pub fn equals(self, value: impl Operand<K>) -> Filter<M> {
        self.compare(Comparison::Equal, value.into_value())
    }

    /// There is a value, and it is not this one.
    #[must_use]
    pub fn not_equals(self, value: impl Operand<K>) -> Filter<M> {
        self.compare(Comparison::NotEqual, value.into_value())
    }

    /// The value is that of another column of the same model. Null is equal to nothing, not even to null.
    ///
    /// Two columns can be compared whose values are of one type, or both whole numbers, both text or enums, or both instants. Of
    /// other types it is [`InvalidInput`](crate::ErrorKind::InvalidInput) when the query runs.
    #[must_use]
    pub fn equals_column(self, other: impl TypedColumn<Model = M, Kind = K>) -> Filter<M> {
        self.compare_column(Comparison::Equal, &other)
    }

    /// Both columns have a value, and they differ.
    #[must_use]
    pub fn not_equals_column(self, other: impl TypedColumn<Model = M, Kind = K>) -> Filter<M> {
        self.compare_column(Comparison::NotEqual, &other)
    }

    /// The value is one of these; of none, never. There may be any number of them: a long list is sent to the engine as one
    /// value.
    #[must_use]
    pub fn is_in<V: Operand<K>>(self, values: impl IntoIterator<Item = V>) -> Filter<M> {
        self.test(Test::In(values.into_iter().map(Operand::into_value).collect()))
    }
}

impl<M, K: Ordered, N: Into<ColumnName>> Field<M, K, N> {
    /// The value is less than this one.
    #[must_use]
    pub fn less_than(self, value: impl Operand<K>) -> Filter<M> {
        self.compare(Comparison::Less, value.into_value())
    }

    /// The value is this one or less.
    #[must_use]
    pub fn at_most(self, value: impl Operand<K>) -> Filter<M> {
        self.compare(Comparison::AtMost, value.into_value())
    }

    /// The value is greater than this one.
    #[must_use]
    pub fn greater_than(self, value: impl Operand<K>) -> Filter<M> {
        self.compare(Comparison::Greater, value.into_value())
    }

    /// The value is this one or greater.
    #[must_use]
    pub fn at_least(self, value: impl Operand<K>) -> Filter<M> {
        self.compare(Comparison::AtLeast, value.into_value())
    }

    /// The value is less than that of another column of the same model. What can be compared, see
    /// [`equals_column`](Self::equals_column).
    #[must_use]
    pub fn less_than_column(self, other: impl TypedColumn<Model = M, Kind = K>) -> Filter<M> {
        self.compare_column(Comparison::Less, &other)
    }

    /// The value is that of another column of the same model or less.
    #[must_use]
    pub fn at_most_column(self, other: impl TypedColumn<Model = M, Kind = K>) -> Filter<M> {
        self.compare_column(Comparison::AtMost, &other)
    }

    /// The value is greater than that of another column of the same model.
    #[must_use]
    pub fn greater_than_column(self, other: impl TypedColumn<Model = M, Kind = K>) -> Filter<M> {
        self.compare_column(Comparison::Greater, &other)
    }

    /// The value is that of another column of the same model or greater.
    #[must_use]
    pub fn at_least_column(self, other: impl TypedColumn<Model = M, Kind = K>) -> Filter<M> {
        self.compare_column(Comparison::AtLeast, &other)
    }

    /// The value is one of these two or between them.
    #[must_use]
    pub fn between(self, least: impl Operand<K>, most: impl Operand<K>) -> Filter<M> {
        let name = self.column.name.into();
        let is = |comparison, value| Filter::test(name.clone(), Test::Compare(comparison, value));
        is(Comparison::AtLeast, least.into_value()).and(is(Comparison::AtMost, most.into_value()))
    }
}

impl<M, K: JsonKind, N: Into<ColumnName>> Field<M, K, N> {
    /// The document has this value at the end of this path of keys. Each key is one of an object, as it stands, whatever dots,
    /// quotes or digits are in it; elements of arrays have none. Text is never equal to a number, nor `true` to 1. A path of no
    /// keys, or of more than 32, is [`InvalidInput`](crate::ErrorKind::InvalidInput).
    #[must_use]
    pub fn path_equals<P: Into<String>>(self, path: impl IntoIterator<Item = P>, value: impl Into<Scalar>) -> Filter<M> {
        self.test(Test::Path(path.into_iter().map(Into::into).collect(), value.into()))
    }
}

impl<M, K, N: Clone> Clone for Field<M, K, N> {
    fn clone(&self) -> Self {
        Self { column: self.column.clone(), kind: PhantomData }
    }
}

impl<M, K, N: Copy> Copy for Field<M, K, N> {}

impl<M, K, N: fmt::Debug> fmt::Debug for Field<M, K, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Field").field(&self.column.name).finish()
    }
}
