//! [`SqlStatement`], what can be run on a SQL store.

use sea_orm::{EntityTrait, QueryTrait, Select, Statement, StatementBuilder, sea_query};

use super::{render, scan};
#[cfg(feature = "duckdb-linked")]
use crate::backend::sql::duckdb::dialect as duckdb;
use crate::{dialect::Dialect, error::Result};

/// A statement of sea-query, of SeaORM, or of text: one statement, and none that begins or ends a transaction or changes its
/// connection. That also holds for text that a caller puts into a statement of sea-query, as `Expr::cust` does.
pub trait SqlStatement: sealed::Render + Sync {}

pub(crate) use sealed::Render;

mod sealed {
    use super::{Dialect, Result, Statement};

    pub trait Render {
        /// The statement in a dialect.
        fn render(&self, dialect: Dialect) -> Statement;

        /// Whether the statement changes nothing.
        fn only_reads(&self, dialect: Dialect) -> Result<bool>;
    }
}

/// Writes statements by SeaORM, but for DuckDB, which it does not know.
macro_rules! statements {
    ($duckdb:ident: $($statement:ident: $only_reads:expr;)*) => {
        $(
            impl Render for sea_query::$statement {
                fn only_reads(&self, dialect: Dialect) -> Result<bool> {
                    $only_reads(self, dialect)
                }

                fn render(&self, dialect: Dialect) -> Statement {
                    match dialect {
                        #[cfg(feature = "duckdb-linked")]
                        Dialect::DuckDb => duckdb::$duckdb(self),
                        other => StatementBuilder::build(self, &other.sea_orm()),
                    }
                }
            }

            impl SqlStatement for sea_query::$statement {}
        )*
    };
}

statements! { query:
    SelectStatement: |_, _| Ok(true);
    InsertStatement: |_, _| Ok(false);
    UpdateStatement: |_, _| Ok(false);
    DeleteStatement: |_, _| Ok(false);
    WithQuery: |query: &sea_query::WithQuery, _| {
        let sql = StatementBuilder::build(query, &Dialect::Postgres.sea_orm()).sql;
        scan::only_reads(&sql, None, Dialect::Postgres)
    };
}
statements! { create_table: TableCreateStatement: |table, dialect| render::check_table(table, dialect).map(|()| false); }
statements! { schema:
    TableAlterStatement: |_, _| Ok(false);
    TableRenameStatement: |_, _| Ok(false);
    TableTruncateStatement: |_, _| Ok(false);
    TableDropStatement: |_, _| Ok(false);
    IndexCreateStatement: |_, _| Ok(false);
    IndexDropStatement: |_, _| Ok(false);
    ForeignKeyCreateStatement: |_, _| Ok(false);
    ForeignKeyDropStatement: |_, _| Ok(false);
}

impl<E: EntityTrait> Render for Select<E> {
    fn render(&self, dialect: Dialect) -> Statement {
        self.as_query().render(dialect)
    }

    fn only_reads(&self, _: Dialect) -> Result<bool> {
        Ok(true)
    }
}

impl<E: EntityTrait> SqlStatement for Select<E> where Self: Sync {}
