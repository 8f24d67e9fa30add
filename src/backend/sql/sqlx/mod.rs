//! What the engines on sqlx share: the pool, the connections taken from it, and running statements.

mod decode;
mod engine;
mod error;
mod flavor;
mod lease;

pub(super) use engine::SqlxEngine;
#[cfg(feature = "postgres")]
pub(super) use error::classify;
pub(super) use flavor::Flavor;
