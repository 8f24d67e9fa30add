//! [`Table`], what is known of an entity below the door, without the entity's type.

mod column;
mod details;
mod identity;
mod name;

use std::{any::TypeId, sync::Arc};

use sea_orm::{
    Value,
    sea_query::{DynIden, Expr, ForeignKeyAction},
};

#[cfg(feature = "_sql")]
use sea_orm::sea_query::{IntoTableRef, TableRef};

pub(crate) use self::{
    column::{Conversions, TableColumn},
    identity::TableIdentity,
};
pub use self::{
    details::{ColumnDetails, Reference},
    name::TableName,
};
#[cfg(feature = "_sql")]
use crate::value::{integer, is_nothing};
use crate::{
    dialect::Dialect,
    error::{Error, ErrorKind, Result},
    query::Scope,
    rules::Rules,
    value::{Key, is_left_out, is_null},
};

/// Where what is known of a table comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum TableOrigin {
    /// From an entity.
    Entity(TypeId),
    /// From the catalog of a store. Its rows are told by the names of their columns.
    Catalog {
        /// Whether it can only be read.
        is_view: bool,
        /// Whose SQL the casts of columns are in. `None` if no column has one.
        casts: Option<Dialect>,
    },
}

/// A foreign key of a table.
#[derive(Clone, Debug)]
pub(crate) struct ForeignKey {
    pub(crate) columns: Vec<usize>,
    pub(crate) parent: TableName,
    pub(crate) parent_columns: Vec<String>,
    pub(crate) on_delete: ForeignKeyAction,
    pub(crate) on_update: ForeignKeyAction,
}

impl ForeignKey {
    /// What is done to a row when what it points at is updated, or else deleted.
    pub(crate) fn action(&self, is_update: bool) -> ForeignKeyAction {
        if is_update { self.on_update } else { self.on_delete }
    }
}

/// What is known of a table: its columns, what the engine may fill in, its constraints, and the rules that a repository keeps.
///
/// It is that of an entity ([`of`](Self::of)), or what the catalog of a store says ([`Store::describe`](crate::Store::describe)).
///
/// ```
/// # #[cfg(feature = "sqlite")]
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> larder::Result<()> {
/// use larder::{Cx, SqlText};
///
/// let (store, cx) = (larder::open("sqlite::memory:").await?, Cx::new());
/// for table in [
///     "CREATE TABLE author (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
///     "CREATE TABLE book (isbn TEXT PRIMARY KEY, author INTEGER REFERENCES author, price REAL DEFAULT 9.5)",
/// ] {
///     store.sql()?.execute(&cx, &SqlText::new(table)).await?;
/// }
/// let (author, book) = (store.describe(&cx, "author").await?, store.describe(&cx, "book").await?);
/// assert_eq!(author.unique_constraints().collect::<Vec<_>>(), [["name"]]);
/// let optional: Vec<_> = book.details().filter(|column| column.is_nullable).map(|column| column.name).collect();
/// assert_eq!((book.primary_key().collect::<Vec<_>>(), optional), (vec!["isbn"], vec!["author", "price"]));
/// let reference = book.references().next().expect("a foreign key");
/// assert_eq!((reference.columns, reference.table, reference.referred), (vec!["author"], author.table_name(), vec!["id"]));
/// # Ok(()) }
/// # #[cfg(not(feature = "sqlite"))]
/// # fn main() {}
/// ```
#[derive(Clone, Debug)]
pub struct Table {
    pub(crate) origin: TableOrigin,
    /// What an engine keeps what it knows of the table by: the same for all repositories of one entity in a store.
    pub(crate) identity: TableIdentity,
    pub(crate) key: TableName,
    /// What stands before its name and before those of the store's other tables.
    pub(crate) prefix: Arc<str>,
    /// The name, as it stands before a column in a statement.
    pub(crate) iden: DynIden,
    pub(crate) columns: Vec<TableColumn>,
    /// Positions of the id's columns, in the order of the id's parts.
    pub(crate) id: Vec<usize>,
    /// Position of the id's column if the engine generates it.
    pub(crate) generated: Option<usize>,
    /// Positions and defaults of the columns that have one.
    pub(crate) defaults: Vec<(usize, Expr)>,
    /// Positions of the columns that the database computes, and takes no values for.
    pub(crate) computed: Vec<usize>,
    /// Positions of the columns that are left to the database's default where a new model holds nothing in them.
    pub(crate) defaulted: Vec<usize>,
    /// Positions of the columns that need a value.
    pub(crate) required: Vec<usize>,
    /// Positions of the columns of each unique constraint, beside the id.
    pub(crate) uniques: Vec<Vec<usize>>,
    pub(crate) foreign_keys: Vec<ForeignKey>,
    /// Whether the database may hold several rows of one id.
    pub(crate) is_append_only: bool,
    /// Positions of columns that tell its rows apart, beside the entity's unique constraints.
    pub(crate) told_apart_by: Vec<Vec<usize>>,
    pub(crate) rules: Rules,
    /// Which models are there for the repository.
    pub(crate) scope: Scope,
}

impl Table {
    /// The same table with a prefix before its name, and before those of the tables that it refers to.
    pub(crate) fn with_prefix(mut self, prefix: &str) -> Self {
        let name = |name: &str| format!("{prefix}{name}");
        if let TableOrigin::Entity(entity) = self.origin {
            self.identity = TableIdentity::of(entity, prefix);
        }
        self.iden = DynIden::from(name(&self.key.name));
        self.key.name = name(&self.key.name);
        self.prefix = prefix.into();
        self.foreign_keys.iter_mut().for_each(|key| key.parent.name = name(&key.parent.name));
        self
    }

    /// The same table for rows that are told by the names of their columns: without an entity, and without rules.
    pub(crate) fn described(self: &Arc<Self>) -> Arc<Self> {
        match self.origin {
            TableOrigin::Catalog { .. } => self.clone(),
            TableOrigin::Entity(_) => {
                let origin = TableOrigin::Catalog { is_view: false, casts: None };
                Arc::new(Self { origin, rules: Rules::default(), ..(**self).clone() }.identified())
            }
        }
    }

    /// The table, with an identity that follows from all that is known of it.
    pub(crate) fn identified(mut self) -> Self {
        self.identity = TableIdentity::UNKNOWN;
        self.identity = TableIdentity::of_description(&format!("{self:?}"));
        self
    }

    /// Whether its rows are told by the names of their columns.
    pub(crate) fn is_described(&self) -> bool {
        matches!(self.origin, TableOrigin::Catalog { .. })
    }

    /// Refuses to write to a view.
    pub(crate) fn require_writable(&self) -> Result<()> {
        match self.origin {
            TableOrigin::Catalog { is_view: true, .. } => {
                Err(Error::new(ErrorKind::Unsupported, "a view can be read, and not written"))
            }
            _ => Ok(()),
        }
    }

    /// Refuses what goes by an id in a table that has no primary key.
    pub(crate) fn require_id(&self) -> Result<()> {
        match self.id.is_empty() {
            true => Err(Error::new(ErrorKind::Unsupported, "the table has no primary key")),
            false => Ok(()),
        }
    }

    /// The name, after that of the schema, if there is one.
    #[must_use]
    pub fn full_name(&self) -> String {
        self.key.to_string()
    }

    /// The name of the table alone.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.key.name
    }

    /// The name of its schema. Returns `None` for the schema in which names are looked for by themselves.
    #[must_use]
    pub fn schema(&self) -> Option<&str> {
        self.key.schema.as_deref()
    }

    /// The names of its columns, in the order of a row's values.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(TableColumn::name)
    }

    /// The table, as it stands in a statement.
    #[cfg(feature = "_sql")]
    pub(crate) fn table_ref(&self) -> TableRef {
        match &self.key.schema {
            Some(schema) => (schema.clone(), self.iden.clone()).into_table_ref(),
            None => self.iden.clone().into_table_ref(),
        }
    }

    /// Columns as SQLite names them in its errors.
    #[must_use]
    pub fn full_names(&self, positions: &[usize]) -> String {
        let names = positions.iter().filter_map(|position| self.columns.get(*position));
        names.map(|column| format!("{}.{}", self.key.name, column.name())).collect::<Vec<_>>().join(", ")
    }

    pub(crate) fn position(&self, name: &str) -> Result<usize> {
        let position = self.columns.iter().position(|column| column.name() == name);
        position.ok_or_else(|| missing_column().in_column(name))
    }

    pub(crate) fn column(&self, position: usize) -> Result<&TableColumn> {
        self.columns.get(position).ok_or_else(missing_column)
    }

    /// An error about the column at a position, which it names.
    pub(crate) fn in_column(&self, position: usize, error: Error) -> Error {
        match self.columns.get(position) {
            Some(column) => error.in_column(column.name()),
            None => error,
        }
    }

    pub(crate) fn is_nullable(&self, position: usize) -> bool {
        !self.id.contains(&position) && self.columns.get(position).is_some_and(TableColumn::is_null)
    }

    /// Whether models are told apart by these columns: they are the id's, or those of a unique constraint.
    pub(crate) fn is_unique(&self, columns: &[usize]) -> bool {
        let same = |unique: &Vec<usize>| unique.len() == columns.len() && columns.iter().all(|column| unique.contains(column));
        same(&self.id) || self.uniques.iter().any(same)
    }

    /// Whether the rows of another entity's table are those of this one.
    pub(crate) fn has_rows_of(&self, other: &Self) -> bool {
        let same = |(own, other): (&TableColumn, &TableColumn)| own.name() == other.name() && own.null == other.null;
        self.id == other.id && self.columns.len() == other.columns.len() && self.columns.iter().zip(&other.columns).all(same)
    }

    /// Whether a new row with this value has the column's default.
    pub(crate) fn takes_default(&self, given: &Value) -> bool {
        if self.is_described() { is_left_out(given) } else { is_null(given) }
    }

    /// Whether something fills in this column of some new rows, if nothing is given.
    pub(crate) fn may_be_left_out(&self, position: usize) -> bool {
        self.generated == Some(position)
            || self.defaults.iter().any(|(column, _)| *column == position)
            || self.defaulted.contains(&position)
    }

    pub(crate) fn key_of(&self, values: &[Value]) -> Key {
        Key(self.id.iter().filter_map(|position| values.get(*position).cloned()).collect())
    }
}

#[cfg(feature = "_sql")]
impl Table {
    /// Why models cannot be read back, once they are stored. `None` if they can.
    pub(crate) fn unreadable(&self, reads: impl Fn(&sea_orm::sea_query::ArrayType) -> bool) -> Option<Error> {
        let column = self.columns.iter().find(|column| !reads(&column.value_type))?;
        let message = format!("this store cannot read back values of the type {:?}", column.value_type);
        Some(Error::new(ErrorKind::Unsupported, message).in_column(column.name()))
    }

    /// Why the table is refused where there are no lists. `None` if it has no column of them.
    pub(crate) fn list(&self) -> Option<Error> {
        let column = self.columns.iter().find(|column| column.is_list())?;
        Some(Error::new(ErrorKind::Unsupported, "this store has no columns of lists").in_column(column.name()))
    }

    /// Refuses names of more bytes than the database has: it would cut them, so that two might become one, and rows would come
    /// back under others.
    pub(crate) fn too_long(&self, longest: usize) -> Option<Error> {
        let error = || Error::new(ErrorKind::Unsupported, "a name longer than those of the database");
        if self.key.name.len() > longest || self.schema().is_some_and(|name| name.len() > longest) {
            return Some(error());
        }
        let column = self.columns.iter().find(|column| column.name().len() > longest)?;
        Some(error().in_column(column.name()))
    }

    /// Whether no column has a cast of its own for what is stored.
    pub(crate) fn is_saved_as_it_is(&self) -> bool {
        self.columns.iter().all(TableColumn::is_saved_as_it_is)
    }

    /// Whether no column has a cast of its own for what is read.
    pub(crate) fn is_read_as_it_is(&self) -> bool {
        self.columns.iter().all(TableColumn::is_read_as_it_is)
    }

    /// Refuses a table with casts that are in the SQL of another database.
    pub(crate) fn of_other_dialect(&self, dialect: Dialect) -> Option<Error> {
        let TableOrigin::Catalog { casts: Some(other), .. } = self.origin else { return None };
        let error = || Error::new(ErrorKind::Unsupported, "a table with columns of another database: describe it in this store");
        (other != dialect).then(error)
    }

    /// Whether the engine fills in this column of a new model: an id of zero, or nothing where there is a default, or what stands
    /// for nothing where the repository was told of one. Of a row, what was left out.
    pub(crate) fn is_left_to_engine(&self, position: usize, new: &Value) -> bool {
        if self.is_described() {
            return is_left_out(new);
        }
        (self.generated == Some(position) && integer(new) == Some(0))
            || (self.defaults.iter().any(|(i, _)| *i == position) && is_null(new))
            || (self.defaulted.contains(&position) && is_nothing(new))
    }
}

fn missing_column() -> Error {
    Error::new(ErrorKind::InvalidInput, "a column that the table does not have")
}

#[cfg(test)]
mod tests {
    use larder_entity::raw_log;

    use super::*;

    /// Descriptions that say the same are one table to an engine, and those that differ in anything are two.
    #[test]
    fn a_description_is_told_by_what_it_says() {
        let table = Arc::new(Table::of::<raw_log::Entity>());
        let (one, again) = (table.described(), table.described());
        assert_eq!(one.identity, again.identity);
        assert_ne!(one.identity, table.identity);
        let others = [
            Table { defaulted: vec![1], ..(*one).clone() },
            Table { id: vec![1], ..(*one).clone() },
            Table { columns: one.columns.iter().skip(1).cloned().collect(), ..(*one).clone() },
            Table { key: TableName::from("other"), ..(*one).clone() },
        ];
        assert!(others.into_iter().all(|other| other.identified().identity != one.identity));
    }
}
