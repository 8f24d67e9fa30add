//! What is known of a table, for whoever works with tables that are known only when the program runs.

use sea_orm::sea_query::{ArrayType, ForeignKeyAction};

use super::{Table, TableColumn, TableName};

/// A column of a table; from [`Table::details`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ColumnDetails<'t> {
    /// The name.
    pub name: &'t str,
    /// The type of its values. Returns `None` for a column of SQLite without a declared type, of which each value has a type of
    /// its own.
    pub value_type: Option<&'t ArrayType>,
    /// Whether values are the text of values of a type that larder has no values for, such as an interval. The database reads
    /// and writes them.
    pub is_text_form: bool,
    /// Whether it can be null.
    pub is_nullable: bool,
    /// Whether a new row can leave it out, because the database has a default or generates a number.
    pub has_default: bool,
    /// Whether the database computes it, and takes no values.
    pub is_computed: bool,
}

/// A foreign key of a table; from [`Table::references`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Reference<'t> {
    /// The columns, in the order of the key.
    pub columns: Vec<&'t str>,
    /// The table that they refer to.
    pub table: &'t TableName,
    /// The columns that they refer to, in the same order.
    pub referred: Vec<&'t str>,
    /// What is done when a row that is referred to is deleted.
    pub on_delete: ForeignKeyAction,
    /// What is done when the columns that are referred to are changed.
    pub on_update: ForeignKeyAction,
}

/// # What is known of it
impl Table {
    /// The name, and that of the schema.
    #[must_use]
    pub fn table_name(&self) -> &TableName {
        &self.key
    }

    /// Its columns, in the order of a row's values.
    pub fn details(&self) -> impl Iterator<Item = ColumnDetails<'_>> {
        self.columns.iter().enumerate().map(|(position, column)| ColumnDetails {
            name: column.name(),
            value_type: (!column.is_of_any_type).then_some(&column.value_type),
            is_text_form: column.is_text_form,
            is_nullable: self.is_nullable(position),
            has_default: self.may_be_left_out(position),
            is_computed: self.computed.contains(&position),
        })
    }

    /// The columns of its primary key, in the order of the key. None for a view, and for a table that has no primary key.
    pub fn primary_key(&self) -> impl Iterator<Item = &str> {
        self.named(&self.id)
    }

    /// The columns of each unique constraint, and of each unique index that holds for all rows, beside the primary key.
    pub fn unique_constraints(&self) -> impl Iterator<Item = Vec<&str>> {
        self.uniques.iter().map(|unique| self.named(unique).collect())
    }

    /// Its foreign keys.
    pub fn references(&self) -> impl Iterator<Item = Reference<'_>> {
        self.foreign_keys.iter().map(|key| Reference {
            columns: self.named(&key.columns).collect(),
            table: &key.parent,
            referred: key.parent_columns.iter().map(String::as_str).collect(),
            on_delete: key.on_delete,
            on_update: key.on_update,
        })
    }

    fn named<'t>(&'t self, positions: &'t [usize]) -> impl Iterator<Item = &'t str> {
        positions.iter().filter_map(|position| self.columns.get(*position)).map(TableColumn::name)
    }
}
