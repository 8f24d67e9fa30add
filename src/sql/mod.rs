//! [`Sql`], statements beside the repositories of a SQL store.

use std::fmt;

mod scan;
mod text;

use sea_orm::{EntityTrait, QueryTrait, Select, Statement, StatementBuilder, sea_query};
use serde::de::DeserializeOwned;

pub use self::text::SqlText;

#[cfg(feature = "duckdb-linked")]
use crate::backend::sql::duckdb;
use crate::{
    context::{Access, Cx},
    dialect::Dialect,
    entity::Storable,
    error::Result,
    open::Backend,
    store::Store,
};

/// Runs statements on a SQL store, in the same transactions as its repositories: what the contract cannot say, and changes of the schema. A
/// statement is one of sea-query's, a `Select` of SeaORM's, or text with values beside it ([`SqlText`]).
///
/// ```
/// # #[cfg(feature = "sqlite")]
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> larder::Result<()> {
/// use larder::{Cx, SqlText};
/// use sea_orm::sea_query::{ColumnDef, Table};
///
/// let store = larder::open("sqlite::memory:").await?;
/// let table = Table::create().table("note").col(ColumnDef::new("id").integer().primary_key()).to_owned();
/// store.sql()?.execute(&Cx::new(), &table).await?;
///
/// let count = SqlText::new("SELECT count(*) FROM note WHERE id > $1").bind(7);
/// let counts: Vec<i64> = store.sql()?.query_as(&Cx::new(), &count).await?;
/// assert_eq!(counts, [0]);
/// # Ok(()) }
/// # #[cfg(not(feature = "sqlite"))]
/// # fn main() {}
/// ```
///
/// On DuckDB a new table with an auto-increment column comes with a sequence, `TABLE_seq`, which stays when the table is dropped.
///
/// # Errors
/// As the repositories'; on DuckDB a foreign key with an action is [`Unsupported`](crate::ErrorKind::Unsupported); a statement the engine cannot understand is [`InvalidInput`](crate::ErrorKind::InvalidInput).
///
/// # Dropping the future
/// Outside a transaction the statement has taken effect or not, and which of the two cannot be told. Inside one, the transaction
/// can no longer commit.
#[derive(Clone)]
pub struct Sql {
    backend: Backend,
    dialect: Dialect,
}

impl Sql {
    /// The dialect statements are written in.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Runs a statement, one that changes rows or the schema, and returns how many rows it changed. Of a change of the schema the number
    /// means nothing.
    pub async fn execute(&self, cx: &Cx, statement: &impl SqlStatement) -> Result<u64> {
        access(statement)?;
        self.backend.execute(cx, statement.written_in(self.dialect)).await
    }

    /// Reads models with a statement that answers every column of their entity, by its name.
    pub async fn models<E: Storable>(&self, cx: &Cx, statement: &impl SqlStatement) -> Result<Vec<E::Model>> {
        self.backend.models::<E>(cx, access(statement)?, statement.written_in(self.dialect)).await
    }

    /// Reads what a statement answers, each row as a `T`: a struct with a field for each column, by its name; a tuple; or, for one column,
    /// a single value.
    ///
    /// A value is read as what the engine says it is. SQLite has no more than numbers, text and bytes: there, a time and a JSON document
    /// are text, a UUID is 16 bytes, and truth is 0 or 1; each can be read as what it stands for, but for JSON into a type that would
    /// take the text as well, such as `serde_json::Value`, and for a time without a time zone, which is written with a blank in the middle.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput), which names the column, if a value is not one of `T`'s, and
    /// [`Unsupported`](crate::ErrorKind::Unsupported) for a column of a type that is not read, which has to be cast to another.
    pub async fn query_as<T: DeserializeOwned>(&self, cx: &Cx, statement: &impl SqlStatement) -> Result<Vec<T>> {
        let rows = self.backend.rows(cx, access(statement)?, statement.written_in(self.dialect)).await?;
        rows.into_iter().map(|row| row.read()).collect()
    }
}

fn access(statement: &impl SqlStatement) -> Result<Access> {
    statement.only_reads().map(|only_reads| if only_reads { Access::Read } else { Access::Write })
}

/// A statement of sea-query, of SeaORM, or of text: one statement, and none that begins or ends a transaction. Text that a caller puts into
/// a statement of sea-query, as `Expr::cust` does, must not change that.
pub trait SqlStatement: sealed::Written + Sync {}

pub(crate) use sealed::Written;

mod sealed {
    use super::{Dialect, Result, Statement};

    pub trait Written {
        fn written_in(&self, dialect: Dialect) -> Statement;

        /// Whether the statement changes nothing.
        fn only_reads(&self) -> Result<bool>;
    }
}

/// Writes statements by SeaORM, but for DuckDB, which it does not know.
macro_rules! statements {
    ($duckdb:ident: $($statement:ident: $only_reads:expr;)*) => {
        $(
            impl Written for sea_query::$statement {
                fn only_reads(&self) -> Result<bool> {
                    $only_reads(self)
                }

                fn written_in(&self, dialect: Dialect) -> Statement {
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
    SelectStatement: |_| Ok(true);
    InsertStatement: |_| Ok(false);
    UpdateStatement: |_| Ok(false);
    DeleteStatement: |_| Ok(false);
    WithQuery: |query: &sea_query::WithQuery| scan::only_reads(&StatementBuilder::build(query, &Dialect::Postgres.sea_orm()).sql, None);
}
statements! { create_table: TableCreateStatement: |_| Ok(false); }
statements! { schema:
    TableAlterStatement: |_| Ok(false);
    TableRenameStatement: |_| Ok(false);
    TableTruncateStatement: |_| Ok(false);
    TableDropStatement: |_| Ok(false);
    IndexCreateStatement: |_| Ok(false);
    IndexDropStatement: |_| Ok(false);
    ForeignKeyCreateStatement: |_| Ok(false);
    ForeignKeyDropStatement: |_| Ok(false);
}

impl<E: EntityTrait> Written for Select<E> {
    fn written_in(&self, dialect: Dialect) -> Statement {
        self.as_query().written_in(dialect)
    }

    fn only_reads(&self) -> Result<bool> {
        Ok(true)
    }
}

impl<E: EntityTrait> SqlStatement for Select<E> where Self: Sync {}

impl Store {
    /// The way to run SQL statements on this store.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) on a store that is not made of SQL tables.
    pub fn sql(&self) -> Result<Sql> {
        let dialect = self.backend().dialect()?;
        Ok(Sql { backend: self.backend().clone(), dialect })
    }
}

impl fmt::Debug for Sql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sql").field("dialect", &self.dialect).finish_non_exhaustive()
    }
}
