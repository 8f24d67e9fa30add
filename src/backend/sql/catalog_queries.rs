//! [`CatalogQueries`], what differs between the catalogs of databases: the text of three queries, and what a declared type means.

use super::catalog_type::CatalogType;

/// How a database is asked for its tables. All answers are text, or null. A table is given by its name as `$1`, and that of its
/// schema, or null, as `$2`.
pub(crate) struct CatalogQueries {
    /// The schema of each table, null where names are looked for by themselves, and its name.
    pub(super) tables: &'static str,
    /// Of each column of a table, in their order: the table's name, whether it is a view, the column's name, its type, something
    /// more about the type, whether it takes nulls, has a default, is computed, its number in the primary key (0: none), and
    /// whether it is an id of rising numbers that the database makes.
    pub(super) columns: &'static str,
    /// Of each column of a `unique` constraint or a `reference`: the kind, what tells this one from others, the column, the
    /// schema and name of the table that it refers to, the column there, and what is done on delete and on update.
    pub(super) keys: &'static str,
    /// What the values of a column are, by its type and what more there is about it.
    pub(super) values: fn(&str, &str) -> CatalogType,
}
