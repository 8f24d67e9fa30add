//! Rows by column name, and how they are read into a caller's type.

mod cell;
mod column_value;
mod deserializer;
mod shown;

use std::{fmt, sync::Arc};

use sea_orm::{Value, sea_query::ValueType};
use serde::{
    Serialize, Serializer,
    de::{self, DeserializeOwned},
    ser::SerializeMap as _,
};

pub use self::column_value::column_value;
pub(crate) use self::shown::shown;
use self::{column_value::converted, deserializer::RowDeserializer};
use crate::error::{Error, ErrorKind, Result};

/// A row: a value for each column, by its name. It is what [`project`](crate::Reader::project) reads, and the model of a
/// [repository of rows](crate::Store::dynamic).
///
/// Serialized, it is a map of the columns. Bytes are base64, and decimals, UUIDs, dates and times are text.
///
/// ```
/// use larder::Row;
/// use sea_orm::Value;
///
/// let row = Row::from_iter([("name", Value::from("Ann")), ("age", Value::from(18))]);
/// assert_eq!(row.get("age"), Some(&Value::from(18)));
/// assert_eq!(serde_json::to_string(&row)?, r#"{"name":"Ann","age":18}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub(crate) names: Arc<[String]>,
    pub(crate) values: Vec<Value>,
}

impl Row {
    /// A row of these values, of columns of these names.
    #[must_use]
    pub fn new(names: Arc<[String]>, values: Vec<Value>) -> Self {
        Self { names, values }
    }

    /// The names of its columns. A copy costs nothing: the rows of one answer share them.
    #[must_use]
    pub fn names(&self) -> &Arc<[String]> {
        &self.names
    }

    /// Its values, in the order of the names.
    #[must_use]
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// The values themselves.
    #[must_use]
    pub fn into_values(self) -> Vec<Value> {
        self.values
    }

    /// The value of a column. Returns `None` if the row does not have the column.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.values.get(self.names.iter().position(|other| other == name)?)
    }

    /// The row as a struct with a field for each column, as a tuple, or, if it has but one column, as that column's value. Values
    /// are read by `serde`; a field with [`column_value`](crate::column_value) by its own conversion.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput), which names the column, if a value is not one of `T`'s.
    pub fn read<T: DeserializeOwned>(self) -> Result<T> {
        T::deserialize(RowDeserializer(self)).map_err(|misfit| {
            let message = match &misfit.column {
                Some(column) => format!("column `{column}` cannot be read as what was asked for"),
                None => "the columns are not those that were asked for".to_owned(),
            };
            Error::new(ErrorKind::InvalidInput, message).with_source(misfit)
        })
    }

    /// The value of the row's only column, by the type's own conversion: that of an enum with `DeriveActiveEnum`, or of a newtype
    /// with `DeriveValueType`. It is how models are read, where [`read`](Self::read) goes through `serde`.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput), which names the column, if the value is not one of `T`'s; without the column if
    /// the row has not exactly one.
    pub fn value<T: ValueType>(mut self) -> Result<T> {
        let (Some(value), [name]) = (self.values.pop(), &*self.names) else {
            return Err(Error::new(ErrorKind::InvalidInput, "one value cannot be read from a row of several columns"));
        };
        converted(value).map_err(|misfit| {
            let message = format!("column `{name}` cannot be read as what was asked for");
            Error::new(ErrorKind::InvalidInput, message).with_source(misfit)
        })
    }
}

/// A row of these columns.
impl<N: Into<String>> FromIterator<(N, Value)> for Row {
    fn from_iter<I: IntoIterator<Item = (N, Value)>>(columns: I) -> Self {
        let (names, values): (Vec<String>, _) = columns.into_iter().map(|(name, value)| (name.into(), value)).unzip();
        Self { names: names.into(), values }
    }
}

impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.values.len()))?;
        self.names.iter().zip(&self.values).try_for_each(|(name, value)| map.serialize_entry(name, &shown(value)))?;
        map.end()
    }
}

/// A value that is not of the type asked for. Its text may quote the value.
#[derive(Debug)]
struct Misfit {
    column: Option<String>,
    message: String,
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Misfit {}

impl de::Error for Misfit {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { column: None, message: message.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use serde::Deserialize;

    use super::*;

    fn row(values: &[(&str, Value)]) -> Row {
        let names = values.iter().map(|(name, _)| (*name).to_owned()).collect();
        Row { names, values: values.iter().map(|(_, value)| value.clone()).collect() }
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Person {
        name: String,
        id: uuid::Uuid,
        age: Option<i32>,
        active: bool,
        born: Option<chrono::DateTime<chrono::Utc>>,
        tags: Vec<String>,
    }

    fn person() -> Vec<(&'static str, Value)> {
        vec![
            ("name", "Ann".into()),
            ("id", vec![0_u8; 16].into()),
            ("age", Value::Int(None)),
            ("active", 1_i64.into()),
            ("born", chrono::DateTime::UNIX_EPOCH.into()),
            ("tags", r#"["a"]"#.into()),
        ]
    }

    #[test]
    fn a_row_is_a_struct() -> Result<()> {
        let person: Person = row(&person()).read()?;
        let born = Some(chrono::DateTime::UNIX_EPOCH);
        assert_eq!(
            person,
            Person { name: "Ann".into(), id: uuid::Uuid::nil(), age: None, active: true, born, tags: vec!["a".into()] }
        );
        Ok(())
    }

    #[test]
    fn a_row_is_a_tuple_or_its_only_value() -> Result<()> {
        let pair: (String, i64) = row(&[("a", "x".into()), ("b", 7_i64.into())]).read()?;
        assert_eq!(pair, ("x".to_owned(), 7));
        assert_eq!(row(&[("a", 7_i64.into())]).read::<u8>()?, 7);
        assert_eq!(row(&[("a", vec![1_u8, 2].into())]).read::<Vec<u8>>()?, [1, 2]);
        assert_eq!(row(&[("a", 7_i64.into())]).read::<serde_json::Value>()?, serde_json::json!(7));
        let decimal: sea_orm::prelude::Decimal = row(&[("a", sea_orm::prelude::Decimal::new(15, 1).into())]).read()?;
        assert_eq!(decimal.to_string(), "1.5");
        assert_eq!(row(&[("a", 7_i64.into())]).read::<(i64,)>()?, (7,));
        let sum = |text: &str| row(&[("sum", text.parse::<sea_orm::prelude::Decimal>().unwrap_or_default().into())]);
        assert_eq!((sum("12").read::<i64>()?, sum("1.5").read::<f64>()?), (12, 1.5));
        assert_eq!(sum("18446744073709551615").read::<u64>()?, u64::MAX);
        assert!(sum("1.5").read::<i64>().is_err());
        assert!(row(&[("a", 1_i64.into()), ("b", 2_i64.into())]).read::<(i64,)>().is_err());
        assert_eq!(row(&[("a", Value::String(None))]).read::<Option<String>>()?, None);
        Ok(())
    }

    #[test]
    fn a_misfit_names_its_column_and_no_value() {
        let mut values = person();
        values.iter_mut().filter(|(name, _)| *name == "age").for_each(|(_, value)| *value = "t0psecret".into());
        let error = row(&values).read::<Person>().err();
        assert!(error.as_ref().is_some_and(|error| error.kind() == ErrorKind::InvalidInput));
        let text = error.as_ref().map(|error| format!("{error} {error:?}")).unwrap_or_default();
        assert!(text.contains("column `age`") && !text.contains("t0psecret"), "{text}");
        assert!(error.and_then(|error| error.source().map(ToString::to_string)).is_some_and(|text| text.contains("t0psecret")));
        assert!(row(&[("a", 1_i64.into()), ("b", 2_i64.into())]).read::<i64>().is_err());
    }
}
