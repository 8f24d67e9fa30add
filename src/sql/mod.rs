//! [`Sql`], statements beside the repositories of a SQL store.

use std::{fmt, sync::Arc};

mod render;
pub(crate) mod scan;
pub(crate) mod session;
pub(crate) mod statement;
mod text;

use serde::de::DeserializeOwned;

pub use self::{statement::SqlStatement, text::SqlText};
use crate::{
    backend::{Access, Answer, Backend, Leaves, SqlRequest, Wanted},
    context::Cx,
    dialect::Dialect,
    entity::Storable,
    error::Result,
    repository::{EntityMapping, EntityModel, models_of},
    store::Store,
};

/// Runs statements on a SQL store, in the same transactions as its repositories: what the contract cannot say, and changes of the
/// schema. A statement is one of sea-query's, a `Select` of SeaORM's, or text with values beside it ([`SqlText`]).
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
/// What begins, ends or changes a transaction, and what changes the connection for whoever has it next (on Postgres `SET` without
/// `LOCAL`, `RESET`, `DISCARD`, `LISTEN`, `PREPARE`; on DuckDB `USE`, `SET schema`, `SET search_path`, `ALTER DATABASE`; on
/// SQLite a `PRAGMA` that changes more than its connection, such as `journal_mode` or `max_page_count`), is
/// [`InvalidInput`](crate::ErrorKind::InvalidInput), and is not sent. A connection that may keep something of a statement (a
/// temporary table; on Postgres a `DO` block, `set_config`, an advisory lock of the session; on SQLite a `PRAGMA` that sets
/// something, `ATTACH`) is closed after it, or after the transaction that it is in; on a pool of SeaORM's to SQLite in memory,
/// whose connection is the database, such a statement is [`Unsupported`](crate::ErrorKind::Unsupported). What a function of the
/// database does to its session cannot be seen.
///
/// On DuckDB `ATTACH` and `DETACH` are [`InvalidInput`](crate::ErrorKind::InvalidInput), unless the URL has
/// `external_access=true`.
///
/// On DuckDB a new table with an auto-increment column comes with a sequence, `TABLE_seq`, which stays when the table is dropped.
///
/// # Errors
/// As the repositories'; on DuckDB a foreign key with an action is [`Unsupported`](crate::ErrorKind::Unsupported); a statement
/// the engine cannot understand is [`InvalidInput`](crate::ErrorKind::InvalidInput).
///
/// # Dropping the future
/// Outside a transaction the statement has taken effect or not, and which of the two cannot be told. Inside one, the transaction
/// can no longer commit.
#[derive(Clone)]
pub struct Sql {
    backend: Arc<dyn Backend>,
    dialect: Dialect,
}

impl Sql {
    /// The dialect that statements are written in.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Runs a statement, one that changes rows or the schema, and returns how many rows it changed. Of a change of the schema the
    /// number means nothing.
    pub async fn execute(&self, cx: &Cx, statement: &impl SqlStatement) -> Result<u64> {
        let request = SqlRequest { access: Access::Write, ..self.request(statement, Wanted::Number)? };
        self.backend.sql(cx, request).await?.number()
    }

    /// Reads models with a statement that answers every column of their entity, by its name.
    pub async fn models<E: Storable>(&self, cx: &Cx, statement: &impl SqlStatement) -> Result<Vec<E::Model>> {
        let request = self.request(statement, Wanted::Models(EntityMapping::<E>::plain()))?;
        self.backend.sql(cx, request).await.and_then(Answer::models).and_then(models_of::<EntityModel<E>>)
    }

    /// Reads what a statement answers, each row as a `T`: a struct with a field for each column, by its name; a tuple; or, for
    /// one column, a single value.
    ///
    /// Values are read by `serde`. A field that is an enum with `DeriveActiveEnum`, or a newtype with `DeriveValueType`, is read
    /// by its own conversion if it has the attribute `#[serde(deserialize_with = "larder::column_value")]`: see
    /// [`column_value`](crate::column_value).
    ///
    /// A value is read as what the engine says it is. SQLite has no more than numbers, text and bytes: there, a time and a JSON
    /// document are text, a UUID is 16 bytes, and truth is 0 or 1; each can be read as what it stands for, but for JSON into a
    /// type that would take the text as well, such as `serde_json::Value`, and for a time without a time zone, which is written
    /// with a blank in the middle.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput), which names the column, if a value is not one of `T`'s, and
    /// [`Unsupported`](crate::ErrorKind::Unsupported) for a column of a type that is not read, which has to be cast to another.
    pub async fn query_as<T: DeserializeOwned>(&self, cx: &Cx, statement: &impl SqlStatement) -> Result<Vec<T>> {
        let request = self.request(statement, Wanted::Rows)?;
        let rows = self.backend.sql(cx, request).await?.rows()?;
        rows.into_iter().map(|row| row.read()).collect()
    }

    /// A statement as it is sent, what it does, and what becomes of its connection.
    fn request(&self, statement: &impl SqlStatement, wanted: Wanted) -> Result<SqlRequest> {
        let access = if statement.only_reads(self.dialect)? { Access::Read } else { Access::Write };
        let statement = render::render(statement, self.dialect)?;
        render::check_nul(&statement)?;
        let leaves = if scan::check(&statement.sql, self.dialect)? { Leaves::Something } else { Leaves::Nothing };
        Ok(SqlRequest { statement, access, leaves, wanted })
    }
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
