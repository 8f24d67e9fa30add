//! What the engines on sqlx share: the pool, the connections taken from it, and running statements.

mod acquire;
mod decode;
mod engine;
mod error;
mod flavor;
mod guard;
mod pooled_connection;
mod pools;
mod read;

#[cfg(feature = "postgres")]
pub(super) use engine::STATEMENT_MISSING;
pub(super) use engine::SqlxEngine;
#[cfg(feature = "postgres")]
pub(super) use error::refused;
pub(super) use error::{DatabaseErrors, classify};
pub(super) use flavor::Flavor;
pub(super) use pools::Pools;
pub(super) use read::all_rows;
