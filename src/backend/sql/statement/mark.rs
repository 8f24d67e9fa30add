//! Marks of rows that are claimed, so that of two claims of a row one fails. DuckDB lets one transaction change or delete a row
//! of which another one has changed other columns, and takes a column that is set to what it is for unchanged. So every claim
//! changes the same column of its rows, and changes it back.

use sea_orm::{
    Statement, Value,
    sea_query::{ArrayType, Expr, Query, Values},
};

use super::Statements;
use crate::{
    backend::sql::catalog::{LosslessValues, TextOrder},
    error::{Error, ErrorKind, Result},
    query::is_whole,
    table::TableColumn,
    value::Key,
};

/// The names of the columns that have a constraint other than NOT NULL, and the lists of what unique indexes are made of. Those
/// of tables of the same name in other schemas are among them.
const CONSTRAINED: &str = "
    SELECT unnest(constraint_column_names) FROM duckdb_constraints()
    WHERE lower(table_name) = lower($1::VARCHAR) AND constraint_type <> 'NOT NULL'
    UNION ALL SELECT expressions FROM duckdb_indexes() WHERE lower(table_name) = lower($1::VARCHAR) AND is_unique";

impl Statements<'_> {
    /// Asks which columns have constraints, for [`marked_by`](Self::marked_by): each row is one text.
    pub(in super::super) fn constrained(&self) -> Statement {
        let values = Some(Values(vec![self.table.name().into()]));
        Statement { sql: CONSTRAINED.to_owned(), values, db_backend: self.dialect.sea_orm() }
    }

    /// The column that rows are marked by, which has no constraint: a mark must not violate one. Returns `None` if every column
    /// is unique: then the engine sees to it, because it replaces a row whose unique columns are changed.
    ///
    /// # Errors
    /// [`Unsupported`](ErrorKind::Unsupported) for a table whose columns cannot be changed and changed back.
    pub(in super::super) fn marked_by(&self, constrained: &[String]) -> Result<Option<usize>> {
        let is_free = |column: &TableColumn| {
            let name = column.name().to_lowercase();
            // What an index is made of is a list in brackets.
            !constrained
                .iter()
                .map(|found| found.to_lowercase())
                .any(|found| found == name || (found.starts_with('[') && found.contains(&name)))
        };
        let is_told =
            |position: &usize| [&self.table.id].into_iter().chain(&self.table.uniques).any(|key| key.contains(position));
        let mut columns = self.table.columns.iter().enumerate().filter(|(position, _)| !is_told(position)).peekable();
        if columns.peek().is_none() {
            return Ok(None);
        }
        let found =
            columns.find(|(position, column)| !self.is_computed(*position) && is_free(column) && self.mark_of(column).is_some());
        let message = "a claim in a table without a column of numbers, text or booleans that has no constraint";
        found.map(|(position, _)| Some(position)).ok_or_else(|| Error::new(ErrorKind::Unsupported, message))
    }

    /// The statement that gives a column of rows another value.
    pub(in super::super) fn mark(&self, column: usize, ids: &[Key]) -> Option<Statement> {
        let column = self.table.columns.get(column)?;
        let mut update = Query::update();
        update.table(self.table.table_ref()).value(column.iden(), self.mark_of(column)?).cond_where(self.id_is_in(ids));
        Some(self.build(&update))
    }

    /// Some columns of the rows with these ids.
    pub(in super::super) fn columns_of(&self, ids: &[Key], columns: &[usize]) -> Statement {
        let mut select = Query::select();
        for column in self.columns(columns) {
            select.expr_as(column.select_as(self.column(column)), column.iden());
        }
        self.build(select.from(self.table.table_ref()).cond_where(self.id_is_found_in(ids)))
    }

    /// A value that a column does not have.
    fn mark_of(&self, column: &TableColumn) -> Option<Expr> {
        let is_exact = matches!(self.described(column).lossless, LosslessValues::All) && column.is_saved_as_it_is();
        let own = || self.column(column);
        match &column.value_type {
            _ if !is_exact => None,
            ArrayType::Bool => Some(self.written("NOT COALESCE($, FALSE)", [own()])),
            ArrayType::Float | ArrayType::Double => Some(self.written("CASE WHEN $ = 0 THEN 1 ELSE 0 END", [own()])),
            ArrayType::String if self.text_order(column) == TextOrder::Bytes => {
                Some(self.written("CASE WHEN $ = $ THEN $ ELSE $ END", [own(), text(""), text("x"), text("")]))
            }
            whole if is_whole(whole) => Some(self.written("CASE WHEN $ = 0 THEN 1 ELSE 0 END", [own()])),
            _ => None,
        }
    }
}

fn text(text: &str) -> Expr {
    Expr::val(Value::from(text))
}
