//! Columns, and what their values can be compared with.

use std::{borrow::Cow, fmt, marker::PhantomData};

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeZone};
use sea_orm::{
    BoolColumn, BytesColumn, DateLikeColumn, DateTimeLikeColumn, EntityTrait, IdenStatic, JsonColumn, NumericColumn,
    NumericColumnNullable, StringColumn, StringColumnNullable, TimeLikeColumn, UuidColumn, Value, prelude::Decimal,
};
use uuid::Uuid;

/// The name of a column: that of an entity's column, or one that is known when the program runs.
pub type ColumnName = Cow<'static, str>;

/// A column of the models `M`, whatever the type of its values. Its name is an `N`.
pub struct Column<M, N = &'static str> {
    pub(crate) name: N,
    model: PhantomData<fn() -> M>,
}

impl<M, N> Column<M, N> {
    pub(crate) fn new(name: N) -> Self {
        Self { name, model: PhantomData }
    }
}

impl<M, N: Clone> Clone for Column<M, N> {
    fn clone(&self) -> Self {
        Self::new(self.name.clone())
    }
}

impl<M, N: Copy> Copy for Column<M, N> {}

impl<M, N: fmt::Debug> fmt::Debug for Column<M, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Column").field(&self.name).finish()
    }
}

/// What the values of a column are.
pub mod kind {
    /// True or false.
    #[derive(Debug)]
    pub enum Bool {}
    /// Whole numbers, floating-point numbers and decimals.
    #[derive(Debug)]
    pub enum Number {}
    /// Text.
    #[derive(Debug)]
    pub enum Text {}
    /// Bytes.
    #[derive(Debug)]
    pub enum Bytes {}
    /// JSON documents.
    #[derive(Debug)]
    pub enum Json {}
    /// UUIDs.
    #[derive(Debug)]
    pub enum Uuid {}
    /// Days.
    #[derive(Debug)]
    pub enum Date {}
    /// Times of a day.
    #[derive(Debug)]
    pub enum Time {}
    /// Instants, and times of a day of unknown time zone.
    #[derive(Debug)]
    pub enum DateTime {}
    /// Known when the query runs.
    #[derive(Debug)]
    pub enum Any {}
}

mod sealed {
    pub trait Sealed {}
}

use sealed::Sealed;

/// A column that says what its values are: one of `user::COLUMN`, which SeaORM makes for an entity that is written with
/// `#[sea_orm::model]` or `#[sea_orm::compact_model]`; or any other, by [`field_of`](crate::field_of).
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say what its values are",
    note = "use `user::COLUMN.name`, or `field_of(user::Column::Name)` for a column that is checked when the query runs"
)]
pub trait TypedColumn: Sealed {
    /// The models it is a column of.
    type Model;
    /// What its values are.
    type Kind;
    /// What its name is held in.
    type Name: Into<ColumnName>;

    /// The column itself.
    fn column(&self) -> Column<Self::Model, Self::Name>;
}

macro_rules! typed {
    ($($column:ident: $kind:ident)*) => {
        $(
            impl<E: EntityTrait> Sealed for $column<E> {}

            impl<E: EntityTrait> TypedColumn for $column<E> {
                type Model = E::Model;
                type Kind = kind::$kind;
                type Name = &'static str;

                fn column(&self) -> Column<E::Model> {
                    Column::new(self.0.as_str())
                }
            }
        )*
    };
}

typed! {
    BoolColumn: Bool
    NumericColumn: Number
    NumericColumnNullable: Number
    StringColumn: Text
    StringColumnNullable: Text
    BytesColumn: Bytes
    JsonColumn: Json
    UuidColumn: Uuid
    DateLikeColumn: Date
    TimeLikeColumn: Time
    DateTimeLikeColumn: DateTime
}

impl<M, K, N> Sealed for super::Field<M, K, N> {}

impl<M, K, N: Into<ColumnName> + Clone> TypedColumn for super::Field<M, K, N> {
    type Model = M;
    type Kind = K;
    type Name = N;

    fn column(&self) -> Column<M, N> {
        self.column.clone()
    }
}

/// A kind of values that can be equal: all but JSON documents, of which a [path](crate::Field::path_equals) can be.
pub trait Comparable: Sealed {}

/// A kind of values that have an order, and can be sorted by.
pub trait Ordered: Comparable {}

/// A kind of values that can be whole numbers, and grow.
pub trait Numeric: Sealed {}

/// A kind of values with paths in them.
pub trait JsonKind: Sealed {}

macro_rules! kinds {
    ($($kind:ident: $($property:ident)*;)*) => {
        $(
            impl Sealed for kind::$kind {}
            $(impl $property for kind::$kind {})*
        )*
    };
}

kinds! {
    Bool: Comparable Ordered;
    Number: Comparable Ordered Numeric;
    Text: Comparable Ordered;
    Bytes: Comparable Ordered;
    Json: JsonKind;
    Uuid: Comparable Ordered;
    Date: Comparable Ordered;
    Time: Comparable Ordered;
    DateTime: Comparable Ordered;
    Any: Comparable Ordered Numeric JsonKind;
}

/// A value that a column of the kind `K` can hold and be compared with.
#[diagnostic::on_unimplemented(message = "`{Self}` is not a value of this column")]
pub trait Operand<K> {
    /// The value in SeaORM's form.
    fn into_value(self) -> Value;
}

impl<T: Into<Value>> Operand<kind::Any> for T {
    fn into_value(self) -> Value {
        self.into()
    }
}

/// What a column of the kind `K` can be [set](crate::Changes::set) to: a value, or an `Option` of one.
#[diagnostic::on_unimplemented(message = "`{Self}` is not a value of this column")]
pub trait Assignable<K> {
    /// The value in SeaORM's form. `None` for null.
    fn into_assigned(self) -> Option<Value>;
}

impl<K, T: Operand<K>> Assignable<K> for T {
    fn into_assigned(self) -> Option<Value> {
        Some(self.into_value())
    }
}

macro_rules! operands {
    ($($kind:ident: $($type:ty)*;)*) => {
        $($(
            impl Operand<kind::$kind> for $type {
                fn into_value(self) -> Value {
                    self.into()
                }
            }

            // Not of every operand: those of columns that are checked when the query runs may be options themselves.
            impl Assignable<kind::$kind> for Option<$type> {
                fn into_assigned(self) -> Option<Value> {
                    self.map(Into::into)
                }
            }
        )*)*
    };
}

operands! {
    Bool: bool;
    Number: i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 Decimal;
    Text: String &str &String;
    Bytes: Vec<u8> &[u8];
    Json: serde_json::Value;
    Uuid: Uuid;
    Date: NaiveDate;
    Time: NaiveTime;
    DateTime: NaiveDateTime;
}

impl<Z: TimeZone> Operand<kind::DateTime> for DateTime<Z> {
    fn into_value(self) -> Value {
        self.to_utc().into()
    }
}

impl<Z: TimeZone> Assignable<kind::DateTime> for Option<DateTime<Z>> {
    fn into_assigned(self) -> Option<Value> {
        self.map(|time| time.to_utc().into())
    }
}

/// Up to here, every whole number is a floating-point number of its own.
pub(crate) const EXACT: u64 = 1 << 53;

/// What a JSON document can hold at the end of a path, or a list as an element, to be compared with. Not a fraction: whether two
/// of them are equal is up to how each engine reads them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scalar {
    /// Text.
    Text(String),
    /// A whole number, equal to any number of the same value; from 2^53 on, only to one that is written without a point or an
    /// exponent. (Postgres does not keep that difference.)
    Integer(i64),
    /// True or false.
    Bool(bool),
    /// A UUID. In a document it is text, with small letters and hyphens.
    Uuid(Uuid),
}

macro_rules! scalars {
    ($($variant:ident: $($type:ty)*;)*) => {
        $($(
            impl From<$type> for Scalar {
                fn from(value: $type) -> Self {
                    Self::$variant(value.into())
                }
            }
        )*)*
    };
}

scalars! {
    Text: String &str &String;
    Integer: i8 i16 i32 i64 u8 u16 u32;
    Bool: bool;
    Uuid: Uuid;
}
