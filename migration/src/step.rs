use std::panic::{AssertUnwindSafe, catch_unwind};

use larder::{Cx, Dialect, Result, Sql, SqlText};
use sea_orm::{
    ConnectionTrait, DbErr,
    sea_query::{IndexCreateStatement, IndexDropStatement, TableAlterStatement, TableCreateStatement, TableDropStatement},
};
use sha2::{Digest as _, Sha256};

/// One step of a schema, and the way back.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// The name it is recorded by. Steps are applied in the order of the list they stand in.
    pub name: &'static str,
    /// What it changes, in a dialect.
    pub up: fn(Dialect) -> Vec<Change>,
    /// What undoes it.
    pub down: fn(Dialect) -> Vec<Change>,
}

impl Step {
    /// The SHA-256 of what the step changes, in hexadecimal digits.
    pub(crate) fn checksum(&self, dialect: Dialect) -> String {
        let mut hash = Sha256::new();
        for change in (self.up)(dialect) {
            hash.update(change.text(dialect));
            hash.update([0]);
        }
        hash.finalize().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
    }
}

/// One statement of a step.
#[allow(clippy::large_enum_variant, reason = "a handful of them exist, for a moment")]
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Change {
    /// Makes a table.
    CreateTable(TableCreateStatement),
    /// Changes a table.
    AlterTable(TableAlterStatement),
    /// Removes a table.
    DropTable(TableDropStatement),
    /// Makes an index.
    CreateIndex(IndexCreateStatement),
    /// Removes an index.
    DropIndex(IndexDropStatement),
    /// One statement of SQL text: a type, a view, rows that a new column needs. See [`Change::sql`].
    Sql(String),
}

impl Change {
    /// One statement of SQL text. A step is given the dialect that it is to be written in.
    ///
    /// What begins or ends a transaction, or changes the connection, is [`InvalidInput`](larder::ErrorKind::InvalidInput) when
    /// the step is applied, so that a step that fails leaves nothing.
    ///
    /// ```
    /// use larder::Dialect;
    /// use larder_migration::{Change, Step};
    ///
    /// const BACKFILL: Step = Step {
    ///     name: "m0002_backfill",
    ///     up: |dialect| match dialect {
    ///         Dialect::Postgres => vec![
    ///             Change::sql("CREATE TYPE mood AS ENUM ('calm', 'loud')"),
    ///             Change::sql("ALTER TABLE album ADD COLUMN mood mood NOT NULL DEFAULT 'calm'"),
    ///         ],
    ///         _ => vec![Change::sql("ALTER TABLE album ADD COLUMN mood TEXT NOT NULL DEFAULT 'calm'")],
    ///     },
    ///     down: |_| vec![Change::sql("ALTER TABLE album DROP COLUMN mood")],
    /// };
    /// # let _ = BACKFILL;
    /// ```
    pub fn sql(text: impl Into<String>) -> Self {
        Self::Sql(text.into())
    }

    /// The statement as text, by which it is known that a step was changed.
    fn text(&self, dialect: Dialect) -> String {
        let backend = dialect.sea_orm();
        let build = || match self {
            Self::CreateTable(statement) => backend.build(statement).sql,
            Self::AlterTable(statement) => backend.build(statement).sql,
            Self::DropTable(statement) => backend.build(statement).sql,
            Self::CreateIndex(statement) => backend.build(statement).sql,
            Self::DropIndex(statement) => backend.build(statement).sql,
            Self::Sql(text) => text.clone(),
        };
        // sea-query panics where it cannot write a statement; larder writes some of those by itself.
        catch_unwind(AssertUnwindSafe(build)).unwrap_or_else(|_| format!("{self:?}"))
    }

    pub(crate) async fn apply(&self, sql: &Sql, cx: &Cx) -> Result<()> {
        let applied = match self {
            Self::CreateTable(statement) => sql.execute(cx, statement).await,
            Self::AlterTable(statement) => sql.execute(cx, statement).await,
            Self::DropTable(statement) => sql.execute(cx, statement).await,
            Self::CreateIndex(statement) => sql.execute(cx, statement).await,
            Self::DropIndex(statement) => sql.execute(cx, statement).await,
            Self::Sql(text) => sql.execute(cx, &SqlText::new(text.as_str())).await,
        };
        applied.map(drop)
    }

    pub(crate) async fn apply_with(&self, connection: &impl ConnectionTrait) -> Result<(), DbErr> {
        let applied = match self {
            Self::CreateTable(statement) => connection.execute(statement).await,
            Self::AlterTable(statement) => connection.execute(statement).await,
            Self::DropTable(statement) => connection.execute(statement).await,
            Self::CreateIndex(statement) => connection.execute(statement).await,
            Self::DropIndex(statement) => connection.execute(statement).await,
            Self::Sql(text) => connection.execute_unprepared(text).await,
        };
        applied.map(drop)
    }
}
