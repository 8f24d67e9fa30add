//! Models in SQL tables. Create, read, update and delete are written once, in `repository.rs`, over an [`Engine`] that runs
//! statements; what differs between databases is in the folder of each.

#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod bindable;
#[cfg(any(feature = "duckdb-linked", feature = "sqlite"))]
mod blocking;
mod catalog;
mod catalog_queries;
mod catalog_type;
mod chunk_stream;
#[cfg(test)]
mod column_types;
mod describe;
#[cfg(feature = "duckdb-linked")]
pub(crate) mod duckdb;
mod engine;
mod held;
mod idempotency;
#[cfg(feature = "postgres")]
pub(crate) mod postgres;
mod profile;
mod repository;
#[cfg(feature = "sea-orm")]
mod sea_orm;
#[cfg(feature = "sqlite")]
pub(crate) mod sqlite;
#[cfg(feature = "_sqlx")]
mod sqlx;
mod statement;
mod store;
mod transaction;

pub(crate) use catalog::Catalog;
pub(crate) use chunk_stream::ChunkSender;
pub(crate) use engine::Engine;
pub(crate) use profile::EngineProfile;
use repository::SqlTable;
pub(crate) use statement::WholeInsert;
pub(crate) use store::SqlStore;
