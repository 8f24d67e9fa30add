//! Which steps have been applied: SeaORM's migrator records the same, but for the checksum.

use larder::{Cx, Dialect, Error, ErrorKind, ReaderExt as _, Result, Sql, SqlText, Store};
use sea_orm::{
    Schema,
    sea_query::{Alias, ColumnDef, Table},
};

pub(crate) const TABLE: &str = "larder_migrations";

pub(crate) mod applied {
    use sea_orm::entity::prelude::*;
    use serde::{Deserialize, Serialize};

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, Deserialize)]
    #[sea_orm(table_name = "larder_migrations")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub version: String,
        /// Seconds since 1970.
        pub applied_at: i64,
        /// The checksum of the step. None if it was applied by SeaORM's migrator, or before checksums were recorded.
        pub checksum: Option<String>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// The steps that have been applied. Only reads.
pub(crate) async fn read(cx: &Cx, store: &Store, sql: &Sql) -> Result<Vec<applied::Model>> {
    if has_checksums(cx, sql).await? {
        return store.repository::<applied::Entity>().all(cx).await;
    }
    let recorded: Vec<(String, i64)> =
        match sql.query_as(cx, &SqlText::new("SELECT version, applied_at FROM larder_migrations")).await {
            // Nothing was applied yet.
            Err(error) if error.kind() == ErrorKind::TableMissing => Vec::new(),
            recorded => recorded?,
        };
    let without = |(version, applied_at)| applied::Model { version, applied_at, checksum: None };
    Ok(recorded.into_iter().map(without).collect())
}

/// Makes the table, or the column that it lacks.
pub(crate) async fn prepare(cx: &Cx, sql: &Sql) -> Result<()> {
    let mut table = Schema::new(sql.dialect().sea_orm()).create_table_from_entity(applied::Entity);
    sql.execute(cx, table.if_not_exists()).await?;
    if !has_checksums(cx, sql).await? {
        let column = ColumnDef::new("checksum").string().null().to_owned();
        sql.execute(cx, &Table::alter().table(Alias::new(TABLE)).add_column(column).to_owned()).await?;
    }
    Ok(())
}

async fn has_checksums(cx: &Cx, sql: &Sql) -> Result<bool> {
    let text = match sql.dialect() {
        Dialect::Sqlite => "SELECT count(*) FROM pragma_table_info('larder_migrations') WHERE name = 'checksum'",
        Dialect::Postgres => {
            "SELECT count(*) FROM pg_attribute WHERE attrelid = to_regclass('larder_migrations') AND attname = 'checksum' AND NOT attisdropped"
        }
        _ => {
            "SELECT count(*) FROM duckdb_columns() WHERE schema_name = current_schema() AND table_name = 'larder_migrations' AND column_name = 'checksum'"
        }
    };
    let found: Vec<i64> = sql.query_as(cx, &SqlText::new(text)).await?;
    let missing = || Error::new(ErrorKind::Internal, "the engine returned no number");
    found.first().map(|number| *number > 0).ok_or_else(missing)
}
