//! [`TableName`], what a table is known by.

use std::fmt;

/// The name of a table, and that of its schema. Tables of one name in two schemas are two.
///
/// A name without a schema is that of a table which the database finds by its name alone: in its default schema, or on Postgres
/// in the `search_path`. Nothing in it is special: `TableName::from("a.b")` is a table whose name has a point in it.
///
/// ```
/// use larder::TableName;
///
/// let (user, log) = (TableName::from("user"), TableName::from(("audit", "log")));
/// assert_eq!((user.schema(), user.name()), (None, "user"));
/// assert_eq!(log.to_string(), "audit.log");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableName {
    pub(crate) schema: Option<String>,
    pub(crate) name: String,
}

impl TableName {
    /// A name, in a schema if one is given.
    #[must_use]
    pub fn new(schema: Option<String>, name: String) -> Self {
        Self { schema, name }
    }

    /// The name of the schema. Returns `None` for the schema in which names are looked for by themselves.
    #[must_use]
    pub fn schema(&self) -> Option<&str> {
        self.schema.as_deref()
    }

    /// The name of the table alone.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl From<&str> for TableName {
    fn from(name: &str) -> Self {
        Self::new(None, name.to_owned())
    }
}

impl From<String> for TableName {
    fn from(name: String) -> Self {
        Self::new(None, name)
    }
}

/// A schema and a table in it.
impl From<(&str, &str)> for TableName {
    fn from((schema, name): (&str, &str)) -> Self {
        Self::new(Some(schema.to_owned()), name.to_owned())
    }
}

impl From<&Self> for TableName {
    fn from(name: &Self) -> Self {
        name.clone()
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.schema {
            Some(schema) => write!(f, "{schema}.{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}
