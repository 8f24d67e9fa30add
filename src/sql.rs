//! [`Sql`], statements beside the repositories of a SQL store.

use std::fmt;

use sea_orm::{
    DbBackend, StatementBuilder,
    sea_query::{self, SelectStatement},
};

use crate::{context::Cx, entity::Storable, error::Result, open::Backend, store::Store};

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
/// # Errors
/// As the repositories'; a statement the engine cannot understand is [`InvalidInput`](crate::ErrorKind::InvalidInput).
///
/// # Dropping the future
/// Outside a transaction the statement has taken effect or not, and which of the two cannot be told. Inside one, the transaction
/// can no longer commit.
#[derive(Clone)]
pub struct Sql {
    backend: Backend,
    dialect: DbBackend,
}

impl Sql {
    /// The dialect statements are written in.
    #[must_use]
    pub fn dialect(&self) -> DbBackend {
        self.dialect
    }

    /// Runs a statement of sea-query, one that changes rows or the schema, and returns how many rows it changed.
    pub async fn execute(&self, cx: &Cx, statement: &impl SqlStatement) -> Result<u64> {
        self.backend.execute(cx, StatementBuilder::build(statement, &self.dialect)).await
    }

    /// Reads models with a statement that selects every column of their entity.
    pub async fn models<E: Storable>(&self, cx: &Cx, select: &SelectStatement) -> Result<Vec<E::Model>> {
        self.backend.models::<E>(cx, StatementBuilder::build(select, &self.dialect)).await
    }
}

/// A statement of sea-query: one statement, and none that begins or ends a transaction. Text that a caller puts into it, as
/// `Expr::cust` does, must not change that.
pub trait SqlStatement: StatementBuilder + sealed::Sealed {}

mod sealed {
    pub trait Sealed {}
}

macro_rules! statements {
    ($($statement:ty)*) => {
        $(
            impl sealed::Sealed for $statement {}
            impl SqlStatement for $statement {}
        )*
    };
}

statements! {
    sea_query::SelectStatement
    sea_query::InsertStatement
    sea_query::UpdateStatement
    sea_query::DeleteStatement
    sea_query::WithQuery
    sea_query::TableCreateStatement
    sea_query::TableAlterStatement
    sea_query::TableRenameStatement
    sea_query::TableTruncateStatement
    sea_query::TableDropStatement
    sea_query::IndexCreateStatement
    sea_query::IndexDropStatement
    sea_query::ForeignKeyCreateStatement
    sea_query::ForeignKeyDropStatement
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
