//! [`Table`], what is known of an entity below the door, without the entity's type.

mod column;
mod identity;

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
#[cfg(feature = "_sql")]
use crate::value::{integer, is_array, is_nothing, is_null};
use crate::{
    error::{Error, ErrorKind, Result},
    query::Scope,
    rules::Rules,
    value::Key,
};

/// What a table is known by: tables of one name in two schemas are two.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TableId {
    pub(crate) schema: Option<String>,
    pub(crate) name: String,
}

/// A foreign key of a table.
#[derive(Clone, Debug)]
pub(crate) struct ForeignKey {
    pub(crate) columns: Vec<usize>,
    pub(crate) parent: TableId,
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

/// The columns of a table by position, what the engine may fill in, and the rules that the repository keeps.
#[derive(Clone, Debug)]
pub struct Table {
    /// The entity that it is of.
    pub(crate) entity: TypeId,
    /// What an engine keeps what it knows of the table by: the same for all repositories of one entity in a store.
    pub(crate) identity: TableIdentity,
    pub(crate) key: TableId,
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
        self.identity = TableIdentity::of(self.entity, prefix);
        self.iden = DynIden::from(name(&self.key.name));
        self.key.name = name(&self.key.name);
        self.prefix = prefix.into();
        self.foreign_keys.iter_mut().for_each(|key| key.parent.name = name(&key.parent.name));
        self
    }

    /// The name, after that of the schema, if there is one.
    #[must_use]
    pub fn full_name(&self) -> String {
        let TableId { schema, name } = &self.key;
        schema.as_ref().map_or_else(|| name.clone(), |schema| format!("{schema}.{name}"))
    }

    /// The name of the table alone.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.key.name
    }

    /// The name of its schema. Returns `None` if the entity names none.
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
        position.ok_or_else(|| Error::new(ErrorKind::InvalidInput, "a column that the entity does not have"))
    }

    pub(crate) fn column(&self, position: usize) -> Result<&TableColumn> {
        let missing = || Error::new(ErrorKind::InvalidInput, "a column that the entity does not have");
        self.columns.get(position).ok_or_else(missing)
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
        let column = self.columns.iter().find(|column| is_array(&column.null))?;
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

    /// Whether the engine fills in this column of some new models.
    pub(crate) fn may_be_left_to_engine(&self, position: usize) -> bool {
        self.generated == Some(position)
            || self.defaults.iter().any(|(column, _)| *column == position)
            || self.defaulted.contains(&position)
    }

    /// Whether the engine fills in this column of a new model: an id of zero, or nothing where there is a default, or what stands
    /// for nothing where the repository was told of one.
    pub(crate) fn is_left_to_engine(&self, position: usize, new: &Value) -> bool {
        (self.generated == Some(position) && integer(new) == Some(0))
            || (self.defaults.iter().any(|(i, _)| *i == position) && is_null(new))
            || (self.defaulted.contains(&position) && is_nothing(new))
    }
}
