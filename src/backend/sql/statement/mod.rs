//! Statements for the models of an entity.

mod aggregate;
mod bucket;
mod change;
pub(super) mod changed;
mod compared;
mod elements;
mod filter;
mod first;
mod insert;
mod json;
mod list;
mod mark;
pub(super) mod meaning;
mod order;
mod part_of_each;
mod readout;
mod select;
mod semi_join;
mod source;
mod statement_cache;
mod stored_text;
#[cfg(test)]
mod tests;
mod text;

use std::sync::Arc;

use sea_orm::{
    Statement, Value,
    sea_query::{Alias, DynIden, Expr, IntoIden, Query, ReturningClause},
};

#[cfg(feature = "duckdb-linked")]
pub(super) use self::source::source_of;
pub(crate) use self::statement_cache::WholeInsert;
#[cfg(feature = "sqlite")]
pub(super) use self::stored_text::stored_text;
pub(super) use self::{
    aggregate::{AggregateStatement, SumWidth},
    readout::Readout,
    select::RowLock,
    source::Source,
    statement_cache::StatementCache,
};
use super::catalog::{Catalog, Described};
use crate::{
    dialect::Dialect,
    sql::statement::Render,
    table::{Table, TableColumn, TableIdentity},
};

/// More rows in one statement gain nothing: the cost per row is flat from a few hundred on (measured on SQLite and Postgres).
const MAX_ROWS: usize = 1000;

/// Composite ids are looked up by `OR`, and SQLite limits the depth of an expression to 1000.
const MAX_COMPOSITE_IDS: usize = 500;

/// The names of columns, as they stand in a statement.
fn idens(columns: &[&TableColumn]) -> Vec<DynIden> {
    columns.iter().map(|column| column.iden()).collect()
}

/// Builds the statements of one entity in one dialect.
pub(super) struct Statements<'a> {
    pub(super) table: &'a Table,
    pub(super) dialect: Dialect,
    pub(super) bind_limit: usize,
    /// What the database says of the entity's table.
    pub(super) catalog: &'a Catalog,
    /// What it says of the other tables that a filter looks into.
    pub(super) joined: &'a [(TableIdentity, Arc<Catalog>)],
    /// How many statements this one is within.
    pub(super) depth: usize,
    /// The statements that were written before.
    pub(super) cache: &'a StatementCache,
}

impl<'a> Statements<'a> {
    /// Statements that look into no other table.
    pub(super) fn new(
        table: &'a Table,
        (dialect, bind_limit): (Dialect, usize),
        catalog: &'a Catalog,
        cache: &'a StatementCache,
    ) -> Self {
        Self { table, dialect, bind_limit, catalog, joined: &[], depth: 0, cache }
    }

    fn build(&self, statement: &impl Render) -> Statement {
        statement.render(self.dialect)
    }

    /// How many rows one statement can carry as a source, beside so many values, and some more.
    pub(super) fn rows_at_once(&self, values: usize) -> usize {
        (self.bind_limit.saturating_sub(values.saturating_add(16)) / self.table.columns.len().max(1)).clamp(1, MAX_ROWS)
    }

    fn columns(&self, positions: &[usize]) -> Vec<&'a TableColumn> {
        positions.iter().filter_map(|position| self.table.columns.get(*position)).collect()
    }

    /// What the database says of a column.
    fn described(&self, column: &TableColumn) -> &Described {
        let position = self.table.columns.iter().position(|other| other.name() == column.name());
        self.catalog.column(position.unwrap_or(usize::MAX))
    }

    /// Whether the database computes the values of a column, and takes none.
    pub(super) fn is_computed(&self, position: usize) -> bool {
        self.catalog.column(position).is_generated || self.table.computed.contains(&position)
    }

    fn id_columns(&self) -> Vec<&'a TableColumn> {
        self.columns(&self.table.id)
    }

    fn returning(&self) -> ReturningClause {
        self.returned(self.table.columns.iter())
    }

    fn returned<'c>(&self, columns: impl IntoIterator<Item = &'c TableColumn>) -> ReturningClause {
        Query::returning().exprs(columns.into_iter().map(|column| {
            let plain = Expr::col(column.iden());
            let selected = column.select_as(plain.clone());
            if selected == plain { plain } else { self.named(selected, column.name()) }
        }))
    }

    /// An expression under a name. Postgres would name a cast after its column by itself, SQLite would not.
    fn named(&self, expression: Expr, name: &str) -> Expr {
        self.written("$ AS $", [expression, Expr::col(Alias::new(name))])
    }

    /// SQL text with an expression for each `$` that is not in a quoted name.
    fn written(&self, sql: &str, expressions: impl IntoIterator<Item = Expr>) -> Expr {
        let mut text = String::with_capacity(sql.len() + 8);
        let (mut nth, mut is_name) = (0, false);
        for c in sql.chars() {
            is_name ^= c == '"';
            match (c, self.dialect) {
                ('$', Dialect::Sqlite) if !is_name => text.push('?'),
                ('$', _) if !is_name => {
                    nth += 1;
                    text.push_str(&format!("${nth}"));
                }
                (other, _) => text.push(other),
            }
        }
        Expr::cust_with_exprs(text, expressions)
    }

    /// The name that the table has in the statement. Within another, that is one of its own: both may be of one table.
    fn iden(&self) -> DynIden {
        match self.depth {
            0 => self.table.iden.clone(),
            depth => Alias::new(format!("larder_{depth}")).into_iden(),
        }
    }

    /// A column, by the name of its table.
    fn column(&self, column: &TableColumn) -> Expr {
        Expr::col((self.iden(), column.iden()))
    }

    /// A column of a table of another name.
    fn column_of(&self, table: &str, column: &TableColumn) -> Expr {
        Expr::col((Alias::new(table), column.iden()))
    }

    /// A value for a column, as it is stored.
    fn value(&self, column: &TableColumn, value: &Value) -> Expr {
        column.save_as(Expr::val(value.clone()))
    }
}
