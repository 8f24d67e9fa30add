//! The schema of larder's ready-made stores, step by step, and what applies it.
//!
//! Each [`Step`] is a list of sea-query statements, so that one definition serves every engine. [`Migrations`] applies steps to a
//! [`larder::Store`]; [`Migrator`] hands the same steps to SeaORM's tools, but for DuckDB, which they do not know. Both keep the
//! record in the table `larder_migrations`, so they can be used in turn.
//!
//! ```
//! # #[cfg(feature = "sqlite")]
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> larder::Result<()> {
//! use larder_migration::Migrations;
//!
//! let store = larder::open("sqlite::memory:").await?;
//! let applied = Migrations::default().up(&store, None).await?;
//! assert_eq!(applied, ["m0001_raw_logs", "m0002_fibers", "m0003_commits"]);
//! assert!(Migrations::default().up(&store, None).await?.is_empty());
//! # Ok(()) }
//! # #[cfg(not(feature = "sqlite"))]
//! # fn main() {}
//! ```

mod history;
mod migrations;
mod migrator;
mod step;
pub mod steps;

pub use migrations::{Migrations, Status};
pub use migrator::Migrator;
pub use step::{Change, Step};
