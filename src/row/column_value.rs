//! Fields of a caller's type that are read by their own conversion instead of by `serde`.

use std::{cell::RefCell, fmt, marker::PhantomData};

use sea_orm::{
    Value,
    sea_query::{ArrayType, ValueType, ValueTypeErr},
};
use serde::{
    Deserializer,
    de::{self, Visitor},
};
use uuid::Uuid;

use crate::{
    query::{is_whole, of_type},
    value::{enum_of, is_null, null_of, text_of, whole_number},
};

/// The name by which a cell knows that it is asked for its value as it is.
pub(super) const TOKEN: &str = "$larder::column_value";

thread_local! {
    /// A value on its way from a cell to the field that it is for.
    static PASSED: RefCell<Option<Value>> = const { RefCell::new(None) };
}

/// Hands a value over to [`column_value`].
pub(super) fn pass<'de, V: Visitor<'de>, E: de::Error>(value: Value, visitor: V) -> Result<V::Value, E> {
    PASSED.set(Some(value));
    let visited = visitor.visit_unit();
    PASSED.take();
    visited
}

/// Reads a field of a row by its type's own conversion, as in a model: that of an enum with `DeriveActiveEnum`, or of a newtype
/// with `DeriveValueType`. Without it, a field is read by `serde`, to which an enum is the names of its variants.
///
/// ```
/// use sea_orm::entity::prelude::*;
/// use larder::Row;
///
/// #[derive(Debug, PartialEq, EnumIter, DeriveActiveEnum)]
/// #[sea_orm(rs_type = "i32", db_type = "Integer")]
/// enum Status {
///     #[sea_orm(num_value = 1)]
///     Active,
///     #[sea_orm(num_value = 2)]
///     Closed,
/// }
///
/// #[derive(serde::Deserialize)]
/// struct Account {
///     name: String,
///     #[serde(deserialize_with = "larder::column_value")]
///     status: Status,
/// }
///
/// let row = Row::new(["name".to_owned(), "status".to_owned()].into(), vec!["Ann".into(), 2_i32.into()]);
/// let account: Account = row.read()?;
/// assert_eq!((account.name.as_str(), account.status), ("Ann", Status::Closed));
/// # Ok::<(), larder::Error>(())
/// ```
///
/// # Errors
/// If the value is none of the type's, or if the field is not read from a row.
pub fn column_value<'de, D: Deserializer<'de>, T: ValueType>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_newtype_struct(TOKEN, Passed(PhantomData))
}

struct Passed<T>(PhantomData<fn() -> T>);

impl<T: ValueType> Visitor<'_> for Passed<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of a row")
    }

    fn visit_unit<E: de::Error>(self) -> Result<T, E> {
        let value = PASSED.take().ok_or_else(|| E::custom("the field is not read from a row"))?;
        converted(value).map_err(E::custom)
    }
}

/// A value by the conversion of its type.
pub(super) fn converted<T: ValueType>(value: Value) -> Result<T, ValueTypeErr> {
    let wanted = T::array_type();
    T::try_from(if is_null(&value) { null_of(&wanted) } else { fitted(value, &wanted) })
}

/// A value as one of the type that is wanted, where engines have another type for the same values: SQLite has one width of whole
/// numbers, no truths and no UUIDs. Any other value is as it was.
fn fitted(value: Value, wanted: &ArrayType) -> Value {
    use ArrayType as T;
    let number = whole_number(&value);
    let fitted = match wanted {
        whole if is_whole(whole) => number.map(|number| of_type(number, wanted)).filter(|fitted| !is_null(fitted)),
        T::Bool => number.filter(|number| matches!(number, 0 | 1)).map(|number| (number == 1).into()),
        T::Enum(name) => text_of(&value).map(|text| enum_of(name, Some(text.to_owned()))),
        T::String => text_of(&value).map(Value::from),
        T::Uuid => match &value {
            Value::Bytes(Some(bytes)) => Uuid::from_slice(bytes).ok().map(Value::from),
            _ => None,
        },
        _ => None,
    };
    fitted.unwrap_or(value)
}
