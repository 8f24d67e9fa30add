//! Where the records are: a new database file, or the tables of a Postgres database.

use std::{path::Path, sync::Arc};

use larder::{Cx, Durability, IdOf, OpenOptions, Storable, Storage, Store};
use sea_orm::{
    EntityTrait, Schema,
    sea_query::{IndexCreateStatement, Table},
};
use tempfile::TempDir;

use crate::{Result, record};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
    DuckDb,
}

impl Engine {
    pub const ALL: [Self; 3] = [Self::Sqlite, Self::Postgres, Self::DuckDb];

    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "Postgres",
            Self::DuckDb => "DuckDB",
        }
    }
}

/// A database with the tables that are asked for, empty at first. Its file goes with the last clone.
#[derive(Clone, Debug)]
pub struct Place {
    pub engine: Engine,
    pub durability: Durability,
    /// As larder takes it.
    pub url: String,
    _directory: Option<Arc<TempDir>>,
}

impl Place {
    /// A new file with the table of records, or that table anew in a Postgres database.
    pub async fn new(engine: Engine, durability: Durability, postgres: &str) -> Result<Self> {
        Self::with_table(engine, durability, postgres, record::Entity, &[]).await
    }

    /// The same with the table of an entity, and indexes beside those that the entity names.
    pub async fn with_table<E: EntityTrait>(
        engine: Engine,
        durability: Durability,
        postgres: &str,
        entity: E,
        indexes: &[IndexCreateStatement],
    ) -> Result<Self> {
        let directory = TempDir::new()?;
        let file = directory.path().join("records.db");
        let (url, directory) = match engine {
            Engine::Sqlite => (format!("sqlite:{}", file.display()), Some(directory)),
            Engine::DuckDb => (format!("duckdb:{}", file.display()), Some(directory)),
            Engine::Postgres => (postgres.to_owned(), None),
        };
        let place = Self { engine, durability, url, _directory: directory.map(Arc::new) };
        let store = place.store().await?;
        let (sql, cx) = (store.sql()?, Cx::new());
        let schema = Schema::new(sql.dialect().sea_orm());
        sql.execute(&cx, Table::drop().table(entity.table_ref()).if_exists()).await?;
        sql.execute(&cx, &schema.create_table_from_entity(entity)).await?;
        for index in schema.create_index_from_entity(entity).iter().chain(indexes) {
            sql.execute(&cx, index).await?;
        }
        store.close().await;
        Ok(place)
    }

    /// One that another process has made.
    pub fn existing(engine: Engine, url: String) -> Self {
        Self { engine, durability: Durability::Process, url, _directory: None }
    }

    pub async fn store(&self) -> Result<Store> {
        let options = OpenOptions::new();
        let options = if self.engine == Engine::Sqlite { options.durability(self.durability) } else { options };
        Ok(options.open(&self.url).await?)
    }

    pub async fn repository<E: Storable>(&self) -> Result<(Store, Arc<dyn Storage<E::Model, IdOf<E>>>)> {
        let store = self.store().await?;
        let repository = store.repository::<E>();
        Ok((store, repository))
    }

    /// The file, where the engine has one.
    pub fn file(&self) -> &Path {
        Path::new(self.url.split_once(':').map_or("", |(_, path)| path))
    }

    /// SQLite's setting of that name.
    pub fn synchronous(&self) -> &'static str {
        if self.durability == Durability::Power { "FULL" } else { "NORMAL" }
    }
}
