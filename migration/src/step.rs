use larder::{Cx, Dialect, Result, Sql};
use sea_orm::{
    ConnectionTrait, DbErr,
    sea_query::{IndexCreateStatement, IndexDropStatement, TableAlterStatement, TableCreateStatement, TableDropStatement},
};

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
}

impl Change {
    pub(crate) async fn apply(&self, sql: &Sql, cx: &Cx) -> Result<()> {
        let applied = match self {
            Self::CreateTable(statement) => sql.execute(cx, statement).await,
            Self::AlterTable(statement) => sql.execute(cx, statement).await,
            Self::DropTable(statement) => sql.execute(cx, statement).await,
            Self::CreateIndex(statement) => sql.execute(cx, statement).await,
            Self::DropIndex(statement) => sql.execute(cx, statement).await,
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
        };
        applied.map(drop)
    }
}
