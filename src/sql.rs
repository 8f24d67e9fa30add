//! [`Sql`], statements beside the repositories of a SQL store.

use std::fmt;

use sea_orm::{
    Statement, StatementBuilder,
    sea_query::{self, SelectStatement},
};

#[cfg(feature = "duckdb-linked")]
use crate::backend::sql::duckdb;
use crate::{context::Cx, dialect::Dialect, entity::Storable, error::Result, open::Backend, store::Store};

/// Runs sea-query statements on a SQL store, in the same transactions as its repositories: what the contract cannot say, and
/// changes of the schema.
///
/// ```
/// # #[cfg(feature = "sqlite")]
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> larder::Result<()> {
/// use larder::Cx;
/// use sea_orm::sea_query::{ColumnDef, Table};
///
/// let store = larder::open("sqlite::memory:").await?;
/// let table = Table::create().table("note").col(ColumnDef::new("id").integer().primary_key()).to_owned();
/// store.sql()?.execute(&Cx::new(), &table).await?;
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

    /// Runs a statement of sea-query, one that changes rows or the schema, and returns how many rows it changed.
    pub async fn execute(&self, cx: &Cx, statement: &impl SqlStatement) -> Result<u64> {
        self.backend.execute(cx, statement.written_in(self.dialect)).await
    }

    /// Reads models with a statement that selects every column of their entity.
    pub async fn models<E: Storable>(&self, cx: &Cx, select: &SelectStatement) -> Result<Vec<E::Model>> {
        self.backend.models::<E>(cx, select.written_in(self.dialect)).await
    }
}

/// A statement of sea-query: one statement, and none that begins or ends a transaction. Text that a caller puts into it, as
/// `Expr::cust` does, must not change that.
pub trait SqlStatement: sealed::Written + Sync {}

pub(crate) use sealed::Written;

mod sealed {
    use super::{Dialect, Statement};

    pub trait Written {
        fn written_in(&self, dialect: Dialect) -> Statement;
    }
}

/// Writes statements by SeaORM, but for DuckDB, which it does not know.
macro_rules! statements {
    ($duckdb:ident: $($statement:ident)*) => {
        $(
            impl Written for sea_query::$statement {
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

statements! { query: SelectStatement InsertStatement UpdateStatement DeleteStatement WithQuery }
statements! { create_table: TableCreateStatement }
statements! { schema:
    TableAlterStatement
    TableRenameStatement
    TableTruncateStatement
    TableDropStatement
    IndexCreateStatement
    IndexDropStatement
    ForeignKeyCreateStatement
    ForeignKeyDropStatement
}

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
